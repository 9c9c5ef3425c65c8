"""From an ONNX file to a TensorRT engine: parsing, what is supported, and building.

What a version of TensorRT lacks is asked of its Python module (``hasattr``), never guessed from its number. Objects of
the module are annotated throughout: a test holds every attribute that is used here against what each version has.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorrt as trt

from graphdebug.foreign.cuda_driver import Driver
from graphdebug.foreign.talk import Refused, Tell, read_tensors

_KEPT = 40
"""Complaints of the log that are kept for an error's sentence."""


class Log(trt.ILogger):  # type: ignore[misc]
    """Prints what TensorRT has to say, and keeps its complaints."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.complaints: list[str] = []

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        """Take a message; called by TensorRT."""
        if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR):
            self.complaints = [*self.complaints[-_KEPT:], " ".join(msg.split())]
        if severity in (trt.ILogger.Severity.INTERNAL_ERROR, trt.ILogger.Severity.ERROR, trt.ILogger.Severity.WARNING):
            print("TensorRT:", msg, flush=True)

    def because(self) -> str:
        """Return the first complaint since the last call as the end of a sentence: later ones follow from it."""
        told, self.complaints = self.complaints, []
        return told[0][:600].rstrip(".") + "." if told else "it gave no reason."


class Reader:
    """A network to be, and the parser that fills it, with all that must outlive them."""

    def __init__(self, log: Log, request: Mapping[str, Any]) -> None:
        """Make them; the network's creation flags, ``request["network"]``, are given by their names in TensorRT."""
        self.builder: trt.Builder = _builder(log)
        flags = sum(1 << int(_member(trt.NetworkDefinitionCreationFlag, name)) for name in request["network"])
        self.network: trt.INetworkDefinition = self.builder.create_network(flags)
        self.parser: trt.OnnxParser = trt.OnnxParser(self.network, log)
        self.model = Path(request["onnx"]).read_bytes()
        self.beside: str = request["beside"]
        """A path in the folder that holds the weights."""

    def parse(self) -> bool:
        """Take the model in; False: there are errors."""
        return bool(self.parser.parse(self.model, self.beside))


def errors_of(parser: trt.OnnxParser) -> list[dict[str, Any]]:
    """Return the errors that a parser holds."""
    found = []
    for index in range(parser.num_errors):
        error: trt.ParserError = parser.get_error(index)
        told: dict[str, Any] = {"message": " ".join(error.desc().split())[:1000], "node": error.node()}
        if hasattr(trt.ParserError, "node_name"):
            told.update(name=error.node_name(), op=error.node_operator(), functions=list(error.local_function_stack()))
        found.append(told)
    return found


def support(log: Log, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``subgraphs``: positions of main-graph nodes and whether TensorRT takes them, and the parser's errors."""
    reader = Reader(log, request)
    parser: trt.OnnxParser = reader.parser
    if hasattr(trt.OnnxParser, "supports_model_v2"):
        whole = parser.supports_model_v2(reader.model, reader.beside)
        parts = [
            (parser.get_subgraph_nodes(at), parser.is_subgraph_supported(at)) for at in range(parser.num_subgraphs)
        ]
    else:
        whole, parts = parser.supports_model(reader.model, reader.beside)
    subgraphs = [{"nodes": [int(node) for node in nodes], "supported": bool(fine)} for nodes, fine in parts]
    return {"supported": bool(whole), "subgraphs": subgraphs, "errors": errors_of(parser)}


def build(log: Log, driver: Driver, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Build an engine and write it to ``request["engine"]``; see ``runtime/tensorrt_options.py`` for a request.

    Returns ``errors`` of the parser (then there is no engine), or ``seconds`` and ``bytes``.

    Raises:
        Refused: TensorRT built nothing; says why.
    """
    tell(None, "TensorRT reads the model")
    reader = Reader(log, request)
    if not reader.parse():
        return {"errors": errors_of(reader.parser)}
    config: trt.IBuilderConfig = reader.builder.create_builder_config()
    configure(config, request)
    for ranges in request["profiles"]:
        _add_profile(reader, config, ranges)
    alive = [_calibrate(reader, config, driver, request["calibration"]), _watch(config, tell)]
    if request["debug"]:
        if not hasattr(trt.INetworkDefinition, "mark_unfused_tensors_as_debug_tensors"):
            raise Refused(f"TensorRT {trt.__version__} cannot show tensors of an engine as it is deployed.")
        reader.network.mark_unfused_tensors_as_debug_tensors()
    cached = _timing_cache(config, request["timing_cache"])
    started = time.perf_counter()
    tell(None, "TensorRT builds the engine")
    plan: trt.IHostMemory = reader.builder.build_serialized_network(reader.network, config)
    if plan is None:
        raise Refused(f"TensorRT built no engine: {log.because()}")
    seconds = time.perf_counter() - started
    alive.clear()
    _write(Path(request["engine"]), plan)
    if cached:
        timings: trt.ITimingCache = config.get_timing_cache()
        _write(Path(request["timing_cache"]), timings.serialize())
    return {"errors": [], "seconds": seconds, "bytes": int(plan.nbytes)}


def configure(config: trt.IBuilderConfig, request: Mapping[str, Any]) -> None:
    """Set what a request asks for by TensorRT's own names.

    Raises:
        Refused: this version has no such flag, tactic source or feature.
    """
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    for name, wanted in request["flags"].items():
        flag = _member(trt.BuilderFlag, name)
        if wanted:
            config.set_flag(flag)
        else:
            config.clear_flag(flag)
    for name, wanted in request["preview"].items():
        config.set_preview_feature(_member(trt.PreviewFeature, name), wanted)
    if request["workspace"] is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, request["workspace"])
    if request["level"] is not None:
        config.builder_optimization_level = request["level"]
    if request["tactics"] is not None:
        sources = sum(1 << int(_member(trt.TacticSource, name)) for name in request["tactics"])
        if not config.set_tactic_sources(sources):
            raise Refused(f"TensorRT does not take the tactic sources {' + '.join(request['tactics'])} here.")


def _builder(log: Log) -> trt.Builder:
    try:
        return trt.Builder(log)
    except TypeError:  # pybind11's, when the library gives no builder
        raise Refused(f"TensorRT cannot be started on this GPU: {log.because()}") from None


def _member(kind: Any, name: str) -> Any:
    found = getattr(kind, "__members__", {}).get(name)
    if found is None:
        raise Refused(f"TensorRT {trt.__version__} has no {kind.__name__} called {name}.")
    return found


def _add_profile(reader: Reader, config: trt.IBuilderConfig, ranges: Mapping[str, Sequence[Sequence[int]]]) -> None:
    """Add an optimization profile: input name → its smallest, usual and largest shape (or values, of a shape input)."""
    profile: trt.IOptimizationProfile = reader.builder.create_optimization_profile()
    for at in range(reader.network.num_inputs):
        tensor: trt.ITensor = reader.network.get_input(at)
        given = ranges.get(tensor.name)
        if given is None:
            continue
        try:
            if tensor.is_shape_tensor:
                profile.set_shape_input(tensor.name, *given)
            else:
                profile.set_shape(tensor.name, *given)
        except ValueError as error:
            raise Refused(f"TensorRT does not take the profile of input {tensor.name!r}: {error}.") from None
    if config.add_optimization_profile(profile) < 0:
        raise Refused(
            "TensorRT does not take the optimization profile: an input has no range, or one that does not fit."
        )


def _calibrate(reader: Reader, config: trt.IBuilderConfig, driver: Driver, batches: Sequence[Mapping[str, Any]]) -> Any:
    """Have int8 ranges measured on recorded inputs; return what must live until the engine is built."""
    if not batches or not hasattr(trt, "IInt8EntropyCalibrator2"):
        return None
    inputs: list[trt.ITensor] = [reader.network.get_input(at) for at in range(reader.network.num_inputs)]
    narrow = {tensor.name for tensor in inputs if tensor.dtype == trt.DataType.INT32}

    class Calibrator(trt.IInt8EntropyCalibrator2):  # type: ignore[misc]
        """Gives one recorded input after the other."""

        def __init__(self) -> None:
            trt.IInt8EntropyCalibrator2.__init__(self)
            self.left = list(batches)
            self.taken: dict[str, int] = {}

        def get_batch_size(self) -> int:
            return 1

        def get_batch(self, names: Sequence[str]) -> list[int] | None:
            if not self.left:
                return None
            given = self.left.pop(0)
            tensors = read_tensors(given["path"], given["tensors"])
            stream = driver.stream()
            for name in names:
                array = tensors[name].array
                if name in narrow:  # TensorRT 8 knows no 64-bit integers
                    array = array.astype("int32")
                if name not in self.taken:
                    self.taken[name] = driver.allocate(array.nbytes)
                driver.to_device(self.taken[name], array, stream)
                driver.wait(stream)
            return [self.taken[name] for name in names]

        def read_calibration_cache(self) -> None:
            return None

        def write_calibration_cache(self, cache: bytes) -> None:
            return None

    calibrator = Calibrator()
    config.int8_calibrator = calibrator
    return calibrator


def _timing_cache(config: trt.IBuilderConfig, path: str) -> bool:
    """Let the engine be built with what earlier builds measured; False: without."""
    if not path:
        return False
    file = Path(path)
    cache: trt.ITimingCache = config.create_timing_cache(file.read_bytes() if file.exists() else b"")
    if cache is None:
        cache = config.create_timing_cache(b"")  # the file holds something else
    return bool(config.set_timing_cache(cache, False))


def _watch(config: trt.IBuilderConfig, tell: Tell) -> Any:
    """Tell how far the build is; return what must live as long. The share done is that of the outermost phase."""
    if not hasattr(trt, "IProgressMonitor"):
        return None

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc]
        """Called by TensorRT, from several threads."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.steps: dict[str, int] = {}
            self.outermost = ""
            self.told = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.steps[phase_name] = num_steps
            if not parent_phase:
                self.outermost = phase_name

        def step_complete(self, phase_name: str, step: int) -> bool:
            now = time.monotonic()
            if now - self.told > 0.2:
                self.told = now
                steps = self.steps.get(phase_name, 0)
                share = step / steps if phase_name == self.outermost and steps else None
                tell(share, f"TensorRT builds the engine: {phase_name}, step {step} of {steps}")
            return True

        def phase_finish(self, phase_name: str) -> None:
            self.steps.pop(phase_name, None)

    monitor = Monitor()
    config.progress_monitor = monitor
    return monitor


def _write(path: Path, data: Any) -> None:
    """Write a file, whole or not at all: others may look for it meanwhile."""
    partial = path.with_name(path.name + ".part")
    partial.write_bytes(memoryview(data))
    partial.replace(path)
