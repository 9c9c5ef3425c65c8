"""The layered layout of boxes that have layers and edges that all point down: order, coordinates, routes."""

from dataclasses import dataclass

import numpy as np

from graphdebug.view import coordinates, ordering
from graphdebug.view.layering import Bools, Floats, Ints
from graphdebug.view.ordering import ProperGraph

MOST_STOPS = 400_000
"""Layers passed by all edges together, beyond which shorter edges are cut too."""
SEPARATE_PARTS = 300
"""Unconnected parts of a diagram that are laid out each on its own; of more, several are laid out together."""
MOST_SWITCHES = 20_000
LAYER_GAP, WIDEST_GAP = 30.0, 84.0
PORT_GAP = 12.0
MOST_SLACK = 20.0
"""Room above and below a box in its layer that is left as it is."""
FAN = 10.0
"""Distance between the ends of edges that meet at one side of a box."""


@dataclass(eq=False)
class Budget:
    """Work that may still be done for one scene, counted, not timed: the same graph always gives the same picture.

    ``stops``: layers that edges may pass; ``parts``: unconnected parts to be laid out each on its own; ``switches``:
    vertices that may be switched with their neighbours, one by one, to save crossings.
    """

    stops: float = MOST_STOPS
    parts: int = SEPARATE_PARTS
    switches: int = MOST_SWITCHES

    def less(self, other: "Budget") -> "Budget":
        """Return what is left when ``other`` is taken away."""
        return Budget(self.stops - other.stops, self.parts - other.parts, self.switches - other.switches)

    def holds(self, other: "Budget") -> bool:
        """Say whether there is at least as much of everything as in ``other``."""
        return self.stops >= other.stops and self.parts >= other.parts and self.switches >= other.switches


@dataclass(frozen=True, eq=False)
class Layered:
    """N boxes with layers (from 0) and E edges, each from a layer to a later one; the rest as in ``layout.Diagram``."""

    width: Floats
    height: Floats
    fixed: Bools
    layer: Ints
    tails: Ints
    heads: Ints
    keys: Ints
    tail_shift: Floats
    head_shift: Floats

    def part(self, boxes: Ints, edges: Ints) -> "Layered":
        """Return the sub-diagram of these boxes and edges, numbered anew."""
        number = np.zeros(len(self.width), dtype=np.int64)
        number[boxes] = np.arange(len(boxes))
        return Layered(
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


@dataclass(frozen=True, eq=False)
class Placed:
    """Centres and the top and bottom of the layer [N] of each box, a polyline [p, 2] per edge, and the whole size."""

    x: Floats
    y: Floats
    top: Floats
    bottom: Floats
    routes: list[Floats]
    width: float
    height: float


def place_connected(graph: Layered, budget: Budget) -> Placed:
    """Lay out a layered graph that hangs together."""
    proper = ordering.proper(graph.layer, graph.tails, graph.heads, graph.keys, graph.tail_shift, graph.head_shift)
    width = np.zeros(len(proper.layer))
    width[: proper.count] = graph.width
    switch = len(proper.layer) <= min(ordering.SWITCH_LIMIT, budget.switches)
    budget.switches -= len(proper.layer) if switch else 0
    x = coordinates.across(proper, ordering.order(proper, switch=switch), width)
    top, bottom = _layer_bounds(proper, graph.height, x)
    top, bottom = top[proper.layer], bottom[proper.layer]
    y = _along(graph, top[: proper.count], bottom[: proper.count])
    routes = _routes(graph, proper, x, y, top, bottom)
    count = proper.count
    return Placed(x[:count], y, top[:count], bottom[:count], routes, float((x + width / 2).max()), float(bottom.max()))


def _along(graph: Layered, top: Floats, bottom: Floats) -> Floats:
    """Return the middle [N] of each box along the drawing: that of its layer, or of a much taller one the nearer side.

    Boxes that nothing leads to stand at the bottom, near those that they lead to; those that lead nowhere at the top.
    """
    slack = (bottom - top - graph.height) / 2
    fed, used = (np.bincount(ends, minlength=len(slack)) > 0 for ends in (graph.heads, graph.tails))
    down = used.astype(np.int64) - fed
    return np.asarray((top + bottom) / 2 + np.where(slack > MOST_SLACK, down * slack, 0.0))


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


def _routes(graph: Layered, proper: ProperGraph, x: Floats, y: Floats, top: Floats, bottom: Floats) -> list[Floats]:
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
