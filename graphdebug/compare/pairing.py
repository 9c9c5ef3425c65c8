"""Which tensors are compared with which, in what order, and why some are not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import origin
from graphdebug.runtime.backend import Session

MISSING = "missing in the {side}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tensor is made: all empty when no model says so."""

    node: int | None = None
    op: str = ""
    scope: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """A tensor name of either side. ``reason`` is empty when both sides can give the tensor."""

    name: str
    position: int
    place: Place
    reason: str = ""


def pair_tensors(
    reference: Session, candidate: Session, index: GraphIndex | None, chosen: Sequence[str] | None
) -> list[Pair]:
    """Pair two sessions' tensors by name, in topological order of the reference, then what only the candidate has.

    Args:
        reference: the session that sets the order.
        candidate: the other one.
        index: the main graph that names the producers (the reference's; the candidate's when only that is known).
        chosen: the names to compare, None: all.
    """
    order = {name: position for position, name in enumerate(_ordered(reference, candidate, index))}
    if chosen is None:
        names = list(order)
    else:
        order |= {
            name: len(order) + extra for extra, name in enumerate(n for n in dict.fromkeys(chosen) if n not in order)
        }
        names = sorted(set(chosen), key=order.__getitem__)
    sides = (
        ("reference", frozenset(reference.tensors), reference.untapped),
        ("candidate", frozenset(candidate.tensors), candidate.untapped),
    )
    pairs = []
    for name in names:
        absent = [(side, untapped.get(name, "")) for side, tensors, untapped in sides if name not in tensors]
        pairs.append(Pair(name, order[name], place_of(name, index), _reason(absent)))
    return pairs


def place_of(name: str, index: GraphIndex | None) -> Place:
    """Return where ``name`` is made in the graph, as far as that is known."""
    number = None if index is None else index.producer.get(name)
    if index is None or number is None:
        return Place()
    node = index.nodes[number]
    comes_from = origin(node)
    op = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    return Place(number, op, ".".join(comes_from.scope), comes_from.source)


def _ordered(reference: Session, candidate: Session, index: GraphIndex | None) -> list[str]:
    """All names but model inputs and initializers, each once."""
    made = [] if index is None else [name for node in index.order for name in index.nodes[node].output if name]
    given: Collection[str] = ()
    if index is not None:
        given = {*index.inputs, *index.defaults, *index.initializers, *index.sparse}
    fed = {value.name for session in (reference, candidate) for value in session.inputs}
    known = [*made, *reference.tensors, *reference.untapped, *candidate.tensors, *candidate.untapped]
    return [name for name in dict.fromkeys(known) if name not in given and name not in fed]


def _reason(absent: list[tuple[str, str]]) -> str:
    """Put into words why a tensor cannot be fetched on the sides in ``absent`` ((side, the session's reason))."""
    said = [f"{why} in the {side}" if why else MISSING.format(side=side) for side, why in absent]
    return "; ".join(said)
