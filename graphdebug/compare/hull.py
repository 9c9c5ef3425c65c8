"""The upper envelope of (|reference|, |error|): all it takes to judge a tensor against any tolerance.

An element passes when ``error <= limit + rtol * reference`` (both magnitudes, see `records.Tolerance`), so a tensor
passes when ``max(error - rtol * reference) <= limit``. That maximum is attained at a vertex of the upper convex hull of
the points, and for ``rtol >= 0`` at a vertex between the leftmost point and the highest one. Those vertices are the
*hull* here: arrays of shape [k, 2], both columns strictly increasing, slopes strictly decreasing.
"""

import math

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""float64 [k, 2]: columns |reference| and |error|, finite and not negative."""

EMPTY: Points = np.empty((0, 2))

MAX_VERTICES = 256
"""A hull is exact up to this many vertices. Only errors that are a smooth function of the value have more; then the
vertices that matter least are dropped, which moves a decision by less than 1e-3 of the tolerance."""

_TINY = np.finfo(np.float64).tiny
"""A reference below the smallest normal float64 counts as zero."""


_FEW = 512
"""Elements that are sorted at once: looking for those that matter would cost more."""

_LEFT = 1 / 128
"""Where the chord begins, as a share of the reference at the hull's top: few elements lie left of it, and the hull's
very first vertices may lie low."""


def upper_hull(points: Points) -> Points:
    """Return the hull vertices of any points (exact; O(n log n))."""
    points = _pareto(points)
    while len(points) > 24:  # shed what lies below its neighbours' chord before the walk point by point
        keep = _above_neighbours(points)
        if keep.sum() > 0.9 * len(points):
            break
        points = points[keep]
    return _monotone_chain(points)


def _pareto(points: Points) -> Points:
    """Keep the points with a larger error than every point of a smaller reference, sorted by reference."""
    points = points[np.argsort(points[:, 0])]
    highest = np.maximum.accumulate(points[:, 1])
    keep = points[:, 1] == highest
    keep[1:] &= highest[1:] > highest[:-1]
    kept: Points = points[keep]
    return kept


def _above_neighbours(points: Points) -> NDArray[np.bool_]:
    """Say which points lie above the line between their two neighbours; the first and the last always stay."""
    keep = np.ones(len(points), dtype=bool)
    (x0, y0), (x1, y1), (x2, y2) = points[:-2].T, points[1:-1].T, points[2:].T
    keep[1:-1] = (y1 - y0) / (x1 - x0) > (y2 - y0) / (x2 - x0)
    return keep


def _monotone_chain(points: Points) -> Points:
    """Andrew's monotone chain over points sorted by both columns."""
    chain: list[tuple[float, float]] = []
    for x, y in points.tolist():
        while chain and (x == chain[-1][0] or (len(chain) > 1 and not _is_above(chain[-2], chain[-1], x, y))):
            chain.pop()
        chain.append((x, y))
    return np.array(chain, dtype=np.float64).reshape(-1, 2)


def _is_above(before: tuple[float, float], middle: tuple[float, float], x: float, y: float) -> bool:
    """Say whether ``middle`` lies above the line from ``before`` to (x, y)."""
    (x0, y0), (x1, y1) = before, middle
    return (y1 - y0) / (x1 - x0) > (y - y0) / (x - x0)


def excess(hull: Points, rtol: float) -> float:
    """Return ``max(error - rtol * reference)`` over the tensor that ``hull`` was made of; 0 where it is negative."""
    return float((hull[:, 1] - rtol * hull[:, 0]).max(initial=0.0))


def thin(hull: Points, limit: int = MAX_VERTICES) -> Points:
    """Drop the vertices whose loss changes decisions least, until ``limit`` are left.

    Without a vertex, the decision for a tolerance with the slope of its neighbours' chord suffers most: there the
    excess falls from the vertex' intercept to the chord's.
    """
    while len(hull) > limit:
        (x0, y0), (x1, y1), (x2, y2) = hull[:-2].T, hull[1:-1].T, hull[2:].T
        slope = (y2 - y0) / (x2 - x0)
        intercept, loss = y1 - slope * x1, (y1 - y0) - slope * (x1 - x0)
        loss = np.divide(loss, intercept, out=np.zeros_like(loss), where=intercept > 0)
        loss[1::2] = np.inf  # never two neighbours in one round: their losses depend on each other
        worth = np.argsort(loss, kind="stable")
        drop = worth[: max(1, min(len(hull) - limit, len(worth) // 8))]
        hull = np.delete(hull, drop + 1, axis=0)
    return hull


class HullBuilder:
    """Builds the hull of a stream of blocks, touching each element as little as possible.

    A hull lies above its chords. So only the few elements above one long chord of the hull found so far are looked at
    again, and those to its left and those higher than its right end. Elements whose reference is zero are kept apart:
    they have no relative error.
    """

    def __init__(self) -> None:
        """Start with no points."""
        self._hull = EMPTY
        self._zero_error = 0.0

    def add(self, reference: NDArray[np.float64], error: NDArray[np.float64]) -> None:
        """Take in one block: two contiguous float64 [n] arrays of magnitudes, all finite."""
        if float(reference.min()) < _TINY:
            self._zero_error = max(self._zero_error, float((error * (reference < _TINY)).max()))
        if len(error) > _FEW:
            if not len(self._hull):
                some = np.append(np.arange(0, len(error), math.isqrt(len(error))), error.argmax())
                self._merge(reference[some], error[some])
            places = np.flatnonzero(self._may_be_above(reference, error))
            reference, error = reference[places], error[places]
        self._merge(reference, error)

    def hull(self) -> Points:
        """Return the hull of all that was added; empty when no element has an error."""
        hull = self._hull
        if self._zero_error > 0:
            hull = upper_hull(np.concatenate([[[0.0, self._zero_error]], hull]))
        return thin(hull) if len(hull) and hull[-1, 1] > 0 else EMPTY

    def max_relative(self) -> float | None:
        """Return the largest error / reference where the reference is not zero; None when it is zero everywhere.

        The element with the largest quotient is a vertex: the line through it and the origin lies above all others.
        """
        return float((self._hull[:, 1] / self._hull[:, 0]).max()) if len(self._hull) else None

    def _may_be_above(self, reference: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which elements are not surely below the hull."""
        if len(self._hull) < 2:
            return np.ones(len(error), dtype=bool)
        right, top = self._hull[-1].tolist()
        start = max(0, int(np.searchsorted(self._hull[:-1, 0], right * _LEFT, side="right")) - 1)
        left, low = self._hull[start].tolist()
        slope = (top - low) / (right - left)
        above: NDArray[np.bool_] = error - slope * reference > low - slope * left
        above |= reference < left
        if error.max() > top:
            above |= error > top
        return above

    def _merge(self, reference: NDArray[np.float64], error: NDArray[np.float64]) -> None:
        """Take in points that may lie above the hull."""
        new = reference >= _TINY
        if len(self._hull):
            new &= error > np.interp(reference, self._hull[:, 0], self._hull[:, 1], left=-1.0)
        if new.any():
            self._hull = upper_hull(np.concatenate([self._hull, np.stack([reference[new], error[new]], axis=1)]))
