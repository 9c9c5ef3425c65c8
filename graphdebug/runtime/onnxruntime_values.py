"""Values on their way in and out of ONNX Runtime, the element types that NumPy lacks included."""

import ctypes
from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from graphdebug.runtime.backend import Value

_BARE = {
    "tensor(bfloat16)": np.dtype(ml_dtypes.bfloat16),
    "tensor(float8e4m3fn)": np.dtype(ml_dtypes.float8_e4m3fn),
    "tensor(float8e4m3fnuz)": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "tensor(float8e5m2)": np.dtype(ml_dtypes.float8_e5m2),
    "tensor(float8e5m2fnuz)": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "tensor(float8e8m0)": np.dtype(ml_dtypes.float8_e8m0fnu),
}
"""ONNX Runtime's type name → dtype of as many bytes an element, where its own conversion to NumPy fails or loses it."""

_PACKED = {"tensor(int4)": np.dtype(ml_dtypes.int4), "tensor(uint4)": np.dtype(ml_dtypes.uint4)}
"""Two elements a byte, the low half first (onnx.proto, TensorProto.raw_data)."""

_ONNX_NUMBERS = {
    np.dtype(ml_dtypes.bfloat16): 16,
    np.dtype(ml_dtypes.float8_e4m3fn): 17,
    np.dtype(ml_dtypes.float8_e4m3fnuz): 18,
    np.dtype(ml_dtypes.float8_e5m2): 19,
    np.dtype(ml_dtypes.float8_e5m2fnuz): 20,
    np.dtype(ml_dtypes.float8_e8m0fnu): 24,
}
"""dtype → TensorProto.DataType, for feeds."""

_CONVERTED = frozenset(
    f"tensor({name})"
    for name in (
        *("float", "double", "float16", "bool", "string"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    )
)


def is_raw(type_name: str) -> bool:
    """Return whether tensors of this type must be read from memory instead of converted by ONNX Runtime."""
    return type_name in _BARE or type_name in _PACKED


def is_readable(type_name: str) -> bool:
    """Return whether values of this type can be fetched at all."""
    return is_raw(type_name) or type_name in _CONVERTED or not type_name.startswith(("tensor(", "sparse_tensor("))


def to_feed(value: Value) -> Any:
    """Return ``value`` as ONNX Runtime takes it: element types unknown to NumPy go in as an OrtValue."""
    if not isinstance(value, np.ndarray | np.generic):
        return value
    array = np.asarray(value)
    number = _ONNX_NUMBERS.get(array.dtype)
    if number is None:
        return array
    bits = np.ascontiguousarray(array).view(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, number)


def from_ort_value(value: ort.OrtValue) -> NDArray[Any]:
    """Return a tensor's elements as an array that owns its memory.

    Raises:
        ValueError: the tensor lies on a device.
    """
    type_name = value.data_type()
    if not is_raw(type_name):
        converted: NDArray[Any] = value.numpy()
        return converted
    if value.device_name().lower() != "cpu":
        raise ValueError(f"{type_name} lies on {value.device_name()}")
    shape = tuple(value.shape())
    size = value.tensor_size_in_bytes()
    memory = ctypes.string_at(value.data_ptr(), size) if size else b""
    if type_name in _PACKED:
        return _unpack(np.frombuffer(memory, np.uint8), shape, _PACKED[type_name])
    return np.frombuffer(memory, _BARE[type_name]).reshape(shape).copy()


def _unpack(packed: NDArray[np.uint8], shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return one element a byte. An odd count leaves the last half byte unused."""
    halves = np.stack([packed & 0xF, packed >> 4], axis=-1).reshape(-1)
    count = int(np.prod(shape, dtype=np.int64))
    signed = dtype == np.dtype(ml_dtypes.int4)
    values = halves[:count].astype(np.int8)
    if signed:
        values = ((values ^ 8) - 8).astype(np.int8)
    return values.astype(dtype).reshape(shape)
