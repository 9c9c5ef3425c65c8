"""A model made ready on TensorRT: the engine, built, found or loaded, and its runs."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from msgspec import convert

from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime import tensorrt_cache
from graphdebug.runtime.backend import BackendError, Mode, Value
from graphdebug.runtime.engine_records import LAYERS_FILE
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.foreign import ForeignProcess, receive, send
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.tensorrt_layers import check_types, layer_types, layers_by_name, types_text
from graphdebug.runtime.tensorrt_model import ParserFile
from graphdebug.runtime.tensorrt_options import Asked, Plan, Range, request, shape_text
from graphdebug.runtime.tensorrt_words import refusal
from graphdebug.runtime.timing import LayerTime, Runs, Times

ENGINE = "TensorRT"
_DECLARED = {"int64": np.int64, "double": np.float64}
"""Types that TensorRT may give as narrower ones; they come back as the model declares them."""


@dataclass(frozen=True)
class Task:
    """What an engine is made from. ``batches``: inputs that TensorRT itself measures int8 ranges on."""

    wanted: Asked
    how: Plan
    mode: Mode
    facts: Mapping[str, Any]
    file: ParserFile
    stored: frozenset[str]
    inputs: Sequence[ValueInfo]
    free: tuple[str, ...]
    batches: Sequence[Mapping[str, Value]]


class TensorRtSession:
    """A session of the protocol in `backend.py`; it times and profiles its engine (`Timed`, `Profiled`)."""

    def __init__(
        self,
        process: ForeignProcess,
        folder: "tempfile.TemporaryDirectory[str]",
        task: Task,
        model: Model,
        names: Sequence[str],
        ranges: Mapping[str, Range],
        progress: Progress,
    ) -> None:
        """Take over the process and the folder. ``ranges``: those that are known before anything is fed."""
        self._process: ForeignProcess | None = process
        self._temporary, self._task, self._model, self._progress = folder, task, model, progress
        self._folder = Path(folder.name)
        self._ranges: Mapping[str, Range] = ranges
        self._given = all(name in ranges for name in task.free)
        self._built = False
        self._repeated: Mapping[str, Value] | None = None
        """The feeds that the worker holds to be timed on."""
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        self.tensors: Sequence[str] = names
        self.outputs: Sequence[str] = [name for name in model.graphs[MAIN_GRAPH].outputs if name in set(names)]
        self._untapped: dict[str, str] = {}
        self.untapped: Mapping[str, str] = self._untapped
        self.types: Mapping[str, ValueType] = {}
        self.files: dict[str, Path] = {}
        """What the engine left for the user, by file name; it goes with the session."""
        self._environment = _environment(task)
        self.environment: Mapping[str, str] = self._environment

    def build(self) -> None:
        """Build the engine for the ranges that are known, or find one that was built from the same, and make it ready.

        Raises:
            BackendError: the parser refuses the model, nothing could be built, or its layers are not as asked for.
        """
        task = self._task
        if task.wanted.engine:
            path, how = Path(task.wanted.engine).absolute(), "given"
            if not path.is_file():
                raise BackendError(f"There is no engine file {path}.")
            described = self._load(path)
        else:
            path, how, described = self._made()
        self._environment["engine"] = f"{how}, {path.stat().st_size:,} bytes, {described['layers']} layers"
        self._environment["device memory"] = f"{described['memory']:,} bytes for activations"
        text = self._call("inspect")
        kept = self._folder / LAYERS_FILE
        kept.write_text(text, encoding="utf-8")
        self.files[LAYERS_FILE] = kept
        found = layer_types(text)
        self._environment["layers by type"] = types_text(found)
        check_types(task.wanted.precision, task.how.type, found, task.stored, task.facts["tensorrt"])
        self._built = True
        self._settle({entry["name"] for entry in described["outputs"]})

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once and return the named tensors; the engine is built now if the shapes were not known before."""
        unknown = [name for name in fetch if name not in set(self.tensors)]
        if unknown:
            raise BackendError(f"TensorRT cannot fetch {unknown[0]!r} from this session.")
        fed = self._ready(feeds)
        if not fetch:
            return {}
        values = self._run(fed, list(dict.fromkeys(fetch)))
        missing = [name for name in fetch if name not in values]
        if missing:
            raise BackendError(f"The engine gave no tensor {missing[0]!r} in this run.")
        return {name: self._declared(name, values[name]) for name in fetch}

    def time_runs(self, feeds: Mapping[str, Value], fetch: Sequence[str], runs: Runs) -> Times:
        """Time the engine where it runs; see `Timed`. All its outputs are copied back, whatever is fetched.

        A stream is an execution context of its own.
        """
        asked = {"iterations": runs.iterations, "seconds": runs.seconds, "streams": runs.streams}
        return convert(self._call("time", given=self._kept_feeds(feeds), **asked), Times)

    def profile_runs(self, feeds: Mapping[str, Value], runs: int) -> Sequence[LayerTime]:
        """Return the layers with their times; see `Profiled`."""
        rows = self._call("profile", given=self._kept_feeds(feeds), runs=runs)
        layers = layers_by_name(self.files[LAYERS_FILE].read_text(encoding="utf-8"))
        return [
            LayerTime(
                row["name"], *layers.get(row["name"], ("", ())), tuple(each / 1e3 for each in row["milliseconds"])
            )
            for row in rows
        ]

    def close(self) -> None:
        """End the process and remove temporary files."""
        if self._process is not None:
            self._process.close()
        self._process = None
        self._temporary.cleanup()

    def _made(self) -> tuple[Path, str, Mapping[str, Any]]:
        """Return an engine file, where it came from, and what was loaded from it."""
        task = self._task
        debug = task.mode is Mode.DEPLOYED
        asked = request(task.wanted, task.how, self._ranges, task.free, debug)
        home = tensorrt_cache.cache_folder(task.wanted.cache)
        identity = {name: task.facts[name] for name in ("tensorrt", "device", "capability")}
        name = tensorrt_cache.key(task.file.digest, asked, identity, tensorrt_cache.digest(task.batches))
        found = tensorrt_cache.find(home, name)
        if found is not None:
            try:
                return found, "built before", self._load(found)
            except BackendError:  # a driver was replaced, or the file is damaged: build it anew
                found.unlink(missing_ok=True)
        timings = task.wanted.timing_cache or str(home / tensorrt_cache.timings(identity))
        new = self._folder / "new.engine"
        batches = [send(self._folder, batch, ENGINE) for batch in task.batches]
        files = {"onnx": str(task.file.onnx), "beside": str(task.file.beside), "engine": str(new)}
        built = self._call(
            "build",
            device=task.wanted.device,
            request={**asked, **files, "calibration": batches, "timing_cache": timings},
        )
        if built["errors"]:
            raise BackendError(refusal(self._model, built["errors"], task.facts["tensorrt"]))
        described = self._load(new)
        path = tensorrt_cache.place(home, name)
        partial = path.with_name(f".{name}-{self._folder.name}")
        shutil.copyfile(new, partial)
        partial.replace(path)
        tensorrt_cache.prune(home)
        return path, f"built in {built['seconds']:.1f} s", described

    def _load(self, path: Path) -> Mapping[str, Any]:
        listen = self._task.mode is Mode.DEPLOYED
        result: Mapping[str, Any] = self._call("load", device=self._task.wanted.device, path=str(path), listen=listen)
        return result

    def _settle(self, given: set[str]) -> None:
        """Offer those tensors that the engine gives: its outputs and, as deployed, what a first run was told of."""
        task = self._task
        why = "not an output of this engine"
        if task.mode is Mode.DEPLOYED:
            told = set(self._run(self._trial(), None))
            own = len(told - given - set(self.tensors))
            if own:
                self._environment["tensors under TensorRT's own names"] = str(own)
            given |= told
            why = "fused away, or known to TensorRT by a name of its own"
        self._untapped.update({name: why for name in self.tensors if name not in given})
        self.tensors = [name for name in self.tensors if name in given]
        self.outputs = [name for name in self.outputs if name in given]

    def _trial(self) -> dict[str, Value]:
        shaped = [
            ValueInfo(value.name, ValueType(value.type.dtype, self._ranges[value.name][1], value.type.kind))
            for value in self.inputs
        ]
        return make_feeds(shaped, FeedSpec(), suggest(self._model))

    def _ready(self, feeds: Mapping[str, Value]) -> dict[str, Value]:
        """Return what the engine takes of ``feeds``, and have an engine for their shapes."""
        if self._process is None:
            raise BackendError("This TensorRT session has been closed.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {missing[0]!r} of the model is not fed.")
        fed = {value.name: feeds[value.name] for value in self.inputs}
        if self._task.wanted.engine:  # it says itself what it takes
            return fed
        shapes = {name: tuple(np.shape(value)) for name, value in fed.items()}
        if not self._given and not all(self._takes(name, shape) for name, shape in shapes.items()):
            self._ranges = {name: (shape, shape, shape) for name, shape in shapes.items()}
            self._built = False
        if not self._built:
            self._environment["profile"] = _profile_text(self._ranges, self._task.free)
            self.build()
        for name, shape in shapes.items():
            if not self._takes(name, shape):
                least, _, most = self._ranges[name]
                raise BackendError(
                    f"Input {name!r} is fed {shape_text(shape)}, and the engine takes it from {shape_text(least)} to "
                    f"{shape_text(most)}: change min and max in the SPEC."
                )
        return fed

    def _takes(self, name: str, shape: tuple[int, ...]) -> bool:
        if name not in self._ranges:
            return False
        least, _, most = self._ranges[name]
        return len(shape) == len(least) and all(
            low <= length <= high for low, length, high in zip(least, shape, most, strict=True)
        )

    def _kept_feeds(self, feeds: Mapping[str, Value]) -> dict[str, Any] | None:
        """Give the worker feeds to run on again and again; None: it has them."""
        if self._repeated is feeds and self._built:
            return None
        given = send(self._folder, self._ready(feeds), ENGINE)
        self._repeated = feeds
        return given

    def _run(self, fed: Mapping[str, Value], fetch: list[str] | None) -> dict[str, Any]:
        given = send(self._folder, fed, ENGINE)
        try:
            answer = self._call("infer", given=given, to=str(self._folder / "outputs.bin"), fetch=fetch)
        finally:
            Path(given["path"]).unlink(missing_ok=True)
        return receive(answer)

    def _declared(self, name: str, value: Any) -> Any:
        kind = self._model.types[MAIN_GRAPH].get(name)
        wide = _DECLARED.get(kind.dtype) if kind is not None else None
        return value.astype(wide) if wide is not None and value.dtype in (np.int32, np.float32) else value

    def _call(self, do: str, **arguments: Any) -> Any:
        if self._process is None:
            raise BackendError("This TensorRT session has been closed.")
        return self._process.call(do, self._progress, **arguments)


def _environment(task: Task) -> dict[str, str]:
    """Say what will run, as far as it is known before the engine is there."""
    wanted, facts = task.wanted, task.facts
    told = {
        "backend": f"TensorRT {facts['tensorrt']}",
        "device": f"{facts['device']}, compute capability {facts['capability']}",
        "driver": f"CUDA {facts['cuda']}",
        "python": facts["python"],
        "mode": str(task.mode),
        "precision": wanted.precision,
        "TF32": "on" if wanted.precision == "tf32" else "off",
    }
    if task.how.rewrite:
        told["the model was rewritten"] = f"to {task.how.rewrite}"
    if task.how.calibrate:
        told["calibrated on"] = wanted.calibration or f"{wanted.batches} made-up inputs"
    if wanted.tactics is not None:
        told["tactic sources"] = ", ".join(wanted.tactics)
    return told


def _profile_text(ranges: Mapping[str, Range], free: Sequence[str]) -> str:
    return ", ".join(f"{name} {' – '.join(dict.fromkeys(map(shape_text, ranges[name])))}" for name in free)
