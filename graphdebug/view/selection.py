"""What a set of boxes stands for: nodes, the values that cross its border, and the part of a graph between values."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.view.contents import contents, is_constant


@dataclass(frozen=True, slots=True)
class Border:
    """Values that cross the border of a set of nodes, in graph order; weights are left out."""

    entering: tuple[str, ...]
    leaving: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """The nodes needed to get from some values to others.

    ``nodes`` (ascending) are what the ends depend on, as far back as the starts; without ends, all that depends on the
    starts. ``needs`` are inputs of the graph, and values made nowhere, that it takes beside the starts; ``unused`` are
    starts on which nothing of it depends.
    """

    nodes: tuple[int, ...]
    needs: tuple[str, ...]
    unused: tuple[str, ...]


def nodes_of(model: Model, graph: str, ids: Iterable[str]) -> tuple[int, ...]:
    """Return the nodes (ascending) that boxes stand for: ``n:12`` itself, ``s:scope`` all in it; other boxes none."""
    groups, count = contents(model, graph).groups, len(model.graphs[graph].nodes)
    found = set[int]()
    for each in ids:
        if each.startswith("n:") and each[2:].isdecimal() and int(each[2:]) < count:
            found.add(int(each[2:]))
        elif each.startswith("s:") and each in groups:
            found.update(groups[each].all_nodes())
    return tuple(sorted(found))


def border(index: GraphIndex, nodes: Collection[int]) -> Border:
    """Return the values that come into and go out of a set of nodes. What is made and nowhere used goes out, too."""
    inside = frozenset(nodes)
    members, outputs = sorted(inside), frozenset(index.outputs)
    made = {name: None for node in members for name in index.nodes[node].output if name}
    taken = {name: None for node in members for name in index.nodes[node].input if name}
    taken |= {name: None for name, users in index.captured.items() if not inside.isdisjoint(users)}
    return Border(
        tuple(name for name in taken if name not in made and not is_constant(index, name)),
        tuple(name for name in made if name in outputs or not _users(index, name) or _users(index, name) - inside),
    )


def part(index: GraphIndex, starts: Iterable[str], ends: Iterable[str]) -> Part:
    """Return the part of a graph from ``starts`` to ``ends``, names of values of this graph."""
    first, last = dict.fromkeys(starts), dict.fromkeys(ends)
    if not last:
        unused = tuple(name for name in first if not _users(index, name))
        return Part(tuple(sorted(_downstream(index, first))), (), unused)
    captured = _captured_by(index)
    nodes, needs, seen = set[int](), set[str](), set(last)
    waiting = list(last)
    while waiting:
        name = waiting.pop()
        producer = index.producer.get(name)
        if name in first or producer in nodes:
            continue
        if producer is not None:
            nodes.add(producer)
            taken = {each for each in (*index.nodes[producer].input, *captured.get(producer, ())) if each} - seen
            seen |= taken
            waiting += taken
        elif not is_constant(index, name):
            needs.add(name)
    return Part(tuple(sorted(nodes)), tuple(sorted(needs)), tuple(name for name in first if name not in seen))


def _downstream(index: GraphIndex, values: Iterable[str]) -> set[int]:
    found, waiting = set[int](), list(values)
    while waiting:
        reached = _users(index, waiting.pop()) - found
        found |= reached
        waiting += [name for node in reached for name in index.nodes[node].output if name]
    return found


def _users(index: GraphIndex, name: str) -> set[int]:
    return {node for node, _ in index.consumers.get(name, ())} | set(index.captured.get(name, ()))


def _captured_by(index: GraphIndex) -> dict[int, list[str]]:
    """Return node → values that its nested graphs use."""
    captured: dict[int, list[str]] = {}
    for name, nodes in index.captured.items():
        for node in nodes:
            captured.setdefault(node, []).append(name)
    return captured
