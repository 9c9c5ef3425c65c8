"""Statistics of one tensor in float64, streamed over blocks that fit the processor's cache."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdebug.runtime.requests import TensorStatistics

BINS = 64
_BLOCK = 1 << 16
_EXACT_IN_FLOAT32 = frozenset(
    {"float16", "bfloat16", "int8", "uint8", "int4", "uint4", "int2", "uint2", "int16", "uint16"}
)


def statistics(array: NDArray[Any]) -> TensorStatistics | None:
    """Return the statistics of a tensor's finite elements; of complex elements, of their magnitude. None for strings.

    Mean and deviation (of the population) are merged block by block after Chan, Golub and LeVeque, "Updating Formulae
    and a Pairwise Algorithm for Computing Sample Variances" (1979), so that large means cost no precision.
    """
    if array.dtype.hasobject or (array.dtype.kind in "SUTMmV" and not _is_number(array.dtype)):
        return None
    moments = _Moments()
    for start, block in _blocks(array):
        moments.add(start, block)
    if not moments.count:
        return moments.record(array.shape, ())
    return moments.record(array.shape, _histogram(array, moments))


@dataclass(slots=True)
class _Moments:
    """Running statistics."""

    size: int = 0
    count: int = 0
    """Finite elements."""
    minimum: float = math.inf
    maximum: float = -math.inf
    mean: float = 0.0
    squares: float = 0.0
    """Sum of squared deviations from the mean."""
    zeros: int = 0
    nans: int = 0
    infs: int = 0
    first_nan: int | None = None
    first_inf: int | None = None

    def add(self, start: int, block: NDArray[Any]) -> None:
        """Take in a non-empty block of float32 or float64 elements that starts at flat position ``start``."""
        self.size += block.size
        low, high = float(block.min()), float(block.max())
        if not (math.isfinite(low) and math.isfinite(high)):  # min and max pass NaN on
            block = self._set_aside(start, block)
            if not block.size:
                return
            low, high = float(block.min()), float(block.max())
        self.zeros += block.size - int(np.count_nonzero(block))
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)
        with np.errstate(over="ignore", invalid="ignore"):
            wide = block.astype(np.float64)
            mean = float(wide.sum()) / block.size
            wide -= mean
            squares = float(np.square(wide, out=wide).sum())  # not wide @ wide: BLAS would wake its threads for it
            share = block.size / (self.count + block.size)
            shift = mean - self.mean
            self.squares += squares + shift * shift * self.count * share
            self.mean += shift * share
        self.count += block.size

    def _set_aside(self, start: int, block: NDArray[Any]) -> NDArray[Any]:
        """Count what is not finite, and return the rest."""
        nan, inf = np.isnan(block), np.isinf(block)
        self.nans += int(nan.sum())
        self.infs += int(inf.sum())
        if self.first_nan is None and nan.any():
            self.first_nan = start + int(nan.argmax())
        if self.first_inf is None and inf.any():
            self.first_inf = start + int(inf.argmax())
        finite: NDArray[Any] = block[~(nan | inf)]
        return finite

    def record(self, shape: tuple[int, ...], histogram: tuple[int, ...]) -> TensorStatistics:
        """Return the result; a number too large for float64 is None."""
        return TensorStatistics(
            size=self.size,
            minimum=self.minimum if self.count else None,
            maximum=self.maximum if self.count else None,
            mean=_finite(self.mean) if self.count else None,
            std=_finite(math.sqrt(self.squares / self.count)) if self.count and self.squares >= 0 else None,
            zeros=self.zeros,
            nans=self.nans,
            infs=self.infs,
            first_nan=_place(self.first_nan, shape),
            first_inf=_place(self.first_inf, shape),
            histogram=histogram,
        )


def _histogram(array: NDArray[Any], moments: _Moments) -> tuple[int, ...]:
    """Count finite elements in equal bins between minimum and maximum; all in the first bin when they are equal."""
    width = moments.maximum - moments.minimum
    if width == 0:
        return (moments.count, *(0,) * (BINS - 1))
    if not math.isfinite(width) or not math.isfinite(BINS / width):
        return ()
    counts = np.zeros(BINS + 1, np.int64)
    clean = moments.count == moments.size
    for _, block in _blocks(array):
        finite = block if clean else block[np.isfinite(block)]
        scaled = finite.astype(np.float64)
        scaled -= moments.minimum
        scaled *= BINS / width
        counts += np.bincount(scaled.astype(np.intp), minlength=BINS + 1)
    counts[BINS - 1] += counts[BINS]  # the maximum itself belongs to the last bin
    return tuple(counts[:BINS].tolist())


def _blocks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield (flat position, block) in C order, as float32 where that is exact, else as float64."""
    flat = array.reshape(-1)  # copies what is not contiguous
    for start in range(0, array.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        if block.dtype.kind == "c":
            block = np.abs(block.astype(np.complex128))
        elif block.dtype not in (np.float32, np.float64):
            narrow = block.dtype.name in _EXACT_IN_FLOAT32 or block.dtype.name.startswith("float8")
            block = block.astype(np.float32 if narrow or block.dtype == np.bool_ else np.float64)
        yield start, block


def _is_number(dtype: np.dtype[Any]) -> bool:
    """Return whether a dtype that NumPy calls void is one of ml_dtypes' numbers."""
    return dtype.name.startswith(("bfloat", "float", "int", "uint"))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _place(position: int | None, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    return None if position is None else tuple(int(step) for step in np.unravel_index(position, shape))
