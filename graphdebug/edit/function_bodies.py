"""What is known of the inside of a function: nothing but by its calls, which give it types and attributes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx

from graphdebug.edit.declaring import declared
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.opsets import all_nodes
from graphdebug.edit.renaming import Resolve, Scope, renamed_node
from graphdebug.edit.uses import renamed
from graphdebug.edit.wiring import calls
from graphdebug.model.document import Model, Types
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_near, infer_types
from graphdebug.model.value_types import declared_types, is_known, shown, value_type


class KnownTypes:
    """The types of values of a model as it is now; what nobody states is inferred when it is first asked for."""

    def __init__(self, editor: Editor) -> None:
        """Infer nothing yet."""
        self._editor = editor
        self._inferred: dict[str, Types] = {}
        self._declared: dict[str, dict[str, onnx.ValueInfoProto]] = {}

    def look_up(self, names: Iterable[str]) -> None:
        """Get ready to be asked for a few values of the main graph: this is quicker than to infer all types."""
        if not self._has_inferred and (unknown := [name for name in names if self._declaration("", name) is None]):
            self._inferred[MAIN_GRAPH] = {MAIN_GRAPH: infer_near(self._editor.model, unknown)}

    def entry(self, path: str, name: str, infer: bool = True) -> onnx.ValueInfoProto:
        """Return an entry for a value of the graph at ``path``: as that declares it, else of the type that is known.

        It has no type where none is known, or would have to be inferred and is not to be.
        """
        stated = self._declaration(path, name)
        if stated is not None:
            return renamed(stated, name)  # type: ignore[no-any-return]
        known = self.of(path, name) if infer else self._stated(path, name)
        return declared(name, known or ValueType(kind="unknown"))

    def of(self, path: str, name: str) -> ValueType | None:
        """Return the type of a value of the graph at ``path``, None when it is not known."""
        home = body_of(path)
        inner = path.removeprefix(home).removeprefix("/")
        found = self._inferred.get(home, {}).get(inner, {}).get(name)
        if is_known(found) or is_known(stated := self._stated(path, name)):
            return found if is_known(found) else stated
        if home not in self._inferred:
            self._inferred[home] = {}  # a function that reaches itself: nothing is known
            self._inferred[home] = self._body_types(home) if home else self._main_types()
        return self._inferred[home].get(inner, {}).get(name) or stated

    def _declaration(self, path: str, name: str) -> onnx.ValueInfoProto | None:
        """Return the entry by which a graph declares the type of a value, None where it does not."""
        if path not in self._declared:
            graph = self._editor.message(path)
            ports = (*graph.output, *graph.input) if isinstance(graph, onnx.GraphProto) else ()
            self._declared[path] = {entry.name: entry for entry in (*ports, *graph.value_info)}
        entry = self._declared[path].get(name)
        return entry if entry is not None and is_known(value_type(entry.type)) else None

    def _stated(self, path: str, name: str) -> ValueType | None:
        return self._editor.source.types.get(path, {}).get(name)

    @property
    def _has_inferred(self) -> bool:
        return self._editor.source.inferred is not None or self._editor.source.types_file is not None

    def _main_types(self) -> Types:
        return {} if self._has_inferred else infer_types(self._editor.model)

    def _body_types(self, path: str) -> Types:
        """Infer types within a function from those that its calls give it, as far as they agree."""
        function = self._editor.message(path)
        assert isinstance(function, onnx.FunctionProto)
        given: dict[str, set[ValueType | None]] = {name: set() for name in function.input}
        for call in calls(self._editor, path):
            node = self._editor.graph(call.graph).nodes[call.index]
            for formal, actual in zip(function.input, node.input, strict=False):
                given[formal].add(self.of(call.graph, actual))
        graph = onnx.GraphProto(name=function.name, value_info=function.value_info)
        graph.input.extend(declared(name, _agreed(types)) for name, types in given.items())
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in function.output)
        graph.node.extend(_resolved_as_far_as_known(self._editor, path, function.node))
        proto = onnx.ModelProto(ir_version=self._editor.proto.ir_version, graph=graph)
        proto.opset_import.extend(function.opset_import)
        proto.functions.extend(self._editor.proto.functions)
        found = dict(infer_types(Model(proto, self._editor.source.path)))
        found[MAIN_GRAPH] = {**declared_types(graph), **found.get(MAIN_GRAPH, {})}
        return found


def body_of(path: str) -> str:
    """Return the path of the function that a graph is, or is nested in; that of the main graph for all others."""
    return path.partition("/")[0] if path.startswith("fn:") else MAIN_GRAPH


def resolved_nodes(editor: Editor, path: str, nodes: Iterable[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return nodes of the function at ``path``, attributes that refer to the function's as its calls give them.

    Raises:
        EditError: its calls give an attribute different values.
    """
    nodes = list(nodes)
    values = {name: _value(editor, path, name, (path,)) for name in sorted(_references(nodes))}
    if not values:
        return nodes

    def resolve(attribute: onnx.AttributeProto) -> onnx.AttributeProto | None:
        value = values[attribute.ref_attr_name]
        return None if value is None else _named(value, attribute.name)

    return [_resolved(node, resolve) for node in nodes]


def _resolved_as_far_as_known(editor: Editor, path: str, nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        try:
            yield from resolved_nodes(editor, path, [node])
        except EditError:
            yield node


def _resolved(node: onnx.NodeProto, resolve: Resolve) -> onnx.NodeProto:
    return renamed_node(node, Scope(str), resolve) if _references([node]) else node


def _references(nodes: Iterable[onnx.NodeProto]) -> set[str]:
    """Return the attributes of the function around them that nodes, or what is nested in them, refer to."""
    return {each.ref_attr_name for node in all_nodes(nodes) for each in node.attribute if each.ref_attr_name}


def _value(editor: Editor, path: str, name: str, inside: tuple[str, ...]) -> onnx.AttributeProto | None:
    """Return the value that all calls give to an attribute of a function; None when they leave it out.

    ``inside`` are the functions on the way there.
    """
    function = editor.message(path)
    assert isinstance(function, onnx.FunctionProto)
    default = next((each for each in function.attribute_proto if each.name == name), None)
    found: dict[bytes, onnx.AttributeProto | None] = {}
    for call in calls(editor, path):
        node = editor.graph(call.graph).nodes[call.index]
        value = next((each for each in node.attribute if each.name == name), default)
        caller = body_of(call.graph)
        if value is not None and value.ref_attr_name:
            if caller in inside:
                raise EditError(f"The function {shown(function.name)} reaches itself: its attributes have no values.")
            value = _value(editor, caller, value.ref_attr_name, (*inside, caller))
        found[b"" if value is None else _named(value, "").SerializeToString(deterministic=True)] = value
    if len(found) > 1:
        raise EditError(
            f"The calls of {shown(function.name)} give its attribute {shown(name)} different values, and the part uses "
            "it: inline one call first and cut there."
        )
    return next(iter(found.values())) if found else default


def _named(attribute: onnx.AttributeProto, name: str) -> onnx.AttributeProto:
    copy = onnx.AttributeProto()
    copy.CopyFrom(attribute)
    copy.name = name
    return copy


def _agreed(types: set[ValueType | None]) -> ValueType:
    """Return the one type, ``unknown`` where there are several or none."""
    return next(iter(types)) or ValueType(kind="unknown") if len(types) == 1 else ValueType(kind="unknown")
