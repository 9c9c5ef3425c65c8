"""A TensorRT engine: loading it, running it, timing it, and what it tells of its layers.

Memory, streams and events are the driver's (`cuda_driver.py`). As in `tensorrt_build.py`, objects of TensorRT are
annotated and what a version lacks is asked of it.
"""

from __future__ import annotations

import ctypes
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorrt as trt

from graphdebug.foreign.cuda_driver import Driver
from graphdebug.foreign.talk import Refused, Tensor
from graphdebug.foreign.tensorrt_build import Log

STORED = {
    "FLOAT": ("float32", "float32"),
    "HALF": ("float16", "float16"),
    "BF16": ("bfloat16", "uint16"),
    "FP8": ("float8_e4m3fn", "uint8"),
    "INT8": ("int8", "int8"),
    "INT32": ("int32", "int32"),
    "INT64": ("int64", "int64"),
    "BOOL": ("bool", "bool"),
    "UINT8": ("uint8", "uint8"),
}
"""TensorRT's name of a type → its name in ONNX, and how numpy holds it. Types of less than a byte cannot be read."""
_ROOM = 1 << 16
"""Bytes at first for an output whose size only the run tells."""


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
        self._context: trt.IExecutionContext = self._engine.create_execution_context()
        if self._context is None:
            raise Refused(f"TensorRT cannot make the engine ready to run: {log.because()}")
        self._stream = driver.stream()
        self._memory: dict[str, tuple[int, int]] = {}
        names = [self._engine.get_tensor_name(at) for at in range(self._engine.num_io_tensors)]
        mode = trt.TensorIOMode.INPUT
        self.inputs = [name for name in names if self._engine.get_tensor_mode(name) == mode]
        self.outputs = [name for name in names if self._engine.get_tensor_mode(name) != mode]
        self._listener: Any = None
        self._kept: list[Any] = []

    def describe(self) -> dict[str, Any]:
        """Return inputs and outputs (name, dtype, shape with −1 for a free length), layers, and bytes on the GPU."""

        def entry(name: str) -> dict[str, Any]:
            return {
                "name": name,
                "dtype": STORED.get(self._kind(name), ("", ""))[0],
                "shape": list(self._engine.get_tensor_shape(name)),
            }

        if hasattr(trt.ICudaEngine, "device_memory_size_v2"):
            memory = self._engine.device_memory_size_v2
        else:
            memory = self._engine.device_memory_size
        return {
            "inputs": [entry(name) for name in self.inputs],
            "outputs": [entry(name) for name in self.outputs],
            "layers": self._engine.num_layers,
            "memory": memory,
        }

    def layers(self) -> str:
        """Return the inspector's JSON."""
        inspector: trt.EngineInspector = self._engine.create_engine_inspector()
        inspector.execution_context = self._context
        return str(inspector.get_engine_information(trt.LayerInformationFormat.JSON))

    def listen(self) -> None:
        """Keep the tensors that no layer was fused over, from now on, whenever the engine runs."""
        self._listener = _listen(self._context, self._driver)

    def infer(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run once; return all outputs, and what was listened to, by name."""
        if self._listener is not None:
            self._listener.tensors = {}
        host = self._feed(given)
        places = self._prepare_outputs()
        self._enqueue()
        self._driver.wait(self._stream)
        found = dict(self._listener.tensors) if self._listener is not None else {}
        found.update(self._fetch(places))
        self._kept = [host]
        return found

    def time(self, given: Mapping[str, Tensor], warmup: int, runs: int, seconds: float) -> dict[str, list[float]]:
        """Run at least ``runs`` times and for ``seconds``; return milliseconds of each run after ``warmup``.

        ``latency``: on the host, copies included; ``enqueue``: on the host, until the engine was given to the GPU;
        ``copy_in``, ``compute``, ``copy_out``: on the GPU, between events.
        """
        host = self._feed(given)
        places = self._prepare_outputs()
        if any(isinstance(place, _Growing) for place in places.values()):
            raise Refused("An output's shape depends on values: such an engine cannot be timed here.")
        results = {name: self._empty(name) for name in self.outputs}
        events = [self._driver.event() for _ in range(4)]
        names = ("latency", "enqueue", "copy_in", "compute", "copy_out")
        taken: dict[str, list[float]] = {name: [] for name in names}
        end, done = time.perf_counter() + seconds, -warmup
        while done < runs or time.perf_counter() < end:
            if done == 0:
                end = time.perf_counter() + seconds
            row = self._timed_run(host, results, events)
            if done >= 0:
                for name, value in zip(names, row):
                    taken[name].append(value)
            done += 1
        return taken

    def profile(self, given: Mapping[str, Tensor], warmup: int, runs: int) -> list[dict[str, Any]]:
        """Return ``name`` and ``milliseconds`` in each of ``runs`` runs of every layer; watching slows it."""
        self._kept = [self._feed(given)]
        self._prepare_outputs()
        profiler = _profiler()
        self._context.profiler = profiler
        for turn in range(warmup + runs):
            if turn == warmup:
                profiler.times = {}
            self._enqueue()
            self._driver.wait(self._stream)
        return [{"name": name, "milliseconds": values} for name, values in profiler.times.items()]

    def _timed_run(
        self,
        host: Mapping[str, np.ndarray[Any, Any]],
        results: Mapping[str, np.ndarray[Any, Any]],
        events: Sequence[int],
    ) -> tuple[float, ...]:
        driver, stream = self._driver, self._stream
        started = time.perf_counter()
        driver.record(events[0], stream)
        for name, array in host.items():
            if not self._on_host(name):
                driver.to_device(self._memory[name][0], array, stream)
        driver.record(events[1], stream)
        before = time.perf_counter()
        self._enqueue()
        after = time.perf_counter()
        driver.record(events[2], stream)
        for name, array in results.items():
            if not self._on_host(name):
                driver.to_host(array, self._memory[name][0], stream)
        driver.record(events[3], stream)
        driver.wait(stream)
        latency = time.perf_counter() - started
        spans = [driver.milliseconds(events[at], events[at + 1]) for at in range(3)]
        return (latency * 1e3, (after - before) * 1e3, *spans)

    def _feed(self, given: Mapping[str, Tensor]) -> dict[str, np.ndarray[Any, Any]]:
        """Set shapes and values of all inputs; return the arrays, which must live until the run is over.

        Raises:
            Refused: an input is not fed, of another type, or outside of what the engine was built for.
        """
        host = {}
        for name in self.inputs:
            if name not in given:
                raise Refused(f"Input {name!r} of the engine is not fed.")
            array = host[name] = self._fitting(name, given[name])
            if not self._context.set_input_shape(name, tuple(array.shape)):
                least, _, most = (tuple(shape) for shape in self._engine.get_tensor_profile_shape(name, 0))
                raise Refused(
                    f"The engine takes input {name!r} of shapes from {_shown(least)} to {_shown(most)}, and it is fed "
                    f"{_shown(array.shape)}."
                )
            if self._on_host(name):
                self._context.set_tensor_address(name, array.ctypes.data)
                continue
            address = self._room(name, array.nbytes)
            self._driver.to_device(address, array, self._stream)
            self._context.set_tensor_address(name, address)
        missing = self._context.infer_shapes()
        if missing:
            raise Refused(f"The engine lacks the shape or the values of {missing[0]!r}.")
        self._driver.wait(self._stream)
        return host

    def _prepare_outputs(self) -> dict[str, Any]:
        """Give every output a place: an array on the host, an address on the device, or what grows during the run."""
        places: dict[str, Any] = {}
        for name in self.outputs:
            if self._kind(name) not in STORED:
                raise Refused(f"Output {name!r} of the engine is of {self._kind(name)}, which cannot be read.")
            if any(length < 0 for length in self._context.get_tensor_shape(name)):
                places[name] = _growing(self._driver)
                self._context.set_output_allocator(name, places[name])
                continue
            array = self._empty(name)
            if self._on_host(name):
                places[name] = array
                self._context.set_tensor_address(name, array.ctypes.data)
            else:
                places[name] = self._room(name, array.nbytes)
                self._context.set_tensor_address(name, places[name])
        return places

    def _fetch(self, places: Mapping[str, Any]) -> dict[str, Tensor]:
        found = {}
        for name, place in places.items():
            dtype, stored = STORED[self._kind(name)]
            if isinstance(place, np.ndarray):
                found[name] = Tensor(dtype, place)
                continue
            if isinstance(place, int):
                array, address = self._empty(name), place
            else:
                array, address = np.empty(place.shape, stored), place.address
            self._driver.to_host(array, address, self._stream)
            self._driver.wait(self._stream)
            found[name] = Tensor(dtype, array)
            if not isinstance(place, int):
                self._driver.release(address)
        return found

    def _enqueue(self) -> None:
        if not self._context.execute_async_v3(self._stream):
            raise Refused(f"TensorRT failed while running the engine: {self._log.because()}")

    def _fitting(self, name: str, tensor: Tensor) -> np.ndarray[Any, Any]:
        """Return an input's values in the engine's type; TensorRT 8 knows no 64-bit integers."""
        kind = self._kind(name)
        dtype, stored = STORED.get(kind, ("", ""))
        array = np.ascontiguousarray(tensor.array).reshape(tensor.array.shape)
        if dtype == tensor.dtype:
            return array
        if (tensor.dtype, dtype) not in (("int64", "int32"), ("float64", "float32")):
            raise Refused(f"The engine takes input {name!r} as {dtype or kind}, and it is fed {tensor.dtype}.")
        narrow = array.astype(stored)
        if dtype == "int32" and not np.array_equal(narrow, array):
            raise Refused(f"Input {name!r} has integers of more than 32 bits, which this TensorRT does not take.")
        return narrow

    def _empty(self, name: str) -> np.ndarray[Any, Any]:
        return np.empty(tuple(self._context.get_tensor_shape(name)), STORED[self._kind(name)][1])

    def _kind(self, name: str) -> str:
        return str(self._engine.get_tensor_dtype(name).name)

    def _on_host(self, name: str) -> bool:
        return bool(self._engine.get_tensor_location(name) == trt.TensorLocation.HOST)

    def _room(self, name: str, size: int) -> int:
        """Return the address of at least ``size`` bytes for a tensor, kept from run to run."""
        address, has = self._memory.get(name, (0, -1))
        if has < size:
            if has >= 0:
                self._driver.release(address)
            address = self._driver.allocate(size)
            self._memory[name] = address, size
        return address


class _Growing:
    """An output whose size only the run tells."""

    address = 0
    size = -1
    shape: tuple[int, ...] = ()


def _growing(driver: Driver) -> Any:
    class Allocator(trt.IOutputAllocator, _Growing):  # type: ignore[misc]
        """Called by TensorRT."""

        def __init__(self) -> None:
            trt.IOutputAllocator.__init__(self)

        def reallocate_output(self, tensor_name: str, memory: int, size: int, alignment: int) -> int:
            if size > self.size:
                if self.size >= 0:
                    driver.release(self.address)
                self.size = max(size, _ROOM)
                self.address = driver.allocate(self.size)
            return self.address

        def reallocate_output_async(self, tensor_name: str, memory: int, size: int, alignment: int, stream: int) -> int:
            return self.reallocate_output(tensor_name, memory, size, alignment)

        def notify_shape(self, tensor_name: str, shape: trt.Dims) -> None:
            self.shape = tuple(shape)

    return Allocator()


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
            self.times: dict[str, list[float]] = {}

        def report_layer_time(self, layer_name: str, ms: float) -> None:
            self.times.setdefault(layer_name, []).append(ms)

    return Profiler()


def _shown(shape: Sequence[int]) -> str:
    return json.dumps(list(shape))
