"""Half precision: everything that can be float16 or bfloat16 is, with a Cast wherever it meets what stays float32.

Every float32 value gets a *form*, half or not: that in which its maker gives it. Every use asks for a form; where it is
the other one, a Cast behind the maker serves all such uses. Operators' schemas say which slots can be half.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import onnx
from onnx import helper

from graphdebug.edit.difference import become
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.forms import Forms, Value
from graphdebug.edit.initializers import element_type, stored_values
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import schema, versions
from graphdebug.edit.splice import at
from graphdebug.edit.targets import Node, find_node, find_value
from graphdebug.edit.targets import Value as ValueTarget
from graphdebug.edit.values import chunks, number_range, with_values
from graphdebug.edit.ways import graph_way
from graphdebug.model.shapes import infer_types
from graphdebug.model.tensors import Array
from graphdebug.model.value_types import shown

_LARGE = 1 << 14
"""Bytes: values of more go to files. Nearly all values of the model are new, and together they may be large."""

_FLOAT = onnx.TensorProto.FLOAT


class ConvertFloat(Operation, frozen=True):
    """Convert float32 to half precision (``to``), with Casts to and from what stays float32.

    That is: operators that cannot be half or lose too much by it, functions, ``keep_ops`` (operators), ``keep_nodes``
    and ``keep_values``; with ``keep_io`` the inputs and outputs of the model. Finite values out of range become the
    largest there are.
    """

    heavy: ClassVar[bool] = True
    keeps_results: ClassVar[bool] = True
    to: Literal["float16", "bfloat16"] = "float16"
    keep_io: bool = True
    keep_ops: tuple[str, ...] = ()
    keep_nodes: tuple[Node, ...] = ()
    keep_values: tuple[ValueTarget, ...] = ()

    @property
    def title(self) -> str:
        """What it does."""
        return f"Convert float32 to {self.to}"

    def apply(self, editor: Editor) -> None:
        """Convert the model.

        Raises:
            EditError: a target is not there, nothing is float32, the operator set lacks the type, or values cannot be
                read.
        """
        if editor.proto.training_info:
            raise EditError("The model holds what it takes to train it, which half precision would not fit.")
        cast = schema("Cast", "", versions(editor.proto).get(""))
        if cast is None or f"tensor({self.to})" not in cast.outputs[0].types:
            raise EditError(f"The model's operator set has no {self.to}: convert it to a newer one first.")
        nodes = frozenset((ref.graph, ref.index) for ref in (find_node(editor, each) for each in self.keep_nodes))
        values = frozenset((ref.graph, ref.name) for ref in (find_value(editor, each) for each in self.keep_values))
        types = infer_types(editor.model)
        known = {path: {**editor.model.types[path], **types.get(path, {})} for path in editor.graphs}
        forms = Forms(editor, known, self.to, self.keep_io, frozenset(self.keep_ops), nodes, values)
        if not forms.half_values:
            raise EditError("No float32 value of the model can be converted: none is known to be one, or all are kept.")
        after = onnx.ModelProto()
        after.CopyFrom(editor.proto)
        rewriting = _Rewriting(editor, forms, element_type(self.to))
        ways = {path: graph_way(after, path) for path in editor.graphs if not path.startswith("fn:")}
        for path, way in reversed(ways.items()):  # what is nested first: a graph's nodes are made anew
            rewriting.graph(path, at(after, way))
        become(editor, after)
        editor.notes += rewriting.told(self.to)


@dataclass
class _Rewriting:
    """Makes graphs anew by their forms."""

    editor: Editor
    forms: Forms
    number: int
    casts: int = 0
    clipped: dict[str, int] = field(default_factory=dict)

    def graph(self, path: str, graph: onnx.GraphProto) -> None:
        index = self.editor.graph(path)
        nodes = [cast for name in index.inputs + index.defaults for cast in self._cast(path, name)]
        given = {*index.inputs, *index.defaults}
        nodes += [cast for name in index.initializers if name not in given for cast in self._cast(path, name)]
        for position, node in enumerate(graph.node):
            made = onnx.NodeProto()
            made.CopyFrom(node)
            for slot, name in enumerate(node.input):
                made.input[slot] = self.forms.name_for(path, name, half=self.forms.takes_half(path, position, slot))
            for slot, name in enumerate(node.output):
                made.output[slot] = self.forms.made_name(path, name)
            if node.output and self.forms.is_half((path, node.output[0])):
                self._set_made_type(made)
            nodes += [made, *(cast for name in node.output for cast in self._cast(path, name))]
        del graph.node[:]
        graph.node.extend(nodes)
        for position, tensor in enumerate(graph.initializer):
            if self.forms.is_half((path, tensor.name)):
                graph.initializer[position].CopyFrom(self._converted(tensor))
        self._declare(path, graph)

    def _cast(self, path: str, name: str) -> Iterator[onnx.NodeProto]:
        """Go through the Cast that gives the other form of a value, if that is asked for."""
        value: Value = (path, name)
        if not self.forms.needs_cast(value):
            return
        self.casts += 1
        source, target = self.forms.both_names(value)
        number = _FLOAT if self.forms.is_half(value) else self.number
        node = helper.make_node("Cast", [source], [target], to=number)
        if any(each.name for each in self.editor.graph(path).nodes):
            node.name = self.editor.names.new(f"Cast_{target}")
        yield node

    def _set_made_type(self, node: onnx.NodeProto) -> None:
        """Let a node whose attributes say so make half values."""
        if node.op_type == "Cast":
            next(each for each in node.attribute if each.name == "to").i = self.number
        elif node.op_type in ("Constant", "ConstantOfShape"):
            tensor = constant_tensor(node)
            del node.attribute[:]
            node.attribute.append(helper.make_attribute("value", self._converted(tensor)))

    def _converted(self, tensor: onnx.TensorProto) -> onnx.TensorProto:
        array = stored_values(self.editor, tensor)
        rounded = self._rounded(array, tensor.name or "a Constant")
        return with_values(self.editor, tensor, self.number, tensor.dims, rounded, _LARGE)

    def _rounded(self, array: Array, name: str) -> Iterator[Array]:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(self.number))
        low, high = number_range(dtype)
        for chunk in chunks(array):
            outside = np.isfinite(chunk) & ((chunk < low) | (chunk > high))
            if outside.any():
                self.clipped[name] = self.clipped.get(name, 0) + int(outside.sum())
                chunk = np.where(outside, np.clip(chunk, low, high), chunk)
            yield chunk.astype(dtype)

    def _declare(self, path: str, graph: onnx.GraphProto) -> None:
        """Let what a graph declares agree with the forms; outputs of a nested graph are called after theirs."""
        forms = self.forms
        half = [entry for entry in (*graph.input, *graph.value_info) if forms.is_called_half(path, entry.name)]
        for slot, entry in enumerate(graph.output):
            if forms.gives_half(path, slot):
                half.append(entry)
            if path:
                entry.name = forms.name_for(path, entry.name, half=forms.gives_half(path, slot))
        for entry in half:
            if entry.type.tensor_type.elem_type == _FLOAT:
                entry.type.tensor_type.elem_type = self.number

    def told(self, to: str) -> Iterable[str]:
        """Return what the user should know."""
        yield f"{len(self.forms.half_values):,} values are {to} now; there are {self.casts:,} new Casts."
        if kept := self.forms.kept_nodes:
            yield f"Nodes that stay float32: {', '.join(f'{count:,} {op}' for op, count in kept.most_common(8))}."
        if self.clipped:
            names = ", ".join(shown(name) for name in list(self.clipped)[:4])
            yield f"Out of the range of {to}, so the largest there is now: {sum(self.clipped.values()):,} in {names}."


def constant_tensor(node: onnx.NodeProto) -> onnx.TensorProto:
    """Return what a Constant or ConstantOfShape holds, as a tensor."""
    attribute: Any = next(iter(node.attribute), None)
    if attribute is None:
        return helper.make_tensor("", _FLOAT, [1], [0.0])
    if attribute.name == "value_float":
        return helper.make_tensor("", _FLOAT, [], [attribute.f])
    if attribute.name == "value_floats":
        return helper.make_tensor("", _FLOAT, [len(attribute.floats)], attribute.floats)
    tensor: onnx.TensorProto = attribute.t
    return tensor
