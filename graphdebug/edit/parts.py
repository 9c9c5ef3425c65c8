"""Operations on a part of a graph: one node in its place, be it of an operator of one's own or a call of a function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import onnx

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.boundary import Boundary, boundary
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import import_domain, make_node, name_for
from graphdebug.edit.nodes import one_graph
from graphdebug.edit.operation import Operation, node_text
from graphdebug.edit.opsets import all_nodes, holder, plain
from graphdebug.edit.order import keep_order, place_for
from graphdebug.edit.splice import at
from graphdebug.edit.sweeping import forget, sweep
from graphdebug.edit.targets import Node, Value, find_node, find_value
from graphdebug.edit.wiring import check_visible
from graphdebug.model.index import function_key
from graphdebug.model.refs import NodeRef
from graphdebug.model.value_types import shown

_FUNCTIONS_SINCE = 8
_FUNCTION_TYPES_SINCE = 10
"""IR versions that brought functions, and ``value_info`` of functions (onnx.proto)."""


class ReplaceNodes(Operation, frozen=True):
    """Put one node in the place of several (or of one), as a plugin does.

    ``inputs`` and ``outputs``: what it takes and makes, in order; None: all that enters the part, initializers too
    unless ``drop_initializers``, and all that leaves it.
    """

    nodes: tuple[Node, ...]
    op: str
    domain: str = ""
    attributes: tuple[Attribute, ...] = ()
    name: str = ""
    inputs: tuple[Value, ...] | None = None
    outputs: tuple[Value, ...] | None = None
    drop_initializers: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"Replace {_nodes_text(self.nodes)} by {self.op}"

    def apply(self, editor: Editor) -> None:
        """Replace the nodes.

        Raises:
            EditError: a target is not there, the nodes are of several graphs, a way leads out of them and back in, or
                the new node would not make what is used.
        """
        path, part = _part(editor, self.nodes)
        index = editor.graph(path)
        inputs = list(part.entering)
        if self.drop_initializers:
            inputs = [name for name in inputs if name not in index.initializers and name not in index.sparse]
        if self.inputs is not None:
            inputs = [self._input(editor, path, each) for each in self.inputs]
        outputs = list(part.leaving)
        if self.outputs is not None:
            outputs = self._outputs(editor, path, part)
        if not outputs:
            raise EditError("Nothing uses what the nodes make: there is nothing to replace.")
        made = {name for node in part.nodes for name in index.nodes[node].output}
        if inner := [name for name in inputs if name in made]:
            raise EditError(f"{shown(inner[0])} is made by the nodes that are replaced: the new one cannot take it.")
        name = name_for(editor, path, self.name, self.op)
        node = make_node(self.op, self.domain, inputs, outputs, name, self.attributes)
        _put(editor, path, part, node)
        import_domain(editor, path, self.domain)
        if count := sweep(editor, path, [name for name in part.entering if name not in inputs]):
            editor.notes.append(f"{count:,} more {'node' if count == 1 else 'nodes'} that only these needed went.")

    def _input(self, editor: Editor, path: str, target: Value) -> str:
        if not target:
            return ""
        ref = find_value(editor, target)
        check_visible(editor, ref, path)
        return ref.name

    def _outputs(self, editor: Editor, path: str, part: Boundary) -> list[str]:
        assert self.outputs is not None
        refs = [find_value(editor, each) if each else None for each in self.outputs]
        names = ["" if ref is None else ref.name for ref in refs]
        index = editor.graph(path)
        for ref in refs:
            if ref is not None and (ref.graph != path or index.producer.get(ref.name) not in part.nodes):
                raise EditError(f"{shown(ref.name)} is not made by the nodes that are replaced.")
        if missing := [name for name in part.leaving if name not in names]:
            raise EditError(f"{shown(missing[0])} is used: the new node must make it, too.")
        return names


class ExtractFunction(Operation, frozen=True):
    """Make a function of the model out of nodes, and put a call of it in their place."""

    keeps_results: ClassVar[bool] = True
    nodes: tuple[Node, ...]
    name: str
    domain: str = "local"

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {_nodes_text(self.nodes)} the function {shown(self.name)}"

    def apply(self, editor: Editor) -> None:
        """Make the function.

        Raises:
            EditError: a target is not there, the nodes are of several graphs, a way leads out of them and back in,
                nothing uses what they make, or there is such a function.
        """
        if not self.name or not plain(self.domain):
            raise EditError("A function needs a name, and a domain of its own, to be told from ONNX's operators.")
        key = function_key(self.domain, self.name, "")
        if any(function_key(each.domain, each.name, each.overload) == key for each in editor.proto.functions):
            raise EditError(f"There is a function {shown(self.name)} of domain {shown(self.domain)} already.")
        path, part = _part(editor, self.nodes)
        if not part.leaving:
            raise EditError("Nothing uses what the nodes make: a function of them would be of no use.")
        function = self._function(editor, path, part)
        call = make_node(self.name, self.domain, part.entering, part.leaving, name_for(editor, path, "", self.name))
        call.attribute.extend(
            onnx.AttributeProto(name=each.ref_attr_name, ref_attr_name=each.ref_attr_name, type=each.type)
            for each in _outer_attributes(function.node)
        )
        _put(editor, path, part, call)
        caller = holder(path, editor)
        place = caller[0][1] if caller else len(editor.proto.functions)  # some engines want it before what calls it
        editor.splice((), "functions", place, 0, [function])
        import_domain(editor, path, self.domain)
        if editor.proto.ir_version < _FUNCTIONS_SINCE:
            editor.set_field((), "ir_version", _FUNCTIONS_SINCE)
            editor.notes.append(f"The model states IR version {_FUNCTIONS_SINCE} now, which brought functions.")

    def _function(self, editor: Editor, path: str, part: Boundary) -> onnx.FunctionProto:
        index, graph = editor.graph(path), editor.message(path)
        function = onnx.FunctionProto(name=self.name, domain=self.domain, input=part.entering, output=part.leaving)
        function.node.extend(index.nodes[node] for node in part.nodes)
        function.attribute.extend(each.ref_attr_name for each in _outer_attributes(function.node))
        domains = {plain(node.domain) for node in all_nodes(function.node)}
        imported = at(editor.proto, holder(path, editor)).opset_import
        function.opset_import.extend(each for each in imported if plain(each.domain) in domains)
        if editor.proto.ir_version >= _FUNCTION_TYPES_SINCE:
            inner = {name for node in function.node for name in node.output} - set(part.leaving)
            function.value_info.extend(each for each in graph.value_info if each.name in inner)
        return function


def _part(editor: Editor, targets: Sequence[Node]) -> tuple[str, Boundary]:
    refs: list[NodeRef] = [find_node(editor, each) for each in targets]
    path = one_graph(refs)
    return path, boundary(editor, path, {ref.index for ref in refs})


def _put(editor: Editor, path: str, part: Boundary, node: onnx.NodeProto) -> None:
    """Put a node in the place of a part."""
    index = editor.graph(path)
    made = [name for each in part.nodes for name in index.nodes[each].output]
    editor.delete_nodes(path, part.nodes)
    forget(editor, path, [name for name in made if name not in node.output])
    place = max(min(part.nodes), place_for(editor, path, list(node.input)))
    editor.insert_nodes(path, place, [node])
    keep_order(editor, path)


def _outer_attributes(nodes: Iterable[onnx.NodeProto]) -> list[onnx.AttributeProto]:
    """Return one reference to each attribute of the function around that nodes, or what is nested in them, take."""
    found = (each for node in all_nodes(nodes) for each in node.attribute if each.ref_attr_name)
    return list({each.ref_attr_name: each for each in found}.values())


def _nodes_text(nodes: Sequence[Node]) -> str:
    return node_text(nodes[0]) if len(nodes) == 1 else f"{len(nodes):,} nodes"
