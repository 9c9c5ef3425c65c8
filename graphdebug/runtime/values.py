"""What can be said of a value that came out of a run."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from onnx import helper

from graphdebug.model.records import ValueType
from graphdebug.model.value_types import dtype_name, dtype_number
from graphdebug.runtime.backend import Value


def type_of(value: Value) -> ValueType:
    """Return the type of a value: of a container, with the element type and shape of its first element."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        return ValueType(_dtype_of(array.dtype), tuple(array.shape))
    if isinstance(value, Mapping):
        first = next(iter(value.values()), None)
        return ValueType(_dtype_of(np.asarray(first).dtype) if first is not None else "", None, "map")
    if isinstance(value, list | tuple):
        inner = type_of(value[0]) if value else ValueType()
        return ValueType(inner.dtype, inner.shape, "sequence")
    if value is None:
        return ValueType(kind="optional")
    return ValueType(kind="sparse_tensor" if "Sparse" in type(value).__name__ else "unknown")


def bytes_of(value: Value) -> int:
    """Return the bytes of a value's elements, containers summed up; strings count as references."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(bytes_of(item) for item in value.values())
    if isinstance(value, list | tuple):
        return sum(bytes_of(item) for item in value)
    return 0


def describe(value: Value) -> str:
    """Say in a few words what a value is that is no array."""
    if value is None:
        return "an optional without a value"
    if isinstance(value, Mapping):
        return f"a map of {len(value)}"
    if isinstance(value, list | tuple):
        return f"a sequence of {len(value)}"
    return f"a {type_of(value).kind.replace('_', ' ')}"


def static_bytes(kind: ValueType | None, dims: Mapping[str, int]) -> int | None:
    """Return the bytes of a tensor of a declared type, symbolic dimensions looked up in ``dims``; None when unknown."""
    if kind is None or kind.kind != "tensor" or kind.shape is None:
        return None
    total = _itemsize(kind.dtype)
    if total is None:
        return None
    for dim in kind.shape:
        length = dim if isinstance(dim, int) else dims.get(dim or "")
        if length is None:
            return None
        total *= length
    return total


@lru_cache
def _itemsize(dtype: str) -> int | None:
    """Return the bytes of an element in NumPy; None where ONNX has no such type."""
    number = dtype_number(dtype)
    return int(np.dtype(helper.tensor_dtype_to_np_dtype(number)).itemsize) if number else None


def _dtype_of(dtype: np.dtype[Any]) -> str:
    """Return ONNX's name of an element type, empty when ONNX has none."""
    if dtype.hasobject or dtype.kind in "SUT":
        return "string"
    try:
        return dtype_name(helper.np_dtype_to_tensor_dtype(dtype))
    except (KeyError, ValueError):
        return ""
