"""Operations that change what gives a constant: an initializer, a Constant node or an input."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graphdebug.edit.declaring import declared
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import find_initializer, given_values, shaped
from graphdebug.edit.making import import_domain, name_for
from graphdebug.edit.operation import Operation, node_text, value_text
from graphdebug.edit.opsets import inputs_too
from graphdebug.edit.targets import Node, Value, find_node, find_value
from graphdebug.edit.uses import renamed
from graphdebug.edit.values import chunks, with_values
from graphdebug.model.refs import MAIN_GRAPH, TensorRef
from graphdebug.model.value_types import declared_types, dtype_number, shown, tensor_type, value_type


class ConstantToInitializer(Operation, frozen=True):
    """Replace a Constant node by an initializer of the graph that it is in."""

    node: Node

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {node_text(self.node)} an initializer"

    def apply(self, editor: Editor) -> None:
        """Replace the node.

        Raises:
            EditError: it is no Constant with a value of its own, or it is in a function.
        """
        ref = find_node(editor, self.node)
        index = editor.graph(ref.graph)
        node, name = index.nodes[ref.index], shown(index.names[ref.index])
        if isinstance(index.proto, onnx.FunctionProto):
            raise EditError(f"{name} is in a function, and functions have no initializers.")
        if node.op_type != "Constant" or len(node.attribute) != 1 or not any(node.output):
            raise EditError(f"{name} is no Constant with one value.")
        made = _stored(node.attribute[0], node.output[0])
        if made is None:
            raise EditError(f"{name} has no value of its own: {node.attribute[0].name} is none that can be stored.")
        values = made.values if isinstance(made, onnx.SparseTensorProto) else made
        if node.doc_string and not values.doc_string:
            values.doc_string = node.doc_string
        editor.delete_nodes(ref.graph, [ref.index])
        add_initializer(editor, ref.graph, made)


class InitializerToConstant(Operation, frozen=True):
    """Replace an initializer by a Constant node at the beginning of its graph."""

    initializer: Value

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {value_text(self.initializer)} a Constant"

    def apply(self, editor: Editor) -> None:
        """Replace the initializer.

        Raises:
            EditError: there is none, or it is the default of an input.
        """
        ref = find_value(editor, self.initializer)
        index = editor.graph(ref.graph)
        if ref.name in index.defaults and _stands_alone(editor, ref.graph):
            raise EditError(f"{shown(ref.name)} is the default of an input: remove the input first.")
        editor.delete_named(ref.graph, "input", {ref.name}.intersection(index.defaults))
        node = onnx.NodeProto(op_type="Constant", output=[ref.name])
        if ref.name in index.sparse:
            node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR).sparse_tensor.CopyFrom(
                index.sparse[ref.name]
            )
            editor.delete_named(ref.graph, "sparse_initializer", [ref.name])
        else:
            _, _, tensor = find_initializer(editor, self.initializer)
            node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)
            editor.delete_named(ref.graph, "initializer", [ref.name])
        if name := name_for(editor, ref.graph, "", f"Constant_{ref.name}"):
            node.name = name
        editor.insert_nodes(ref.graph, 0, [node])
        import_domain(editor, ref.graph, "")


class InitializerToInput(Operation, frozen=True):
    """Make an initializer of the main graph an input. ``keep``: its values are the default, else they go."""

    initializer: Value
    keep: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {value_text(self.initializer)} an input"

    def apply(self, editor: Editor) -> None:
        """Add the input.

        Raises:
            EditError: there is no such initializer in the main graph, or it is an input already.
        """
        ref, _, tensor = find_initializer(editor, self.initializer)
        _main_only(ref)
        present = ref.name in editor.graph().defaults
        if present and self.keep:
            raise EditError(f"{shown(ref.name)} is an input already, with its values as the default.")
        if not present:
            _add_input(editor, tensor)
        if not self.keep:
            editor.delete_named(MAIN_GRAPH, "initializer", [ref.name])


class InputToInitializer(Operation, frozen=True):
    """Fix an input of the main graph to values: ``values`` (numbers), those of a ``.npy`` file, or its default."""

    input: Value
    values: Any = None
    file: str = ""

    @property
    def title(self) -> str:
        """What it does."""
        return f"Fix the values of {value_text(self.input)}"

    def apply(self, editor: Editor) -> None:
        """Fix the input.

        Raises:
            EditError: it is no input of the main graph, or the values do not fit its type and shape.
        """
        ref = find_value(editor, self.input)
        _main_only(ref)
        index, name = editor.graph(), shown(ref.name)
        if ref.name not in (*index.inputs, *index.defaults):
            raise EditError(f"{name} is no input.")
        if ref.name in index.initializers and self.values is None and not self.file:
            editor.delete_named(MAIN_GRAPH, "input", {ref.name} if _stands_alone(editor, MAIN_GRAPH) else ())
            return
        entry = next(each for each in editor.proto.graph.input if each.name == ref.name)
        known = value_type(entry.type)
        if known.kind != "tensor" or not known.dtype:
            raise EditError(f"{name} is not declared as a tensor of some type: declare that first.")
        number = dtype_number(known.dtype)
        array = given_values(editor, self.values, self.file, number, ref.name)
        if known.shape is not None and all(isinstance(dim, int) for dim in known.shape):
            array = shaped(array, tuple(int(dim or 0) for dim in known.shape), ref.name)
        elif known.shape is not None and not _may_be(array.shape, known.shape):
            wanted = "×".join("?" if dim is None else str(dim) for dim in known.shape)
            raise EditError(f"{name} is {wanted}, which {list(array.shape)} is not.")
        made = with_values(editor, onnx.TensorProto(name=ref.name), number, array.shape, chunks(array))
        editor.delete_named(MAIN_GRAPH, "initializer", [ref.name])
        editor.delete_named(MAIN_GRAPH, "input", [ref.name])
        add_initializer(editor, MAIN_GRAPH, made)


def add_initializer(editor: Editor, path: str, tensor: onnx.TensorProto | onnx.SparseTensorProto) -> None:
    """Add an initializer to a graph (not to a function, which has none)."""
    field = "sparse_initializer" if isinstance(tensor, onnx.SparseTensorProto) else "initializer"
    editor.splice(editor.way(path), field, len(getattr(editor.message(path), field)), added=[tensor])
    if isinstance(tensor, onnx.TensorProto) and not _stands_alone(editor, path):
        _add_input(editor, tensor)


def _stands_alone(editor: Editor, path: str) -> bool:
    """Say whether an initializer of a graph need not be an input of it, too."""
    return path != MAIN_GRAPH or not inputs_too(editor.proto)


def _stored(attribute: onnx.AttributeProto, name: str) -> onnx.TensorProto | onnx.SparseTensorProto | None:
    """Return what a Constant's attribute holds as an initializer called ``name``."""
    kind = attribute.name
    if attribute.ref_attr_name:
        return None
    if kind in ("value", "sparse_value"):
        return renamed(attribute.t if kind == "value" else attribute.sparse_tensor, name)  # type: ignore[no-any-return]
    if kind in ("value_string", "value_strings"):
        texts = [attribute.s] if kind == "value_string" else list(attribute.strings)
        dims = [] if kind == "value_string" else [len(texts)]
        return onnx.TensorProto(name=name, data_type=onnx.TensorProto.STRING, dims=dims, string_data=texts)
    types = {"value_int": "int64", "value_ints": "int64", "value_float": "float32", "value_floats": "float32"}
    if kind not in types:
        return None
    try:
        return numpy_helper.from_array(np.array(helper.get_attribute_value(attribute), types[kind]), name)
    except (TypeError, ValueError):  # an attribute of another type than its name says
        return None


def _add_input(editor: Editor, tensor: onnx.TensorProto) -> None:
    entry = declared(tensor.name, declared_types(editor.proto.graph).get(tensor.name) or tensor_type(tensor))
    editor.splice(editor.way(), "input", len(editor.proto.graph.input), added=[entry])


def _main_only(ref: TensorRef) -> None:
    if ref.graph != MAIN_GRAPH:
        raise EditError(f"{shown(ref.name)} is not of the main graph: only there values are fed from outside.")


def _may_be(shape: tuple[int, ...], wanted: tuple[Any, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        not isinstance(dim, int) or dim == length for dim, length in zip(wanted, shape, strict=True)
    )
