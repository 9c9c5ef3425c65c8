"""Places across the layers: Brandes & Köpf, *Fast and Simple Horizontal Coordinate Assignment* (2001).

Four alignments (upper or lower neighbours, leftmost or rightmost) are compacted and averaged; widths are respected.
One thing is added against sideways drift, which grows with depth in networks of hundreds of layers: the *spine*, a
path through as many real vertices as possible, is always aligned as one vertical block, and everything else is
compacted towards it. Blocks are compacted by longest paths with a second, pulling pass, as in dagre.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from graphdebug.view.layering import Bools, Floats, Ints
from graphdebug.view.ordering import ProperGraph, positions

BOX_GAP = 24.0
LINE_GAP = 12.0
MOST_DRIFT = 160.0
"""How far a vertical line may wander as it leaves each frame at another place than it entered, before it bends back."""


def across(graph: ProperGraph, rows: list[list[int]], width: Floats) -> Floats:
    """Return the centre [V] of each vertex across the layers, in pixels from the left edge of the drawing.

    ``rows`` holds the vertices of each layer from left to right; ``width`` [V] includes the dummies (zero). Within
    a row, boxes never overlap and keep their order.
    """
    position = positions(rows, len(graph.layer))
    spine = _spine(graph)
    medians = _candidates(graph, position, spine)
    gap = np.where(np.arange(len(width)) < graph.count, BOX_GAP, LINE_GAP) / 2 + width / 2
    axis = int(np.flatnonzero(spine)[0])
    side = _side(graph, position, spine)
    found = []
    for downward in (True, False):
        ordered = rows if downward else rows[::-1]
        for leftward in (True, False):
            root, offset = _align(ordered, position, medians[downward], leftward=leftward)
            sign = 1.0 if leftward else -1.0
            mirrored = rows if leftward else [row[::-1] for row in rows]
            x = sign * _compact(mirrored, root, sign * offset, gap, sign * side < 0)
            found.append(x - x[axis])
    x = np.sort(np.stack(found), axis=0)[1:3].mean(axis=0)
    return np.asarray(x - (x - width / 2).min())


def _spine(graph: ProperGraph) -> Bools:
    """Return a mask [V]: a path from top to bottom through as many real vertices as possible.

    If there are several: the longest, then the first of them.
    """
    total = len(graph.layer)
    weight: list[int] = np.where(np.arange(total) < graph.count, total, 1).tolist()
    following = [-1] * total
    by_depth = np.argsort(-graph.layer[graph.upper], kind="stable")
    best = list(weight)
    for upper, lower in zip(graph.upper[by_depth].tolist(), graph.lower[by_depth].tolist(), strict=True):
        if weight[upper] + best[lower] > best[upper]:
            best[upper] = weight[upper] + best[lower]
            following[upper] = lower
    spine = np.zeros(total, dtype=np.bool_)
    vertex = int(np.argmax(np.array(best)))
    while vertex >= 0:
        spine[vertex] = True
        vertex = following[vertex]
    return spine


def _side(graph: ProperGraph, position: Ints, spine: Bools) -> Ints:
    """Return the side [V] of the spine that a vertex is on: −1 left, 1 right; 0 for the spine itself."""
    axis = np.zeros(int(graph.layer.max()) + 1, dtype=np.int64)
    axis[graph.layer[spine]] = position[spine]
    return np.asarray(np.sign(position - axis[graph.layer]))


@dataclass(frozen=True, eq=False)
class _Medians:
    """Each vertex's left and right median neighbour among the edges it may be aligned along; −1: none.

    The shifts are how far right of that neighbour the vertex stands when the edge is vertical.
    """

    left: list[int]
    right: list[int]
    left_shift: list[float]
    right_shift: list[float]


def _candidates(graph: ProperGraph, position: Ints, spine: Bools) -> dict[bool, _Medians]:
    """Return the medians among upper neighbours (key True) and lower neighbours (key False).

    Left out are edges that cross the spine or end at it from aside, and (type 1 conflicts) edges between real
    vertices that cross the inside of a long edge.
    """
    stride = len(position) + 1
    key = graph.layer * stride + position
    upper, lower = graph.upper, graph.lower
    on_spine = spine[upper] & spine[lower]
    inner = (upper >= graph.count) & (lower >= graph.count)
    aside = (spine[upper] | spine[lower]) & ~on_spine
    allowed = ~aside & ~_crosses(key[upper], key[lower], on_spine)
    allowed &= inner | on_spine | ~_crosses(key[upper], key[lower], inner & allowed)
    upper, lower, shift = upper[allowed], lower[allowed], graph.shift[allowed]
    return {
        True: _medians(key, lower, upper, shift),
        False: _medians(key, upper, lower, -shift),
    }


def _crosses(upper: Ints, lower: Ints, barrier: Bools) -> Bools:
    """Return a mask of edges that cross any of the edges marked in ``barrier``.

    ``upper`` and ``lower`` order the ends by layer, then place, so that one running maximum serves all layers.
    """
    chosen = np.flatnonzero(barrier)
    if not len(chosen):
        return np.zeros(len(upper), dtype=np.bool_)
    chosen = chosen[np.argsort(upper[chosen], kind="stable")]
    tops, ends = upper[chosen], lower[chosen]
    rightmost = np.concatenate([[-1], np.maximum.accumulate(ends)])
    leftmost = np.concatenate([np.minimum.accumulate(ends[::-1])[::-1], [np.iinfo(np.int64).max]])
    before = np.searchsorted(tops, upper, side="left")
    after = np.searchsorted(tops, upper, side="right")
    return np.asarray((rightmost[before] > lower) | (leftmost[after] < lower))


def _medians(key: Ints, vertex: Ints, neighbour: Ints, shift: Floats) -> _Medians:
    count = len(key)
    order = np.lexsort((key[neighbour], vertex))
    degree = np.bincount(vertex, minlength=count)
    start = np.cumsum(degree) - degree
    some = degree > 0
    found: list[Ints] = []
    shifts: list[Floats] = []
    for middle in ((degree - 1) // 2, degree // 2):
        edge = order[(start + middle)[some]]
        found.append(np.full(count, -1, dtype=np.int64))
        shifts.append(np.zeros(count))
        found[-1][some] = neighbour[edge]
        shifts[-1][some] = shift[edge]
    return _Medians(found[0].tolist(), found[1].tolist(), shifts[0].tolist(), shifts[1].tolist())


def _align(rows: list[list[int]], position: Ints, medians: _Medians, *, leftward: bool) -> tuple[list[int], Floats]:
    """Return each vertex's block, named by the block's first vertex, and how far right of that it stands.

    Blocks are runs of vertical lines that keep the order of every row.
    """
    place: list[int] = (position if leftward else -position).tolist()
    root = list(range(len(place)))
    offset = [0.0] * len(place)
    choices = [(medians.left, medians.left_shift), (medians.right, medians.right_shift)]
    (first, first_shift), (second, second_shift) = choices if leftward else choices[::-1]
    for row in rows:
        reached = -len(place) - 1
        for vertex in row if leftward else reversed(row):
            neighbour, shift = first[vertex], first_shift[vertex]
            if neighbour < 0 or place[neighbour] <= reached:
                neighbour, shift = second[vertex], second_shift[vertex]
            if neighbour >= 0 and place[neighbour] > reached:
                root[vertex] = root[neighbour]
                drift = offset[neighbour] + shift
                offset[vertex] = drift if abs(drift) <= MOST_DRIFT else 0.0
                reached = place[neighbour]
    return root, np.array(offset)


def _compact(rows: list[list[int]], root: list[int], offset: Floats, half: Floats, pulled: Bools) -> Floats:
    """Return the centre [V] of each vertex: blocks as far left as their left neighbours allow (longest path), then
    those ``pulled`` as far right as their right neighbours allow. ``half`` is half a vertex's width and gap."""
    after: list[float] = (half + offset).tolist()
    before: list[float] = (half - offset).tolist()
    rights: dict[int, list[tuple[int, float]]] = {}
    waiting = [0] * len(root)
    for row in rows:
        for left, right in pairwise(row):
            rights.setdefault(root[left], []).append((root[right], after[left] + before[right]))
            waiting[root[right]] += 1
    order = [vertex for vertex, block in enumerate(root) if vertex == block and not waiting[vertex]]
    x = [0.0] * len(root)
    for block in order:  # grows while we walk it
        here = x[block]
        for right, distance in rights.get(block, ()):
            if here + distance > x[right]:
                x[right] = here + distance
            waiting[right] -= 1
            if not waiting[right]:
                order.append(right)
    for block in reversed(order):
        beside = rights.get(block)
        if beside and pulled[block]:
            x[block] = max(x[block], min(x[right] - distance for right, distance in beside))
    return np.array(x)[root] + offset
