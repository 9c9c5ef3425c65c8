"""One number a tensor for colours and plots: its largest error in units of its tolerance."""

from dataclasses import dataclass

from graphdebug.compare.judge import limits_used
from graphdebug.compare.records import Row, Status
from graphdebug.compare.verdict import is_one_sided
from graphdebug.ui.palette import NONFINITE, STATUS_COLOR


def excess(row: Row) -> float | None:
    """Return the largest error ÷ allowed error over the elements of a tensor; None when nothing was compared."""
    return None if row.status is Status.NOT_COMPARED else limits_used(row)


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
