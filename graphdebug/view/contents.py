"""What one graph has to show, before anything is laid out: nodes, inputs and outputs as *items*, links between them.

Weights are not drawn: initializers, ``Constant`` nodes and copies of either belong to the node that uses them.

Items are numbered: the nodes by their index, then the inputs, then the outputs.
"""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from threading import Lock

import numpy as np
import onnx

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import parent_path
from graphdebug.view.layering import Ints
from graphdebug.view.repeats import Likeness
from graphdebug.view.scopes import ScopeNode, scope_tree
from graphdebug.view.structure import structured


@dataclass(frozen=True, eq=False)
class Contents:
    """Items and links of one graph. ``host`` is folded node → the drawn node that shows it.

    ``inputs`` includes values captured from enclosing graphs and ``missing`` ones that nothing makes. Link ``k``
    carries ``values[k]`` from item ``tails[k]`` to item ``heads[k]``.
    """

    nodes: int
    host: dict[int, int]
    inputs: tuple[str, ...]
    captured: frozenset[str]
    missing: frozenset[str]
    outputs: tuple[str, ...]
    tails: Ints
    heads: Ints
    values: list[str]
    tree: ScopeNode = field(repr=False)

    @property
    def items(self) -> int:
        """Count the items, the folded nodes included."""
        return self.nodes + len(self.inputs) + len(self.outputs)

    def input_item(self, position: int) -> int:
        """Return the item of ``inputs[position]``."""
        return self.nodes + position

    def output_item(self, position: int) -> int:
        """Return the item of ``outputs[position]``."""
        return self.nodes + len(self.inputs) + position

    def item_id(self, item: int) -> str:
        """Return the box id of an item: ``n:12``, ``i:x`` or ``o:y``."""
        if item < self.nodes:
            return f"n:{item}"
        item -= self.nodes
        return f"i:{self.inputs[item]}" if item < len(self.inputs) else f"o:{self.outputs[item - len(self.inputs)]}"

    @cached_property
    def groups(self) -> dict[str, ScopeNode]:
        """All groups by id, parents first; the root is not among them."""
        return {group.id: group for group in self.tree.walk() if group is not self.tree}

    @cached_property
    def parents(self) -> dict[str, str]:
        """Group id → id of the group around it (``""`` at the top)."""
        return {child.id: group.id for group in self.tree.walk() for child in group.children}

    @cached_property
    def group_of(self) -> dict[int, str]:
        """Drawn node → id of the group directly around it (``""`` at the top)."""
        return {node: group.id for group in self.tree.walk() for node in group.nodes}

    def around(self, group_id: str) -> Iterator[str]:
        """Go from a group outwards, itself first, the root left out."""
        while group_id:
            yield group_id
            group_id = self.parents[group_id]


_contents: dict[int, Contents] = {}
"""By identity of a GraphIndex, for as long as that lives."""
_collecting = Lock()
"""Held while contents are collected: whoever asks for the same meanwhile waits for it."""


def contents(model: Model, graph: str) -> Contents:
    """Return what the graph at path ``graph`` shows; remembered while the model is in memory. KeyError: no such one."""
    index = model.graphs[graph]
    key = id(index)
    known = _contents.get(key)
    if known is None:
        with _collecting:
            known = _contents.get(key)
            if known is None:
                known = _contents[key] = _collect(model, index)
                weakref.finalize(index, _contents.pop, key, None)
    return known


def is_constant(index: GraphIndex, name: str) -> bool:
    """Say whether ``name`` is a weight or a ``Constant`` node's value of this very graph, or a copy of one."""
    for _ in range(8):
        if name in index.initializers or name in index.sparse:
            return True
        producer = index.producer.get(name)
        if producer is None:
            return False
        node = index.nodes[producer]
        if _is_standard(node, "Constant"):
            return True
        if not _is_standard(node, "Identity") or len(node.input) != 1:
            return False
        name = node.input[0]
    return False


def constant_owner(model: Model, graph: str, name: str) -> GraphIndex | None:
    """Return the graph, ``graph`` or one around it, that holds ``name`` as a constant; None when it is no constant."""
    path: str | None = graph
    while path is not None:
        index = model.graphs[path]
        if index.defines(name):
            return index if is_constant(index, name) else None
        path = parent_path(path)
    return None


def _is_standard(node: onnx.NodeProto, op: str) -> bool:
    return node.op_type == op and node.domain in ("", "ai.onnx")


def _collect(model: Model, index: GraphIndex) -> Contents:
    host = _folded(index)
    inside = parent_path(index.path) is not None
    captured, missing = list[str](), list[str]()
    for name in index.outer:
        if inside and _made_outside(model, index, name):
            if constant_owner(model, index.path, name) is None:
                captured.append(name)
        elif name in index.consumers or name in index.captured:
            missing.append(name)
    inputs = tuple(dict.fromkeys(name for name in (*index.inputs, *captured, *missing) if name))
    outputs = tuple(dict.fromkeys(name for name in index.outputs if name))
    tails, heads, values = _links(index, host, inputs, outputs)
    return Contents(
        nodes=len(index.nodes),
        host=host,
        inputs=inputs,
        captured=frozenset(captured),
        missing=frozenset(missing),
        outputs=outputs,
        tails=np.array(tails, dtype=np.int64),
        heads=np.array(heads, dtype=np.int64),
        values=values,
        tree=structured(scope_tree(index, frozenset(host)), index, Likeness(index, frozenset(host))),
    )


def _made_outside(model: Model, index: GraphIndex, name: str) -> bool:
    path = parent_path(index.path)
    while path is not None:
        if model.graphs[path].defines(name):
            return True
        path = parent_path(path)
    return False


def _folded(index: GraphIndex) -> dict[int, int]:
    """Return constant node → the first node that uses it. One that nothing uses, or that is an output, is drawn."""
    host: dict[int, int] = {}
    outputs = set(index.outputs)
    for position in reversed(index.order):
        node = index.nodes[position]
        if node.op_type not in ("Constant", "Identity") or len(node.output) != 1:
            continue
        name = node.output[0]
        if name in outputs or index.producer.get(name) != position or not is_constant(index, name):
            continue
        users = [user for user, _ in index.consumers.get(name, ())] + index.captured.get(name, [])
        if users and position not in users:
            host[position] = host.get(users[0], users[0])
    return host


def _links(
    index: GraphIndex, host: dict[int, int], inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> tuple[list[int], list[int], list[str]]:
    source = {name: node for name, node in index.producer.items() if node not in host}
    for position, name in enumerate(inputs):
        source.setdefault(name, len(index.nodes) + position)
    links: dict[tuple[int, int, str], None] = {}
    for users in (
        ((name, [user for user, _ in uses]) for name, uses in index.consumers.items()),
        index.captured.items(),
    ):
        for name, nodes in users:
            tail = source.get(name)
            if tail is not None:
                links.update(dict.fromkeys((tail, node, name) for node in nodes))
    for position, name in enumerate(outputs):
        if name in source:
            links[source[name], len(index.nodes) + len(inputs) + position, name] = None
    return [link[0] for link in links], [link[1] for link in links], [link[2] for link in links]
