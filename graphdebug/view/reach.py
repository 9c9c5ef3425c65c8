"""What a node or value of one graph leads to, what leads to it, and the shortest way between two.

A node that holds graphs of its own uses what these take from outside. Ways through enclosing graphs are not followed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graphdebug.model.index import GraphIndex
from graphdebug.view.layering import Ints

Neighbours = Sequence[Sequence[int]]
"""Node → nodes one step away, each once."""


@dataclass(frozen=True, slots=True)
class Ends:
    """Where a way begins or ends: nodes by index, values by name."""

    nodes: tuple[int, ...] = ()
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """The nodes that use what a node makes (``ahead``), and those that make what it uses (``back``)."""

    ahead: Neighbours
    back: Neighbours


@dataclass(frozen=True, slots=True, eq=False)
class Cone:
    """All that is reached. ``levels`` [nodes] counts the steps to get there, −1: out of reach; ``inputs`` and
    ``outputs`` are the names of those of the graph that are reached."""

    levels: Ints
    inputs: frozenset[str]
    outputs: frozenset[str]


def links(index: GraphIndex) -> Links:
    """Return who uses what in a graph; nodes stand in the order in which the values are first used."""
    ahead: list[dict[int, None]] = [{} for _ in index.nodes]
    back: list[dict[int, None]] = [{} for _ in index.nodes]
    for name, maker in index.producer.items():
        for user in users(index, name):
            ahead[maker][user] = None
            back[user][maker] = None
    return Links([tuple(each) for each in ahead], [tuple(each) for each in back])


def users(index: GraphIndex, name: str) -> list[int]:
    """Return the nodes that use a value, themselves or in a graph that they hold, each once."""
    direct = (node for node, _ in index.consumers.get(name, ()))
    return list(dict.fromkeys((*direct, *index.captured.get(name, ()))))


def downstream(index: GraphIndex, known: Links, start: Ends, hops: int | None = None) -> Cone:
    """Return what ``start`` leads to, itself included, in at most ``hops`` steps (None: any number).

    A value leads to its users, a node that makes an output of the graph to that output; each is one step.
    """
    behind = [user for name in start.values for user in users(index, name)]
    levels = _levels(known.ahead, start.nodes, behind, hops)
    made = {name for name in index.outputs if name in start.values or _near(levels, index.producer.get(name), hops)}
    return Cone(levels, frozenset(start.values) & frozenset(index.inputs), frozenset(made))


def upstream(index: GraphIndex, known: Links, end: Ends, hops: int | None = None) -> Cone:
    """Return what leads to ``end``, itself included, in at most ``hops`` steps (None: any number)."""
    before = [index.producer[name] for name in end.values if name in index.producer]
    levels = _levels(known.back, end.nodes, before, hops)
    read = {
        name
        for name in (*index.inputs, *index.outer)
        if name in end.values or any(_near(levels, user, hops) for user in users(index, name))
    }
    return Cone(levels, frozenset(read), frozenset(end.values) & frozenset(index.outputs))


def shortest(index: GraphIndex, known: Links, start: Ends, end: Ends) -> list[int]:
    """Return the nodes on a shortest way from ``start`` to ``end``, both included; none when there is no way."""
    first = dict.fromkeys((*start.nodes, *(user for name in start.values for user in users(index, name))))
    goals = {*end.nodes, *(index.producer[name] for name in end.values if name in index.producer)}
    came: dict[int, int] = dict.fromkeys(first, -1)
    frontier = list(first)
    while frontier:
        found = next((node for node in frontier if node in goals), None)
        if found is not None:
            return _way(came, found)
        following = []
        for node in frontier:
            for user in known.ahead[node]:
                if user not in came:
                    came[user] = node
                    following.append(user)
        frontier = following
    return []


def _way(came: dict[int, int], last: int) -> list[int]:
    way = [last]
    while came[way[-1]] >= 0:
        way.append(came[way[-1]])
    return way[::-1]


def _levels(neighbours: Neighbours, at_once: Iterable[int], one_step: Iterable[int], hops: int | None) -> Ints:
    """Return the steps [nodes] to each node from those ``at_once`` there and those ``one_step`` away."""
    levels = [-1] * len(neighbours)
    frontier = list(dict.fromkeys(at_once))
    for node in frontier:
        levels[node] = 0
    following: Iterable[int] = one_step
    level = 0
    while (frontier or following) and (hops is None or level < hops):
        level += 1
        reached = []
        for node in (*following, *(each for other in frontier for each in neighbours[other])):
            if levels[node] < 0:
                levels[node] = level
                reached.append(node)
        frontier, following = reached, ()
    return np.array(levels, dtype=np.int64)


def _near(levels: Ints, node: int | None, hops: int | None) -> bool:
    """Say whether a node is reached with at least one step to spare."""
    return node is not None and levels[node] >= 0 and (hops is None or levels[node] < hops)
