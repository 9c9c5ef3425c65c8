"""Another version of ONNX's operator set, by onnx's own converter; whatever that drops stays as it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar

import onnx
from onnx import defs, helper, numpy_helper, version_converter

from graphdebug.edit.difference import become
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import all_nodes, plain, schema, versions
from graphdebug.model.index import nested_graphs
from graphdebug.model.value_types import shown
from graphdebug.model.weightless import Weightless, weightless

Nodes = Iterable[onnx.NodeProto]


class ConvertOpset(Operation, frozen=True):
    """Convert the model to version ``version`` of ONNX's operator set, by onnx's converter.

    Nodes that mean the same in both versions stay as they are, to the byte. Functions are converted, too, as far as
    that is possible.
    """

    heavy: ClassVar[bool] = True
    keeps_results: ClassVar[bool] = True
    version: int

    @property
    def title(self) -> str:
        """What it does."""
        return f"Convert to operator set {self.version}"

    def apply(self, editor: Editor) -> None:
        """Convert the model.

        Raises:
            EditError: there is no such version, or onnx cannot convert the model; its reason is said.
        """
        latest, old = defs.onnx_opset_version(), versions(editor.proto).get("")
        if not 1 <= self.version <= latest:
            raise EditError(f"There is no operator set {self.version}: give one from 1 to {latest}.")
        if old is None:
            raise EditError("The model does not say which operator set it uses: set it first.")
        if old == self.version:
            raise EditError(f"The model uses operator set {old} already.")
        if any(index.order != list(range(len(index.nodes))) for index in editor.graphs.values()):
            raise EditError("The nodes are not in an order in which they can run: sort them first.")
        after = onnx.ModelProto()
        after.CopyFrom(editor.proto)
        changed = changing(editor.proto.graph.node, old, self.version)
        if changed:
            _convert(editor, after, self.version)
        _import(after, self.version)
        for function in after.functions:
            _convert_function(editor, function, self.version)
        needed = helper.find_min_ir_version_for(list(after.opset_import), ignore_unknown=True)
        if after.ir_version < needed:
            editor.notes.append(f"Operator set {self.version} needs IR version {needed}; it was {after.ir_version}.")
            after.ir_version = needed
        become(editor, after)
        said = f"Changed between {old} and {self.version}: {', '.join(changed)}" if changed else "No operator changed"
        editor.notes.append(f"{said}.")


def changing(nodes: Nodes, old: int, new: int) -> list[str]:
    """Return the operators of nodes (nested ones, too) that are not the same in two versions of ONNX's operator set."""
    ops = sorted({node.op_type for node in all_nodes(nodes) if not plain(node.domain)})
    return [op for op in ops if _since(op, old) != _since(op, new)]


def _since(op: str, version: int) -> int | None:
    found = schema(op, "", version)
    return None if found is None or found.deprecated else int(found.since_version)


def _import(holder: onnx.ModelProto | onnx.FunctionProto, version: int) -> None:
    for each in holder.opset_import:
        if not plain(each.domain):
            each.version = version


def _convert(editor: Editor, after: onnx.ModelProto, version: int) -> None:
    """Convert the main graph, and what is nested in it, in place."""
    bare = weightless(editor.model)
    bare.proto.ClearField("functions")
    try:
        converted = version_converter.convert_version(bare.proto, version)
    except Exception as error:  # the C++ side raises several unrelated types
        said = bare.place(editor.model, _reason(error))[1]
        raise EditError(f"onnx cannot convert the model to operator set {version}: {said}.") from None
    _Restoring(editor, bare).graph(after.graph, bare.proto.graph, converted.graph)


def _convert_function(editor: Editor, function: onnx.FunctionProto, version: int) -> None:
    """Convert a function's body, as a graph, if its own operators allow it; else say so."""
    old = versions(function).get("")
    if old is None or old == version:
        return
    changed = changing(function.node, old, version)
    if changed:
        named = any(attribute.ref_attr_name for node in all_nodes(function.node) for attribute in node.attribute)
        reason = "its nodes take attributes of the call" if named else _convert_body(editor, function, version)
        if reason:
            editor.notes.append(f"Function {shown(function.name)} stays at operator set {old}: {reason}.")
            return
    _import(function, version)


def _convert_body(editor: Editor, function: onnx.FunctionProto, version: int) -> str:
    """Convert a function's body in place; return why that is not possible, ``""`` when it was."""
    body = onnx.GraphProto(name=function.name, node=function.node)
    body.input.extend(onnx.ValueInfoProto(name=name) for name in function.input)
    body.output.extend(onnx.ValueInfoProto(name=name) for name in function.output)
    body.value_info.extend(function.value_info)
    model = onnx.ModelProto(ir_version=editor.proto.ir_version, graph=body, opset_import=function.opset_import)
    bare = weightless(replace(editor.source, proto=model))
    try:
        converted = version_converter.convert_version(bare.proto, version)
    except Exception as error:  # the C++ side raises several unrelated types
        return _reason(error)
    _Restoring(editor, bare).graph(body, bare.proto.graph, converted.graph)
    if body.initializer:
        return "a function cannot hold the constants it would need"
    del function.node[:]
    function.node.extend(body.node)
    return ""


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].rstrip(".") if str(error).strip() else type(error).__name__


class _Restoring:
    """Gives back to a converted graph what onnx's converter drops: weights, metadata, documentation, names of nodes."""

    def __init__(self, editor: Editor, bare: Weightless) -> None:
        self._editor = editor
        self._bare = bare

    def graph(self, original: onnx.GraphProto, before: onnx.GraphProto, converted: onnx.GraphProto) -> None:
        """Put the converted nodes into ``original``; ``before`` is the bare graph that was converted."""
        new = self._new_names(before, converted)
        known = {node.name: position for position, node in enumerate(before.node)}
        nodes = []
        for node in converted.node:
            position = known.pop(node.name, None)
            made = onnx.NodeProto()
            if position is None:
                made.CopyFrom(node)
                made.name = ""
            else:
                made.CopyFrom(original.node[position])
                self._node(made, before.node[position], node)
            for field in (made.input, made.output):
                for slot, name in enumerate(field):
                    if name in new:
                        field[slot] = new[name]
            nodes.append(made)
        del original.node[:]
        original.node.extend(nodes)
        stored = {tensor.name for tensor in original.initializer}
        for tensor in converted.initializer:
            if tensor.name not in stored:
                added = original.initializer.add()
                added.CopyFrom(tensor)
                added.name = new.get(tensor.name, tensor.name)

    def _new_names(self, before: onnx.GraphProto, converted: onnx.GraphProto) -> dict[str, str]:
        """Return names that are new in the whole model for the values that the converter added."""
        known = {name for node in before.node for name in node.output} | {each.name for each in before.initializer}
        made = [name for node in converted.node for name in node.output if name]
        made += [tensor.name for tensor in converted.initializer]
        inputs = {entry.name for entry in before.input}
        return {
            name: self._editor.names.new(f"converted{name}")
            for name in made
            if name not in known and name not in inputs
        }

    def _node(self, node: onnx.NodeProto, before: onnx.NodeProto, converted: onnx.NodeProto) -> None:
        """Let ``node``, as the model has it, become what was made of it."""
        node.op_type = converted.op_type
        for field in ("input", "output"):
            names = list(getattr(converted, field))
            if _trimmed(names) != _trimmed(list(getattr(before, field))):
                getattr(node, field)[:] = names
        inside = dict(nested_graphs(node))
        inside_before, inside_after = dict(nested_graphs(before)), dict(nested_graphs(converted))
        for name in inside.keys() & inside_before.keys() & inside_after.keys():
            self.graph(inside[name], inside_before[name], inside_after[name])
        old = {each.name: each for each in before.attribute}
        new = {each.name: each for each in converted.attribute}
        kept = [each for each in node.attribute if each.name in new and _same(old[each.name], new[each.name])]
        names_kept = {each.name for each in kept}
        kept += [each for name, each in new.items() if name not in names_kept]
        copies = [onnx.AttributeProto.FromString(each.SerializeToString()) for each in kept]
        del node.attribute[:]
        node.attribute.extend(copies)


def _trimmed(names: list[str]) -> list[str]:
    while names and not names[-1]:
        names = names[:-1]
    return names


def _same(one: onnx.AttributeProto, other: onnx.AttributeProto) -> bool:
    """Say whether two attributes say the same; nested graphs are looked at on their own."""
    kinds = onnx.AttributeProto
    if one.type != other.type:
        return False
    if one.type in (kinds.GRAPH, kinds.GRAPHS):
        return True
    if one.type == kinds.TENSOR:
        return _values(one.t) == _values(other.t)
    if one.type in (kinds.TENSORS, kinds.SPARSE_TENSOR, kinds.SPARSE_TENSORS, kinds.TYPE_PROTO, kinds.TYPE_PROTOS):
        return True  # the converter knows nothing of them
    return bool(helper.get_attribute_value(one) == helper.get_attribute_value(other))


def _values(tensor: onnx.TensorProto) -> tuple[int, tuple[int, ...], bytes]:
    try:
        values = numpy_helper.to_array(tensor).tobytes()
    except (ValueError, TypeError):  # its values are left out
        values = b""
    return tensor.data_type, tuple(tensor.dims), values
