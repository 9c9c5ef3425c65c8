"""An execution context of a TensorRT engine: a way to run it, with a stream and memory of its own.

Memory, streams and events are the driver's (`cuda_driver.py`). As in `tensorrt_build.py`, objects of TensorRT are
annotated and what a version lacks is asked of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import Any, Callable

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
PHASES = ("copy_in", "compute", "copy_out")
"""What lies between the events of a timed run."""


class Context:
    """An execution context. Several of one engine run at the same time, each in a thread of its own."""

    def __init__(self, log: Log, driver: Driver, engine: trt.ICudaEngine) -> None:
        """Make it.

        Raises:
            Refused: the GPU lacks memory.
        """
        self._log, self._driver = log, driver
        self._engine: trt.ICudaEngine = engine
        self._context: trt.IExecutionContext = engine.create_execution_context()
        if self._context is None:
            raise Refused(f"TensorRT cannot make the engine ready to run: {log.because()}")
        self._stream = driver.stream()
        self._memory: dict[str, tuple[int, int]] = {}
        names = [self._engine.get_tensor_name(at) for at in range(self._engine.num_io_tensors)]
        mode = trt.TensorIOMode.INPUT
        self.inputs = [name for name in names if self._engine.get_tensor_mode(name) == mode]
        self.outputs = [name for name in names if self._engine.get_tensor_mode(name) != mode]

    @property
    def own(self) -> Any:
        """TensorRT's own object, for what listens to it."""
        return self._context

    def infer(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run once; return all outputs by name."""
        host = self._feed(given)
        places = self._prepare_outputs()
        self._enqueue()
        self._driver.wait(self._stream)
        found = self._fetch(places)
        del host  # its inputs on the host had to live until now
        return found

    def ready(self, given: Mapping[str, Tensor]) -> Callable[[], object]:
        """Return what runs once on ``given``, whenever called; everything that can be done before is done."""
        self._kept = self._feed(given)
        self._prepare_outputs()

        def run() -> None:
            self._enqueue()
            self._driver.wait(self._stream)

        return run

    def timed(self, given: Mapping[str, Tensor]) -> TimedCall:
        """Return what copies inputs in, runs and copies outputs out, whenever called, and notes the times of it."""
        host = self._feed(given)
        if any(isinstance(place, _Growing) for place in self._prepare_outputs().values()):
            raise Refused("An output's shape depends on values: such an engine cannot be timed here.")
        results = {name: self._empty(name) for name in self.outputs}
        takes = [(self._memory[name][0], array) for name, array in host.items() if not self._on_host(name)]
        gives = [(self._memory[name][0], array) for name, array in results.items() if not self._on_host(name)]
        self._kept = {**host, **results}
        return TimedCall(self._driver, self._stream, self._enqueue, takes, gives)

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


class TimedCall:
    """A run from arrays on the host to arrays on the host, with events between its parts."""

    def __init__(
        self,
        driver: Driver,
        stream: int,
        enqueue: Callable[[], None],
        takes: Sequence[tuple[int, np.ndarray[Any, Any]]],
        gives: Sequence[tuple[int, np.ndarray[Any, Any]]],
    ) -> None:
        """``takes`` and ``gives`` are addresses on the device with the arrays that go there, or come from there."""
        self._driver, self._stream, self._enqueue, self._takes, self._gives = driver, stream, enqueue, takes, gives
        self._events = [[driver.event() for _ in range(4)] for _ in range(2)]
        self._turn = 0
        self._spans: list[tuple[int, ...]] = []
        self._handing: list[int] = []

    def __call__(self) -> None:
        """Run once. The times of the run before are read while the device is at work, so that it costs nothing."""
        driver, stream = self._driver, self._stream
        first, before, after, last = self._events[self._turn % 2]
        driver.record(first, stream)
        for address, array in self._takes:
            driver.to_device(address, array, stream)
        driver.record(before, stream)
        start = perf_counter_ns()
        self._enqueue()
        self._handing.append(perf_counter_ns() - start)
        driver.record(after, stream)
        for address, array in self._gives:
            driver.to_host(array, address, stream)
        driver.record(last, stream)
        if self._turn:
            self._read(self._turn - 1)
        self._turn += 1
        driver.wait(stream)

    def phases(self) -> dict[str, list[int]]:
        """Return the nanoseconds of each run so far: ``enqueue`` on the host, the others between events."""
        if self._turn:
            self._read(self._turn - 1)
        self._turn = 0
        for event in (event for events in self._events for event in events):
            self._driver.forget(event)
        return {"enqueue": self._handing, **dict(zip(PHASES, map(list, zip(*self._spans))))}

    def _read(self, turn: int) -> None:
        events = self._events[turn % 2]
        self._spans.append(tuple(round(self._driver.milliseconds(*events[at : at + 2]) * 1e6) for at in range(3)))


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


def _shown(shape: Sequence[int]) -> str:
    return json.dumps(list(shape))
