"""What a weight looks like: statistics and a window of its values, read lazily from where they lie."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from graphdebug.model.document import Model
from graphdebug.model.records import ValueType
from graphdebug.model.tensors import payload_bytes, read_tensor, release
from graphdebug.model.value_types import tensor_type
from graphdebug.runtime.requests import TensorStatistics
from graphdebug.runtime.statistics import statistics

WINDOW = 64
"""Rows and columns of the window of values, at most."""
FIRST = 16


@dataclass(frozen=True, slots=True)
class Initializer:
    """A weight. ``window`` is the slice of the last two axes at ``at`` (one index for each axis before them), cut to
    64 × 64; numbers that are not finite are None there and in ``first``, the first values in C order.

    ``statistics`` and ``window`` are None for what is not numeric.
    """

    name: str
    type: ValueType
    bytes: int
    statistics: TensorStatistics | None
    at: tuple[int, ...]
    window: tuple[tuple[float | None, ...], ...] | None
    first: tuple[float | int | bool | str | None, ...]


def describe_initializer(model: Model, tensor: onnx.TensorProto, at: Sequence[int] = ()) -> Initializer:
    """Read a weight of ``model``. ``at`` chooses the slice; indices outside are brought back inside.

    Raises:
        TensorError, ExternalDataError, OSError: the values contradict shape or type, or cannot be read.
    """
    values = read_tensor(model, tensor)
    try:
        return _describe(tensor, values, at)
    finally:
        release(values)


def _describe(tensor: onnx.TensorProto, values: np.ndarray[Any, Any], at: Sequence[int]) -> Initializer:
    outer = values.shape[:-2]
    place = tuple(
        min(max(at[axis] if axis < len(at) else 0, 0), max(length - 1, 0)) for axis, length in enumerate(outer)
    )
    is_text = values.dtype == object
    # A flat view costs nothing where the values lie in C order, as those of a file do.
    first = tuple(_plain(value) for value in values.reshape(-1)[:FIRST])
    return Initializer(
        name=tensor.name,
        type=tensor_type(tensor),
        bytes=payload_bytes(tensor),
        statistics=None if is_text else statistics(values),
        at=place,
        window=None if is_text or not values.size else window(values, place),
        first=first,
    )


def window(values: np.ndarray[Any, Any], place: tuple[int, ...]) -> tuple[tuple[float | None, ...], ...]:
    """Return the plane of the last two axes at ``place``, cut to 64 × 64; None for what is not finite."""
    plane = np.atleast_2d(values[place])[:WINDOW, :WINDOW]
    if np.iscomplexobj(plane):
        plane = np.abs(plane)
    return tuple(tuple(_finite(value) for value in row) for row in plane.astype(np.float64).tolist())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: Any) -> float | int | bool | str | None:
    """Return one element as JSON has it."""
    if isinstance(value, (str, bytes)):
        return str(value)[:200]
    if isinstance(value, (np.bool_, bool)):
        return bool(value)
    if isinstance(value, (np.integer, int)):
        return int(value)
    if isinstance(value, (complex, np.complexfloating)):
        return str(value)
    return _finite(float(value))
