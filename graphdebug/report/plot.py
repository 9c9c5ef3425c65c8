"""Where the dots of the error plot go; the template draws them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphdebug.compare.judge import limits_used
from graphdebug.compare.records import Row, Status
from graphdebug.compare.verdict import is_one_sided

WIDTH, HEIGHT = 960.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 24.0, 44.0
_SMALLEST, _LARGEST = -6, 6
"""Decades of error / allowed error that the axis spans at most."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A tensor in the plot: ``kind`` is ``match``, ``differ``, ``nonfinite`` or ``skipped``."""

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Dots and axis of the plot, in pixels. ``ticks`` are (y, exponent of ten); ``limit`` is the y of the tolerance."""

    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, int], ...]
    limit: float
    floor: float
    left: float = _LEFT
    width: float = WIDTH
    height: float = HEIGHT


def error_plot(rows: Sequence[Row]) -> Plot:
    """Place each row by its position and, on a logarithmic axis, by its error over what its tolerance allows.

    Identical tensors and those that were not compared stand on the floor, one-sided NaN and infinity at the ceiling.
    """
    used = [limits_used(row) for row in rows]
    decades = [math.log10(value) for value in used if value and math.isfinite(value)]
    low = max(_SMALLEST, math.floor(min(decades, default=-1.0))) if decades else -1
    high = min(_LARGEST, math.ceil(max([*decades, 0.5])))
    low = min(low, high - 1, -1)
    floor, ceiling = HEIGHT - _BOTTOM, _TOP
    last = max((row.position for row in rows), default=0) or 1

    def height(decade: float) -> float:
        share = (min(max(decade, low), high) - low) / (high - low)
        return round(floor - 16 - share * (floor - 16 - ceiling), 1)

    dots = []
    for row, value in zip(rows, used, strict=True):
        x = round(_LEFT + (WIDTH - _LEFT - _RIGHT) * row.position / last, 1)
        if is_one_sided(row):
            kind, y = "nonfinite", ceiling - 10
        elif row.status is Status.NOT_COMPARED:
            kind, y = "skipped", floor + 8
        else:
            kind = row.status.value
            unmeasured = math.inf if row.status is Status.DIFFER else 0.0
            value = unmeasured if value is None else value
            y = floor if value == 0 else height(math.log10(value) if math.isfinite(value) else high)
        dots.append(Dot(x, y, kind, row.name if kind != "skipped" else f"{row.name}: {row.reason}"))
    ticks = tuple((height(decade), decade) for decade in range(low, high + 1))
    return Plot(tuple(dots), ticks, height(0.0), floor)
