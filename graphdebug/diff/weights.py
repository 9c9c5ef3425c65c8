"""Stored values held against each other, a chunk at a time: they are mapped, never loaded whole."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx

from graphdebug.diff.records import Stored, WeightDiff
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError, is_external, locate
from graphdebug.model.tensors import Array, TensorError, read_tensor, release
from graphdebug.model.value_types import tensor_type

_CHUNK = 1 << 18
"""Elements at a time."""


def weight_diff(
    models: tuple[Model, Model], tensors: tuple[onnx.TensorProto, onnx.TensorProto], stored: tuple[Stored, Stored]
) -> WeightDiff | None:
    """Return what differs between two stored tensors, None when type, shape and all values are the same.

    Values are the same when their bytes are; of one shape and two element types, when they are the same numbers.
    """
    left, right = tensors
    types = tensor_type(left), tensor_type(right)
    if types[0] == types[1] and (_same_place(models, tensors) or _same_message(left, right)):
        return None
    if types[0].shape != types[1].shape:
        return WeightDiff(*stored, note="the shapes differ")
    arrays: list[Array] = []
    try:
        arrays = [read_tensor(model, tensor) for model, tensor in zip(models, tensors, strict=True)]
        elements, differing, max_abs, note = _measured(*arrays)
    except (TensorError, ExternalDataError, OSError) as error:
        return WeightDiff(*stored, note=f"the values cannot be read: {str(error).rstrip('.')}")
    finally:
        for array in arrays:
            release(array)
    if not differing and types[0] == types[1]:
        return None
    return WeightDiff(*stored, elements, differing, max_abs, note)


def _same_place(models: tuple[Model, Model], tensors: tuple[onnx.TensorProto, onnx.TensorProto]) -> bool:
    """Say whether both tensors are the same bytes of one file."""
    if not all(map(is_external, tensors)):
        return False
    try:
        left, right = (locate(model.path, tensor, model.values) for model, tensor in zip(models, tensors, strict=True))
    except (ExternalDataError, OSError):
        return False
    return left == right


def _same_message(left: onnx.TensorProto, right: onnx.TensorProto) -> bool:
    """Say whether two tensors that hold their values themselves are the same but for their names."""
    if is_external(left) or is_external(right):
        return False
    bare = onnx.TensorProto(), onnx.TensorProto()
    for copy, tensor in zip(bare, (left, right), strict=True):
        copy.CopyFrom(tensor)
        copy.ClearField("name")
        copy.ClearField("doc_string")
    return bool(bare[0] == bare[1])


def _measured(left: Array, right: Array) -> tuple[int, int, float | None, str]:
    """Return how many elements there are and how many differ, by how much at most, and why that is not known."""
    differing, largest, measurable, odd = 0, 0.0, True, False
    for ours, theirs in _chunks(left, right):
        differ = _differ(ours, theirs)
        if not (count := int(np.count_nonzero(differ))):
            continue
        differing += count
        if not (measurable := measurable and _is_numeric(ours) and _is_numeric(theirs)):
            continue
        with np.errstate(all="ignore"):
            apart = np.abs(_wide(ours[differ]) - _wide(theirs[differ]))
        finite = np.isfinite(apart)
        odd |= not finite.all()
        largest = max(largest, float(apart[finite].max(initial=0.0)))
    if not measurable:
        return left.size, differing, None, ""
    return left.size, differing, largest, "some differ in being finite" if odd else ""


def _chunks(left: Array, right: Array) -> Iterator[tuple[Array, Array]]:
    ours, theirs = left.reshape(-1), right.reshape(-1)
    for start in range(0, ours.size, _CHUNK):
        yield ours[start : start + _CHUNK], theirs[start : start + _CHUNK]


def _differ(ours: Array, theirs: Array) -> Any:
    if ours.dtype == object or theirs.dtype == object:
        return ours != theirs
    if ours.dtype == theirs.dtype:
        return (_bytes(ours) != _bytes(theirs)).any(axis=1)
    wide = _wide(ours), _wide(theirs)
    return (wide[0] != wide[1]) & ~(np.isnan(wide[0]) & np.isnan(wide[1]))


def _bytes(array: Array) -> Any:
    """Return [elements, bytes of one]: in words where elements are words."""
    size = array.dtype.itemsize
    word = np.dtype(f"u{size}") if size in (1, 2, 4, 8) else np.dtype("u1")
    return np.ascontiguousarray(array).view(word).reshape(array.size, -1)


def _is_numeric(array: Array) -> bool:
    return array.dtype != object


def _wide(array: Array) -> Any:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
