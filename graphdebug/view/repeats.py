"""Repeated identical blocks: when two parts of a graph are the same, and where in a row the same comes again and again.

Parts are the same when they are divided alike and their nodes, in order, have the same ops, attributes, constants'
types and wiring. Names and the values of weights do not count, nor do the types of what nodes make: what is inferred
may become more, and the groups found here have ids that links name.
"""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import onnx

from graphdebug.model.index import GraphIndex
from graphdebug.view.layering import Ints

FEWEST = 4
"""Fewer equal blocks in a row are drawn one by one: of three, one and a frame around two would be left."""
MOST_PERIODS = 32
"""Distances at which a row is compared with itself."""
MOST_PHASES = 512
"""Places that are tried as the beginning of the first block."""
_COPIES = 8


class Form(NamedTuple):
    """What one node or part looks like to others. Parts that are the same have the same ``number``.

    ``first`` and ``last`` are the places of its outermost nodes in the order of the graph, ``takes`` the values from
    outside, in the order in which they are first used. Of the ``made`` values those used later on are in ``leaves``,
    with their places among all that are made.
    """

    number: int
    first: int
    last: int
    takes: tuple[str, ...]
    leaves: tuple[tuple[str, int], ...]
    made: int


class Likeness:
    """Tells the parts of one graph that are the same by a number; work is in proportion to nodes and borders."""

    def __init__(self, index: GraphIndex, folded: frozenset[int]) -> None:
        """Look at nothing yet. ``folded`` are the constant nodes that are drawn by others."""
        self._index = index
        self._folded = folded
        self._numbers: dict[Hashable, int] = {}
        rank = {node: place for place, node in enumerate(index.order)}
        self._rank = rank
        self._last_use = {name: max(rank.get(user, -1) for user, _ in uses) for name, uses in index.consumers.items()}

    def node(self, node: int) -> Form:
        """Return the form of a node: its op, attributes, constants and how many values it makes."""
        proto, rank = self._index.nodes[node], self._rank[node]
        constants = [self._constant(name) if name else "" for name in proto.input]
        attributes = tuple(sorted(map(_attribute, proto.attribute))) if proto.attribute else ()
        made = len(proto.output)
        number = self._number((proto.domain, proto.op_type, attributes, tuple(constants), made))
        takes = tuple([name for name, constant in zip(proto.input, constants, strict=True) if constant is None])
        leaves = tuple([(name, slot) for slot, name in enumerate(proto.output) if self._last_use.get(name, -1) > rank])
        return Form(number, rank, rank, takes, leaves, made)

    def part(self, forms: Sequence[Form]) -> Form:
        """Return the form of the part that consists of ``forms``, in their order; there must be one at least."""
        if len(forms) == 1:
            return forms[0]
        place: dict[str, int] = {}
        made = 0
        for form in forms:
            for name, slot in form.leaves:
                place.setdefault(name, made + slot)
            made += form.made
        outside: dict[str, int] = {}
        what: list[int] = []
        for form in forms:
            what.append(form.number)
            for name in form.takes:
                at = place.get(name)
                what.append(~outside.setdefault(name, len(outside)) if at is None else at)
        first, last = min([form.first for form in forms]), max([form.last for form in forms])
        leaves = tuple([(name, at) for name, at in place.items() if self._last_use[name] > last])
        return Form(self._number(tuple(what)), first, last, tuple(outside), leaves, made)

    def _number(self, what: Hashable) -> int:
        return self._numbers.setdefault(what, len(self._numbers))

    def _constant(self, name: str) -> Hashable:
        """Return the type of a constant, ``None`` for any other value."""
        for _ in range(_COPIES):
            if name in self._index.initializers:
                tensor = self._index.initializers[name]
                return tensor.data_type, tuple(tensor.dims)
            if name in self._index.sparse:
                return "sparse", tuple(self._index.sparse[name].dims)
            producer = self._index.producer.get(name)
            if producer is None or producer not in self._folded:
                return None
            node = self._index.nodes[producer]
            if not node.input:
                return tuple(sorted(map(_attribute, node.attribute)))
            name = node.input[0]
        return None


def crossing(forms: Sequence[Form]) -> Ints:
    """Return how many values [forms + 1] pass each place between two parts that follow each other."""
    last = {name: place for place, form in enumerate(forms) for name in form.takes}
    change = np.zeros(len(forms) + 2, dtype=np.int64)
    for place, form in enumerate(forms):
        for name, _ in form.leaves:
            if last.get(name, -1) > place:
                change[place + 1] += 1
                change[last[name] + 1] -= 1
    return np.cumsum(change)[:-1]


def _attribute(attribute: onnx.AttributeProto) -> tuple[str, bytes]:
    """Return an attribute's name and what makes it differ: of a tensor its type, of a graph its ops."""
    kind = attribute.type
    if kind == onnx.AttributeProto.TENSOR:
        return attribute.name, repr((attribute.t.data_type, tuple(attribute.t.dims))).encode()
    if kind == onnx.AttributeProto.GRAPH:
        return attribute.name, repr([node.op_type for node in attribute.g.node]).encode()
    return attribute.name, attribute.SerializeToString(deterministic=True)


@dataclass(frozen=True, slots=True)
class Row:
    """``count`` equal blocks of ``period`` items each, one after the other, from item ``start`` on."""

    start: int
    period: int
    count: int

    @property
    def stop(self) -> int:
        """Return the first item after the last block."""
        return self.start + self.period * self.count


def rows(numbers: Ints, passing: Ints, most: int) -> list[Row]:
    """Return at most ``most`` rows of equal blocks in a sequence of parts, by their ``numbers``; they do not overlap.

    Of the places at which blocks could begin those are taken where the fewest values pass: ``passing`` [parts + 1].
    """
    found: list[Row] = []
    waiting = [(0, len(numbers))]
    while waiting and len(found) < most:
        start, stop = waiting.pop()
        row = _longest_row(numbers[start:stop], passing[start : stop + 1])
        if row is not None:
            found.append(Row(row.start + start, row.period, row.count))
            waiting += [(start, found[-1].start), (found[-1].stop, stop)]
    return found


def _longest_row(numbers: Ints, passing: Ints) -> Row | None:
    """Return the row that covers most; None when there is none of FEWEST blocks."""
    best: Row | None = None
    for period in _periods(numbers):
        equal = np.concatenate([[False], numbers[period:] == numbers[:-period], [False]])
        edges = np.flatnonzero(equal[1:] != equal[:-1]).reshape(-1, 2)
        if not len(edges):
            continue
        start, stop = edges[np.argmax(edges[:, 1] - edges[:, 0])].tolist()
        row = Row(start, period, (stop + period - start) // period)
        # A multiple of a period covers nearly as much: it must do clearly better.
        if row.count >= FEWEST and (best is None or 10 * row.period * row.count > 11 * best.period * best.count):
            best, end = row, stop + period
    return _best_phase(best.start, end, best.period, passing) if best else None


def _periods(numbers: Ints) -> Iterable[int]:
    """Return the distances at which equal parts most often follow each other, shortest first."""
    if len(numbers) < FEWEST or len(set(numbers.tolist())) == len(numbers):
        return ()
    order = np.argsort(numbers, kind="stable")
    gaps = np.diff(order)[np.diff(numbers[order]) == 0]
    counts = np.bincount(gaps[gaps <= len(numbers) // FEWEST])
    frequent = np.argsort(-counts, kind="stable")[:MOST_PERIODS]
    return sorted(frequent[counts[frequent] > 0].tolist())


def _best_phase(start: int, stop: int, period: int, passing: Ints) -> Row:
    """Choose where in a repetition the blocks begin."""
    firsts = range(start, start + min(period, MOST_PHASES))
    choices = [Row(first, period, (stop - first) // period) for first in firsts]

    def cost(row: Row) -> tuple[float, int]:
        borders = passing[row.start : row.stop + 1 : period]
        return float(np.median(borders)), -row.count

    return min((row for row in choices if row.count >= FEWEST), key=cost)
