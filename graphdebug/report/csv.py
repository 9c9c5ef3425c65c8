"""A comparison as CSV: one line a tensor, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from graphdebug.compare.records import CompareResult, Row
from graphdebug.model.records import ValueType

_METRICS = (
    *("max_abs", "mean_abs", "max_rel", "rmse", "cosine", "sqnr_db", "max_ulp", "reference_rms"),
    *("worst_reference", "worst_candidate", "argmax_agreement", "identical", "nonfinite"),
)

COLUMNS = (
    *("position", "name", "status", "reason", "op", "scope", "source", "is_output"),
    *("reference_dtype", "reference_shape", "candidate_dtype", "candidate_shape", "rtol", "atol", "share_outside"),
    *("worst_index", *_METRICS),
)
"""The header. Shapes and indices are written ``2x3``; a cell of a number that does not exist is empty."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def to_csv(result: CompareResult) -> str:
    """Return all rows as CSV with a header and ``\\r\\n`` line ends (RFC 4180), tensors in topological order."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_cells(row) for row in result.rows)
    return text.getvalue()


def _cells(row: Row) -> list[object]:
    tolerance, metrics = row.tolerance, row.metrics
    return [
        row.position,
        *(inert(text) for text in (row.name, row.status.value, row.reason, row.op, row.scope, row.source)),
        row.is_output,
        *_type(row.reference_type),
        *_type(row.candidate_type),
        *((tolerance.rtol, tolerance.atol) if tolerance else ("", "")),
        row.share_outside,
        _joined(metrics.worst_index) if metrics else "",
        *(getattr(metrics, name) if metrics else "" for name in _METRICS),
    ]


def inert(text: str) -> str:
    """Keep a spreadsheet from taking text out of a model for a formula: a leading apostrophe says it is text."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _type(kind: ValueType | None) -> tuple[str, str]:
    return ("", "") if kind is None else (kind.dtype, _joined(kind.shape or ()))


def _joined(numbers: Iterable[object]) -> str:
    return "x".join(str(number) for number in numbers)
