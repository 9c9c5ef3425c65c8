"""Types after an edit, at once: those known before, where they still hold, and element types that follow by schema.

Shapes downstream of an edit are what they were: only inferring anew, in a worker, can say more.
"""

import heapq
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from graphdebug.edit.following import follow_graph
from graphdebug.edit.splice import Splice
from graphdebug.edit.touched import Changes, Touched
from graphdebug.model.checks.operators import versions_at
from graphdebug.model.checks.types import made_dtypes
from graphdebug.model.document import Model, Types
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.refs import parent_path
from graphdebug.model.value_types import declared_types

_UNKNOWN = ValueType(kind="unknown")


@dataclass(frozen=True, slots=True)
class Retyped:
    """Types as far as known, what a graph declares first; and whose element type is another now, by graph path."""

    types: Types
    changed: Mapping[str, Set[str]]


def retyped(before: Model, after: Model, splices: Sequence[Splice], changes: Changes) -> Retyped:
    """Return what is known of types after ``splices``, which touched ``changes``, made ``after`` of ``before``."""
    types: dict[str, dict[str, ValueType]] = {}
    changed: dict[str, Set[str]] = {}
    for path in before.graphs:
        if (now := follow_graph(before, splices, after, path)) is not None:
            types[now] = dict(before.types[path])
    for path, here in changes.graphs.items():
        index, known = after.graphs[path], types.setdefault(path, {})
        for name in here.values:
            known.pop(name, None)
        declared = declared_types(index.proto)
        known.update(declared)
        changed[path] = _carry(after, index, here, known, frozenset(declared), types)
    return Retyped(types, changed)


def around(types: Types, path: str) -> Mapping[str, ValueType]:
    """Return the types of what can be used in a graph: its own values' and those of the graphs around it."""
    above = parent_path(path)
    own = types.get(path, {})
    return own if above is None else {**around(types, above), **own}


def _carry(
    model: Model,
    index: GraphIndex,
    here: Touched,
    known: dict[str, ValueType],
    declared: frozenset[str],
    types: Types,
) -> Set[str]:
    """Work out element types from what was touched on downstream, as long as they differ from what was known.

    Returns the values whose element type is another now.
    """
    changed = set[str]()
    versions = versions_at(model, index.path)
    above = parent_path(index.path)
    outer = around(types, above) if above is not None else {}
    waiting = sorted(here.nodes.union(*(_users(index, name) for name in here.values)))
    queued, rounds = set(waiting), 2 * len(index.nodes)  # a cycle must not go round and round
    while waiting and rounds:
        rounds -= 1
        position = heapq.heappop(waiting)
        queued.discard(position)
        node = index.nodes[position]
        taken = {name: known.get(name) or outer.get(name, _UNKNOWN) for name in node.input if name}
        for name, dtype in zip(node.output, made_dtypes(node, versions, taken), strict=True):
            old = known.get(name)
            if not (name and dtype) or name in declared or (old and old.dtype == dtype):
                continue
            known[name] = ValueType(dtype, old.shape if old else None)
            changed.add(name)
            for user in _users(index, name) - queued:
                heapq.heappush(waiting, user)
                queued.add(user)
    return changed


def _users(index: GraphIndex, name: str) -> set[int]:
    return {user for user, _ in index.consumers.get(name, ())}
