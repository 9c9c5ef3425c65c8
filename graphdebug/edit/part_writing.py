"""Making a part of a model the whole of it, by few splices."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from graphdebug.edit.declaring import declared
from graphdebug.edit.editor import Editor
from graphdebug.edit.function_bodies import body_of, resolved_nodes
from graphdebug.edit.opsets import all_nodes, inputs_too, versions
from graphdebug.edit.splice import at
from graphdebug.model.cutting import Cut, constant_home
from graphdebug.model.index import GraphIndex, function_key
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import tensor_type

_LISTS = ("node", "initializer", "sparse_initializer", "value_info", "quantization_annotation")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a graph, and the entries of what it takes and gives."""

    cut: Cut
    inputs: tuple[onnx.ValueInfoProto, ...]
    outputs: tuple[onnx.ValueInfoProto, ...]


def write_part(editor: Editor, part: Part) -> None:
    """Make ``part`` the main graph and take away all else.

    Raises:
        EditError: it is of a function whose attributes it needs, and calls give these different values.
    """
    _rename_what_is_fed(editor, part)
    index = editor.graph(part.cut.graph)
    nodes = [index.nodes[node] for node in part.cut.nodes]
    functions = _called(editor, nodes)
    if part.cut.graph == MAIN_GRAPH:
        _narrow(editor, part, index, nodes, functions)
    else:
        _lift(editor, part, index, nodes)
    _set(editor, (), "training_info", [])
    editor.keep((), "functions", [at for at, each in enumerate(editor.proto.functions) if _key(each) in functions])
    graph = editor.message()
    entries = [*part.inputs]
    if inputs_too(editor.proto):
        fed = {entry.name for entry in part.inputs}
        entries += [declared(each.name, tensor_type(each)) for each in graph.initializer if each.name not in fed]
    _set(editor, editor.way(), "input", entries)
    _set(editor, editor.way(), "output", part.outputs)


def _rename_what_is_fed(editor: Editor, part: Part) -> None:
    """Give other names to values that nodes of the part still make besides others, and that are inputs now."""
    index, inside = editor.graph(part.cut.graph), frozenset(part.cut.nodes)
    for entry in part.inputs:
        maker = index.producer.get(entry.name)
        if maker in inside:
            assert maker is not None
            slot = list(index.nodes[maker].output).index(entry.name)
            editor.set_output(part.cut.graph, maker, slot, editor.names.new(f"{entry.name}_before"))


def _narrow(
    editor: Editor, part: Part, index: GraphIndex, nodes: Sequence[onnx.NodeProto], functions: Collection[Any]
) -> None:
    """Take from the main graph what is not of the part."""
    graph = editor.message()
    made = {name for node in nodes for name in node.output}
    ports = {entry.name for entry in (*part.inputs, *part.outputs)}
    constants = _constants(editor, part, index, made | ports)
    inner = tuple(f"{domain}::{name}/" for domain, name, _ in functions)  # types within functions, as old models say
    kept = {
        "node": part.cut.nodes,
        "initializer": [at for at, each in enumerate(graph.initializer) if each.name in constants],
        "sparse_initializer": [at for at, each in enumerate(graph.sparse_initializer) if each.values.name in constants],
        "value_info": [
            at
            for at, each in enumerate(graph.value_info)
            if (each.name in made or each.name in constants or each.name.startswith(inner)) and each.name not in ports
        ],
        "quantization_annotation": [
            at
            for at, each in enumerate(graph.quantization_annotation)
            if each.tensor_name in made or each.tensor_name in constants or each.tensor_name in ports
        ],
    }
    for field, positions in kept.items():
        editor.keep(editor.way(), field, positions)


def _lift(editor: Editor, part: Part, index: GraphIndex, nodes: Sequence[onnx.NodeProto]) -> None:
    """Put the part of a body or of a function in the place of the main graph."""
    path, graph = part.cut.graph, editor.message(part.cut.graph)
    made = {name for node in nodes for name in node.output}
    ports = {entry.name for entry in (*part.inputs, *part.outputs)}
    lists: dict[str, list[Any]] = {field: [] for field in _LISTS}
    constants = _constants(editor, part, index, made | ports)
    for name in sorted(constants):
        home = constant_home(editor.model, path, name)
        if home is None:
            continue
        if name in home.initializers:
            lists["initializer"].append(home.initializers[name])
        elif name in home.sparse:
            lists["sparse_initializer"].append(home.sparse[name])
        elif home.path != path:
            lists["node"].append(home.nodes[home.producer[name]])
    lists["node"] += nodes
    if function := body_of(path):
        lists["node"] = resolved_nodes(editor, function, lists["node"])
    lists["value_info"] = [each for each in graph.value_info if each.name in made and each.name not in ports]
    lists["quantization_annotation"] = [
        each for each in getattr(graph, "quantization_annotation", ()) if each.tensor_name in made | ports | constants
    ]
    lists = {field: [_copy(entry) for entry in entries] for field, entries in lists.items()}
    if function:
        imports = editor.message(function).opset_import
        if versions(editor.message(function)) != versions(editor.proto):
            _set(editor, (), "opset_import", [_copy(each) for each in imports])
    for field, entries in lists.items():
        _set(editor, editor.way(), field, entries)


def _constants(editor: Editor, part: Part, index: GraphIndex, alive: Collection[str]) -> set[str]:
    """Return the constants of the part: what it takes, defaults of inputs, and parameters of annotations."""
    constants = set(part.cut.initializers)
    if not inputs_too(editor.proto):
        constants.update({entry.name for entry in part.inputs}.intersection(index.defaults))
    for each in getattr(index.proto, "quantization_annotation", ()):
        if each.tensor_name in alive or each.tensor_name in constants:
            parameters = {entry.value for entry in each.quant_parameter_tensor_names}
            constants |= parameters.intersection((*index.initializers, *index.sparse))
    return constants


def _called(editor: Editor, nodes: Iterable[onnx.NodeProto]) -> set[tuple[str, str, str]]:
    """Return (domain, name, overload) of the functions that nodes call, themselves or by way of others."""
    bodies = editor.graphs.functions
    found: set[tuple[str, str, str]] = set()
    waiting = list(all_nodes(nodes)) if bodies else []
    while waiting:
        node = waiting.pop()
        key = function_key(node.domain, node.op_type, node.overload)
        if key in bodies and key not in found:
            found.add(key)
            waiting += all_nodes(editor.graph(bodies[key]).nodes)
    return found


def _key(function: onnx.FunctionProto) -> tuple[str, str, str]:
    return function_key(function.domain, function.name, function.overload)


def _set(editor: Editor, way: Sequence[Any], field: str, entries: Sequence[Any]) -> None:
    """Replace a list; nothing is spliced where it stays the same."""
    present = getattr(at(editor.proto, way), field)
    if list(map(_bytes, present)) == list(map(_bytes, entries)):
        return
    added = [_copy(entry) for entry in entries]
    if present:
        editor.splice(way, field, 0, len(present))
    if added:
        editor.splice(way, field, 0, 0, added)


def _copy(entry: Any) -> Any:
    """Return a copy that stays as it is when the model changes."""
    copy = type(entry)()
    copy.CopyFrom(entry)
    return copy


def _bytes(entry: Any) -> bytes:
    return bytes(entry.SerializeToString(deterministic=True))
