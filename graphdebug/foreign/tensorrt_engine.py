"""A TensorRT engine: loading it, running it, timing it, and what it tells of its layers.

How it runs is in `tensorrt_context.py`.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable

import numpy as np
import tensorrt as trt

from graphdebug.foreign.cuda_driver import Driver
from graphdebug.foreign.repeat import together
from graphdebug.foreign.talk import Refused, Tensor
from graphdebug.foreign.tensorrt_build import Log
from graphdebug.foreign.tensorrt_context import STORED, Context


class Engine:
    """An engine made ready to run."""

    def __init__(self, log: Log, driver: Driver, path: str) -> None:
        """Load the engine file.

        Raises:
            Refused: it was built by another version or for another GPU, or the GPU lacks memory.
        """
        self._log, self._driver = log, driver
        self._runtime: trt.Runtime = trt.Runtime(log)
        self._engine: trt.ICudaEngine = self._runtime.deserialize_cuda_engine(Path(path).read_bytes())
        if self._engine is None:
            raise Refused(f"TensorRT {trt.__version__} cannot load the engine {Path(path).name}: {log.because()}")
        self._first = Context(log, driver, self._engine)
        self._further: list[Context] = []
        self._listener: Any = None

    def describe(self) -> dict[str, Any]:
        """Return inputs and outputs (name, dtype, shape with −1 for a free length), layers, and bytes on the GPU."""

        def entry(name: str) -> dict[str, Any]:
            kind: trt.DataType = self._engine.get_tensor_dtype(name)
            return {
                "name": name,
                "dtype": STORED.get(str(kind.name), ("", ""))[0],
                "shape": list(self._engine.get_tensor_shape(name)),
            }

        if hasattr(trt.ICudaEngine, "device_memory_size_v2"):
            memory = self._engine.device_memory_size_v2
        else:
            memory = self._engine.device_memory_size
        return {
            "inputs": [entry(name) for name in self._first.inputs],
            "outputs": [entry(name) for name in self._first.outputs],
            "layers": self._engine.num_layers,
            "memory": memory,
        }

    def layers(self) -> str:
        """Return the inspector's JSON."""
        inspector: trt.EngineInspector = self._engine.create_engine_inspector()
        inspector.execution_context = self._first.own
        return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))

    def listen(self) -> None:
        """Keep the tensors that no layer was fused over, from now on, whenever the engine runs."""
        self._listener = _listen(self._first.own, self._driver)

    def infer(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run once; return all outputs, and what was listened to, by name."""
        if self._listener is None:
            return self._first.infer(given)
        self._listener.tensors = {}
        outputs = self._first.infer(given)
        return {**self._listener.tensors, **outputs}

    def time(self, given: Mapping[str, Tensor], iterations: int, seconds: float, streams: int) -> dict[str, Any]:
        """Run ``iterations`` times in each of ``streams`` execution contexts at once, or until ``seconds`` (0: no
        limit) are over; return nanoseconds: ``streams`` of each run from host to host, ``wall``, and ``phases``.

        Raises:
            Refused: so many contexts cannot be had.
        """
        calls = [context.timed(given) for context in self._contexts(streams, given)]
        found, wall = together([self._entered(call) for call in calls], iterations, seconds)
        told = [call.phases() for call in calls]
        return {
            "streams": found,
            "wall": wall,
            "phases": {name: [each for one in told for each in one[name]] for name in told[0]},
        }

    def profile(self, given: Mapping[str, Tensor], runs: int) -> list[dict[str, Any]]:
        """Return every layer's ``name`` and its ``milliseconds`` in each of ``runs`` runs, after one that does not
        count, in the order in which layers ran; watching slows it."""
        run = self._first.ready(given)
        profiler = _profiler()
        context: trt.IExecutionContext = self._first.own
        context.profiler = profiler
        for _ in range(1 + runs):
            profiler.runs.append({})
            run()
        names = dict.fromkeys(name for told in profiler.runs[1:] for name in told)
        return [{"name": name, "milliseconds": [run.get(name, 0.0) for run in profiler.runs[1:]]} for name in names]

    def _contexts(self, count: int, given: Mapping[str, Tensor]) -> list[Context]:
        """Return so many contexts, which take the shapes of ``given``."""
        self._first.ready(given)  # what is wrong with the inputs is said as ever
        while len(self._further) < count - 1:
            context = Context(self._log, self._driver, self._engine)
            try:
                context.ready(given)
            except Refused as error:
                raise Refused(
                    f"TensorRT {trt.__version__} does not run this engine in {count} streams at the same time, for "
                    f"one optimization profile serves one of them: {error} Measure one stream."
                ) from None
            self._further.append(context)
        return [self._first, *self._further[: count - 1]]

    def _entered(self, call: Callable[[], object]) -> Callable[[], object]:
        """Have a call made in a thread that the driver does not know yet."""
        driver, entered = self._driver, False

        def made() -> None:
            nonlocal entered
            if not entered:
                driver.enter()
                entered = True
            call()

        return made


def _listen(context: trt.IExecutionContext, driver: Driver) -> Any:
    """Return what takes debug tensors from now on; of one that is written more than once, the last value stays."""
    if not hasattr(trt.IExecutionContext, "unfused_tensors_debug_state"):
        raise Refused(f"TensorRT {trt.__version__} cannot show tensors of an engine as it is deployed.")

    class Listener(trt.IDebugListener):  # type: ignore[misc]
        """Called by TensorRT while the engine runs."""

        def __init__(self) -> None:
            trt.IDebugListener.__init__(self)
            self.tensors: dict[str, Tensor] = {}

        def process_debug_tensor(
            self, addr: int, location: trt.TensorLocation, type: trt.DataType, shape: trt.Dims, name: str, stream: int
        ) -> bool:
            dtype, stored = STORED.get(str(type.name), ("", ""))
            if not dtype:
                return True
            array = np.empty(tuple(shape), stored)
            if location == trt.TensorLocation.HOST:
                ctypes.memmove(array.ctypes.data, addr, array.nbytes)
            elif array.nbytes:
                driver.to_host(array, addr, stream)
                driver.wait(stream)
            self.tensors[name] = Tensor(dtype, array)
            return True

    listener = Listener()
    context.set_debug_listener(listener)
    context.unfused_tensors_debug_state = True
    return listener


def _profiler() -> Any:
    class Profiler(trt.IProfiler):  # type: ignore[misc]
        """Called by TensorRT after a run, once a layer."""

        def __init__(self) -> None:
            trt.IProfiler.__init__(self)
            self.runs: list[dict[str, float]] = []

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            run = self.runs[-1]
            run[layer_name] = run.get(layer_name, 0.0) + ms

    return Profiler()
