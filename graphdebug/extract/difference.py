"""Whether two runs gave the same: element by element, in float64."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdebug.extract.records import Difference
from graphdebug.runtime.backend import Value
from graphdebug.runtime.values import describe

_BLOCK = 1 << 20
"""Elements compared at once."""


def difference(name: str, expected: Value, actual: Value) -> Difference:
    """Hold two values of output ``name`` against each other; of containers, all elements."""
    if isinstance(expected, list | tuple) and isinstance(actual, list | tuple):
        if len(expected) != len(actual):
            return Difference(name, False, None, f"{len(actual)} elements instead of {len(expected)}")
        each = [difference(name, one, other) for one, other in zip(expected, actual, strict=True)]
        return max(each, key=_badness, default=Difference(name, True))
    if isinstance(expected, np.ndarray | np.generic) and isinstance(actual, np.ndarray | np.generic):
        return _of_arrays(name, np.asarray(expected), np.asarray(actual))
    if expected is None and actual is None:
        return Difference(name, True)
    if isinstance(expected, dict) and isinstance(actual, dict):
        return Difference(name, expected == actual, 0.0 if expected == actual else None, "maps: not measured")
    return Difference(name, False, None, f"{_kind(actual)} instead of {_kind(expected)}")


def _of_arrays(name: str, expected: NDArray[Any], actual: NDArray[Any]) -> Difference:
    if expected.shape != actual.shape:
        return Difference(name, False, None, f"shape {list(actual.shape)} instead of {list(expected.shape)}")
    if expected.dtype != actual.dtype:
        return Difference(name, False, None, f"{actual.dtype.name} instead of {expected.dtype.name}")
    if expected.dtype.kind in "OSUT":
        same = bool(np.array_equal(expected, actual))
        return Difference(name, same, 0.0 if same else None, "" if same else "strings differ")
    same, largest, unmeasured = True, 0.0, False
    one, other = expected.reshape(-1), actual.reshape(-1)
    for start in range(0, one.size, _BLOCK):
        left, right = one[start : start + _BLOCK], other[start : start + _BLOCK]
        if np.array_equal(left.view(np.uint8), right.view(np.uint8)):
            continue
        left_wide, right_wide = _wide(left), _wide(right)
        differs = (left != right) & ~(np.isnan(left_wide) & np.isnan(right_wide))
        with np.errstate(invalid="ignore"):
            apart = np.abs(left_wide - right_wide)[differs]
        measured = np.isfinite(apart)
        same &= not differs.any()
        unmeasured |= not measured.all()
        largest = max(largest, float(np.max(apart, where=measured, initial=0.0)))
    return Difference(name, same, None if unmeasured else largest, "not finite on one side only" if unmeasured else "")


def _wide(array: NDArray[Any]) -> NDArray[Any]:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _badness(found: Difference) -> tuple[bool, float]:
    return not found.same, float("inf") if found.largest is None else found.largest


def _kind(value: Value) -> str:
    return "a tensor" if isinstance(value, np.ndarray | np.generic) else describe(value)
