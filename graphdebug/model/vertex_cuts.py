"""Smallest sets of vertices that separate some vertices of a directed graph from others (Menger's theorem).

As many vertices separate them as there are paths between them that share none: a maximum flow in which each vertex
that may be cut lets one unit pass (Ford and Fulkerson). A library's flow in general is many times slower on this.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

Side = tuple[int, bool]
"""A vertex where paths come in (False) or go out (True); a vertex is cut between the two."""


def smallest_cuts(
    successors: Sequence[Sequence[int]], sources: Iterable[int], sinks: Iterable[int], uncut: Iterable[int]
) -> tuple[frozenset[int], frozenset[int]] | None:
    """Return two smallest sets of vertices without which no path leads from ``sources`` to ``sinks``.

    The first is the one nearest to the sources, the second the one nearest to the sinks; they may be the same. Vertices
    in ``uncut`` are in neither; None when these alone make up a path.
    """
    flow = _Flow(successors, sources, sinks, uncut)
    if flow.is_unbounded():
        return None
    while flow.augment():
        pass
    behind, ahead = flow.reached(), flow.reaching()
    return (
        frozenset(vertex for vertex, out in behind if not out and (vertex, True) not in behind),
        frozenset(vertex for vertex, out in ahead if out and (vertex, False) not in ahead),
    )


class _Flow:
    """Units on their way from sources to sinks: ``through`` each vertex, and ``along`` each edge (head → tail)."""

    def __init__(
        self, successors: Sequence[Sequence[int]], sources: Iterable[int], sinks: Iterable[int], uncut: Iterable[int]
    ) -> None:
        self.successors, self.sources = successors, tuple(dict.fromkeys(sources))
        self.sinks, self.uncut = frozenset(sinks), frozenset(uncut)
        self.through: Counter[int] = Counter()
        self.along: dict[int, Counter[int]] = {}

    def is_unbounded(self) -> bool:
        """Say whether vertices that may not be cut make up a path from a source to a sink."""
        free = self.uncut
        found = _closure(free.intersection(self.sources), lambda vertex: free.intersection(self.successors[vertex]))
        return not found.isdisjoint(self.sinks)

    def augment(self) -> bool:
        """Let more flow; what led nowhere from one source is not tried again from the next. False: nothing more can."""
        seen: set[Side] = set()
        more = False
        for source in self.sources:
            while path := self._path((source, False), seen):
                self._push(path)
                more = True
        return more

    def reached(self) -> set[Side]:
        """Return whereto more could flow from the sources."""
        return _closure([(source, False) for source in self.sources], self._onward)

    def reaching(self) -> set[Side]:
        """Return wherefrom more could flow to the sinks."""
        predecessors: list[list[int]] = [[] for _ in self.successors]
        for tail, heads in enumerate(self.successors):
            for head in heads:
                predecessors[head].append(tail)
        return _closure([(sink, True) for sink in self.sinks], lambda side: self._back(side, predecessors))

    def _onward(self, side: Side) -> Iterator[Side]:
        vertex, out = side
        if out:
            yield from ((head, False) for head in self.successors[vertex])
            if self.through[vertex]:
                yield vertex, False
        else:
            if self._is_open(vertex):
                yield vertex, True
            yield from ((tail, True) for tail, units in self.along.get(vertex, {}).items() if units)

    def _back(self, side: Side, predecessors: Sequence[Sequence[int]]) -> Iterator[Side]:
        vertex, out = side
        if not out:
            yield from ((tail, True) for tail in predecessors[vertex])
            if self.through[vertex]:
                yield vertex, True
        else:
            if self._is_open(vertex):
                yield vertex, False
            if self.through[vertex]:
                heads = (head for head in self.successors[vertex] if head in self.along)
                yield from ((head, False) for head in heads if self.along[head][vertex])

    def _is_open(self, vertex: int) -> bool:
        return vertex in self.uncut or not self.through[vertex]

    def _path(self, start: Side, seen: set[Side]) -> list[Side]:
        """Return a way to a sink by what is not ``seen`` yet; what is on it is not seen then."""
        if start in seen:
            return []
        seen.add(start)
        path, ways = [start], [self._onward(start)]
        while path:
            vertex, out = path[-1]
            if out and vertex in self.sinks:
                seen.difference_update(path)
                return path
            following = next((side for side in ways[-1] if side not in seen), None)
            if following is None:
                path.pop()
                ways.pop()
            else:
                seen.add(following)
                path.append(following)
                ways.append(self._onward(following))
        return []

    def _push(self, path: Sequence[Side]) -> None:
        for (tail, out), (head, _) in pairwise(path):
            if tail == head:
                self.through[tail] += -1 if out else 1
            elif out:
                self.along.setdefault(head, Counter())[tail] += 1
            else:
                self.along[tail][head] -= 1


def _closure(start: Iterable[T], following: Callable[[T], Iterable[T]]) -> set[T]:
    found = set(start)
    waiting = list(found)
    while waiting:
        new = set(following(waiting.pop())) - found
        found |= new
        waiting += new
    return found
