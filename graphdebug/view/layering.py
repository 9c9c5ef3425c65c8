"""Layers of a directed graph: which row each vertex stands in. Pure functions on arrays.

Longest-path layering (Eades & Sugiyama 1990) with cycles broken by reversing the back edges of a depth-first search,
after which vertices fed by nothing but sources of their own are pulled down to their consumers, so that a shape
computation stands beside its use and not at the top of the page.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MANY_USES = 8
"""A vertex with so many consumers does not keep them near."""


TALL = 120.0
"""How much taller than a box its layer may be, in pixels, that the box need not stand in one of its own."""


class Pin(IntEnum):
    """Where a vertex must stand: anywhere, in the first layer alone, or in the last layer alone."""

    FREE = 0
    FIRST = 1
    LAST = 2


def adjacency(count: int, tails: Ints, heads: Ints) -> list[list[int]]:
    """Return the successors of each of ``count`` vertices, in edge order."""
    successors: list[list[int]] = [[] for _ in range(count)]
    for tail, head in zip(tails.tolist(), heads.tolist(), strict=True):
        successors[tail].append(head)
    return successors


def topological_order(count: int, tails: Ints, heads: Ints) -> list[int]:
    """Return the vertices in topological order (Kahn); vertices on or behind a cycle are left out."""
    successors = adjacency(count, tails, heads)
    waiting: list[int] = np.bincount(heads, minlength=count).tolist()
    order = [vertex for vertex in range(count) if not waiting[vertex]]
    for vertex in order:  # grows while we walk it
        for head in successors[vertex]:
            waiting[head] -= 1
            if not waiting[head]:
                order.append(head)
    return order


def components(count: int, tails: Ints, heads: Ints) -> Ints:
    """Return the connected component [count] of each vertex, numbered by first vertex."""
    parent = list(range(count))

    def find(vertex: int) -> int:
        while parent[vertex] != vertex:
            parent[vertex] = parent[parent[vertex]]
            vertex = parent[vertex]
        return vertex

    for tail, head in zip(tails.tolist(), heads.tolist(), strict=True):
        one, other = find(tail), find(head)
        parent[max(one, other)] = min(one, other)
    roots = np.array([find(vertex) for vertex in range(count)], dtype=np.int64)
    return np.unique(roots, return_inverse=True)[1].reshape(-1)


def back_edges(count: int, tails: Ints, heads: Ints) -> Bools:
    """Return a mask [edges] of edges whose reversal makes the graph acyclic. Self loops are not edges here."""
    back = np.zeros(len(tails), dtype=np.bool_)
    if len(topological_order(count, tails, heads)) == count:
        return back
    out: list[list[int]] = [[] for _ in range(count)]
    for edge, tail in enumerate(tails.tolist()):
        out[tail].append(edge)
    head_of: list[int] = heads.tolist()
    unseen, active, done = 0, 1, 2
    state = [unseen] * count
    fed = np.bincount(heads, minlength=count)
    for root in sorted(range(count), key=lambda vertex: (fed[vertex] > 0, vertex)):
        if state[root] != unseen:
            continue
        state[root] = active
        stack = [(root, iter(out[root]))]
        while stack:
            vertex, edges = stack[-1]
            for edge in edges:
                head = head_of[edge]
                if state[head] == active:
                    back[edge] = True
                elif state[head] == unseen:
                    state[head] = active
                    stack.append((head, iter(out[head])))
                    break
            else:
                state[vertex] = done
                stack.pop()
    return back


def layers(count: int, tails: Ints, heads: Ints, pins: Ints) -> Ints:
    """Return the layer [count] of each vertex of an acyclic graph: ``layer[tail] < layer[head]`` on every edge.

    ``pins`` [count] holds ``Pin`` values; a vertex pinned first has no incoming edges, one pinned last no outgoing.
    """
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    order = topological_order(count, tails, heads)
    successors = adjacency(count, tails, heads)
    has_first = bool(np.any(pins == Pin.FIRST))
    layer = [int(has_first)] * count
    for vertex in np.flatnonzero(pins == Pin.FIRST).tolist():
        layer[vertex] = 0
    for vertex in order:
        below = layer[vertex] + 1
        for head in successors[vertex]:
            if layer[head] < below:
                layer[head] = below
    _pull_down(layer, order, successors, adjacency(count, heads, tails), pins)
    last = np.flatnonzero(pins == Pin.LAST)
    result = np.array(layer, dtype=np.int64)
    if len(last):
        free = np.flatnonzero(pins != Pin.LAST)
        result[last] = (int(result[free].max()) if len(free) else -1) + 1
    return np.asarray(result - result.min())


def between_tall(layer: Ints, height: Floats, tails: Ints, heads: Ints) -> Ints:
    """Return the layers [N] with more of them put in, for small boxes with one edge that share theirs with tall ones.

    Beside a tall (and wide) frame such a box would stand far from the only box that it has to do with; in a layer
    between that one's and the frame's it stands right by it. ``height`` [N] is that of the boxes.
    """
    count = len(layer)
    if not count:
        return layer
    tall = np.zeros(int(layer.max()) + 1)
    np.maximum.at(tall, layer, height)
    edges = np.bincount(tails, minlength=count) + np.bincount(heads, minlength=count)
    lonely = (edges == 1) & (tall[layer] - height > TALL)
    doubled = 2 * layer
    for box, only, side in ((heads, tails, 1), (tails, heads, -1)):
        moved = lonely[box] & (edges[only] > 1)
        doubled[box[moved]] = 2 * layer[only[moved]] + side
    return np.asarray(np.unique(doubled, return_inverse=True)[1].reshape(-1))


def _pull_down(
    layer: list[int], order: list[int], successors: list[list[int]], predecessors: list[list[int]], pins: Ints
) -> None:
    """Move vertices as late as their consumers allow where that lengthens no line.

    That is so for a vertex all of whose predecessors are movable and feed nothing else, and for one whose only
    predecessor feeds many (its line is long anyway): a mask prepared anew in each of 64 blocks moves to its block.
    """
    free: list[bool] = (pins == Pin.FREE).tolist()
    pinned_last: list[bool] = (pins == Pin.LAST).tolist()
    uses = [len(set(heads)) for heads in successors]
    movable = [False] * len(layer)
    for vertex in order:
        tails = set(predecessors[vertex])
        movable[vertex] = free[vertex] and (
            all(movable[tail] and uses[tail] == 1 for tail in tails)
            or (len(tails) == 1 and all(uses[tail] >= MANY_USES for tail in tails))
        )
    for vertex in reversed(order):
        heads = [layer[head] for head in successors[vertex] if not pinned_last[head]]
        if movable[vertex] and heads:
            layer[vertex] = max(layer[vertex], min(heads) - 1)
