"""The order of vertices within layers: dummy vertices for long edges, then barycenter sweeps against crossings."""

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

import numpy as np

from graphdebug.view.layering import Floats, Ints, adjacency

SWEEPS = 6
SWITCH_LIMIT = 1500
"""Vertices up to which neighbours are switched one by one after the sweeps: better pictures, but more work."""
SWEEP_WORK = 1_000_000
"""Vertices and unit edges looked at by all sweeps together: large graphs get fewer sweeps."""
WIDER_THAN_ANY = 1e7
"""Pixels; places at a box, divided by it, order the edges there and are nothing beside the places of boxes in a row."""
BUSIEST_LAYER = 20_000
"""Unit edges below one layer beyond which crossings are not counted: two sweeps must do."""


@dataclass(frozen=True, eq=False)
class ProperGraph:
    """A layered graph in which every edge joins neighbouring layers.

    Vertices 0 … count−1 are the given ones, the rest are dummies. ``upper`` and ``lower`` [U] are the unit edges'
    ends, ``upper_shift`` and ``lower_shift`` [U] are how far right of the middle of these vertices they are.
    Edge ``e`` of the given graph passes ``span[e] − 1`` consecutive dummies that begin at ``chain[e]``.
    """

    count: int
    layer: Ints
    upper: Ints
    lower: Ints
    upper_shift: Floats
    lower_shift: Floats
    chain: Ints
    span: Ints

    @property
    def shift(self) -> Floats:
        """How far left of its upper vertex the lower one stands when the line between [U] is vertical."""
        return self.upper_shift - self.lower_shift

    def dummies(self, edge: int) -> range:
        """Return the dummy vertices of one given edge, from tail to head."""
        start = int(self.chain[edge])
        return range(start, start + int(self.span[edge]) - 1)


def proper(
    layer: Ints,
    tails: Ints,
    heads: Ints,
    keys: Ints,
    tail_shift: Floats | None = None,
    head_shift: Floats | None = None,
) -> ProperGraph:
    """Put a dummy vertex into every layer that an edge passes.

    Edges with the same tail and the same key (a value, or a producer) share one chain of dummies, so that a value
    read in many places is drawn as one line that branches off. ``layer[tail] < layer[head]`` is required.
    ``tail_shift`` and ``head_shift`` [edges] are the places of an edge's ends, right of the middle of its boxes.
    """
    count, edges = len(layer), len(tails)
    span = layer[heads] - layer[tails]
    if edges == 0:
        empty = np.zeros(0, dtype=np.int64)
        return ProperGraph(count, layer, empty, empty, np.zeros(0), np.zeros(0), empty, empty)
    tail_shift = np.zeros(edges) if tail_shift is None else tail_shift
    head_shift = np.zeros(edges) if head_shift is None else head_shift
    _, group = np.unique(np.stack([tails, keys]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    length = np.zeros(group.max() + 1, dtype=np.int64)
    np.maximum.at(length, group, span - 1)
    start = count + np.concatenate([[0], np.cumsum(length)[:-1]])
    group_tail = np.zeros(len(length), dtype=np.int64)
    group_tail[group] = tails
    group_shift = np.zeros(len(length))
    group_shift[group] = tail_shift

    owner = np.repeat(np.arange(len(length)), length)
    position = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    dummy = count + np.arange(len(owner))
    above = np.where(position == 0, group_tail[owner], dummy - 1)
    last = np.where(span == 1, tails, start[group] + span - 2)
    ends = np.stack([np.concatenate([above, last]), np.concatenate([dummy, heads])])
    upper_shift = np.concatenate(
        [np.where(position == 0, group_shift[owner], 0.0), np.where(span == 1, tail_shift, 0.0)]
    )
    lower_shift = np.concatenate([np.zeros(len(owner)), head_shift])
    units, first = np.unique(ends, axis=1, return_index=True)
    return ProperGraph(
        count=count,
        layer=np.concatenate([layer, layer[group_tail[owner]] + 1 + position]),
        upper=units[0],
        lower=units[1],
        upper_shift=upper_shift[first],
        lower_shift=lower_shift[first],
        chain=start[group],
        span=span,
    )


def crossings(graph: ProperGraph, rows: list[list[int]]) -> int:
    """Count the crossings of unit edges, given each layer's vertices from left to right.

    Two edges that end at the same vertex cross there when they end in the wrong order.
    """
    position = positions(rows, len(graph.layer))
    above = position[graph.upper] + graph.upper_shift / WIDER_THAN_ANY
    below = position[graph.lower] + graph.lower_shift / WIDER_THAN_ANY
    order = np.lexsort((below, above, graph.layer[graph.upper]))
    layer_of = graph.layer[graph.upper][order].tolist()
    total, current, seen = 0, -1, list[float]()
    for layer, low in zip(layer_of, below[order].tolist(), strict=True):
        if layer != current:
            current, seen = layer, []
        total += len(seen) - bisect_right(seen, low)
        insort(seen, low)
    return total


def positions(rows: list[list[int]], count: int) -> Ints:
    """Return each vertex's place within its layer."""
    position = np.zeros(count, dtype=np.int64)
    for row in rows:
        position[row] = np.arange(len(row))
    return position


def order(graph: ProperGraph, *, switch: bool = True) -> list[list[int]]:
    """Return, for each layer from the top, its vertices from left to right, with few crossings.

    The larger the graph, the less is done about them; without ``switch`` no neighbours are switched in the end.
    """
    down = adjacency(len(graph.layer), graph.upper, graph.lower)
    up = adjacency(len(graph.layer), graph.lower, graph.upper)
    above = _mean_end(graph.lower, graph.upper_shift, len(graph.layer))
    below = _mean_end(graph.upper, graph.lower_shift, len(graph.layer))
    rows = _first_order(graph, down)
    sweeps = min(SWEEPS, SWEEP_WORK // max(1, len(graph.layer) + len(graph.upper)))
    if sweeps < 2:
        return rows
    if _too_many_to_count(graph):
        _sweep(rows[1:], rows[0], up, above, reverse_ties=False)
        _sweep(rows[-2::-1], rows[-1], down, below, reverse_ties=False)
        return rows
    best, fewest = rows, crossings(graph, rows)
    for sweep in range(sweeps):
        if fewest == 0:
            break
        rows = [list(row) for row in rows]
        if sweep % 2 == 0:
            _sweep(rows[1:], rows[0], up, above, reverse_ties=sweep % 4 >= 2)
        else:
            _sweep(rows[-2::-1], rows[-1], down, below, reverse_ties=sweep % 4 >= 2)
        count = crossings(graph, rows)
        if count < fewest:
            best, fewest = [list(row) for row in rows], count
    if switch and fewest and max(len(graph.layer), len(graph.upper) // 2) <= SWITCH_LIMIT:
        _switch_neighbours(best, up, down)
    return best


def _too_many_to_count(graph: ProperGraph) -> bool:
    if len(graph.upper) <= BUSIEST_LAYER:
        return False
    return int(np.bincount(graph.layer[graph.upper]).max()) > BUSIEST_LAYER


def _first_order(graph: ProperGraph, down: list[list[int]]) -> list[list[int]]:
    """Order each layer by a depth-first walk from the top: what hangs together stands together."""
    depth = int(graph.layer.max()) + 1 if len(graph.layer) else 0
    rows: list[list[int]] = [[] for _ in range(depth)]
    layer: list[int] = graph.layer.tolist()
    seen = [False] * len(layer)
    for root in np.argsort(graph.layer, kind="stable").tolist():
        stack = [root]
        while stack:
            vertex = stack.pop()
            if seen[vertex]:
                continue
            seen[vertex] = True
            rows[layer[vertex]].append(vertex)
            stack.extend(reversed(down[vertex]))
    return rows


def _mean_end(vertex: Ints, shift: Floats, count: int) -> list[float]:
    """Return where, on average, the edges of each vertex end at its neighbours, in parts of a place in a row."""
    degree = np.maximum(np.bincount(vertex, minlength=count), 1)
    mean: list[float] = (np.bincount(vertex, weights=shift, minlength=count) / degree / WIDER_THAN_ANY).tolist()
    return mean


def _sweep(
    rows: list[list[int]],
    fixed: list[int],
    neighbours: list[list[int]],
    ends: list[float],
    *,
    reverse_ties: bool,
) -> None:
    """Sort each row by the mean place of its edges' ends in the row before it; those without stay.

    ``ends`` are the means of these ends' places at the neighbours.
    """
    place = {vertex: float(index) for index, vertex in enumerate(fixed)}
    for row in rows:
        keys: dict[int, float] = {}
        for index, vertex in enumerate(row):
            near = neighbours[vertex]
            keys[vertex] = sum(place[other] for other in near) / len(near) + ends[vertex] if near else float(index)
        if reverse_ties:
            row.reverse()
        row.sort(key=keys.__getitem__)
        place = {vertex: float(index) for index, vertex in enumerate(row)}


def _switch_neighbours(rows: list[list[int]], up: list[list[int]], down: list[list[int]]) -> None:
    """Switch adjacent vertices while that removes crossings (Gansner et al. 1993, *transpose*)."""
    place = {vertex: index for row in rows for index, vertex in enumerate(row)}

    def crossed(left: int, right: int) -> int:
        """Crossings of the edges of ``left`` with those of ``right`` when they stand in this order."""
        total = 0
        for near in (up, down):
            ends = sorted(place[other] for other in near[right])
            for other in near[left]:
                total += bisect_left(ends, place[other])
        return total

    for _ in range(8):
        improved = False
        for row in rows:
            for index in range(len(row) - 1):
                left, right = row[index], row[index + 1]
                if crossed(left, right) > crossed(right, left):
                    row[index], row[index + 1] = right, left
                    place[left], place[right] = index + 1, index
                    improved = True
        if not improved:
            return
