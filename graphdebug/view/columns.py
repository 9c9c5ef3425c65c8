"""Long drawings in columns, like a newspaper: networks are chains of hundreds of layers, screens are not.

The layers are cut where few lines pass, and the columns stand side by side; a line that goes on in the next column
turns up beside its own and enters the next from above, as in Rüegg, von Hanxleden: *Wrapping Layered Graphs* (2018). As
with words in lines, what is added somewhere moves only what comes after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphdebug.view.connected import LAYER_GAP, Budget, Layered, Placed, place_connected
from graphdebug.view.coordinates import BOX_GAP, LINE_GAP
from graphdebug.view.layering import Floats, Ints

LANE = 12.0
"""Distance of lines that turn into the next column together."""
GUTTER = 40.0
"""Room between columns beside those lines."""
MOST_TURNING = 24
"""Lines that may pass from one column to the next."""
SHORTEST = 0.6
"""A column is at least so much of the length there is."""
REMNANT = 0.2
"""What is left for the last column is at least so much, or stays in the column before."""
_STEP = 2**0.5


def place_in_columns(graph: Layered, screen: tuple[float, float], budget: Budget) -> Placed:
    """Lay out a layered graph that hangs together, in as many columns as it takes to be shaped like a ``screen``.

    What is no longer than the screen is left in one piece. ``screen`` is width and height.
    """
    starts = column_starts(graph, screen)
    return _in_columns(graph, starts, budget) if len(starts) > 1 else place_connected(graph, budget)


def column_starts(graph: Layered, screen: tuple[float, float]) -> list[int]:
    """Return the first layer of each column. Columns are as long as the screen, or √2, 2, 2√2, … times that."""
    depth = int(graph.layer.max()) + 1
    tall = np.zeros(depth)
    np.maximum.at(tall, graph.layer, graph.height)
    ends = np.cumsum(tall + LAYER_GAP)
    if ends[-1] <= screen[1] * (1 + REMNANT):
        return [0]
    passing = _lines_passing(graph, depth)
    wide = np.bincount(graph.layer, weights=graph.width + BOX_GAP, minlength=depth) + LINE_GAP * passing
    length = screen[1]
    while True:
        starts = _filled(ends, passing, length)
        across = float(np.maximum.reduceat(wide, starts).sum()) + (len(starts) - 1) * GUTTER
        if len(starts) == 1 or across <= length * screen[0] / screen[1]:
            return starts
        length *= _STEP


def _lines_passing(graph: Layered, depth: int) -> Ints:
    """Return how many lines [layers] go from each layer, or through it, to the next."""
    low, high = graph.layer[graph.tails], graph.layer[graph.heads]
    order = np.lexsort((-high, graph.keys, graph.tails))
    tails, keys = graph.tails[order], graph.keys[order]
    longest = order[np.concatenate([[True], (tails[1:] != tails[:-1]) | (keys[1:] != keys[:-1])])[: len(order)]]
    changes = np.bincount(low[longest], minlength=depth) - np.bincount(high[longest], minlength=depth)
    return np.cumsum(changes)


def _filled(ends: Floats, passing: Ints, length: float) -> list[int]:
    """Return the first layer of each column when they are filled from the first on.

    ``ends`` [layers] is where each layer ends, ``passing`` [layers] the lines that go on to the next one. Of the cuts
    that leave a column neither too short nor longer than ``length``, the last with the fewest lines is taken.
    """
    starts, begin = [0], 0.0
    while ends[-1] - begin > length * (1 + REMNANT / 2):
        first = max(int(np.searchsorted(ends, begin + SHORTEST * length)), starts[-1])
        last = max(int(np.searchsorted(ends, begin + length, side="right")) - 1, first)
        window = passing[first : last + 1]
        cut = last - int(np.argmin(window[::-1]))
        if passing[cut] > MOST_TURNING:
            fewer = np.flatnonzero(passing[last:-1] <= MOST_TURNING)
            if not len(fewer):
                break
            cut = last + int(fewer[0])
        if ends[-1] - ends[cut] < length * REMNANT:
            break
        starts.append(cut + 1)
        begin = float(ends[cut])
    return starts


@dataclass(frozen=True, eq=False)
class _Column:
    """One column as it is laid out: its boxes, the edges that end in it, and the lines that enter and leave it.

    Its diagram has the boxes, then a point above for each line that enters, then one below for each that leaves; its
    edges are those that end here, then one for each line that leaves.
    """

    boxes: Ints
    edges: Ints
    entering: Ints
    leaving: Ints
    placed: Placed

    def turning(self) -> Ints:
        """Return the lines that leave, from left to right."""
        ends = [float(route[-1, 0]) for route in self.placed.routes[len(self.edges) :]]
        return self.leaving[np.argsort(np.array(ends), kind="stable")]


def _in_columns(graph: Layered, starts: Sequence[int], budget: Budget) -> Placed:
    column = np.searchsorted(np.array(starts), graph.layer, side="right") - 1
    _, first, line = np.unique(np.stack([graph.tails, graph.keys]), axis=1, return_index=True, return_inverse=True)
    line = line.reshape(-1)
    until = np.zeros(len(first), dtype=np.int64)
    np.maximum.at(until, line, column[graph.heads])
    since = column[graph.tails[first]]

    columns: list[_Column] = []
    entering = np.zeros(0, dtype=np.int64)
    for number, start in enumerate(starts):
        leaving = np.flatnonzero((since <= number) & (until > number))
        boxes, edges = np.flatnonzero(column == number), np.flatnonzero(column[graph.heads] == number)
        part = _part(graph, start, boxes, edges, line, first, entering, leaving)
        placed = place_connected(part, budget)
        _straighten(placed, np.flatnonzero(part.tails >= len(boxes)), np.arange(len(edges), len(part.tails)))
        columns.append(_Column(boxes, edges, entering, leaving, placed))
        entering = columns[-1].turning()
    return _joined(graph, columns, line, column)


def _straighten(placed: Placed, entering: Ints, leaving: Ints) -> None:
    """Let edges come in and go out vertically: they turn there, and need not run to where a point was placed."""
    for edge in entering.tolist():
        placed.routes[edge][0, 0] = placed.routes[edge][1, 0]
    for edge in leaving.tolist():
        placed.routes[edge][-1, 0] = placed.routes[edge][-2, 0]


def _part(
    graph: Layered, start: int, boxes: Ints, edges: Ints, line: Ints, first: Ints, entering: Ints, leaving: Ints
) -> Layered:
    """Return the diagram of one column, which begins with the layer ``start``. ``first`` is an edge of each line."""
    count, points = len(boxes), len(entering) + len(leaving)
    number = np.full(len(graph.width), -1, dtype=np.int64)
    number[boxes] = np.arange(count)
    entry = np.full(len(first), -1, dtype=np.int64)
    entry[entering] = count + np.arange(len(entering))
    drawn = np.concatenate([edges, first[leaving]])
    from_above = number[graph.tails[drawn]] < 0
    layer = graph.layer[boxes] - start + bool(len(entering))
    bottom = int(layer.max()) + 1
    exits = count + len(entering) + np.arange(len(leaving))
    none = np.zeros(points)
    return Layered(
        np.concatenate([graph.width[boxes], none]),
        np.concatenate([graph.height[boxes], none]),
        np.concatenate([graph.fixed[boxes], none == 0]),
        np.concatenate([layer, np.zeros(len(entering), dtype=np.int64), np.full(len(leaving), bottom)]),
        np.where(from_above, entry[line[drawn]], number[graph.tails[drawn]]),
        np.concatenate([number[graph.heads[edges]], exits]),
        graph.keys[drawn],
        np.where(from_above, 0.0, graph.tail_shift[drawn]),
        np.concatenate([graph.head_shift[edges], np.zeros(len(leaving))]),
    )


def _joined(graph: Layered, columns: Sequence[_Column], line: Ints, column: Ints) -> Placed:
    """Stand the columns side by side and join the lines."""
    x, y, top, bottom = (np.zeros(len(graph.width)) for _ in range(4))
    routes: list[Floats] = [np.zeros((0, 2))] * len(graph.tails)
    so_far: dict[int, Floats] = {}
    left = right = height = 0.0
    for one in columns:
        placed, turning = one.placed, one.turning()
        down = LANE * len(one.entering)
        here = np.array([left, down])
        x[one.boxes] = placed.x[: len(one.boxes)] + left
        for target, values in ((y, placed.y), (top, placed.top), (bottom, placed.bottom)):
            target[one.boxes] = values[: len(one.boxes)] + down
        for edge, route in zip(one.edges.tolist(), placed.routes, strict=False):
            before = so_far.get(int(line[edge])) if column[graph.tails[edge]] < column[graph.heads[edge]] else None
            routes[edge] = route + here if before is None else _turned(before, route + here)
        right = left + placed.width
        low = down + placed.height
        outer = {int(line): len(turning) - 1 - rank for rank, line in enumerate(turning.tolist())}
        gone_on: dict[int, Floats] = {}
        for number, route in zip(one.leaving.tolist(), placed.routes[len(one.edges) :], strict=True):
            before = so_far.get(number)
            whole = route + here if before is None else _turned(before, route + here)
            lane = LANE * outer[number]
            beside = right + GUTTER / 2 + lane
            turn = [(whole[-1, 0], low + LANE + lane), (beside, low + LANE + lane), (beside, lane)]
            gone_on[number] = np.concatenate([whole, turn])
        so_far = gone_on
        height = max(height, low + LANE * len(turning))
        left = right + GUTTER + LANE * max(0, len(turning) - 1)
    return Placed(x, y, top, bottom, routes, right, height)


def _turned(before: Floats, route: Floats) -> Floats:
    """Go on from the channel beside the last column, at the height of ``before``'s end, to the start of ``route``."""
    return np.concatenate([before, [(route[0, 0], before[-1, 1])], route])
