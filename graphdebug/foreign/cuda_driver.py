"""NVIDIA's driver, by ctypes: a device, its memory, streams and events, with no CUDA package installed.

Names and meanings are those of the driver API: https://docs.nvidia.com/cuda/cuda-driver-api/.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from graphdebug.foreign.talk import Refused

_LIBRARY = "libcuda.so.1"
_MAJOR, _MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR."""
_NON_BLOCKING = 1
_SMALLEST = 256
"""Bytes: an empty tensor has an address too."""
_WORDS = {
    2: "the GPU has not enough free memory",
    100: "the driver sees no GPU",
    101: "there is no GPU of that number",
    700: "a kernel used an address that it may not use",
    803: "the driver is older than what runs on it",
}
_Handle, _Address, _Size = ctypes.c_void_p, ctypes.c_uint64, ctypes.c_size_t


class Driver:
    """Device ``device`` of this machine, made the current one of this thread."""

    def __init__(self, device: int = 0) -> None:
        """Load the driver and take the device's primary context.

        Raises:
            Refused: this machine has no driver or no such GPU.
        """
        try:
            self._library: Any = ctypes.CDLL(_LIBRARY)
        except OSError:
            raise Refused(
                "TensorRT runs on NVIDIA GPUs only, and this machine has no driver of one (libcuda.so.1 cannot be "
                "loaded): run it on a machine with an NVIDIA GPU and its driver."
            ) from None
        handle, context = ctypes.c_int(), _Handle()
        try:
            self._call("cuInit", ctypes.c_uint(0))
            self._call("cuDeviceGet", ctypes.byref(handle), ctypes.c_int(device))
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), handle)
            self._call("cuCtxSetCurrent", context)
        except Refused as error:
            raise Refused(
                f"TensorRT cannot use GPU {device} of this machine: {error} Look what nvidia-smi says of it."
            ) from None
        self._device, self._context = handle, context

    def enter(self) -> None:
        """Make the device the current one of a further thread."""
        self._call("cuCtxSetCurrent", self._context)

    def describe(self) -> dict[str, Any]:
        """Return the device's name, compute capability, memory in bytes, and the CUDA version of its driver."""
        name = ctypes.create_string_buffer(256)
        total, number = _Size(), ctypes.c_int()
        self._call("cuDeviceGetName", name, ctypes.c_int(256), self._device)
        self._call("cuDeviceTotalMem_v2", ctypes.byref(total), self._device)
        capability = []
        for attribute in (_MAJOR, _MINOR):
            self._call("cuDeviceGetAttribute", ctypes.byref(number), ctypes.c_int(attribute), self._device)
            capability.append(str(number.value))
        self._call("cuDriverGetVersion", ctypes.byref(number))
        return {
            "device": name.value.decode("utf-8", "replace"),
            "capability": ".".join(capability),
            "memory": total.value,
            "cuda": f"{number.value // 1000}.{number.value % 1000 // 10}",
        }

    def free_memory(self) -> int:
        """Return how many bytes of the device's memory are free."""
        free, total = _Size(), _Size()
        self._call("cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
        return free.value

    def allocate(self, size: int) -> int:
        """Return the address of ``size`` new bytes on the device."""
        address = _Address()
        self._call("cuMemAlloc_v2", ctypes.byref(address), _Size(max(size, _SMALLEST)))
        return address.value

    def release(self, address: int) -> None:
        """Give back what `allocate` gave."""
        self._call("cuMemFree_v2", _Address(address))

    def to_device(self, address: int, array: np.ndarray[Any, Any], stream: int) -> None:
        """Copy a contiguous array to the device, in the order of ``stream``."""
        size = _Size(array.nbytes)
        self._call("cuMemcpyHtoDAsync_v2", _Address(address), _Handle(array.ctypes.data), size, _Handle(stream))

    def to_host(self, array: np.ndarray[Any, Any], address: int, stream: int) -> None:
        """Fill a contiguous array from the device, in the order of ``stream``."""
        size = _Size(array.nbytes)
        self._call("cuMemcpyDtoHAsync_v2", _Handle(array.ctypes.data), _Address(address), size, _Handle(stream))

    def stream(self) -> int:
        """Return a new stream that does not wait for the default one."""
        return self._made("cuStreamCreate", ctypes.c_uint(_NON_BLOCKING))

    def wait(self, stream: int) -> None:
        """Wait until all that was given to ``stream`` is done."""
        self._call("cuStreamSynchronize", _Handle(stream))

    def event(self) -> int:
        """Return a new event that notes when it is reached."""
        return self._made("cuEventCreate", ctypes.c_uint(0))

    def forget(self, event: int) -> None:
        """Give back what `event` gave."""
        self._call("cuEventDestroy_v2", _Handle(event))

    def record(self, event: int, stream: int) -> None:
        """Put ``event`` behind all that was given to ``stream`` so far."""
        self._call("cuEventRecord", _Handle(event), _Handle(stream))

    def milliseconds(self, start: int, end: int) -> float:
        """Return the time between two events that have been reached."""
        elapsed = ctypes.c_float()
        self._call("cuEventElapsedTime", ctypes.byref(elapsed), _Handle(start), _Handle(end))
        return float(elapsed.value)

    def _made(self, function: str, *arguments: Any) -> int:
        handle = _Handle()
        self._call(function, ctypes.byref(handle), *arguments)
        return handle.value or 0

    def _call(self, function: str, *arguments: Any) -> None:
        code = getattr(self._library, function)(*arguments)
        if code:
            why = _WORDS.get(code, f"error {code} of the CUDA driver")
            raise Refused(f"{why} ({function}).")
