"""A graph cut across into slices that run one after the other, so that only one slice's tensors are held.

An engine holds every tensor that it gives out until its run ends. A model cut into slices gives out the same tensors,
slice by slice; what a later slice still needs is carried over. Constants are never carried: each slice works out those
that it uses, so that an engine finds the same constants to fold as in the whole model.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex, free_names, nested_graphs
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import dtype_number

RANDOM = frozenset(
    ["RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"]
)
"""Standard operators that give something else each time."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Consecutive nodes of a topological order (node indices), and what passes their borders."""

    nodes: tuple[int, ...]
    borrowed: tuple[int, ...]
    """Nodes of earlier slices that make constants used here; they run again."""
    takes: tuple[str, ...]
    """Model inputs and carried values that the slice uses."""
    gives: tuple[str, ...]
    """Values that a later slice takes."""


def plan(
    index: GraphIndex, bytes_of: Callable[[str], float], budget: float, may_carry: Callable[[str], bool]
) -> list[Slice]:
    """Cut a graph into slices of at most ``budget`` bytes.

    Args:
        index: the graph.
        bytes_of: what a value made by the graph takes while it is held; 0 when it is not given out.
        budget: bytes a slice. A node whose outputs are larger stands alone; where values pass that may not be
            carried there is no border, so that a slice can grow beyond.
        may_carry: whether a value can be given out of one slice and fed to another.
    """
    constant = constant_nodes(index)
    place = {node: at for at, node in enumerate(index.order)}
    last_use = {
        name: max(place[user] for user in _users(index, name))
        for name, node in index.producer.items()
        if node not in constant and _users(index, name)
    }
    blocked = _blocked(index, place, last_use, may_carry)
    borders, total, start, last_border = [0], 0.0, 0, 0
    for at, node in enumerate(index.order):
        if at > start and not blocked[at]:
            last_border = at
        made = sum(bytes_of(name) for name in index.nodes[node].output if name)
        if total + made > budget and last_border > start:
            borders.append(last_border)
            start = last_border
            total = sum(
                bytes_of(name) for earlier in index.order[start:at] for name in index.nodes[earlier].output if name
            )
        total += made
    spans = zip(borders, [*borders[1:], len(index.order)], strict=True)
    return [_slice(index, index.order[first:last], place, last_use, constant) for first, last in spans]


def cut(model: Model, piece: Slice, carried: Mapping[str, ValueType]) -> Model:
    """Return the slice as a model of its own in the same file's place, its carried inputs of the given types.

    ``piece`` is of the main graph.
    """
    index = model.graphs[MAIN_GRAPH]
    graph = model.proto.graph
    nodes = [*piece.borrowed, *piece.nodes]
    used = {name for node in nodes for name in _inputs(index, node)}
    made = {name for node in nodes for name in index.nodes[node].output}
    own = set(piece.nodes)
    ends = [value for value in graph.output if index.producer.get(value.name) in own]
    named = {value.name for value in ends}
    part = onnx.GraphProto(name=graph.name)
    part.node.extend(index.nodes[node] for node in nodes)
    for node, position in zip(part.node, nodes, strict=True):
        node.name = index.names[position]  # an unnamed node is called by its place in the whole graph
    part.initializer.extend(tensor for name, tensor in index.initializers.items() if name in used)
    part.sparse_initializer.extend(tensor for name, tensor in index.sparse.items() if name in used)
    part.input.extend(value for value in graph.input if value.name in used)
    part.input.extend(_declare(name, carried[name]) for name in piece.takes if name in carried)
    part.output.extend(ends)
    part.output.extend(onnx.ValueInfoProto(name=name) for name in piece.gives if name not in named)
    part.value_info.extend(value for value in graph.value_info if value.name in made)
    part.quantization_annotation.extend(
        note for note in graph.quantization_annotation if note.tensor_name in made or note.tensor_name in used
    )
    proto = onnx.ModelProto(ir_version=model.proto.ir_version, graph=part)
    proto.opset_import.extend(model.proto.opset_import)
    proto.functions.extend(model.proto.functions)
    types = model.types[MAIN_GRAPH]
    return Model(proto, model.path, {MAIN_GRAPH: {name: types[name] for name in (*made, *used) if name in types}})


def constant_nodes(index: GraphIndex) -> frozenset[int]:
    """Return the nodes of standard operators that depend on nothing fed and give the same every time."""
    constant: set[int] = set()
    stored = {*index.initializers, *index.sparse}.difference(index.defaults)
    for position in index.order:
        node = index.nodes[position]
        names = [name for name in node.input if name]
        standard = node.domain in ("", "ai.onnx") and node.op_type not in RANDOM and not any(nested_graphs(node))
        if standard and all(name in stored or index.producer.get(name) in constant for name in names):
            constant.add(position)
    return frozenset(constant)


def _slice(
    index: GraphIndex,
    nodes: Sequence[int],
    place: Mapping[int, int],
    last_use: Mapping[str, int],
    constant: Collection[int],
) -> Slice:
    """Make the slice of ``nodes``; ``place`` is every node's place in the order, ``last_use`` that of a value's end."""
    own = set(nodes)
    end = place[nodes[-1]] + 1 if nodes else 0
    borrowed: set[int] = set()
    waiting = list(nodes)
    takes: dict[str, None] = {}
    given = {*index.inputs, *index.defaults}
    while waiting:
        for name in _inputs(index, waiting.pop()):
            maker = index.producer.get(name)
            if maker is None:
                takes.update({name: None} if name in given else {})
            elif maker in constant and maker not in own and maker not in borrowed:
                borrowed.add(maker)
                waiting.append(maker)
            elif maker not in constant and maker not in own:
                takes[name] = None
    gives = [name for node in nodes for name in index.nodes[node].output if last_use.get(name, -1) >= end]
    in_order = sorted(borrowed, key=place.__getitem__)
    return Slice(tuple(nodes), tuple(in_order), tuple(takes), tuple(dict.fromkeys(gives)))


def _blocked(
    index: GraphIndex, place: Mapping[int, int], last_use: Mapping[str, int], may_carry: Callable[[str], bool]
) -> list[int]:
    """Count, for the border before each place in the order, the values that would have to be carried and cannot be."""
    change = [0] * (len(index.order) + 2)
    for name, last in last_use.items():
        if not may_carry(name):
            change[place[index.producer[name]] + 1] += 1
            change[last + 1] -= 1
    counts, count = [], 0
    for step in change:
        count += step
        counts.append(count)
    return counts


def _users(index: GraphIndex, name: str) -> list[int]:
    return [*(node for node, _ in index.consumers.get(name, ())), *index.captured.get(name, ())]


def _inputs(index: GraphIndex, node: int) -> Iterator[str]:
    """Everything a node uses: its inputs, and what its nested graphs take from around them."""
    yield from (name for name in index.nodes[node].input if name)
    for _, below in nested_graphs(index.nodes[node]):
        yield from free_names(below)


def _declare(name: str, kind: ValueType) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype_number(kind.dtype), kind.shape)
