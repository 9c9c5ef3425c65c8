"""The layered layout of one container's boxes: layers, cut edges, order, coordinates, routes.

Everything is computed for a drawing that runs downwards; whoever wants it to the right swaps the axes of what goes in
and what comes out. Lengths are scene pixels.
"""

from dataclasses import dataclass, replace

import numpy as np

from graphdebug.view import coordinates, ordering
from graphdebug.view.layering import Bools, Floats, Ints, Pin, back_edges, components, layers
from graphdebug.view.ordering import ProperGraph

MAX_SPAN = 64
"""Edges that would pass more layers are cut and drawn as two stubs."""
MOST_STOPS = 400_000
"""Layers passed by all edges together, beyond which shorter edges are cut too."""
SEPARATE_PARTS = 300
"""Unconnected parts of a diagram that are laid out each on its own; of more, several are laid out together."""
MOST_SWITCHES = 20_000
LAYER_GAP, WIDEST_GAP = 30.0, 84.0
PORT_GAP = 12.0
COMPONENT_GAP = 36.0
FAN = 10.0
"""Distance between the ends of edges that meet at one side of a box."""
SHELF_ASPECT = 1.6
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

    def arrays(self) -> tuple[Floats | Ints | Bools, ...]:
        """Return all there is to know, but for the size of stubs."""
        return (
            self.width,
            self.height,
            self.fixed,
            self.pins,
            self.tails,
            self.heads,
            self.keys,
            self.tail_shift,
            self.head_shift,
        )


@dataclass(eq=False)
class Budget:
    """Work that may still be done for one scene, counted, not timed: the same graph always gives the same picture.

    ``stops``: layers that edges may pass; ``parts``: unconnected parts to be laid out each on its own; ``switches``:
    vertices that may be switched with their neighbours, one by one, to save crossings.
    """

    stops: float = MOST_STOPS
    parts: int = SEPARATE_PARTS
    switches: int = MOST_SWITCHES


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
    graph = _Laid(
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
    x, y, top, bottom, paths, width, height = _place_components(graph, budget, wrap=not pinned)

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
    return Placement(x[:count], y[:count], routes, stubs, width, height)


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


@dataclass(frozen=True, eq=False)
class _Laid:
    """A diagram whose boxes have layers and whose edges all point down."""

    width: Floats
    height: Floats
    fixed: Bools
    layer: Ints
    tails: Ints
    heads: Ints
    keys: Ints
    tail_shift: Floats
    head_shift: Floats

    def part(self, boxes: Ints, edges: Ints) -> "_Laid":
        """Return the sub-diagram of these boxes and edges, numbered anew."""
        number = np.zeros(len(self.width), dtype=np.int64)
        number[boxes] = np.arange(len(boxes))
        return _Laid(
            self.width[boxes],
            self.height[boxes],
            self.fixed[boxes],
            self.layer[boxes],
            number[self.tails[edges]],
            number[self.heads[edges]],
            self.keys[edges],
            self.tail_shift[edges],
            self.head_shift[edges],
        )


_Places = tuple[Floats, Floats, Floats, Floats, list[Floats], float, float]
"""x, y, top and bottom of the layer [N] of each box; a polyline per edge; width and height of the whole."""


def _place_components(graph: _Laid, budget: Budget, *, wrap: bool) -> _Places:
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
        return none, none, none, none, [], 0.0, 0.0
    parts = [_place_connected(graph.part(b, e), budget) for b, e in zip(box_parts, edge_parts, strict=True)]

    widths, heights = [part[5] for part in parts], [part[6] for part in parts]
    area = sum((w + COMPONENT_GAP) * (h + COMPONENT_GAP) for w, h in zip(widths, heights, strict=True))
    limit = max(*widths, 0.0, (area * SHELF_ASPECT) ** 0.5) if wrap else float("inf")
    x, y, top, bottom = (np.zeros(len(graph.width)) for _ in range(4))
    routes: list[Floats] = [np.zeros((0, 2))] * len(graph.tails)
    left = shelf = tallest = width = 0.0
    for part, boxes, edges in zip(parts, box_parts, edge_parts, strict=True):
        if left and left + part[5] > limit:
            left, shelf, tallest = 0.0, shelf + tallest + COMPONENT_GAP, 0.0
        x[boxes] = part[0] + left
        for target, values in zip((y, top, bottom), part[1:4], strict=True):
            target[boxes] = values + shelf
        for edge, route in zip(edges.tolist(), part[4], strict=True):
            routes[edge] = route + np.array([left, shelf])
        width, tallest = max(width, left + part[5]), max(tallest, part[6])
        left += part[5] + COMPONENT_GAP
    return x, y, top, bottom, routes, width, shelf + tallest


def _least(values: Ints, group: Ints, groups: int) -> Ints:
    """Return the least value [groups] of each group."""
    least = np.full(groups, np.iinfo(np.int64).max)
    np.minimum.at(least, group, values)
    return least


def _place_connected(graph: _Laid, budget: Budget) -> _Places:
    proper = ordering.proper(graph.layer, graph.tails, graph.heads, graph.keys, graph.tail_shift, graph.head_shift)
    total = len(proper.layer)
    width = np.zeros(total)
    width[: proper.count] = graph.width
    switch = total <= min(ordering.SWITCH_LIMIT, budget.switches)
    budget.switches -= total if switch else 0
    x = coordinates.across(proper, ordering.order(proper, switch=switch), width)
    top, bottom = _layer_bounds(proper, graph.height, x)
    top, bottom = top[proper.layer], bottom[proper.layer]
    y = ((top + bottom) / 2)[: proper.count]
    routes = _routes(graph, proper, x, y, top, bottom)
    count = proper.count
    height = float(bottom.max())
    return x[:count], y, top[:count], bottom[:count], routes, float((x + width / 2).max()), height


def _layer_bounds(graph: ProperGraph, height: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return the top and bottom [layers] of each layer; gaps grow with the width that their edges cross."""
    depth = int(graph.layer.max()) + 1
    tall = np.zeros(depth)
    np.maximum.at(tall, graph.layer[: graph.count], height)
    reach = np.zeros(depth)
    np.maximum.at(reach, graph.layer[graph.upper], np.abs(x[graph.upper] - x[graph.lower]))
    gap = np.clip(LAYER_GAP + (reach - 150) / 12, LAYER_GAP, WIDEST_GAP)
    beside_ports = (tall == 0) | (np.roll(tall, -1) == 0)
    gap[beside_ports] -= LAYER_GAP - PORT_GAP
    top = np.concatenate([[0.0], np.cumsum(tall + gap)[:-1]])
    return top, top + tall


def _routes(graph: _Laid, proper: ProperGraph, x: Floats, y: Floats, top: Floats, bottom: Floats) -> list[Floats]:
    """Return a polyline per edge: down from its tail, through its dummies, into its head; straight runs merged."""
    edges = len(graph.tails)
    if not edges:
        return []
    stops = proper.span + 1
    first = np.cumsum(stops) - stops
    last = first + stops - 1
    edge = np.repeat(np.arange(edges), stops)
    vertex = proper.chain[edge] + np.arange(len(edge)) - first[edge] - 1
    vertex[first], vertex[last] = graph.tails, graph.heads
    points = np.empty((len(vertex), 2, 2))
    points[:, :, 0] = x[vertex][:, None]
    points[:, 0, 1], points[:, 1, 1] = top[vertex], bottom[vertex]
    points[first, :, 0] += graph.tail_shift[:, None]
    points[last, :, 0] += graph.head_shift[:, None]
    room = np.where(graph.fixed, 0.0, np.maximum(graph.width / 2 - 8, 0.0))
    leaving = points[first + 1, 0, 0] - points[first, 0, 0]
    arriving = points[last - 1, 0, 0] - points[last, 0, 0]
    points[first, :, 0] += _fan(graph.tails, vertex[first + 1], leaving, room)[:, None]
    points[last, :, 0] += _fan(graph.heads, vertex[last - 1], arriving, room)[:, None]
    points[first, 0, 1], points[first, 1, 1] = y[graph.tails] + graph.height[graph.tails] / 2, bottom[graph.tails]
    points[last, 0, 1], points[last, 1, 1] = top[graph.heads], y[graph.heads] - graph.height[graph.heads] / 2
    line = points.reshape(-1, 2)

    inside = np.ones(len(line), dtype=np.bool_)
    inside[2 * first] = inside[2 * last + 1] = False
    before, after = np.roll(line, 1, axis=0), np.roll(line, -1, axis=0)
    straight = (np.abs(line[:, 0] - before[:, 0]) < 0.01) & (np.abs(line[:, 0] - after[:, 0]) < 0.01)
    same_before = np.abs(line - before).sum(axis=1) < 0.01
    meets_end = (np.abs(line - after).sum(axis=1) < 0.01) & ~np.roll(inside, -1)
    keep = ~(inside & (straight | same_before | meets_end))
    ends = np.cumsum(np.add.reduceat(keep, 2 * first))[:-1]
    return np.split(line[keep], ends)


def _fan(box: Ints, towards: Ints, away: Floats, room: Floats) -> Floats:
    """Return by how much [edges] the ends of edges at the same side of a box are spread, so that each can be seen.

    ``towards`` [edges] is the vertex each edge comes from or goes to, ``away`` [edges] how far right that is, ``room``
    [boxes] how far ends may go from the middle, where a vertical line stays.
    """
    pairs, one, which = np.unique(np.stack([box, towards]), axis=1, return_index=True, return_inverse=True)
    away = away[one]
    side = np.where(np.abs(away) < 1, 0, np.sign(away)).astype(np.int64)
    order = np.lexsort((np.abs(away), side, pairs[0]))
    group = pairs[0][order] * 3 + side[order]
    begins = np.concatenate([[True], group[1:] != group[:-1]])
    start = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    rank = np.arange(len(order)) - start[number] + 1
    most = np.diff(np.append(start, len(order)))[number]
    shift = np.zeros(len(order))
    shift[order] = side[order] * rank * np.minimum(FAN, room[pairs[0][order]] / most)
    return np.asarray(shift[which.reshape(-1)])
