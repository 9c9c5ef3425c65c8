"""The operation that writes out the call of a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import make_node
from graphdebug.edit.operation import Operation, node_text
from graphdebug.edit.opsets import agree, holder, import_missing, versions
from graphdebug.edit.renaming import Scope, renamed_entry, renamed_node
from graphdebug.edit.splice import at
from graphdebug.edit.targets import Node, find_node
from graphdebug.edit.wiring import calls
from graphdebug.model.index import CALLED_FUNCTION
from graphdebug.model.value_types import shown


class InlineFunction(Operation, frozen=True):
    """Put the body of the function that a node calls in the node's place.

    Names of the body get the node's name in front. A function that nothing calls then goes.
    """

    keeps_results: ClassVar[bool] = True
    node: Node

    @property
    def title(self) -> str:
        """What it does."""
        return f"Inline {node_text(self.node)}"

    def apply(self, editor: Editor) -> None:
        """Write the call out.

        Raises:
            EditError: the node is not there or calls no function, or the function's operator sets are not ours.
        """
        ref = find_node(editor, self.node)
        index = editor.graph(ref.graph)
        call, name = index.nodes[ref.index], index.names[ref.index]
        called = [below for attribute, below in index.children.get(ref.index, ()) if attribute == CALLED_FUNCTION]
        if not called:
            raise EditError(f"{shown(name)} calls no function of the model: there is nothing to inline.")
        function = editor.message(called[0])
        assert isinstance(function, onnx.FunctionProto)
        theirs, called_name = versions(function), function.name
        imports = at(editor.proto, holder(ref.graph, editor))
        agree(versions(imports), theirs, function.node, f"the function {shown(function.name)}")
        scope = Scope(lambda inner: editor.names.new(f"{name}/{inner}"), _given(function, call))
        given = _attribute_values(function, call)
        nodes = [renamed_node(node, scope, lambda attribute: _resolved(attribute, given)) for node in function.node]
        nodes += _passed_through(function, call, scope)
        outside = {"", *call.input, *call.output}
        types = [renamed_entry(each, scope) for each in function.value_info if scope[each.name] not in outside]
        editor.splice(editor.way(ref.graph), "node", ref.index, 1, nodes)
        if types:
            known = editor.message(ref.graph).value_info
            editor.splice(editor.way(ref.graph), "value_info", len(known), 0, types)
        import_missing(editor, ref.graph, theirs, nodes)
        if not calls(editor, called[0]):
            position = editor.way(called[0])[0][1]
            editor.splice((), "functions", position, 1)
            editor.notes.append(f"The function {shown(called_name)} went: nothing calls it any more.")


def _given(function: onnx.FunctionProto, call: onnx.NodeProto) -> dict[str, str]:
    """Return what the function's inputs and outputs are called around the call; ``""``: the call leaves it out."""
    names = {formal: _at(call.input, slot) for slot, formal in enumerate(function.input)}
    for slot, formal in enumerate(function.output):
        actual = _at(call.output, slot)
        if actual and formal not in names:
            names[formal] = actual
    return names


def _passed_through(function: onnx.FunctionProto, call: onnx.NodeProto, scope: Scope) -> list[onnx.NodeProto]:
    """Return what makes the outputs that are no value of their own: an input, or an output before."""
    nodes = []
    for slot, formal in enumerate(function.output):
        actual, inner = _at(call.output, slot), scope[formal]
        if actual and not inner:
            raise EditError(
                f"{shown(function.name)} puts out its input {shown(formal)}, which the call leaves out: connect it."
            )
        if actual and inner != actual:
            nodes.append(make_node("Identity", "", [inner], [actual], scope.node("Identity")))
    return nodes


def _attribute_values(function: onnx.FunctionProto, call: onnx.NodeProto) -> dict[str, onnx.AttributeProto]:
    """Return the values of the function's attributes: the call's, else their defaults."""
    return {each.name: each for each in (*function.attribute_proto, *call.attribute)}


def _resolved(attribute: onnx.AttributeProto, given: Mapping[str, onnx.AttributeProto]) -> onnx.AttributeProto | None:
    """Return an attribute with the value that it refers to; None when the call gives none: it is left out."""
    value = given.get(attribute.ref_attr_name)
    if value is None:
        return None
    copy = onnx.AttributeProto()
    copy.CopyFrom(value)
    copy.name = attribute.name
    return copy


def _at(names: Sequence[str], slot: int) -> str:
    return names[slot] if slot < len(names) else ""
