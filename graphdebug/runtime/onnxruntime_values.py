"""Values on their way in and out of ONNX Runtime, the element types that NumPy lacks included."""

import ctypes
import math
from collections.abc import Sequence
from typing import Any

import ml_dtypes
import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.records import ValueType
from graphdebug.runtime.backend import Value

_RAW = {
    "tensor(bfloat16)": np.dtype(ml_dtypes.bfloat16),
    "tensor(float8e4m3fn)": np.dtype(ml_dtypes.float8_e4m3fn),
    "tensor(float8e4m3fnuz)": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "tensor(float8e5m2)": np.dtype(ml_dtypes.float8_e5m2),
    "tensor(float8e5m2fnuz)": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "tensor(float8e8m0)": np.dtype(ml_dtypes.float8_e8m0fnu),
    "tensor(float4e2m1)": np.dtype(ml_dtypes.float4_e2m1fn),
    "tensor(int4)": np.dtype(ml_dtypes.int4),
    "tensor(uint4)": np.dtype(ml_dtypes.uint4),
    "tensor(int2)": np.dtype(ml_dtypes.int2),
    "tensor(uint2)": np.dtype(ml_dtypes.uint2),
}
"""ONNX Runtime's type name → dtype, where its own conversion to NumPy fails or loses the type."""

_CONVERTED = frozenset(
    f"tensor({name})"
    for name in (
        *("float", "double", "float16", "bool", "string"),
        *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    )
)


def is_raw(type_name: str) -> bool:
    """Return whether tensors of this type must be read from memory instead of converted by ONNX Runtime."""
    return type_name in _RAW


def is_readable(type_name: str) -> bool:
    """Return whether values of this type can be fetched at all: all but complex tensors."""
    return is_raw(type_name) or type_name in _CONVERTED or not type_name.startswith("tensor(")


def type_of_argument(type_name: str, shape: Sequence[int | str | None] | None) -> ValueType:
    """Return the type that a session states of an input or output; anything but a tensor is of unknown kind.

    A scalar and a tensor of unknown rank are stated alike, with an empty shape: both are of unknown shape here.
    """
    if not type_name.startswith("tensor("):
        return ValueType(kind="unknown")
    return ValueType(type_name.removeprefix("tensor(").removesuffix(")"), tuple(shape) if shape else None)


def to_feed(value: Value) -> Any:
    """Return ``value`` as ONNX Runtime takes it: element types unknown to NumPy go in as an OrtValue."""
    if not isinstance(value, np.ndarray | np.generic):
        return value
    array = np.asarray(value)
    return _copied(array) if array.dtype in _RAW.values() else array


def to_ort_value(value: "NDArray[Any] | ort.OrtValue") -> ort.OrtValue:
    """Return what `to_feed` gave, of which it must be a tensor, as an OrtValue in the host's memory."""
    return value if isinstance(value, ort.OrtValue) else ort.OrtValue.ortvalue_from_numpy(value)


def _copied(array: NDArray[Any]) -> ort.OrtValue:
    """Copy an array into an OrtValue in ONNX's raw layout, which is ONNX Runtime's in memory."""
    number = helper.np_dtype_to_tensor_dtype(array.dtype)
    value = ort.OrtValue.ortvalue_from_shape_and_type(list(array.shape), number)
    data = numpy_helper.from_array(array).raw_data
    if data:
        ctypes.memmove(value.data_ptr(), data, len(data))
    return value


def from_ort_value(value: ort.OrtValue) -> NDArray[Any]:
    """Return a tensor's elements as an array that owns its memory.

    Raises:
        ValueError: the tensor lies on a device.
    """
    dtype = _RAW.get(value.data_type())
    if dtype is None:
        converted: NDArray[Any] = value.numpy()
        return converted
    if value.device_name().lower() != "cpu":
        raise ValueError(f"{value.data_type()} lies on {value.device_name()}")
    shape = tuple(value.shape())
    if not math.prod(shape):
        return np.empty(shape, dtype)
    proto = TensorProto(dims=shape, data_type=helper.np_dtype_to_tensor_dtype(dtype))
    proto.raw_data = ctypes.string_at(value.data_ptr(), value.tensor_size_in_bytes())
    return np.array(numpy_helper.to_array(proto))
