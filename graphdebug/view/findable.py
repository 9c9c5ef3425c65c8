"""All that can be found in one graph, in columns: what a search runs over. Made once a graph, parts of it when needed.

A column of few different things holds each once and a code per entry.
"""

import math
import weakref
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from threading import Lock

import numpy as np
import numpy.typing as npt
import onnx

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.macs import macs
from graphdebug.model.marks import marked
from graphdebug.model.records import ValueType
from graphdebug.model.value_types import tensor_type
from graphdebug.view.contents import Contents, constant_owner, contents
from graphdebug.view.layering import Floats, Ints
from graphdebug.view.reach import Links, links, users
from graphdebug.view.texts import Texts

LONGEST_ATTRIBUTE = 200
"""Characters of an attribute's value that are looked at."""
_Kind = onnx.AttributeProto


class Sort(IntEnum):
    """What an entry is; the names in lower case are those of the filter ``kind:``."""

    NODE = 0
    VALUE = 1
    GROUP = 2
    INPUT = 3
    OUTPUT = 4
    WEIGHT = 5


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One text per entry: the one at ``codes[e]`` of ``distinct``. The first of these stands for nothing."""

    codes: Ints
    distinct: Texts


@dataclass(frozen=True, slots=True)
class Setting:
    """An attribute that a node sets: its value as text without brackets and spaces, and as number if it is one."""

    node: int
    text: str
    number: float | None


@dataclass(eq=False)
class Findable:
    """The entries of one graph: ``sorts`` [entries]; ``things`` [entries] is the node that an entry is or that makes
    it, or the position of a group, input, output or weight; ``names`` are as in the file."""

    of: weakref.ref[Model]
    graph: str
    sorts: npt.NDArray[np.int8]
    things: Ints
    names: list[str]
    weights: list[str]

    @property
    def model(self) -> Model:
        """The model, which whoever searches holds: what can be found shall not keep it in memory."""
        model = self.of()
        assert model is not None
        return model

    @property
    def index(self) -> GraphIndex:
        """The graph."""
        return self.model.graphs[self.graph]

    @property
    def known(self) -> Contents:
        """What the graph shows."""
        return contents(self.model, self.graph)

    @cached_property
    def group_ids(self) -> list[str]:
        """The ids of the groups, in their order."""
        return list(self.known.groups)

    @cached_property
    def texts(self) -> Texts:
        """The names."""
        return Texts(self.names)

    @cached_property
    def links(self) -> Links:
        """Who uses what."""
        return links(self.index)

    @cached_property
    def op_counts(self) -> Counter[str]:
        """How many nodes there are of each operator."""
        return Counter(node.op_type for node in self.index.nodes)

    @cached_property
    def ops(self) -> Column:
        """Operators of nodes, classes of groups."""
        groups = [group.class_name for group in self.known.groups.values()]
        return self._column(lambda node: self.index.nodes[node].op_type, groups)

    @cached_property
    def scopes(self) -> Column:
        """The groups around nodes and what they make, with dots between them; a group's own."""
        group_of, names = self.group_of.tolist(), [*self.group_ids, ""]
        return self._column(lambda node: names[group_of[node]], self.group_ids, scope_text)

    @cached_property
    def marks(self) -> Column:
        """The marks that the network's code put on tensors, of these and of the nodes that make them."""
        of_value: dict[str, list[str]] = {}
        for mark, values in marked(self.index).items():
            for name in values:
                of_value.setdefault(name, []).append(mark)
        of_node = np.zeros(len(self.index.nodes) + 1, dtype=np.int64)
        codes = {name: code for code, name in enumerate(of_value, 1)}
        for name, code in codes.items():
            of_node[self.index.producer[name]] = code
        found = np.where(self.sorts == Sort.NODE, of_node[self._node_of_entry], 0)
        if codes:
            for entry in np.flatnonzero((self.sorts == Sort.VALUE) | (self.sorts == Sort.OUTPUT)).tolist():
                found[entry] = codes.get(self.names[entry], 0)
        return Column(found, Texts(["", *map(" ".join, of_value.values())]))

    @cached_property
    def types(self) -> tuple[Ints, list[tuple[ValueType, ...]]]:
        """Codes [entries] and the types that they stand for: those of a node's outputs, of a value, of a weight."""
        known, of_weights = self.model.types[self.index.path], self.weight_types
        codes: dict[tuple[ValueType, ...], int] = {(): 0}
        found = np.zeros(len(self.names), dtype=np.int64)
        for entry, (sort, thing) in enumerate(zip(self.sorts.tolist(), self.things.tolist(), strict=True)):
            if sort == Sort.NODE:
                types = tuple(known[name] for name in self.index.nodes[thing].output if name in known)
            elif sort == Sort.WEIGHT:
                types = (of_weights[thing],)
            else:
                types = (known[self.names[entry]],) if sort != Sort.GROUP and self.names[entry] in known else ()
            found[entry] = codes.setdefault(types, len(codes))
        return found, list(codes)

    @cached_property
    def weight_types(self) -> list[ValueType]:
        """The types of ``weights``."""
        dense, sparse = self.index.initializers, self.index.sparse
        return [
            tensor_type(dense[name])
            if name in dense
            else ValueType(tensor_type(sparse[name].values).dtype, tuple(sparse[name].dims))
            for name in self.weights
        ]

    @cached_property
    def params(self) -> Floats:
        """Elements [entries] of the weights that nodes (and those of groups) use, those of enclosing graphs, too."""
        sizes: dict[str, int] = {}
        per_node = np.zeros(len(self.index.nodes))
        for name in self.index.consumers:
            owner = constant_owner(self.model, self.index.path, name)
            if owner is not None and name in owner.initializers:
                sizes[name] = math.prod(max(dim, 0) for dim in owner.initializers[name].dims)
        for name, size in sizes.items():
            per_node[list({node for node, _ in self.index.consumers[name]})] += float(min(size, 1 << 62))
        return self._with_sums(per_node)

    @cached_property
    def macs(self) -> Floats:
        """Multiply-accumulates [entries] of nodes and groups; symbolic dimensions count as 1, unknown ones not."""
        types = self.model.types[self.index.path]
        graph_types = (types[name] for name in self.index.inputs if name in types)
        ones = {dim for each in graph_types for dim in each.shape or () if isinstance(dim, str)}
        counted = (macs(node, types, ones) or 0 for node in self.index.nodes)
        return self._with_sums(np.fromiter((float(min(each, 1 << 62)) for each in counted), np.float64))

    @cached_property
    def users(self) -> Floats:
        """Nodes [entries] that use what a node makes, or a value, an input or a weight; NaN for others."""
        found = self._of_nodes(np.array([len(each) for each in self.links.ahead], dtype=np.float64))
        for entry in np.flatnonzero(np.isin(self.sorts, (Sort.VALUE, Sort.INPUT, Sort.WEIGHT))).tolist():
            found[entry] = len(users(self.index, self.names[entry]))
        return found

    @cached_property
    def inputs(self) -> Floats:
        """Inputs [entries] that nodes are given; NaN for others."""
        return self._of_nodes(np.array([sum(map(bool, node.input)) for node in self.index.nodes], dtype=np.float64))

    @cached_property
    def outputs(self) -> Floats:
        """Outputs [entries] that nodes make; NaN for others."""
        return self._of_nodes(np.array([sum(map(bool, node.output)) for node in self.index.nodes], dtype=np.float64))

    @cached_property
    def settings(self) -> dict[str, list[Setting]]:
        """Attribute (casefolded) → the nodes that set it."""
        found: dict[str, list[Setting]] = {}
        for node, proto in enumerate(self.index.nodes):
            for attribute in proto.attribute:
                text, number = _setting(attribute)
                found.setdefault(attribute.name.casefold(), []).append(Setting(node, text, number))
        return found

    @cached_property
    def shown(self) -> Ints:
        """The node [nodes] that draws a node: a folded constant is drawn by its user."""
        host = self.known.host
        return np.array([host.get(node, node) for node in range(len(self.index.nodes))], dtype=np.int64)

    @cached_property
    def group_of(self) -> Ints:
        """The position [nodes] in ``group_ids`` of the group directly around the box that draws a node; one past the
        last for none."""
        positions = {group: position for position, group in enumerate(self.group_ids)}
        around = (self.known.group_of.get(node, "") for node in self.shown.tolist())
        return np.array([positions.get(group, len(positions)) for group in around], dtype=np.int64)

    def prepare(self) -> None:
        """Make every column now: the first search shall not wait for it."""
        for name, column in vars(type(self)).items():
            if isinstance(column, cached_property):
                getattr(self, name)

    def of_nodes(self, nodes: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """Return which entries [entries] are one of these ``nodes`` [nodes]."""
        found: npt.NDArray[np.bool_] = (self.sorts == Sort.NODE) & np.append(nodes, False)[self._node_of_entry]
        return found

    @cached_property
    def _node_of_entry(self) -> Ints:
        """The node [entries] that an entry is or that makes it; one past the last for all others."""
        return np.where(self.sorts <= Sort.VALUE, self.things, len(self.index.nodes))

    def _of_nodes(self, per_node: Floats) -> Floats:
        """Spread numbers [nodes] to the entries that are nodes, NaN to others."""
        return np.where(self.sorts == Sort.NODE, np.append(per_node, np.nan)[self._node_of_entry], np.nan)

    def _with_sums(self, per_node: Floats) -> Floats:
        """Spread numbers [nodes] to nodes; groups have the sum of their nodes', others NaN."""
        found = self._of_nodes(per_node)
        sums: dict[str, float] = {}
        for group in reversed(self.known.groups.values()):
            sums[group.id] = float(per_node[list(group.nodes)].sum()) + sum(sums[each.id] for each in group.children)
        found[self.sorts == Sort.GROUP] = [sums[group] for group in self.known.groups]
        return found

    def _column(
        self, of_node: Callable[[int], str], of_groups: Sequence[str], written: Callable[[str], str] = str
    ) -> Column:
        """Return a column of texts that nodes (and what they make) and groups have."""
        codes: dict[str, int] = {"": 0}
        nodes = [codes.setdefault(of_node(node), len(codes)) for node in range(len(self.index.nodes))]
        found = np.array([*nodes, 0], dtype=np.int64)[self._node_of_entry]
        found[self.sorts == Sort.GROUP] = [codes.setdefault(each, len(codes)) for each in of_groups]
        return Column(found, Texts([written(each) for each in codes]))


_known: dict[tuple[int, str], Findable] = {}
"""By identity of a model, for as long as that lives, and graph path."""
_collecting = Lock()


def findable(model: Model, graph: str) -> Findable:
    """Return all that can be found in a graph; remembered while the model is in memory. KeyError: no such graph."""
    key = id(model), graph
    known = _known.get(key)
    if known is None:
        with _collecting:
            known = _known.get(key)
            if known is None:
                known = _known[key] = _collect(model, graph)
                weakref.finalize(model, _known.pop, key, None)
    return known


def _collect(model: Model, graph: str) -> Findable:
    index, known = model.graphs[graph], contents(model, graph)
    weights = [*index.initializers, *index.sparse]
    entries = list(_entries(index, known, weights))
    return Findable(
        weakref.ref(model),
        graph,
        sorts=np.array([entry[0] for entry in entries], dtype=np.int8),
        things=np.array([entry[1] for entry in entries], dtype=np.int64),
        names=[entry[2] for entry in entries],
        weights=weights,
    )


def _entries(index: GraphIndex, known: Contents, weights: Iterable[str]) -> Iterator[tuple[Sort, int, str]]:
    outputs = frozenset(known.outputs)
    for position, name in enumerate(known.inputs):
        yield Sort.INPUT, position, name
    for position, group in enumerate(known.groups.values()):
        yield Sort.GROUP, position, group.title
    for node in index.order:
        yield Sort.NODE, node, index.names[node]
        for name in index.nodes[node].output:
            if name and name not in outputs:
                yield Sort.VALUE, node, name
    for position, name in enumerate(known.outputs):
        yield Sort.OUTPUT, position, name
    for position, name in enumerate(weights):
        yield Sort.WEIGHT, position, name


def scope_text(text: str) -> str:
    """Return a group's id, or what one writes for it, as it is compared: a dot between modules."""
    return text.removeprefix("s:").replace("/", ".").casefold()


def _setting(attribute: onnx.AttributeProto) -> tuple[str, float | None]:
    kind = attribute.type
    if kind == _Kind.INT:
        return str(attribute.i), float(attribute.i)
    if kind == _Kind.FLOAT:
        return f"{attribute.f:.7g}", attribute.f
    if kind == _Kind.STRING:
        return attribute.s[:LONGEST_ATTRIBUTE].decode(errors="replace").casefold(), None
    if kind == _Kind.INTS:
        return ",".join(map(str, attribute.ints[: LONGEST_ATTRIBUTE // 2]))[:LONGEST_ATTRIBUTE], None
    if kind == _Kind.FLOATS:
        return ",".join(f"{each:.7g}" for each in attribute.floats[: LONGEST_ATTRIBUTE // 2])[:LONGEST_ATTRIBUTE], None
    return "", None
