"""One number a tensor for colours and plots: its largest error in units of its tolerance."""

from dataclasses import dataclass

from graphdebug.compare.records import Metrics, Row, Status, Tolerance
from graphdebug.compare.verdict import is_one_sided
from graphdebug.ui.palette import NONFINITE, STATUS_COLOR


def excess(row: Row) -> float | None:
    """Return the largest error ÷ allowed error over the elements of a tensor; None when nothing was compared.

    At most 1 means within tolerance. The largest quotient of e to (atol · scale + rtol · x) is reached on the upper
    convex hull of the points (x, e) = (|reference|, |error|), since for every bound c the test
    e − c·rtol·x ≤ c·atol·scale is linear in them.
    """
    if row.metrics is None or row.tolerance is None or row.status is Status.NOT_COMPARED:
        return None
    if row.metrics.identical or row.metrics.max_abs == 0:
        return 0.0
    points = row.metrics.hull or ((abs(row.metrics.worst_reference), row.metrics.max_abs),)
    return max(_quotient(error, reference, row.metrics, row.tolerance) for reference, error in points)


def _quotient(error: float, reference: float, metrics: Metrics, tolerance: Tolerance) -> float:
    scale = 1.0 if tolerance.absolute else metrics.reference_rms
    allowed = tolerance.atol * scale + tolerance.rtol * reference
    if allowed > 0:
        return error / allowed
    return float("inf") if error > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the colour scale: errors up to ``limit`` (in tolerances) and below nothing smaller."""

    limit: float
    label: str
    color: str


STEPS = (
    Step(0.0, "identical", "#9CC3DF"),
    Step(0.01, "up to 1 % of the tolerance", "#74ABD2"),
    Step(0.1, "up to 10 %", "#4A90C2"),
    Step(1.0, "within tolerance", "#1F6FA8"),
    Step(10.0, "up to 10× the tolerance", "#F0B429"),
    Step(100.0, "up to 100×", "#E07B1A"),
    Step(float("inf"), "more than 100×", "#B83A0E"),
)
"""Logarithmic, blue within and orange outside the tolerance: apart for every kind of colour vision."""

NOT_COMPARED = Step(-1.0, "not compared", STATUS_COLOR[Status.NOT_COMPARED])
ONE_SIDED = Step(-2.0, "NaN or infinity on one side", NONFINITE)


def step(row: Row) -> Step:
    """Return the step of the colour scale for a row."""
    value = excess(row)
    if value is None:
        return ONE_SIDED if is_one_sided(row) else NOT_COMPARED
    if row.status is Status.DIFFER:  # values without a distance, such as strings, differ without an excess
        value = max(value, 1.0 + 1e-9)
    return next(candidate for candidate in STEPS if value <= candidate.limit)
