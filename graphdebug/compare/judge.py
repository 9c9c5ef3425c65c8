"""From two values to a row: comparable or not, the errors, inside the tolerance or not. Again for other tolerances."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from onnx.helper import np_dtype_to_tensor_dtype

from graphdebug.compare.hull import excess
from graphdebug.compare.metrics import Array, NonFiniteError, estimate_share_outside, measure, share_outside
from graphdebug.compare.pairing import Pair
from graphdebug.compare.records import CompareResult, Metrics, Row, Status, Tolerance
from graphdebug.compare.tolerance import tolerance_for
from graphdebug.compare.verdict import NON_FINITE, give_verdict
from graphdebug.model.records import ValueType
from graphdebug.model.value_types import dtype_name

_RANKED_OPS = frozenset(["Softmax", "LogSoftmax"])


def judge(pair: Pair, reference: Any, candidate: Any, overrides: Mapping[str, Tolerance], is_output: bool) -> Row:
    """Compare the two values of ``pair`` (numpy arrays, or whatever a backend gives) and return its row."""
    for side, value in (("reference", reference), ("candidate", candidate)):
        if not isinstance(value, np.ndarray):
            return unjudged(pair, f"{_kind(value)} in the {side}, not a tensor", is_output)
    row = unjudged(pair, "", is_output, _type_of(reference), _type_of(candidate))
    if reference.shape != candidate.shape:
        return replace(row, reason=f"shape differs: {_shape(reference)} and {_shape(candidate)}")
    if reference.size == 0:
        return replace(row, reason="empty")
    if "O" in (reference.dtype.kind, candidate.dtype.kind) or "U" in (reference.dtype.kind, candidate.dtype.kind):
        return _judge_strings(row, reference, candidate)
    return _judge_numbers(row, reference, candidate, overrides)


def unjudged(
    pair: Pair,
    reason: str,
    is_output: bool,
    reference_type: ValueType | None = None,
    candidate_type: ValueType | None = None,
) -> Row:
    """Return the row of a pair that is not compared because of ``reason``."""
    place = pair.place
    return Row(
        name=pair.name,
        position=pair.position,
        status=Status.NOT_COMPARED,
        reason=reason,
        node=place.node,
        op=place.op,
        scope=place.scope,
        source=place.source,
        reference_type=reference_type,
        candidate_type=candidate_type,
        is_output=is_output,
    )


def rethreshold(result: CompareResult, tolerances: Mapping[str, Tolerance]) -> CompareResult:
    """Judge again under other tolerances (by dtype, as in `CompareRequest`), without running anything.

    Statuses are exact. The share outside is exact where the tolerance stays what the run used, else an estimate.
    """
    rows = tuple(_rejudge(row, tolerances) for row in result.rows)
    request = replace(result.request, tolerances=dict(tolerances))
    verdict = give_verdict(rows, result.observer)
    return replace(result, rows=rows, request=request, verdict=verdict)


def inside(metrics: Metrics, tolerance: Tolerance) -> bool:
    """Say whether every element is within ``tolerance``, from the hull of the errors."""
    return excess(np.array(metrics.hull).reshape(-1, 2), tolerance.rtol) <= tolerance.atol * _scale(metrics, tolerance)


def limits_used(row: Row) -> float | None:
    """Return the largest error over what the tolerance allows: at most 1 is inside; None when nothing was measured.

    The largest quotient of e and limit + rtol * r is at a vertex of the hull: e - q * rtol * r <= q * limit is linear.
    """
    if row.metrics is None or row.tolerance is None:
        return None
    limit = row.tolerance.atol * _scale(row.metrics, row.tolerance)
    allowed = [(limit + row.tolerance.rtol * reference, error) for reference, error in row.metrics.hull]
    return max((error / most if most > 0 else float("inf") for most, error in allowed if error > 0), default=0.0)


def _scale(metrics: Metrics, tolerance: Tolerance) -> float:
    return 1.0 if tolerance.absolute else metrics.reference_rms


def _rejudge(row: Row, tolerances: Mapping[str, Tolerance]) -> Row:
    if row.metrics is None or row.reference_type is None or row.candidate_type is None:
        return row
    tolerance = tolerance_for(row.reference_type.dtype, row.candidate_type.dtype, tolerances)
    if tolerance == row.tolerance:
        return row
    if inside(row.metrics, tolerance):
        return replace(row, tolerance=tolerance, status=Status.MATCH, share_outside=0.0)
    share = estimate_share_outside(row.metrics, tolerance, _scale(row.metrics, tolerance))
    size = max(1, _size(row.reference_type))
    return replace(row, tolerance=tolerance, status=Status.DIFFER, share_outside=min(1.0, max(share, 1 / size)))


def _judge_numbers(row: Row, reference: Array, candidate: Array, overrides: Mapping[str, Tolerance]) -> Row:
    assert row.reference_type is not None and row.candidate_type is not None
    ranked = _is_ranked(row, reference, candidate)
    try:
        metrics = measure(reference, candidate, ranked)
    except NonFiniteError as error:
        return replace(row, reason=f"{NON_FINITE}: {error}")
    dtypes = row.reference_type.dtype, row.candidate_type.dtype
    tolerance = tolerance_for(*dtypes, overrides)
    limit = tolerance.atol * _scale(metrics, tolerance)
    passed = inside(metrics, tolerance)
    return replace(
        row,
        status=Status.MATCH if passed else Status.DIFFER,
        reason="" if dtypes[0] == dtypes[1] else f"dtypes differ: {dtypes[0]} and {dtypes[1]}",
        metrics=metrics,
        tolerance=tolerance,
        share_outside=0.0 if passed else share_outside(reference, candidate, tolerance.rtol, limit),
    )


def _judge_strings(row: Row, reference: Array, candidate: Array) -> Row:
    """Strings are equal or not; there is no error to measure."""
    if reference.dtype.kind not in "OU" or candidate.dtype.kind not in "OU":
        return replace(row, reason="strings on one side, numbers on the other")
    unequal = float((reference.astype(object) != candidate.astype(object)).mean())
    return replace(row, status=Status.DIFFER if unequal else Status.MATCH, share_outside=unequal)


def _is_ranked(row: Row, reference: Array, candidate: Array) -> bool:
    """Say whether the last axis holds scores, so that its argmax is an answer.

    So it is for floats that a model gives out, that a softmax makes, or that are called logits.
    """
    scores = row.is_output or row.op in _RANKED_OPS or "logits" in row.name.lower()
    return scores and all("float" in side.dtype.name for side in (reference, candidate))


def _type_of(array: Array) -> ValueType:
    """Return the ONNX type of a numpy array."""
    return ValueType(_dtype_of(array.dtype), array.shape)


@lru_cache
def _dtype_of(dtype: np.dtype[Any]) -> str:
    """Return ONNX's name of an element type; NumPy's where ONNX has none."""
    try:
        return "string" if dtype.kind in "OU" else dtype_name(np_dtype_to_tensor_dtype(dtype))
    except (KeyError, ValueError, TypeError):
        return dtype.name


def _kind(value: Any) -> str:
    if value is None:
        return "an empty optional"
    if isinstance(value, list):
        return "a sequence"
    return "a map" if isinstance(value, dict) else "a value without elements"


def _shape(array: Array) -> str:
    return "×".join(str(length) for length in array.shape) or "a scalar"


def _size(kind: ValueType) -> int:
    return int(np.prod([dim for dim in kind.shape or () if isinstance(dim, int)], dtype=np.int64))
