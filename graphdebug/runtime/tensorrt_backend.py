"""TensorRT as a backend, in an interpreter of its own (`foreign/tensorrt_worker.py`), from version 8.6 on.

Plain and isolated sessions run what TensorRT makes of the model, or of the model with its tensors as outputs; as
deployed, the engine is built as ever and tells those of its tensors that no layer was fused over.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from graphdebug.foreign import tensorrt_worker
from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session, Value
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.foreign import ForeignProcess
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.taps import chosen, expose, model_inputs, named
from graphdebug.runtime.tensorrt_model import rewritten, stored_types, write_for_parser
from graphdebug.runtime.tensorrt_options import (
    Asked,
    Range,
    asked,
    check_deployed,
    plan,
    profile,
    unknown_inputs,
    version_of,
)
from graphdebug.runtime.tensorrt_session import Task, TensorRtSession
from graphdebug.runtime.tensorrt_words import Subgraph, Support, complaints

ENGINE = "TensorRT"


class TensorRtBackend:
    """TensorRT. Its options are listed in ``registry.backends()``."""

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC; nothing is checked before ``probe`` or ``prepare``. Building an engine is told of."""
        self.spec = spec
        self._progress = progress
        self._known_inputs: set[str] = set()
        """Of every model that was prepared: a large one is also run in slices, which have some of its inputs only."""

    def probe(self) -> Availability:
        """Import TensorRT under the interpreter, and find the GPU."""
        try:
            wanted = asked(self.spec)
            process = start(wanted)
            try:
                facts = process.call("probe", device=wanted.device)
            finally:
                process.close()
            version_of(facts["tensorrt"])
        except BackendError as error:
            return Availability(False, str(error))
        names = ("tensorrt", "device", "cuda", "python")
        return Availability(True, versions=tuple((name, str(facts[name])) for name in names))

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Make ``model`` ready in ``mode``; see the protocol.

        The engine is built here where the shapes of all inputs are known, else for the shapes of the first run.
        """
        wanted = asked(self.spec)
        outputs = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
        names = outputs if mode is Mode.PLAIN else chosen(model, taps)
        inputs = model_inputs(model)
        self._check_names(wanted, inputs)
        ranges = profile(wanted, inputs)
        free = [value.name for value in inputs if not _is_fixed(value)]
        folder = tempfile.TemporaryDirectory(prefix="tensorrt-", ignore_cleanup_errors=True)
        process = start(wanted)
        try:
            facts = process.call("probe", self._progress, device=wanted.device)
            version = version_of(facts["tensorrt"])
            if mode is Mode.DEPLOYED:
                check_deployed(version)
                _check_ranges(free, ranges)
            stored = stored_types(model)
            how = plan(wanted, version, stored)
            place = Path(folder.name)
            batches = calibration(wanted, model, ranges) if how.calibrate and not wanted.engine else []
            subject = rewritten(model, how.rewrite, place, batches) if how.rewrite and not wanted.engine else model
            proto = named(subject)
            proto = expose(proto, names) if mode is Mode.ISOLATED else proto
            file = write_for_parser(subject, proto, place)
            task = Task(wanted, how, mode, facts, file, stored, inputs, tuple(free), [] if how.rewrite else batches)
            session = TensorRtSession(process, folder, task, model, names, ranges, self._progress)
            if wanted.engine or all(name in ranges for name in free):
                session.build()
        except BaseException:
            process.close()
            folder.cleanup()
            raise
        return session

    def support(self, model: Model) -> Support:
        """Say which parts of ``model`` TensorRT takes, before anything is built.

        Raises:
            BackendError: there is no TensorRT or no GPU, or the model cannot be given to it.
        """
        wanted = asked(self.spec)
        process = start(wanted)
        try:
            facts = process.call("probe", self._progress, device=wanted.device)
            how = plan(replace(wanted, precision="fp32"), version_of(facts["tensorrt"]), frozenset())
            with tempfile.TemporaryDirectory(prefix="tensorrt-") as folder:
                file = write_for_parser(model, named(model), Path(folder))
                request = {"network": list(how.network), "onnx": str(file.onnx), "beside": str(file.beside)}
                told = process.call("support", self._progress, device=wanted.device, request=request)
        finally:
            process.close()
        parts = tuple(Subgraph(tuple(each["nodes"]), each["supported"]) for each in told["subgraphs"])
        return Support(facts["tensorrt"], told["supported"], parts, complaints(model, told["errors"]))

    def _check_names(self, wanted: Asked, inputs: Sequence[ValueInfo]) -> None:
        self._known_inputs.update(value.name for value in inputs)
        unknown = [name for name in unknown_inputs(wanted, inputs) if name not in self._known_inputs]
        if unknown:
            known = ", ".join(value.name for value in inputs)
            raise BackendError(f"The SPEC gives shapes of {unknown[0]!r}, and the model's inputs are {known}.")


def start(wanted: Asked) -> ForeignProcess:
    """Start TensorRT's worker under the interpreter that is named, else under our own.

    Raises:
        BackendError: there is no such interpreter.
    """
    return ForeignProcess(Path(tensorrt_worker.__file__), wanted.python, engine=ENGINE)


def calibration(wanted: Asked, model: Model, ranges: Mapping[str, Range]) -> list[dict[str, Value]]:
    """Return the inputs that int8 and fp8 ranges are measured on: recorded ones that the SPEC names, else made up.

    Raises:
        BackendError: they cannot be read, or do not fit.
    """
    inputs = [_usual(value, ranges) for value in model_inputs(model)]
    hints = suggest(model)
    try:
        if wanted.calibration:
            return [make_feeds(inputs, FeedSpec(dataset=str(path)), hints) for path in _datasets(wanted.calibration)]
        return [make_feeds(inputs, FeedSpec(seed=seed), hints) for seed in range(wanted.batches)]
    except (ValueError, OSError) as error:
        raise BackendError(f"The inputs to calibrate on cannot be had: {error}") from error


def _datasets(text: str) -> list[Path]:
    """Return the data sets at a path: one, or those in a folder of them."""
    path = Path(text)
    if not path.is_dir() or any(path.glob("input_*.pb")):
        return [path]
    return sorted(each for each in path.iterdir() if each.is_dir() or each.suffix == ".npz")


def _is_fixed(value: ValueInfo) -> bool:
    return value.type.shape is not None and all(isinstance(length, int) for length in value.type.shape)


def _usual(value: ValueInfo, ranges: Mapping[str, Range]) -> ValueInfo:
    """Return an input with the shape that the engine is built best for."""
    if value.name not in ranges:
        return value
    return ValueInfo(value.name, replace(value.type, shape=ranges[value.name][1]))


def _check_ranges(free: Sequence[str], ranges: Mapping[str, Any]) -> None:
    missing = [name for name in free if name not in ranges]
    if missing:
        raise BackendError(
            f"What TensorRT fuses depends on shapes, and input {missing[0]!r} has free ones: add "
            f"shapes={missing[0]}:1x3x224x224 (its real shape) to the SPEC."
        )
