"""Search in one graph: what fits a query (query.py), in which order, and what of the picture to let stand out."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from graphdebug.model.document import Model
from graphdebug.model.records import Finding
from graphdebug.view.filters import Around, fits, places
from graphdebug.view.findable import Findable, Sort, findable
from graphdebug.view.labels import shortened, type_label
from graphdebug.view.layering import Ints
from graphdebug.view.query import QueryError, Term, interval, looks_like_filter, parse
from graphdebug.view.reach import shortest, users
from graphdebug.view.texts import EXACT, NOT, Ranks

LIMIT = 50
_SPEAK_FOR_THEMSELVES = {
    Sort.VALUE: {"", "tensor", "mark", "kind"},
    Sort.GROUP: {"", "name", "op", "scope", "kind"},
    Sort.WEIGHT: {"", "name", "tensor", "dtype", "shape", "rank", "elements", "users", "kind"},
}
"""What must be asked for lest their nodes be found as well as these themselves."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found. ``id`` is the box that shows it once ``groups`` are expanded, ``choice`` the id of what it is
    (``v:name`` for a weight, which has no box of its own); ``kind`` is ``node``, ``value``, ``group``, ``input``,
    ``output`` or ``weight``."""

    id: str
    kind: str
    graph: str
    title: str
    subtitle: str
    groups: tuple[str, ...]
    choice: str


@dataclass(frozen=True, slots=True)
class Hits:
    """Some of the hits, best first, and how many there are in all. ``problem`` says what may be wrong with the query
    when there are none, ``notice`` where was not searched."""

    hits: tuple[Hit, ...]
    total: int
    problem: str = ""
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Highlight:
    """The boxes to let stand out for a query. ``strong``: the shortest of the ways it asks for. ``inside``: group id →
    how many of ``boxes`` it holds, at any depth."""

    title: str
    boxes: tuple[str, ...]
    strong: tuple[str, ...]
    inside: dict[str, int]


def search(
    model: Model, graph: str, text: str, limit: int = LIMIT, findings: Sequence[Finding] = (), skip: int = 0
) -> Hits:
    """Find what fits a query (docs/search.md), in any case, leaving out the first ``skip`` hits.

    Exact matches come first, then beginnings, then the rest, each in graph order.
    Raises KeyError when there is no such graph, QueryError when the query makes no sense.
    """
    terms = parse(text)
    if not terms:
        return Hits((), 0)
    found = findable(model, graph)
    entries = _ordered(_fitting(found, terms, findings))
    hits = tuple(_hit(found, entry) for entry in entries[skip : skip + limit].tolist())
    return Hits(hits, len(entries), "" if len(entries) else looks_like_filter(text))


def highlight(model: Model, graph: str, text: str, findings: Sequence[Finding] = ()) -> Highlight:
    """Return the boxes that show what fits a query, groups that are hits among them.

    Raises KeyError when there is no such graph, QueryError when the query makes no sense.
    """
    terms = parse(text)
    found = findable(model, graph)
    entries = np.flatnonzero(_fitting(found, terms, findings) < NOT) if terms else np.zeros(0, dtype=np.int64)
    are_nodes = found.sorts[entries] <= Sort.VALUE
    nodes = np.unique(found.shown[found.things[entries[are_nodes]]])
    others = dict.fromkeys(box for entry in entries[~are_nodes].tolist() for box in _boxes(found, entry))
    boxes = dict.fromkeys((*(f"n:{node}" for node in nodes.tolist()), *others))
    return Highlight(_title(found, terms, text), tuple(boxes), _shortest(found, terms), _inside(found, boxes))


def _fitting(found: Findable, terms: Sequence[Term], findings: Sequence[Finding]) -> Ranks:
    around = Around(tuple(findings), _hops(terms))
    ranks: Ranks = np.full(len(found.names), EXACT, dtype=np.int8)
    asked = {term.field for term in terms if not term.negated}
    for sort, fields in _SPEAK_FOR_THEMSELVES.items():
        if not asked & fields:
            ranks[found.sorts == sort] = NOT
    for term in terms:
        ranks = np.maximum(ranks, fits(found, term, around))
    return ranks


def _hops(terms: Sequence[Term]) -> int | None:
    wanted = [interval(term, value).high for term in terms if term.field == "hops" for value in term.values]
    if not wanted:
        return None
    if not any(term.field in ("from", "to") for term in terms) or math.isinf(min(wanted)):
        raise QueryError("hops: says how far from: and to: reach at most, like from:Conv_12 hops:3.")
    return int(min(wanted))


def _ordered(ranks: Ranks) -> Ints:
    entries = np.flatnonzero(ranks < NOT)
    ordered: Ints = entries[np.argsort(ranks[entries], kind="stable")]
    return ordered


# What a hit is


def _hit(found: Findable, entry: int) -> Hit:
    sort, thing, name = Sort(found.sorts[entry]), int(found.things[entry]), found.names[entry]
    describe: Callable[[Findable, int, str], tuple[str, str]] = _SUBTITLES.get(sort, _of_terminal)
    subtitle, inner = describe(found, thing, name)
    box = next(iter(_boxes(found, entry)), f"v:{name}")
    choice = f"v:{name}" if sort == Sort.WEIGHT else box
    kind = sort.name.lower()
    around = tuple(found.known.around(inner))
    return Hit(box, kind, found.index.path, shortened(name, 120), subtitle or kind, around, choice)


def _of_node(found: Findable, node: int, name: str) -> tuple[str, str]:
    shown, group = _shown(found, node)
    where = (
        f"in {shortened(found.index.names[shown], 60)}" if shown != node else shortened(group.removeprefix("s:"), 60)
    )
    op = shortened(found.index.nodes[node].op_type, 60)
    return " · ".join(part for part in (op, where) if part), group


def _of_value(found: Findable, node: int, name: str) -> tuple[str, str]:
    label = type_label(found.model.types[found.index.path].get(name))
    made = f"made by {shortened(found.index.names[node], 120)}"
    return " · ".join(part for part in (label, made) if part), _shown(found, node)[1]


def _of_group(found: Findable, position: int, name: str) -> tuple[str, str]:
    group = found.known.groups[found.group_ids[position]]
    return f"{group.class_name} · {group.count} nodes".removeprefix(" · "), found.known.parents[group.id]


def _of_weight(found: Findable, position: int, name: str) -> tuple[str, str]:
    using = users(found.index, name)
    count = "1 node" if len(using) == 1 else f"{len(using):,} nodes"
    inner = _shown(found, using[0])[1] if using else ""
    return f"{type_label(found.weight_types[position])} · used by {count}", inner


def _of_terminal(found: Findable, position: int, name: str) -> tuple[str, str]:
    return type_label(found.model.types[found.index.path].get(name)), ""


_SUBTITLES = {Sort.NODE: _of_node, Sort.VALUE: _of_value, Sort.GROUP: _of_group, Sort.WEIGHT: _of_weight}


def _shown(found: Findable, node: int) -> tuple[int, str]:
    """Return the node that draws a node (a folded constant is drawn by its user) and the group around that."""
    shown = int(found.shown[node])
    return shown, found.known.group_of.get(shown, "")


# What to let stand out


def _boxes(found: Findable, entry: int) -> Iterable[str]:
    """Return the ids of the boxes that show an entry: of a weight, its users."""
    sort, thing, name = Sort(found.sorts[entry]), int(found.things[entry]), found.names[entry]
    if sort in (Sort.NODE, Sort.VALUE):
        return (f"n:{_shown(found, thing)[0]}",)
    if sort == Sort.WEIGHT:
        return (f"n:{_shown(found, user)[0]}" for user in users(found.index, name))
    if sort == Sort.GROUP:
        return (found.group_ids[thing],)
    return (f"i:{name}" if sort == Sort.INPUT else f"o:{name}",)


def _inside(found: Findable, boxes: Iterable[str]) -> dict[str, int]:
    nodes = [int(box[2:]) for box in boxes if box.startswith("n:")]
    counts = np.bincount(found.group_of[nodes], minlength=len(found.group_ids) + 1).tolist()
    inside = dict(zip(found.group_ids, counts, strict=False))  # the last count is of those in no group
    parents = found.known.parents
    for box in boxes:
        if parents.get(box):
            inside[parents[box]] += 1
    for group in reversed(found.group_ids):
        if inside[group] and parents[group]:
            inside[parents[group]] += inside[group]
    return {group: count for group, count in inside.items() if count}


def _shortest(found: Findable, terms: Sequence[Term]) -> tuple[str, ...]:
    """Return the boxes on the shortest way when a query asks for those from one place to another, else none."""
    ways = {term.field: term for term in terms if term.field in ("from", "to") and not term.negated}
    if len(ways) < 2:
        return ()
    start, end = (places(found, ways[side].values) for side in ("from", "to"))
    nodes = shortest(found.index, found.links, start, end)
    inputs = [f"i:{name}" for name in start.values if nodes and name in found.known.inputs]
    outputs = [f"o:{name}" for name in end.values if nodes and name in found.known.outputs]
    return tuple(dict.fromkeys((*inputs, *(f"n:{_shown(found, node)[0]}" for node in nodes), *outputs)))


def _title(found: Findable, terms: Sequence[Term], text: str) -> str:
    """Say in words what is highlighted; a query that is no single question is repeated."""
    hops = next((f", {term.values[0]} steps" for term in terms if term.field == "hops"), "")
    asked = {term.field: term for term in terms if term.field != "hops"}
    if len(asked) != len([term for term in terms if term.field != "hops"]) or any(t.negated for t in terms):
        return text.strip()
    names = {field: _listed([_called(found, value) for value in term.values]) for field, term in asked.items()}
    match list(names):
        case ["from"]:
            return f"Downstream of {names['from']}{hops}"
        case ["to"]:
            return f"Upstream of {names['to']}{hops}"
        case ["from", "to"] | ["to", "from"]:
            return f"From {names['from']} to {names['to']}{hops}"
        case ["uses"]:
            return f"Uses of {names['uses']}"
        case ["op"] if asked["op"].relation == "=":
            return f"All {names['op']}"
    return text.strip()


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names) if len(names) < 3 else f"{names[0]} and {len(names) - 1} more"


def _called(found: Findable, value: str) -> str:
    """Return what the place ``value`` is called by people: ``n:12`` is its node's name."""
    if value.startswith("n:") and value[2:].isdecimal() and int(value[2:]) < len(found.index.names):
        return shortened(found.index.names[int(value[2:])], 60)
    return shortened(value.removeprefix("v:").removeprefix("s:"), 60)
