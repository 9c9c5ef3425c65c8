"""Types after an edit, at once: those known before, where they still hold, and element types that follow by schema.

Shapes downstream of an edit are what they were: `reshaping` says more of what is near.
"""

import heapq
from collections import ChainMap
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from graphdebug.edit.following import follow_graph
from graphdebug.edit.splice import Splice
from graphdebug.edit.touched import Changes
from graphdebug.model.checks.operators import versions_at
from graphdebug.model.checks.types import made_dtypes
from graphdebug.model.document import Model, Types
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.refs import parent_path
from graphdebug.model.value_types import declared_types


@dataclass(frozen=True, slots=True)
class Retyped:
    """Types as far as known, what a graph declares first; and the nodes that may take or make others now.

    ``declared`` is what the graphs that were touched state themselves.
    """

    types: Types
    nodes: Mapping[str, Set[int]]
    declared: Types


def retyped(before: Model, after: Model, splices: Sequence[Splice], changes: Changes) -> Retyped:
    """Return what is known of types after ``splices``, which touched ``changes``, made ``after`` of ``before``."""
    types: dict[str, dict[str, ValueType]] = {}
    for path in before.graphs:
        if (now := follow_graph(before, splices, after, path)) is not None:
            types[now] = dict(before.types[path])
    carrier = _Carrier(after, types)
    calls = _calls(after, changes.graphs)
    for path in sorted({*changes.graphs, *calls}, key=_depth, reverse=True):  # bodies before what holds them
        here, lost, known = changes.graphs.get(path), calls.get(path, set()), types.setdefault(path, {})
        index = after.graphs[path]
        nodes, values = (here.nodes | here.inside, here.values) if here else (set[int](), set[str]())
        lost = lost | (here.nodes if here else set())
        gone = {name for name in values if name not in index.producer}
        forgotten = gone | {name for node in lost for name in index.nodes[node].output}
        for name in forgotten:
            known.pop(name, None)
        known.update(carrier.declared(path))
        carrier.carry(path, nodes | lost | carrier.users(path, values), forgotten)
    return Retyped(types, carrier.seen, {path: carrier.declared(path) for path in changes.graphs})


def around(types: Types, path: str) -> Mapping[str, ValueType]:
    """Return the types of what can be used in a graph: its own values' and those of the graphs around it."""
    found: list[dict[str, ValueType]] = []
    at: str | None = path
    while at is not None:
        found.append(types.get(at, {}))  # type: ignore[arg-type] # read only
        at = parent_path(at)
    return ChainMap(*found) if len(found) > 1 else found[0]


class _Carrier:
    """Works out element types downstream, as long as they differ from what was known."""

    def __init__(self, model: Model, types: dict[str, dict[str, ValueType]]) -> None:
        self.seen: dict[str, set[int]] = {}
        self._model = model
        self._types = types
        self._declared: dict[str, Mapping[str, ValueType]] = {}
        self._left = 4 * sum(len(model.graphs[path].nodes) for path in model.graphs)
        """Nodes to look at yet: a cycle must not go round and round."""

    def declared(self, path: str) -> Mapping[str, ValueType]:
        """Return the types that a graph states itself."""
        if path not in self._declared:
            self._declared[path] = declared_types(self._model.graphs[path].proto)
        return self._declared[path]

    def carry(self, path: str, start: Iterable[int], forgotten: set[str]) -> None:
        """Work out what nodes of a graph make; of what is ``forgotten`` the type is not known any more."""
        index, known = self._model.graphs[path], self._types.setdefault(path, {})
        declared, versions = self.declared(path), versions_at(self._model, path)
        near = around(self._types, path)
        seen = self.seen.setdefault(path, set())
        waiting = sorted(start)
        queued = set(waiting)
        while waiting and self._left:
            self._left -= 1
            position = heapq.heappop(waiting)
            queued.discard(position)
            seen.add(position)
            node = index.nodes[position]
            unsure = not forgotten.isdisjoint(node.input)
            for name, dtype in zip(node.output, self._made(index, position, versions, near), strict=True):
                old = known.get(name)
                if not name or name in declared or (old and old.dtype == dtype):
                    continue
                if dtype:
                    known[name] = ValueType(dtype, old.shape if old else None)
                    forgotten.discard(name)
                elif old and unsure:
                    del known[name]
                    forgotten.add(name)
                else:
                    continue
                for user in self.users(path, [name], name in forgotten) - queued:
                    heapq.heappush(waiting, user)
                    queued.add(user)

    def users(self, path: str, names: Iterable[str], forgotten: bool = False) -> set[int]:
        """Return the nodes that use one of some values, those in whose nested graphs they are used too.

        What these graphs make of them is worked out before.
        """
        index, found = self._model.graphs[path], set[int]()
        for name in names:
            found.update(user for user, _ in index.consumers.get(name, ()))
            for user in index.captured.get(name, ()):
                found.add(user)
                for attribute, below in index.children.get(user, ()):
                    if attribute != CALLED_FUNCTION and name in self._model.graphs[below].outer:
                        inner = self.users(below, [name], forgotten)
                        self.carry(below, inner, {name} if forgotten else set())
        return found

    def _made(
        self, index: GraphIndex, position: int, versions: Mapping[str, int], near: Mapping[str, ValueType]
    ) -> Sequence[str]:
        node = index.nodes[position]
        bodies = [path for attribute, path in index.children.get(position, ()) if attribute != CALLED_FUNCTION]
        if not bodies:
            return made_dtypes(node, versions, near)
        made = [""] * len(node.output)
        for path in bodies:  # a Loop's body makes a condition before what the Loop makes
            outputs = self._model.graphs[path].outputs[-len(made) :] if made else []
            for slot, name in enumerate(outputs):
                kind = self._types.get(path, {}).get(name)
                made[slot] = made[slot] or (kind.dtype if kind and kind.kind == "tensor" else "")
        return made


def _depth(path: str) -> int:
    return len(path.split("/")) if path else 0


def _calls(model: Model, touched: Iterable[str]) -> dict[str, set[int]]:
    """Return the calls of functions that were touched, or that call such functions, by graph path."""
    functions = {path.partition("/")[0] for path in touched if path.startswith("fn:")}
    found: dict[str, set[int]] = {}
    while functions:
        callers: set[str] = set()
        for path in model.graphs:
            for node, children in model.graphs[path].children.items():
                if any(attribute == CALLED_FUNCTION and below in functions for attribute, below in children):
                    if node not in found.setdefault(path, set()) and path.startswith("fn:"):
                        callers.add(path.partition("/")[0])
                    found[path].add(node)
        functions = callers
    return found
