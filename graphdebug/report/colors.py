"""Colours that carry a meaning, readable on light and dark and apart for colour-blind eyes (Okabe, Ito).

The scale has one number a tensor: its largest error in units of its tolerance.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from graphdebug.compare.judge import limits_used
from graphdebug.compare.records import Row, Status
from graphdebug.compare.verdict import is_one_sided
from graphdebug.view import coloring
from graphdebug.view.coloring import NONFINITE

STATUS_COLOR = {Status.MATCH: "#2E86C1", Status.DIFFER: "#D55E00", Status.NOT_COMPARED: "#8B929C"}


def excess(row: Row) -> float | None:
    """Return the largest error ÷ allowed error over the elements of a tensor; None when nothing was compared."""
    return None if row.status is Status.NOT_COMPARED else limits_used(row)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the colour scale: errors up to ``limit`` (in tolerances) and below nothing smaller.

    ``dark`` takes the colour's place on a dark ground: there the heavier steps are the lighter ones.
    """

    limit: float
    label: str
    color: str
    dark: str = ""


STEPS = (
    Step(0.0, "identical", "#9CC3DF", "#1B4566"),
    Step(0.01, "up to 1 % of the tolerance", "#74ABD2", "#225F8E"),
    Step(0.1, "up to 10 %", "#4A90C2", "#2F7CB5"),
    Step(1.0, "within tolerance", "#1F6FA8", "#56A5D8"),
    Step(10.0, "up to 10× the tolerance", "#F0B429", "#C0580F"),
    Step(100.0, "up to 100×", "#E07B1A", "#EE9430"),
    Step(float("inf"), "more than 100×", "#B83A0E", "#FFE08A"),
)
"""Logarithmic, blue within and orange outside the tolerance: apart for every kind of colour vision."""

NOT_COMPARED = Step(-1.0, "not compared", STATUS_COLOR[Status.NOT_COMPARED])
ONE_SIDED = Step(-2.0, "NaN or infinity on one side", NONFINITE)
BY_WEIGHT = (NOT_COMPARED, *STEPS, ONE_SIDED)
"""All steps; of two the later one hides the other where there is room for one colour only."""
DARK = {**coloring.DARK, **{each.color: each.dark for each in STEPS}}
"""What takes a colour's place on a dark ground, of all colours that are used here."""


def step(row: Row) -> Step:
    """Return the step of the colour scale for a row."""
    value = excess(row)
    if value is None:
        return ONE_SIDED if is_one_sided(row) else NOT_COMPARED
    if row.status is Status.DIFFER:  # values without a distance, such as strings, differ without an excess
        value = max(value, 1.0 + 1e-9)
    return next(candidate for candidate in STEPS if value <= candidate.limit)


def worst_by_node(rows: Iterable[Row]) -> dict[int, Row]:
    """Return for each node of the reference model the row of the tensor that colours it: the worst of its outputs."""
    worst: dict[int, tuple[int, Row]] = {}
    for row in rows:
        if row.node is not None:
            weight = BY_WEIGHT.index(step(row))
            if row.node not in worst or weight > worst[row.node][0]:
                worst[row.node] = weight, row
    return {node: row for node, (_, row) in worst.items()}


def legend(rows: Iterable[Row]) -> tuple[tuple[str, str], ...]:
    """Return label and colour of the steps that ``rows`` need, the lightest first."""
    used = {step(row) for row in rows}
    return tuple((each.label, each.color) for each in BY_WEIGHT if each in used)
