"""Search in one graph: nodes, values, groups, inputs and outputs by op, name, tensor or scope."""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.view.contents import Contents, contents
from graphdebug.view.labels import shortened
from graphdebug.view.scopes import ScopeNode

LIMIT = 50
FIELDS = ("op", "name", "tensor", "scope")


@dataclass(frozen=True, slots=True)
class Hit:
    """Something found. ``id`` is the box that shows it once ``groups`` are expanded; ``kind`` is ``node``, ``value``,
    ``group``, ``input`` or ``output``."""

    id: str
    kind: str
    graph: str
    title: str
    subtitle: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hits:
    """The best hits, best first, and how many there are in all."""

    hits: tuple[Hit, ...]
    total: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """One thing that can be found. Texts are casefolded; ``group`` is the innermost group around its box."""

    id: str
    kind: str
    title: str
    subtitle: str
    group: str
    op: str = ""
    name: str = ""
    tensor: str = ""
    scope: str = ""


_entries: dict[int, list[_Entry]] = {}
"""By identity of a Contents, for as long as that lives."""
_collecting = Lock()


def search(model: Model, graph: str, text: str, limit: int = LIMIT) -> Hits:
    """Find what matches all words of ``text``, in any case.

    ``op:Conv``, ``name:…``, ``tensor:…`` and ``scope:…`` look in one field, plain words in all four. Exact matches
    come first, then beginnings, then the rest, each in graph order. Raises KeyError when there is no such graph.
    """
    tests = [_test(word.casefold()) for word in text.split()]
    if not tests:
        return Hits((), 0)
    known = contents(model, graph)
    found: list[tuple[int, int, _Entry]] = []
    for position, entry in enumerate(_index(model, graph, known)):
        rank = 0
        for test in tests:
            score = test(entry)
            if score == _NO_MATCH:
                break
            rank = max(rank, score)
        else:
            found.append((rank, position, entry))
    found.sort(key=lambda match: match[:2])
    hits = tuple(
        Hit(entry.id, entry.kind, graph, entry.title, entry.subtitle, tuple(known.around(entry.group)))
        for _, _, entry in found[:limit]
    )
    return Hits(hits, len(found))


_EXACT, _START, _WITHIN, _NO_MATCH = range(4)


def _score(text: str, word: str) -> int:
    if word not in text:
        return _NO_MATCH
    if text == word:
        return _EXACT
    return _START if text.startswith(word) else _WITHIN


def _test(word: str) -> Callable[[_Entry], int]:
    field, colon, rest = word.partition(":")
    if colon and rest and field in FIELDS:
        return lambda entry: _score(getattr(entry, field), rest)
    return lambda entry: min(
        _score(entry.op, word), _score(entry.name, word), _score(entry.tensor, word), _score(entry.scope, word)
    )


def _index(model: Model, graph: str, known: Contents) -> list[_Entry]:
    key = id(known)
    with _collecting:
        if key not in _entries:
            _entries[key] = _collect(model, graph, known)
            weakref.finalize(known, _entries.pop, key, None)
        return _entries[key]


def _collect(model: Model, graph: str, known: Contents) -> list[_Entry]:
    outputs = frozenset(known.outputs)
    index = model.graphs[graph]
    return [
        *(_terminal("input", f"i:{name}", name) for name in known.inputs),
        *(_of_group(group, known.parents[group.id]) for group in known.groups.values()),
        *(entry for node in index.order for entry in _of_node(index, known, node, outputs)),
        *(_terminal("output", f"o:{name}", name) for name in known.outputs),
    ]


def _of_group(group: ScopeNode, around: str) -> _Entry:
    subtitle = f"{group.class_name} · {group.count} nodes".removeprefix(" · ")
    title, op, scope = group.title, group.class_name.casefold(), group.id.removeprefix("s:").casefold()
    return _Entry(group.id, "group", shortened(title, 120), subtitle, around, op, title.casefold(), scope=scope)


def _terminal(kind: str, box_id: str, name: str) -> _Entry:
    folded = name.casefold()
    return _Entry(box_id, kind, shortened(name, 120), kind, "", name=folded, tensor=folded)


def _of_node(index: GraphIndex, known: Contents, node: int, outputs: frozenset[str]) -> list[_Entry]:
    """Return the entries of a node and of the values it makes. A folded constant is found at the node that uses it."""
    proto, name = index.nodes[node], index.names[node]
    shown = known.host.get(node, node)
    group, box_id = known.group_of.get(shown, ""), known.item_id(shown)
    title, op, scope = shortened(name, 120), proto.op_type.casefold(), group.removeprefix("s:").casefold()
    where = f"in {shortened(index.names[shown], 60)}" if shown != node else shortened(group.removeprefix("s:"), 60)
    subtitle = " · ".join(part for part in (shortened(proto.op_type, 60), where) if part)
    entries = [_Entry(box_id, "node", title, subtitle, group, op, name.casefold(), scope=scope)]
    entries += [
        _Entry(box_id, "value", shortened(output, 120), f"made by {title}", group, tensor=output.casefold())
        for output in proto.output
        if output and output not in outputs
    ]
    return entries
