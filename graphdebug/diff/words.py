"""A diff in words: short sentences, the most general first."""

from collections.abc import Iterator
from dataclasses import dataclass

from graphdebug.diff.records import End, Fact, GraphDiff, ModelDiff, NodeDiff, Place, Stored, WeightDiff
from graphdebug.model.records import ValueType
from graphdebug.model.value_types import shown
from graphdebug.view.differences import Kind
from graphdebug.view.labels import type_label

_LONGEST_NAMES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """One difference in words: ``about`` is model, graph, input, output, node or values; ``graph`` where it is.

    ``node`` says which it is, if it is one of a graph that both have.
    """

    about: str
    text: str
    graph: GraphDiff | None = None
    node: NodeDiff | None = None


def sentences(found: ModelDiff) -> Iterator[str]:
    """Say all that differs, a sentence for each; one sentence when nothing does."""
    if found.same:
        yield "Nothing differs."
    for line in lines(found):
        graph = line.graph
        yield f"In {shown(graph.title)}: {line.text}" if graph and graph.left and graph.right else line.text


def lines(found: ModelDiff) -> Iterator[Line]:
    """Say all that differs, one by one; of nodes, how many do first."""
    yield from (Line("model", _fact(fact)) for fact in found.facts)
    for graph in found.graphs:
        if graph.differs:
            yield from _graph(graph)
    yield from (Line("values", _weight(weight)) for weight in found.weights)


def _fact(fact: Fact) -> str:
    if fact.left is None or fact.right is None:
        said = shown((fact.left if fact.right is None else fact.right) or "")
        return f"Only the {'first' if fact.right is None else 'second'} has {fact.what} {said}."
    return f"{fact.what[0].upper()}{fact.what[1:]}: {shown(fact.left)} → {shown(fact.right)}."


def _graph(graph: GraphDiff) -> Iterator[Line]:
    if graph.left is None or graph.right is None:
        yield Line("graph", graph.sentence, graph)
        return
    yield from (Line("graph", _fact(fact), graph) for fact in graph.facts)
    yield from (Line(end.role, _end(end), graph) for end in graph.ends)
    if graph.nodes:
        yield Line("graph", graph.sentence, graph)
        yield from (Line("node", _node(node), graph, node) for node in graph.nodes)


def _end(end: End) -> str:
    role = end.role.capitalize()
    if not end.left and not end.right:
        return f"{role}s: {end.note}."
    role = f"{role} {end.note}".rstrip()
    if not end.left or not end.right:
        kind = end.left_type or end.right_type
        typed = f" ({type_label(kind)})" if kind else ""
        return f"{role} {shown(end.left or end.right)}{typed} is only in the {'first' if end.left else 'second'}."
    named = shown(end.left) if end.left == end.right else f"{shown(end.left)} → {shown(end.right)}"
    before, after = _type(end.left_type), _type(end.right_type)
    return f"{role} {named}: {before} → {after}." if before != after else f"{role} {named}."


def _node(node: NodeDiff) -> str:
    ours, theirs = _places(node.left), _places(node.right)
    if node.kind is Kind.LEFT:
        return f"{ours} is only in the first."
    if node.kind is Kind.RIGHT:
        return f"{theirs} is only in the second."
    if node.kind is Kind.FUSED:
        return f"{ours} → {theirs}."
    return f"{ours}: {'; '.join(node.what)}."


def _places(places: tuple[Place, ...]) -> str:
    said = ", ".join(f"{shown(place.name)} ({place.op})" for place in places[:_LONGEST_NAMES])
    return f"{said} and {len(places) - _LONGEST_NAMES:,} more" if len(places) > _LONGEST_NAMES else said


def _weight(weight: WeightDiff) -> str:
    if weight.left is None or weight.right is None:
        some = weight.left or weight.right
        assert some is not None
        return f"Values {_stored(some)} are only in the {'first' if weight.left else 'second'}."
    ours, theirs = weight.left, weight.right
    named = _stored(ours) if ours.name == theirs.name else f"{_stored(ours)} → {shown(theirs.name)}"
    if ours.type != theirs.type:
        named += f" → {type_label(theirs.type)}"
    note = f"; {weight.note}" if weight.note else ""
    if not weight.elements:
        return f"Values {named}{note}."
    far = f", by at most {weight.max_abs:.3g}" if weight.max_abs is not None and weight.differing else ""
    counted = f"{weight.differing:,} of {weight.elements:,} differ{far}" if weight.differing else "the same numbers"
    return f"Values {named}: {counted}{note}."


def _stored(stored: Stored) -> str:
    return f"{shown(stored.name)} ({type_label(stored.type)})"


def _type(kind: ValueType | None) -> str:
    return type_label(kind) if kind else "?"
