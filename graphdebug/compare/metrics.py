"""Errors of one tensor against another, in float64, over blocks that fit the cache.

With ``r`` the reference, ``c`` the candidate, ``d = c - r`` over the elements that are finite (elements where both
sides are NaN, or infinite with the same sign, are equal and left out of the sums; ``n`` counts the rest):

* ``max_abs`` = max |d|, ``mean_abs`` = Σ|d| / n, ``rmse`` = √(Σ d² / n), all in the tensor's own unit;
* ``max_rel`` = max |d| / |r| where r ≠ 0;
* ``cosine`` = Σ r·c / √(Σ r² · Σ c²), in [-1, 1], None when a side is zero;
* ``sqnr_db`` = 10 · log10(Σ r² / Σ d²), decibel; None when nothing differs or the reference is zero;
* ``max_ulp`` = the most representable numbers of the dtype that lie between two elements (floats of one dtype);
* ``reference_rms`` = √(Σ r² / n), the scale of the tolerance;
* ``argmax_agreement`` = share of rows along the last axis with the same argmax, where asked for.

Complex numbers count as their real and imaginary parts in the sums and as magnitudes everywhere else.
"""

import math
import sys
from dataclasses import dataclass, field
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from graphdebug.compare.hull import HullBuilder
from graphdebug.compare.records import Metrics, Tolerance

Array = NDArray[Any]
Floats = NDArray[np.float64]

BLOCK = 19968
"""Elements a block: its float64 temporaries stay in the cache."""

_DOT = BLOCK // 2
"""Elements a dot product: OpenBLAS starts threads from 10,000 on, which would fight with ours."""

SAMPLE = 1024
"""Elements of a large tensor that the joint histogram looks at."""

_STRETCHES = np.arange(SAMPLE) + np.random.default_rng(0).random(SAMPLE)
"""Where the sample is drawn, in units of a stretch."""

ZERO_EXPONENT = -2000
"""Stands for log2 of zero in the joint histogram."""

_BIAS, _NOT_FINITE = 1023, 2047
"""Exponents of float64 as its bits have them (IEEE 754): what is added to each, and the one of infinity and NaN."""

_WORDS = {size: np.dtype(f"u{size}") for size in (1, 2, 4, 8)}

_SIGN_MAGNITUDE = frozenset(
    np.dtype(kind)
    for kind in (np.float16, np.float32, np.float64, ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)
)
"""Dtypes whose bits, without the sign, count up with the magnitude: there ULP distances are differences of bits."""


class NonFiniteError(Exception):
    """An element is NaN or infinite on one side and something else on the other; the message says where."""


def measure(reference: Array, candidate: Array, rank_last_axis: bool = False) -> Metrics:
    """Return the errors of two arrays of one shape (any) and of numeric or boolean dtypes, with at least one element.

    ``rank_last_axis`` asks for the argmax agreement (rank ≥ 2 and a last dimension > 1, else it stays None).

    Raises:
        NonFiniteError: the sides are not finite at different places or in different ways.
    """
    flat_reference, flat_candidate = _flat(reference), _flat(candidate)
    with np.errstate(all="ignore"):
        same = _same_bytes(flat_reference, flat_candidate)
        sums = _Sums(unit=_unit(flat_reference, flat_candidate), identical=same)
        try:
            for start in range(0, flat_reference.size, BLOCK):
                stop = start + BLOCK
                if same:
                    sums.add_identical(flat_reference[start:stop])
                else:
                    sums.add(start, flat_reference[start:stop], flat_candidate[start:stop])
        except _StrangeElementError as place:
            raise NonFiniteError(_describe(place.index, reference, candidate)) from None
        joint = () if sums.identical else joint_histogram(flat_reference, flat_candidate)
        agreement = argmax_agreement(reference, candidate) if rank_last_axis else None
        return _metrics(sums, reference, candidate, joint, agreement)


def share_outside(reference: Array, candidate: Array, rtol: float, limit: float) -> float:
    """Return the share of elements with ``|candidate - reference| > limit + rtol * |reference|``."""
    flat_reference, flat_candidate = _flat(reference), _flat(candidate)
    outside = 0
    with np.errstate(all="ignore"):
        for start in range(0, flat_reference.size, BLOCK):
            r, d = _difference(flat_reference[start : start + BLOCK], flat_candidate[start : start + BLOCK])
            outside += int(np.count_nonzero(np.abs(d) - rtol * np.abs(r) > limit))
    return outside / flat_reference.size


def estimate_share_outside(metrics: Metrics, tolerance: Tolerance, scale: float) -> float:
    """Estimate the share outside ``tolerance`` from the joint histogram, values spread evenly (in log2) over a cell."""
    if not metrics.joint:
        return 0.0
    cells = np.array(metrics.joint, dtype=np.float64)
    steps = (np.arange(8) + 0.5) / 8
    reference = np.where(cells[:, :1] == ZERO_EXPONENT, 0.0, np.exp2(cells[:, :1] + steps))[:, :, None]
    error = np.where(cells[:, 1:2] == ZERO_EXPONENT, 0.0, np.exp2(cells[:, 1:2] + steps))[:, None, :]
    outside = error - tolerance.rtol * reference > tolerance.atol * scale
    return float((outside.mean(axis=(1, 2)) * cells[:, 2]).sum() / cells[:, 2].sum())


def joint_histogram(reference: Array, candidate: Array) -> tuple[tuple[int, int, int], ...]:
    """Count elements over (⌊log2 |reference|⌋, ⌊log2 |error|⌋): a sparse histogram of flat arrays.

    Of more than `SAMPLE` elements one is drawn from each of as many equal stretches (jittered, so that no period of
    the tensor can hide; the draw is the same every time). Zeros, and numbers below the smallest normal float64, go to
    `ZERO_EXPONENT`.
    """
    if reference.size > SAMPLE:
        places = (_STRETCHES * (reference.size / SAMPLE)).astype(np.int64)
        reference, candidate = reference[places], candidate[places]
    r, d = _difference(reference, candidate)
    row, column = _exponent(np.abs(r)), _exponent(np.abs(d))
    finite = np.maximum(row, column) < _NOT_FINITE
    if not finite.all():
        row, column = row[finite], column[finite]
    cells = np.sort((row << 11) + column)
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    cells, counts = cells[starts], np.diff(starts, append=len(cells))
    rows, columns = (np.where(part == 0, ZERO_EXPONENT, part - _BIAS).tolist() for part in (cells >> 11, cells & 0x7FF))
    return tuple(zip(rows, columns, counts.tolist(), strict=True))


def argmax_agreement(reference: Array, candidate: Array) -> float | None:
    """Return the share of rows along the last axis whose largest element (the first of equals) is at the same place."""
    if reference.ndim < 2 or reference.shape[-1] < 2:
        return None
    return float((_argmax(reference) == _argmax(candidate)).mean())


def _argmax(array: Array) -> NDArray[np.int64]:
    native = array if array.dtype.kind == "f" else array.astype(np.float32)
    return np.asarray(native.argmax(axis=-1))


class _StrangeElementError(Exception):
    """A non-finite element on one side only, at ``index`` of the flat arrays."""

    def __init__(self, index: int) -> None:
        self.index = index


@dataclass
class _Sums:
    """What one pass over the blocks gathers; errors and references are divided by ``unit`` (a power of two)."""

    unit: float
    identical: bool
    count: int = 0
    error: float = 0.0
    error_squared: float = 0.0
    reference_squared: float = 0.0
    cross: float = 0.0
    """Σ r·d"""
    worst: float = 0.0
    worst_at: int = 0
    max_ulp: float | None = None
    hull: HullBuilder = field(default_factory=HullBuilder)

    def add(self, start: int, reference: Array, candidate: Array) -> None:
        """Take in one block that begins at element ``start``; both sides [n], the dtypes may differ."""
        r, d = _difference(reference, candidate, self.unit)
        reference_squared, error_squared = _dot(r, r), _dot(d, d)
        finite = len(reference)
        if not math.isfinite(reference_squared + error_squared):
            keep = _finite_pairs(start, reference, candidate)
            finite = int(keep.sum())
            reference, candidate = (np.where(keep, side, np.zeros((), side.dtype)) for side in (reference, candidate))
            r, d = _difference(reference, candidate, self.unit)
            reference_squared, error_squared = _dot(r, r), _dot(d, d)
        error = np.abs(d)
        self.count += finite
        self.error += float(error.sum())
        self.error_squared += error_squared
        self.reference_squared += reference_squared
        self.cross += _dot(r, d)
        self.hull.add(np.abs(r), error)
        at = int(error.argmax())
        if error[at] > self.worst:
            self.worst, self.worst_at = float(error[at]), start + at
        if reference.dtype == candidate.dtype and reference.dtype in _SIGN_MAGNITUDE:
            self.max_ulp = max(self.max_ulp or 0.0, max_ulp(reference, candidate))

    def add_identical(self, reference: Array) -> None:
        """Take in one block of two tensors that are the same byte by byte."""
        r = _wide(reference, self.unit)
        squared = _dot(r, r)
        if not math.isfinite(squared):
            r = r[np.isfinite(r)]
            squared = _dot(r, r)
        self.count += len(r)
        self.reference_squared += squared


def max_ulp(reference: Array, candidate: Array) -> float:
    """Return the largest ULP distance of two arrays of one sign-magnitude float dtype; -0 and +0 are one number."""
    bits = reference.dtype.itemsize * 8
    signed, unsigned = np.dtype(f"i{bits // 8}"), np.dtype(f"u{bits // 8}")
    a, b = reference.view(signed), candidate.view(signed)
    if (a ^ b).min() < 0:  # some signs differ: count through zero, on integers in the order of the floats
        magnitude = signed.type((1 << (bits - 1)) - 1)
        sign_a, sign_b = a >> signed.type(bits - 1), b >> signed.type(bits - 1)
        a, b = ((a & magnitude) ^ sign_a) - sign_a, ((b & magnitude) ^ sign_b) - sign_b
        return float((np.maximum(a, b).view(unsigned) - np.minimum(a, b).view(unsigned)).max())
    return float(np.abs(a - b).max())


def _metrics(
    sums: _Sums, reference: Array, candidate: Array, joint: tuple[tuple[int, int, int], ...], agreement: float | None
) -> Metrics:
    """Finish the sums. A number that overflows even float64 is given as the largest finite one, or None."""
    unit, count = sums.unit, max(sums.count, 1)
    candidate_squared = sums.reference_squared + 2 * sums.cross + sums.error_squared
    norms = math.sqrt(sums.reference_squared) * math.sqrt(max(candidate_squared, 0.0))
    inner = sums.reference_squared + sums.cross
    known_sqnr = sums.reference_squared > 0 and sums.error_squared > 0
    at = np.unravel_index(sums.worst_at, reference.shape)
    floats = reference.dtype == candidate.dtype and reference.dtype in _SIGN_MAGNITUDE
    relative = sums.hull.max_relative()
    if relative is None and sums.reference_squared > 0:
        relative = 0.0  # only elements with a reference of zero differ
    hull = np.minimum(sums.hull.hull() * unit, sys.float_info.max)
    return Metrics(
        max_abs=_bounded(sums.worst * unit),
        mean_abs=_bounded(sums.error / count * unit),
        max_rel=relative if relative is not None and math.isfinite(relative) else None,
        rmse=_bounded(math.sqrt(sums.error_squared / count) * unit),
        cosine=min(1.0, max(-1.0, inner / norms)) if norms > 0 else None,
        sqnr_db=10 * (math.log10(sums.reference_squared) - math.log10(sums.error_squared)) if known_sqnr else None,
        max_ulp=(sums.max_ulp or 0.0) if floats else None,
        reference_rms=_bounded(math.sqrt(sums.reference_squared / count) * unit),
        worst_index=tuple(int(i) for i in at),
        worst_reference=_scalar(reference[at]),
        worst_candidate=_scalar(candidate[at]),
        argmax_agreement=agreement,
        identical=sums.identical and reference.dtype == candidate.dtype,
        hull=tuple((x, y) for x, y in hull.tolist()),
        joint=joint,
        nonfinite=reference.size - sums.count,
    )


def _flat(array: Array) -> Array:
    return np.ascontiguousarray(array).reshape(-1)


def _same_bytes(a: Array, b: Array) -> bool:
    if a.dtype != b.dtype:
        return False
    word = _WORDS[min(a.dtype.itemsize, 8)]
    a, b = a.view(word), b.view(word)
    return all(bool((a[at : at + BLOCK] == b[at : at + BLOCK]).all()) for at in range(0, a.size, BLOCK))


def _wide(block: Array, unit: float = 1.0) -> Array:
    """Return ``block / unit`` in float64, or complex128 for complex numbers."""
    wide = block.astype(np.complex128 if block.dtype.kind == "c" else np.float64)
    return wide if unit == 1.0 else wide / unit


def _difference(reference: Array, candidate: Array, unit: float = 1.0) -> tuple[Array, Array]:
    """Return (r, c - r), both divided by ``unit``, both float64 or both complex128; exact for integers of one dtype."""
    if "c" in (reference.dtype.kind, candidate.dtype.kind):
        reference, candidate = reference.astype(np.complex128), candidate.astype(np.complex128)
    r = _wide(reference, unit)
    if reference.dtype == candidate.dtype and reference.dtype.kind in "iu" and reference.dtype.itemsize == 8:
        low, high = np.minimum(reference, candidate), np.maximum(reference, candidate)
        distance = (high.view(np.uint64) - low.view(np.uint64)).astype(np.float64)
        return r, np.where(candidate < reference, -distance, distance)
    d = _wide(candidate, unit)
    d -= r
    return r, d


def _dot(a: Array, b: Array) -> float:
    """Σ a·b over real and imaginary parts."""
    a, b = a.view(np.float64), b.view(np.float64)
    return float(sum(np.dot(a[at : at + _DOT], b[at : at + _DOT]) for at in range(0, len(a), _DOT)))


def _unit(reference: Array, candidate: Array) -> float:
    """Return the power of two to divide by so that no square over- or underflows: 1 but for extreme float64."""
    if not any(side.dtype in (np.float64, np.complex128) for side in (reference, candidate)):
        return 1.0
    magnitudes = np.abs(np.concatenate([_extremes(reference), _extremes(candidate)]))
    largest = float(magnitudes.max(initial=0.0, where=np.isfinite(magnitudes)))
    if largest == 0.0 or 1e-120 < largest < 1e120:
        return 1.0
    return 2.0 ** max(-1000, min(1000, math.frexp(largest)[1]))


def _extremes(side: Array) -> Floats:
    """The smallest and the largest finite number (of real and imaginary parts), in float64."""
    parts = side.view(np.float64) if side.dtype == np.complex128 else side.astype(np.float64, copy=False).real
    finite = np.isfinite(parts)
    return np.array([parts.min(initial=0.0, where=finite), parts.max(initial=0.0, where=finite)])


def _finite_pairs(start: int, reference: Array, candidate: Array) -> NDArray[np.bool_]:
    """Say where both sides are finite; elsewhere they must be equal (NaN equals NaN here)."""
    keep = np.isfinite(reference) & np.isfinite(candidate)
    same = (reference == candidate) | (np.isnan(reference) & np.isnan(candidate))
    strange = np.flatnonzero(~keep & ~same)
    if len(strange):
        raise _StrangeElementError(start + int(strange[0]))
    return np.asarray(keep)


def _describe(index: int, reference: Array, candidate: Array) -> str:
    at = np.unravel_index(index, reference.shape)
    place = ", ".join(str(int(i)) for i in at)
    return f"at [{place}] the reference is {reference[at]!s}, the candidate {candidate[at]!s}"


def _exponent(magnitude: Floats) -> NDArray[np.int64]:
    """⌊log2⌋ + `_BIAS` of numbers that are not negative, as their bits have it (0 for zero)."""
    return magnitude.view(np.int64) >> 52


def _scalar(value: Any) -> float:
    """A number for the record: the magnitude of a complex one; the largest finite number for one that is not finite."""
    return _bounded(float(abs(value)) if isinstance(value, np.complexfloating) else float(value))


def _bounded(value: float) -> float:
    """Clip to what JSON can hold; NaN becomes 0 (an element that is NaN on both sides is no error)."""
    return 0.0 if math.isnan(value) else min(max(value, -sys.float_info.max), sys.float_info.max)
