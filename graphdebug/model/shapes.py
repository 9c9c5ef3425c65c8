"""Types of values that the model does not state: onnx's own inference, without the weights.

Weights only slow it down: with values above 4 kB left out, coverage is the same and it is 10 to 60 times faster.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import onnx
import onnx.shape_inference

from graphdebug.model.document import Model, Types
from graphdebug.model.folding import fold
from graphdebug.model.functions import expansion
from graphdebug.model.index import nested_graphs
from graphdebug.model.records import Dim, ValueType
from graphdebug.model.refs import MAIN_GRAPH, NodeRef, child_path
from graphdebug.model.value_types import tensor_type, value_type
from graphdebug.model.weightless import Weightless, weightless

LARGEST_EXPANSION = 1_000_000
"""Function calls that come to more nodes than this are not followed."""

MOST_ROUNDS = 12
"""How often constants are worked out and types inferred again."""

_COMPLAINT = re.compile(r"\(op_type:([^,)]*)(?:, node name: ([^)]*))?\): (.*)")
_NO_CONFLICT = re.compile(
    r"data size mismatch|parse data|raw_data|no op registered|no schema|expected to have type but instead is null", re.I
)
"""What follows from the values left out, or from an operator or value of which nothing is known."""
_INVENTED = re.compile(r"unk__\d+")


@dataclass(frozen=True, slots=True)
class Complaint:
    """A node whose types contradict each other: what onnx says of it. ``node`` is None when it does not say where."""

    node: NodeRef | None
    op: str
    message: str


@dataclass(frozen=True, slots=True)
class Inference:
    """What inference found, and what it objected to."""

    types: Types
    complaints: tuple[Complaint, ...] = ()


def infer_types(model: Model) -> Types:
    """Return graph path → value → inferred type; what could not be inferred is left out. Never raises."""
    return infer(model).types


def infer(model: Model) -> Inference:
    """Infer types strictly for the complaints, then as far as it goes: with values propagated, without, not at all."""
    bare = weightless(model)
    calls = expansion(model.graphs)
    if calls.recursive or calls.nodes > LARGEST_EXPANSION:
        bare.proto.ClearField("functions")
    order = model.graphs[MAIN_GRAPH].order
    if order != list(range(len(order))):
        nodes = list(bare.proto.graph.node)
        bare.proto.graph.ClearField("node")
        bare.proto.graph.node.extend(nodes[position] for position in order)
    complaints: tuple[Complaint, ...] = ()
    for options in ({"strict_mode": True, "data_prop": True}, {"data_prop": True}, {}):
        try:
            inferred = onnx.shape_inference.infer_shapes(bare.proto, **options)
        except Exception as error:  # the C++ side raises several unrelated types
            if options.get("strict_mode"):
                complaints = tuple(_complaints(model, bare, str(error)))
            continue
        return Inference(_fold_and_infer(model, bare, inferred, options.get("data_prop", False)), complaints)
    return Inference({}, complaints)


def infer_near(model: Model, names: Iterable[str]) -> dict[str, ValueType]:
    """Infer the types of a few values of the main graph from what is declared nearest to them; never raises.

    Only the nodes in between are looked at: back to values of floating point of known shape, for whole numbers may be
    shapes, of which the values matter.
    """
    wanted, index = dict.fromkeys(names), model.graphs[MAIN_GRAPH]
    graph = model.proto.graph
    declared = {entry.name: entry for entry in (*graph.value_info, *graph.input)}
    starts, nodes, seen = set[str](), set[int](), set[str]()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        maker = index.producer.get(name)
        if maker is None or (name in declared and _is_settled(value_type(declared[name].type))):
            starts.add(name)
        elif maker not in nodes:
            nodes.add(maker)
            waiting += index.taken[maker]
    near = onnx.ModelProto(ir_version=model.proto.ir_version, opset_import=model.proto.opset_import)
    near.functions.extend(model.proto.functions)
    near.graph.name = "near"
    near.graph.node.extend(index.nodes[node] for node in sorted(nodes))
    near.graph.input.extend(declared[name] for name in starts if name in declared and name not in index.initializers)
    near.graph.initializer.extend(index.initializers[name] for name in starts if name in index.initializers)
    near.graph.sparse_initializer.extend(index.sparse[name] for name in starts if name in index.sparse)
    found = {name: tensor_type(index.initializers[name]) for name in starts.intersection(wanted, index.initializers)}
    found |= {name: value_type(declared[name].type) for name in starts.intersection(wanted, declared)}
    try:
        quick = onnx.shape_inference.infer_shapes(near, data_prop=True).graph.value_info
    except Exception:  # the C++ side raises several unrelated types
        quick = []
    made = {info.name: value_type(info.type) for info in quick if info.name in wanted}
    if any(isinstance(dim, str) for kind in made.values() for dim in kind.shape or ()):
        known = _dim_names(graph)
        made = {name: _without_invented(kind, known) for name, kind in made.items()}
    found |= made
    if all(name in found and found[name].shape is not None for name in wanted):
        return found
    thorough = infer_types(Model(near, model.path, values=model.values)).get(MAIN_GRAPH, {})
    return found | {name: thorough[name] for name in wanted if name in thorough}


def _is_settled(known: ValueType) -> bool:
    return known.shape is not None and "float" in known.dtype and known.kind == "tensor"


def _fold_and_infer(model: Model, bare: Weightless, inferred: onnx.ModelProto, data_prop: bool) -> Types:
    """Go on where shapes are computed: work out what the types so far allow, and infer again."""
    declared = _dim_names(model.proto.graph)
    types = dict(_collect(MAIN_GRAPH, inferred.graph, bare, declared))
    known: dict[str, Any] = {}
    for _ in range(MOST_ROUNDS):
        main = {**model.types[MAIN_GRAPH], **types.get(MAIN_GRAPH, {})}
        if all(_is_static(main.get(name)) for name in model.graphs[MAIN_GRAPH].producer):
            break
        if not fold(bare.proto.graph, main, known):
            break
        try:
            inferred = onnx.shape_inference.infer_shapes(bare.proto, data_prop=data_prop)
        except Exception:  # the C++ side raises several unrelated types
            break
        types = dict(_collect(MAIN_GRAPH, inferred.graph, bare, declared))
    return types


def _is_static(kind: ValueType | None) -> bool:
    return kind is not None and kind.shape is not None and all(isinstance(dim, int) for dim in kind.shape)


def _complaints(model: Model, bare: Weightless, message: str) -> Iterator[Complaint]:
    for op, tag, text in _COMPLAINT.findall(message):
        innermost = op
        while inner := _COMPLAINT.search(text):  # a nested graph's or function's: the innermost node is the place
            innermost, inner_tag, text = inner.groups(default="")
            if inner_tag:
                op, tag = innermost, inner_tag  # without a tag it is a part of an operator that onnx writes out
        onnx_itself = innermost == "Constant" != op
        if not onnx_itself and not _NO_CONFLICT.search(text):
            sentence = bare.place(model, re.sub(r"\[\w+Error\] ?", "", text))[1]
            yield Complaint(bare.place(model, tag)[0], op, sentence)


def _collect(
    path: str, graph: onnx.GraphProto, bare: Weightless, declared: set[str]
) -> Iterator[tuple[str, dict[str, ValueType]]]:
    """Go through the types of a graph and of those nested in it, whose inputs have the types they are given."""
    types: dict[str, ValueType] = {}
    given = () if path == MAIN_GRAPH else graph.input
    for info in (*given, *graph.value_info, *graph.output):
        kind = value_type(info.type)
        if kind.dtype or kind.shape is not None:
            types[info.name] = _without_invented(kind, declared)
    if types:
        yield path, types
    for node in graph.node:
        for attribute, below in nested_graphs(node):
            position = bare.node(node.name).index
            yield from _collect(child_path(path, position, attribute), below, bare, declared)


def _without_invented(kind: ValueType, declared: set[str]) -> ValueType:
    """Take out the names (``unk__3``) that inference makes up for dimensions it does not know."""
    if kind.shape is None or not any(isinstance(dim, str) for dim in kind.shape):
        return kind
    shape: tuple[Dim, ...] = tuple(
        None if isinstance(dim, str) and _INVENTED.fullmatch(dim) and dim not in declared else dim for dim in kind.shape
    )
    return ValueType(kind.dtype, shape, kind.kind)


def _dim_names(graph: onnx.GraphProto) -> set[str]:
    infos: Any = (*graph.input, *graph.output, *graph.value_info)
    return {dim for info in infos for dim in value_type(info.type).shape or () if isinstance(dim, str)}
