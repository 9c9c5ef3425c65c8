"""The layered layout of one container's boxes: layers, cut edges, order, coordinates, routes.

Everything is computed for a drawing that runs downwards; whoever wants it to the right swaps the axes of what goes in
and what comes out. Lengths are scene pixels.
"""

from dataclasses import dataclass, replace

import numpy as np

from graphdebug.view.columns import place_in_columns
from graphdebug.view.connected import SEPARATE_PARTS, Budget, Layered, Placed
from graphdebug.view.cutting import MAX_SPAN
from graphdebug.view.layering import Bools, Floats, Ints, Pin, back_edges, between_tall, components, layers

COMPONENT_GAP = 36.0
SCREEN = 2200.0, 1500.0
"""What is wider, and long, is laid out in this shape: about what fits a window at the smallest readable zoom."""
LOOP_REACH = 8.0
"""How far beside its box an edge passes that runs against the direction of the drawing."""


@dataclass(frozen=True, eq=False)
class Diagram:
    """What is to be laid out: N boxes and E edges between them.

    ``pins`` [N] are ``Pin`` values. Edges with equal ``tails`` and ``keys`` are drawn as one line that branches.
    ``tail_shift`` and ``head_shift`` [E] move an edge's ends sideways from the middle of its boxes. ``fixed`` [N]
    marks boxes whose edges must end right there; at the others, ends are spread a little.
    """

    width: Floats
    height: Floats
    fixed: Bools
    pins: Ints
    tails: Ints
    heads: Ints
    keys: Ints
    tail_shift: Floats
    head_shift: Floats
    stub_size: tuple[float, float] = (116.0, 20.0)
    screen: tuple[float, float] = SCREEN


@dataclass(frozen=True, eq=False)
class Stub:
    """A small box that stands for the far ends of cut ``edges``: below their tail, or above their head."""

    below: bool
    edges: tuple[int, ...]
    x: float
    y: float
    route: Floats


@dataclass(frozen=True, eq=False)
class Placement:
    """Centres [N] of the boxes, a polyline [p, 2] per edge (None when it was cut), the stubs, and the whole size."""

    x: Floats
    y: Floats
    routes: list[Floats | None]
    stubs: list[Stub]
    width: float
    height: float


def place(diagram: Diagram, budget: Budget | None = None) -> Placement:
    """Lay the diagram out. Deterministic; any graph will do: cyclic, disconnected, empty, with self loops.

    What it takes is taken from the ``budget``; where that is too small, more edges are cut.
    """
    budget = budget or Budget()
    count = len(diagram.width)
    loops = diagram.tails == diagram.heads
    reversed_ = back_edges(count, diagram.tails[~loops], diagram.heads[~loops])
    backward = np.zeros(len(loops), dtype=np.bool_)
    backward[~loops] = reversed_
    upper = np.where(backward, diagram.heads, diagram.tails)
    lower = np.where(backward, diagram.tails, diagram.heads)
    layer = layers(count, upper[~loops], lower[~loops], diagram.pins)
    cut = _too_long(layer[lower] - layer[upper], budget)
    stubbed = _with_stubs(diagram, layer, cut)

    kept = np.flatnonzero(~loops & ~cut)
    keys = np.where(backward, -1 - np.arange(len(loops)), diagram.keys)
    tails = np.concatenate([upper[kept], stubbed.tails])
    heads = np.concatenate([lower[kept], stubbed.heads])
    graph = Layered(
        np.concatenate([diagram.width, np.full(stubbed.count, diagram.stub_size[0])]),
        np.concatenate([diagram.height, np.full(stubbed.count, diagram.stub_size[1])]),
        np.concatenate([diagram.fixed, np.zeros(stubbed.count, dtype=np.bool_)]),
        np.concatenate([layer, stubbed.layer]),
        tails,
        heads,
        np.concatenate([keys[kept], np.zeros(len(stubbed.tails), dtype=np.int64)]),
        np.concatenate([np.where(backward, diagram.head_shift, diagram.tail_shift)[kept], stubbed.tail_shift]),
        np.concatenate([np.where(backward, diagram.tail_shift, diagram.head_shift)[kept], stubbed.head_shift]),
    )
    pinned = bool(np.any(diagram.pins != Pin.FREE))
    placed = _place_components(graph, diagram.screen, budget, wrap=not pinned)
    x, y, top, bottom, paths, width = placed.x, placed.y, placed.top, placed.bottom, placed.routes, placed.width

    routes: list[Floats | None] = [None] * len(loops)
    for edge, path in zip(kept.tolist(), paths, strict=False):
        routes[edge] = path
    for edge in np.flatnonzero(loops | (backward & ~cut)).tolist():
        tail, head = int(diagram.tails[edge]), int(diagram.heads[edge])
        inner = routes[edge]
        routes[edge] = np.concatenate(
            [
                _leave(x[tail], y[tail], diagram, tail, diagram.tail_shift[edge], bottom[tail]),
                inner[-2:0:-1] if inner is not None else np.zeros((0, 2)),
                _enter(x[head], y[head], diagram, head, diagram.head_shift[edge], top[head]),
            ]
        )
        width = max(width, float(routes[edge][:, 0].max()) + 1)  # type: ignore[index]
    stubs = [
        Stub(below, edges, float(x[count + i]), float(y[count + i]), paths[len(kept) + i])
        for i, (below, edges) in enumerate(stubbed.what)
    ]
    return Placement(x[:count], y[:count], routes, stubs, width, placed.height)


def _too_long(span: Ints, budget: Budget) -> Bools:
    """Return which edges to cut: those that span too much, and so many more that the drawing stays of bearable size."""
    longest = MAX_SPAN
    while longest > 2 and int(span[span <= longest].sum()) > budget.stops:
        longest //= 2
    budget.stops = max(0.0, budget.stops - int(span[span <= longest].sum()))
    return np.asarray(span > longest)


def _leave(x: float, y: float, diagram: Diagram, box: int, shift: float, bottom: float) -> Floats:
    """Return the way from under a box up along its right side."""
    side, low = x + diagram.width[box] / 2 + LOOP_REACH, bottom + LOOP_REACH
    start = y + diagram.height[box] / 2
    return np.array([(x + shift, start), (x + shift, low), (side, low), (side, y)])


def _enter(x: float, y: float, diagram: Diagram, box: int, shift: float, top: float) -> Floats:
    """Return the way up along a box's right side into its top."""
    side, high = x + diagram.width[box] / 2 + LOOP_REACH, top - LOOP_REACH
    end = y - diagram.height[box] / 2
    return np.array([(side, y), (side, high), (x + shift, high), (x + shift, end)])


@dataclass(frozen=True, eq=False)
class _Stubs:
    """Stubs to add: ``what`` each stands for, its layer, and one edge each between it and its box."""

    what: list[tuple[bool, tuple[int, ...]]]
    layer: Ints
    tails: Ints
    heads: Ints
    tail_shift: Floats
    head_shift: Floats

    @property
    def count(self) -> int:
        return len(self.what)


def _with_stubs(diagram: Diagram, layer: Ints, cut: Bools) -> _Stubs:
    """Return stubs below the tails (one per tail and key) and above the heads (one per head) of the edges cut."""
    groups: dict[tuple[bool, int, int, int], list[int]] = {}
    for edge in np.flatnonzero(cut).tolist():
        tail, head, key = int(diagram.tails[edge]), int(diagram.heads[edge]), int(diagram.keys[edge])
        groups.setdefault((True, tail, tail, key), []).append(edge)
        above = (tail, key) if diagram.fixed[head] else (-1, 0)
        groups.setdefault((False, head, *above), []).append(edge)
    count = len(diagram.width)
    below = np.array([group[0] for group in groups], dtype=np.bool_)
    box = np.array([group[1] for group in groups], dtype=np.int64)
    first = np.array([edges[0] for edges in groups.values()], dtype=np.int64)
    stub = count + np.arange(len(groups))
    return _Stubs(
        what=[(group[0], tuple(edges)) for group, edges in groups.items()],
        layer=layer[box] + np.where(below, 1, -1),
        tails=np.where(below, box, stub),
        heads=np.where(below, stub, box),
        tail_shift=np.where(below, diagram.tail_shift[first], 0.0),
        head_shift=np.where(below, 0.0, diagram.head_shift[first]),
    )


def _place_components(graph: Layered, screen: tuple[float, float], budget: Budget, *, wrap: bool) -> Placed:
    """Lay out each connected component and stand them side by side, on several shelves when that is more compact."""
    component = components(len(graph.width), graph.tails, graph.heads)
    number = int(component.max()) + 1 if len(component) else 0
    graph = replace(graph, layer=graph.layer - _least(graph.layer, component, number)[component])
    separate = max(1, min(SEPARATE_PARTS, budget.parts))
    if number > separate:  # neighbours share a part, and a picture
        component, number = component * separate // number, separate
    budget.parts -= number
    by_box = np.argsort(component, kind="stable")
    by_edge = np.argsort(component[graph.tails], kind="stable")
    box_parts = np.split(by_box, np.searchsorted(component[by_box], np.arange(1, number)))
    edge_parts = np.split(by_edge, np.searchsorted(component[graph.tails][by_edge], np.arange(1, number)))
    if number == 0:
        none = np.zeros(0)
        return Placed(none, none, none, none, [], 0.0, 0.0)
    parts = []
    for boxes, edges in zip(box_parts, edge_parts, strict=True):
        one = graph.part(boxes, edges)
        one = replace(one, layer=between_tall(one.layer, one.height, one.tails, one.heads))
        parts.append(place_in_columns(one, screen, budget))

    area = sum((part.width + COMPONENT_GAP) * (part.height + COMPONENT_GAP) for part in parts)
    widest = max(part.width for part in parts)
    limit = max(widest, (area * screen[0] / screen[1]) ** 0.5) if wrap else float("inf")
    x, y, top, bottom = (np.zeros(len(graph.width)) for _ in range(4))
    routes: list[Floats] = [np.zeros((0, 2))] * len(graph.tails)
    left = shelf = tallest = width = 0.0
    for part, boxes, edges in zip(parts, box_parts, edge_parts, strict=True):
        if left and left + part.width > limit:
            left, shelf, tallest = 0.0, shelf + tallest + COMPONENT_GAP, 0.0
        x[boxes] = part.x + left
        for target, values in ((y, part.y), (top, part.top), (bottom, part.bottom)):
            target[boxes] = values + shelf
        for edge, route in zip(edges.tolist(), part.routes, strict=True):
            routes[edge] = route + np.array([left, shelf])
        width, tallest = max(width, left + part.width), max(tallest, part.height)
        left += part.width + COMPONENT_GAP
    return Placed(x, y, top, bottom, routes, width, shelf + tallest)


def _least(values: Ints, group: Ints, groups: int) -> Ints:
    """Return the least value [groups] of each group."""
    least = np.full(groups, np.iinfo(np.int64).max)
    np.minimum.at(least, group, values)
    return least
