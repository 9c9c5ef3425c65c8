"""PyTorch as a backend: the network that a model was exported from, tapped where a tensor's counterpart is known.

The network runs in a process of its own, under the author's interpreter where one is named. It is eager: nothing is
fused, so every mode but ``PLAIN`` taps the same tensors, and only what is fetched is held.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
from msgspec import convert

import graphdebug.foreign
from graphdebug.bridge.counterparts import counterparts
from graphdebug.bridge.exported_scopes import left_behind
from graphdebug.bridge.records import OPERATION, Counterparts, Record
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.save import save
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session, Value
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.foreign import ForeignProcess, receive, send
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.sizes import fed_dims
from graphdebug.runtime.taps import chosen, expose, model_inputs
from graphdebug.runtime.timing import LayerTime, Runs, Times

_SCRIPT = Path(graphdebug.foreign.__file__).with_name("torch_worker.py")
_SOURCES = ("module", "script", "program", "convert")
_TRIED = (2, 1)
"""Lengths of symbolic dimensions in the run that tells shapes; 1 last, for it fits too much."""


class TorchBackend:
    """PyTorch. Its options are listed in ``registry.backends()``."""

    eager = True
    """See `backend.is_eager`."""

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC; nothing is loaded before ``probe`` or ``prepare``."""
        self.spec = spec
        self._progress = progress

    def probe(self) -> Availability:
        """Start the interpreter and import PyTorch there; the network itself is not loaded."""
        try:
            _kind(self.spec)
            process = self._start()
            try:
                found = process.call("probe")
            finally:
                process.close()
        except BackendError as error:
            return Availability(False, str(error))
        versions = (("torch", str(found["torch"])), ("python", str(found["python"])))
        if self.spec.get("device", "cpu").startswith("cuda") and not found["cuda"]:
            reason = "PyTorch finds no CUDA device here: install a build for CUDA, or write device=cpu."
            return Availability(False, reason, versions)
        return Availability(True, versions=versions)

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Load the network and, unless ``PLAIN``, run it once on inputs made up to see what stands for what."""
        kind = _kind(self.spec)
        names = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs)) if mode is Mode.PLAIN else chosen(model, taps)
        folder = tempfile.TemporaryDirectory(prefix="torch-", ignore_cleanup_errors=True)
        process = None
        try:
            process = self._start()
            if kind == "convert":
                model = model.with_types(infer_types(model))
            source = self._source(kind, model, names, Path(folder.name))
            loaded = process.call("load", self._progress, source=source, how=self._how())
            runner = _Runner(process, folder, matched(model, loaded["parameters"]), self._progress)
            if kind == "convert":
                found = _converted(model, names)
            elif mode is Mode.PLAIN:
                found = _outputs_only(model)
            else:
                found = runner.look(model, names, self.spec.get("example"))
            return TorchSession(runner, model, names, found, loaded["environment"])
        except BaseException:
            if process is not None:
                process.close()
            folder.cleanup()
            raise

    def _start(self) -> ForeignProcess:
        try:
            return ForeignProcess(_SCRIPT, self.spec.get("python"), engine="PyTorch")
        except BackendError as error:
            raise BackendError(f"{error} python= names an interpreter that has PyTorch.") from error

    def _source(self, kind: str, model: Model, names: Sequence[str], folder: Path) -> dict[str, Any]:
        """Return what to load, as `torch_worker.load` wants it."""
        if kind == "module":
            texts = {name: self.spec.get(name) for name in ("path", "args", "checkpoint")}
            return {"kind": kind, "target": self.spec.get("module"), **texts, "strict": self._is_on("strict", "1")}
        if kind == "convert":
            return {"kind": "onnx", "path": str(_exposed_file(model, _tensors(model, names), folder))}
        return {"kind": kind, "path": str(Path(self.spec.get(kind)).absolute())}

    def _how(self) -> dict[str, Any]:
        autocast = self.spec.get("autocast", "off")
        try:
            threads = int(self.spec.get("threads", "0"))
        except ValueError:
            raise BackendError(f"threads={self.spec.get('threads')} is no number of threads.") from None
        return {
            "device": self.spec.get("device", "cpu"),
            "dtype": self.spec.get("dtype", "float32"),
            "autocast": "" if autocast == "off" else autocast,
            "train": self.spec.get("mode", "eval") == "train",
            "deterministic": self._is_on("deterministic"),
            "tf32": self._is_on("tf32"),
            "threads": threads,
        }

    def _is_on(self, key: str, default: str = "0") -> bool:
        return self.spec.get(key, default) == "1"


class TorchSession:
    """A network made ready in PyTorch, with the tensors of ``model`` that it can give."""

    def __init__(
        self,
        runner: "_Runner",
        model: Model,
        names: Sequence[str],
        found: "_Found",
        environment: Mapping[str, str],
    ) -> None:
        """Offer what of ``names`` has a counterpart in ``found``."""
        self._runner: _Runner | None = runner
        self._model = model
        self._fetchable = found.fetches
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        self.tensors: Sequence[str] = [name for name in names if name in found.fetches]
        self.outputs: Sequence[str] = [name for name in model.graphs[MAIN_GRAPH].outputs if name in found.fetches]
        self.untapped: Mapping[str, str] = {name: found.missing[name] for name in names if name in found.missing}
        self.types: Mapping[str, ValueType] = {}
        self.environment: Mapping[str, str] = {**environment, **found.said}

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once and return the named tensors."""
        runner = self._checked(feeds)
        unknown = [name for name in fetch if name not in self._fetchable]
        if unknown:
            raise BackendError(f"PyTorch cannot give {unknown[0]!r}: it has no counterpart that is known.")
        if not fetch:
            return {}
        names = list(dict.fromkeys(fetch))
        return runner.infer(feeds, [{"name": name, **self._fetchable[name]} for name in names])

    def time_runs(self, feeds: Mapping[str, Value], fetch: Sequence[str], runs: Runs) -> Times:
        """Time the network where it runs, whatever is fetched of it; see `Timed`."""
        asked = {"iterations": runs.iterations, "seconds": runs.seconds, "streams": runs.streams}
        return convert(self._checked(feeds).repeat("time", feeds, **asked), Times)

    def profile_runs(self, feeds: Mapping[str, Value], runs: int) -> Sequence[LayerTime]:
        """Return the modules with their times; see `Profiled`. A module's nodes are those that its export names."""
        rows = self._checked(feeds).repeat("profile", feeds, runs=runs)
        return module_times(self._model.graphs[MAIN_GRAPH], rows)

    def _checked(self, feeds: Mapping[str, Value]) -> "_Runner":
        if self._runner is None:
            raise BackendError("This session of PyTorch has been closed.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {missing[0]!r} of the model is not fed.")
        return self._runner

    def close(self) -> None:
        """End the process and remove its files."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None


class _Found:
    """How to fetch tensors by name, why others cannot be, and what to say of it."""

    def __init__(
        self, fetches: Mapping[str, Mapping[str, Any]], missing: Mapping[str, str], said: Mapping[str, str]
    ) -> None:
        """Keep all three."""
        self.fetches, self.missing, self.said = fetches, missing, said


class _Runner:
    """The process that holds the network, and the folder through which tensors go."""

    def __init__(
        self,
        process: ForeignProcess,
        folder: "tempfile.TemporaryDirectory[str]",
        order: Sequence[str],
        progress: Progress,
    ) -> None:
        """``order`` are the model's inputs as forward takes them."""
        self._process, self._folder, self._order, self._progress = process, folder, order, progress
        self._repeated: Mapping[str, Value] | None = None
        """The feeds that the process holds to be timed on."""

    def look(self, model: Model, names: Sequence[str], example: str) -> _Found:
        """Run once on made-up inputs, and pair what PyTorch gave with the tensors of ``model``.

        Operations of the exported network are looked at only when modules do not account for all of ``names``.
        """
        model = model.with_types(infer_types(model))
        feeds, records, _ = self._observed(model, example, operations=False)
        found = _pairs(model, feeds, records)
        said = {}
        if any(name in found.missing for name in names):
            feeds, records, why_not = self._observed(model, example, operations=True)
            found = _pairs(model, feeds, records)
            said = {"operations": f"not tapped: {why_not}"} if why_not else {}
        fetches = {
            name: {
                "kind": records[pair.record].kind,
                "scope": records[pair.record].scope,
                "call": records[pair.record].call,
                "operation": records[pair.record].name,
                "output": pair.output,
            }
            for name, pair in found.found.items()
        }
        kinds = [fetches[name]["kind"] for name in names if name in fetches]
        exported = kinds.count(OPERATION)
        said["taps"] = f"{len(kinds) - exported} by module hooks, {exported} in the exported graph"
        return _Found(fetches, found.missing, said)

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
        """Run and return what ``fetch`` names, see `torch_worker.infer`."""
        handle = Path(self._folder.name) / "fetched.bin"
        given = self._given(feeds)
        answer = self._process.call("infer", self._progress, given=given, to=str(handle), fetch=list(fetch))
        return dict(receive(answer))

    def repeat(self, do: str, feeds: Mapping[str, Value], **arguments: object) -> Any:
        """Have something done on feeds that stay the same from call to call as a rule."""
        given = None if self._repeated is feeds else self._given(feeds)
        self._repeated = feeds
        return self._process.call(do, self._progress, given=given, **arguments)

    def close(self) -> None:
        """End the process and remove the folder."""
        self._process.close()
        self._folder.cleanup()

    def _observed(
        self, model: Model, example: str, *, operations: bool
    ) -> tuple[Mapping[str, Value], list[Record], str]:
        """Run on the first inputs that the network takes; return these, what it told, and why no operations."""
        first: BackendError | None = None
        for length in _TRIED:
            feeds = _example(model, example, length)
            try:
                answer = self._process.call("observe", self._progress, given=self._given(feeds), operations=operations)
            except BackendError as error:
                first = first or error
                continue
            return feeds, [_record(each) for each in answer["records"]], str(answer["missing"])
        assert first is not None
        raise BackendError(
            f"{first} This was a trial with inputs made up for it; example=inputs.npz names inputs that it takes."
        )

    def _given(self, feeds: Mapping[str, Value]) -> dict[str, Any]:
        return send(Path(self._folder.name), {name: feeds[name] for name in self._order}, "PyTorch")


def module_times(index: GraphIndex, rows: Sequence[Mapping[str, Any]]) -> list[LayerTime]:
    """Return what `torch_timing.by_module` told, with the nodes that the export names after each module.

    Exporters fold a normalisation into the convolution before it and call what is left after one of them: there both
    modules are one layer.
    """
    nodes: dict[str, list[str]] = {}
    for name, left in zip(index.names, left_behind(index, [row["name"] for row in rows]), strict=True):
        nodes.setdefault(left.scope, []).append(name)
    found: list[LayerTime] = []
    for row in rows:
        made = LayerTime(
            row["name"] or row["what"],
            row["what"],
            tuple(nodes.get(row["name"], ())),
            tuple(each / 1e9 for each in row["nanoseconds"]),
        )
        before = found[-1] if found else None
        if before is not None and bool(made.nodes) != bool(before.nodes) and _folds(before.op, made.op):
            both = tuple(map(sum, zip(before.seconds, made.seconds, strict=True)))
            found[-1] = LayerTime(f"{before.name} + {made.name}", before.op, made.nodes or before.nodes, both)
        else:
            found.append(made)
    return found


def _folds(before: str, module: str) -> bool:
    return before.startswith(("Conv", "Linear")) and module.startswith("BatchNorm")


def matched(model: Model, parameters: Sequence[str]) -> list[str]:
    """Return the model's inputs in the order in which forward takes them: by name where all are known, else by order.

    Raises:
        BackendError: forward takes fewer than the model has.
    """
    names = [value.name for value in model_inputs(model)]
    if not parameters:
        return names
    if set(names) <= set(parameters):
        return [name for name in parameters if name in set(names)]
    if len(names) > len(parameters):
        raise BackendError(
            f"The model has {len(names)} inputs, and the network's forward takes {', '.join(parameters)} only."
        )
    return names


def _kind(spec: BackendSpec) -> str:
    """Return which of the ways to name a network is used."""
    named = [name for name in _SOURCES if spec.get(name) not in ("", "0")]
    if len(named) != 1:
        said = f"{' and '.join(named)} contradict each other" if named else "nothing says which network to run"
        raise BackendError(
            f"For PyTorch, {said}: write torch:module=package.module:factory, script=model.pt, program=model.pt2 or "
            "convert=1."
        )
    return named[0]


def _example(model: Model, path: str, length: int) -> dict[str, Value]:
    inputs = model_inputs(model)
    symbolic = {dim for value in inputs for dim in value.type.shape or () if isinstance(dim, str) and dim}
    return make_feeds(inputs, FeedSpec(dims=dict.fromkeys(symbolic, length), dataset=path), suggest(model))


def _record(told: Mapping[str, Any]) -> Record:
    outputs = tuple((str(dtype), tuple(shape)) for dtype, shape in told["outputs"])
    return Record(**{**told, "outputs": outputs, "used": tuple(told["used"])})


def _pairs(model: Model, feeds: Mapping[str, Value], records: Sequence[Record]) -> Counterparts:
    return counterparts(model.graphs[MAIN_GRAPH], model.types[MAIN_GRAPH], fed_dims(model, feeds), records)


def _outputs_only(model: Model) -> _Found:
    """Fetch the network's outputs for the model's, in order."""
    names = model.graphs[MAIN_GRAPH].outputs
    root = {"kind": "module", "scope": "", "call": 0, "operation": ""}
    return _Found({name: {**root, "output": output} for output, name in enumerate(names)}, {}, {})


def _converted(model: Model, names: Sequence[str]) -> _Found:
    """Fetch from a converted model, whose outputs are the exposed tensors."""
    root = {"kind": "module", "scope": "", "call": 0, "operation": ""}
    fetches = {name: {**root, "output": output} for output, name in enumerate(_tensors(model, names))}
    return _Found(fetches, {name: "no tensor" for name in names if name not in fetches}, {})


def _tensors(model: Model, names: Sequence[str]) -> list[str]:
    """Leave out what is known to be no tensor."""
    types = model.types[MAIN_GRAPH]
    return [name for name in dict.fromkeys(names) if name not in types or types[name].kind in ("tensor", "unknown")]


def _exposed_file(model: Model, names: Sequence[str], folder: Path) -> Path:
    """Write the model with ``names`` as its only outputs, in that order, and its weights beside it."""
    proto = expose(model.proto, names)
    outputs: dict[str, onnx.ValueInfoProto] = {output.name: output for output in proto.graph.output}
    del proto.graph.output[:]
    proto.graph.output.extend(outputs[name] for name in names)
    path = folder / "exposed.onnx"
    save(replace(model, proto=proto), path)
    return path
