"""What an edit did, as Python statements on a graph of onnx-graphsurgeon, for scripts (script.py).

Only where graphsurgeon keeps all that the model says (`losses`) and has words for all that was done (`UnsaidError`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from google.protobuf.unknown_fields import UnknownFieldSet  # type: ignore[import-untyped]
from onnx import helper

from graphdebug.edit.splice import SINGLE, Step
from graphdebug.edit.statements import Statements

_GRAPH: tuple[Step, ...] = (("graph", SINGLE),)

_KEPT = {
    "ModelProto": "ir_version opset_import producer_name producer_version graph",
    "GraphProto": "node name initializer doc_string input output value_info",
    "NodeProto": "input output name op_type domain attribute",
    "AttributeProto": "name type f i s t floats ints strings",
    "TensorProto": "dims data_type name raw_data float_data int32_data int64_data double_data uint64_data",
    "ValueInfoProto": "name type",
    "TypeProto": "tensor_type",
    "Tensor": "elem_type shape",
    "TensorShapeProto": "dim",
    "Dimension": "dim_value dim_param",
    "OperatorSetIdProto": "domain version",
}
"""Fields that onnx-graphsurgeon 0.6 takes through an import and export."""

_PLAIN = (
    "float",
    "double",
    "float16",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
)
_PLAIN_TYPES = {onnx.TensorProto.DataType.Value(name.upper()) for name in _PLAIN}
_ON_GRAPH = {(): ("producer_name", "producer_version", "ir_version"), _GRAPH: ("name", "doc_string")}
_FIELDS = {"op_type": "op", "name": "name", "domain": "domain"}
_ATTRIBUTES = set(map(onnx.AttributeProto.AttributeType.Value, ("INT", "FLOAT", "STRING", "INTS", "FLOATS", "STRINGS")))
"""Kinds of attributes that graphsurgeon writes as it reads them."""


class UnsaidError(Exception):
    """Graphsurgeon has no plain words for what was done: the message is what that is."""


def losses(model: onnx.ModelProto) -> list[str]:
    """Return what graphsurgeon would lose of a model: for each kind, some words."""
    found = dict.fromkeys(_lost_fields(model))
    graph = model.graph
    stored = {tensor.name for tensor in graph.initializer}
    taken = {name for node in graph.node for name in node.input}
    known = taken | {name for node in graph.node for name in node.output}
    ports = {info.name for info in (*graph.input, *graph.output)}
    made = [name for node in graph.node for name in node.output if name]
    if stored - taken - ports:
        found["initializers that nothing uses"] = None
    if stored & ports:
        found["inputs and outputs that are initializers"] = None
    if len({*made, *stored}) < len(made) + len(graph.initializer):
        found["values that are made twice"] = None
    if any(info.name in stored | ports or info.name not in known for info in graph.value_info):
        found["types of values that are initializers, inputs, outputs or not there"] = None
    if any(not info.type.tensor_type.elem_type for info in (*graph.input, *graph.output, *graph.value_info)):
        found["inputs, outputs and values of unknown type"] = None
    if not any(each.domain in ("", "ai.onnx") for each in model.opset_import):
        found["the lack of a standard operator set"] = None
    if not graph.node or not graph.name:
        found["the lack of nodes or of a name"] = None
    return list(found)


def _lost_fields(message: Any) -> Iterator[str]:
    """Go through what a message holds and graphsurgeon does not take along."""
    kind = message.DESCRIPTOR.name
    if len(UnknownFieldSet(message)):
        yield "fields that ONNX does not know"
    if isinstance(message, onnx.AttributeProto) and (
        (message.type not in _ATTRIBUTES and message.type != onnx.AttributeProto.TENSOR) or not _valued(message)
    ):
        yield "attributes that are empty or hold graphs, types, references or sparse tensors"
    if isinstance(message, onnx.TensorProto) and message.data_type not in _PLAIN_TYPES:
        yield "tensors of texts, complex numbers or narrow types"
    for field, value in message.ListFields():
        if not field.is_repeated and not field.message_type and value == field.default_value:
            continue
        if field.name not in _KEPT.get(kind, "").split():
            yield f"{field.name} ({kind})"
        elif field.message_type:
            for each in value if field.is_repeated else [value]:
                yield from _lost_fields(each)


def _valued(attribute: onnx.AttributeProto) -> bool:
    return len(attribute.ListFields()) > 2 or attribute.type in (1, 2, 3)  # 0, 0.0 and "" may stand for themselves


FUNCTIONS = '''\
def at(key):
    """Return where the one node is that has this name, or no name and this output."""
    found = [
        position
        for position, node in enumerate(graph.nodes)
        if key in ([node.name] if node.name else [output.name for output in node.outputs])
    ]
    if len(found) != 1:
        sys.exit(f"{len(found)} nodes are called {key!r}: this script is for another model.")
    return found[0]


def tensor(name):
    """Return the tensor of that name: a new one where there is none, an empty one for no name."""
    return tensors.setdefault(name, gs.Variable(name)) if name else gs.Variable.empty()


def remove(position):
    """Take a node out of the graph."""
    node = graph.nodes.pop(position)
    node.inputs.clear()
    node.outputs.clear()


def forget(name):
    """Take the values of a constant away."""
    variable = tensor(name).to_variable(shape=None)
    variable.dtype, variable.type = None, "tensor_type"


def remove_all(keys):
    """Take many nodes out of the graph, by their names or, where they have none, an output."""
    places = {}
    for position, node in enumerate(graph.nodes):
        for key in [node.name] if node.name else [output.name for output in node.outputs]:
            places.setdefault(key, []).append(position)
    if lost := [key for key in keys if len(places.get(key, [])) != 1]:
        sys.exit(f"There is not one node called {lost[0]!r}: this script is for another model.")
    for position in sorted((places[key][0] for key in keys), reverse=True):
        remove(position)'''
"""What such a script defines: it needs ``graph`` and ``tensors``."""

BEGIN = """\
source, target = map(Path, sys.argv[1:])
graph = gs.import_onnx(onnx.load(source))
tensors = graph.tensors()"""

END = "onnx.save(gs.export_onnx(graph), target)"


class SurgeonStatements(Statements):
    """Writes splices of the main graph as statements on ``graph``, a ``gs.Graph``.

    Every method raises UnsaidError for what cannot be said so.
    """

    def _single(self, way: tuple[Step, ...], field: str, present: bool, added: Sequence[Any]) -> Iterator[str]:
        if not added:
            raise UnsaidError(f"a {field} that goes")
        value = self._literal(added[0])
        if field in _ON_GRAPH.get(way, ()):
            yield f"graph.{field} = {value}"
        elif _is_node(way) and field in _FIELDS:
            yield f"{self._node(way[1][1])}.{_FIELDS[field]} = {value}"
        else:
            raise UnsaidError(_in_words(way, field))
        self._do(way, field, 0, int(present), added)

    def _list(self, way: tuple[Step, ...], field: str, start: int, count: int, added: Sequence[Any]) -> Iterator[str]:
        if not (way == _GRAPH or _is_node(way)):
            raise UnsaidError(_in_words(way, field))
        yield from super()._list(way, field, start, count, added)

    def _arranged(self, way: tuple[Step, ...], field: str, start: int, old: list[Any], new: list[Any]) -> str:
        raise UnsaidError("another order")

    def _replaced(self, way: tuple[Step, ...], field: str, position: int, new: Any) -> Iterator[str]:
        if _is_node(way) and field in ("input", "output"):
            yield f"{self._node(way[1][1])}.{field}s[{position}] = tensor({new!r})"
            self._do(way, field, position, 1, [new])
        elif way == _GRAPH and field == "node":
            yield from self._fields((*way, (field, position)), new)
        else:
            yield from self._removed(way, field, position, 1)
            yield from self._inserted(way, field, position, [new])

    def _removed(self, way: tuple[Step, ...], field: str, start: int, count: int) -> Iterator[str]:
        keys = [self._key(way, field, position) for position in range(start, start + count)]
        if field == "node" and count > 1 and None not in keys:
            yield f"remove_all({keys})"
            self._do(way, field, start, count, [])
            return
        by_name = field in ("value_info", "initializer")
        for offset in range(count):
            entry = self._entry(way, field, start + offset * by_name)
            port = self._port(entry.name) if by_name else None
            if field != "value_info" or port is None:
                yield self._one_removed(way, field, start + offset * by_name)
            if field == "initializer" and port is not None:
                yield self._typed(port)
            if not by_name:
                self._do(way, field, start, 1, [])
        if by_name:
            self._do(way, field, start, count, [])

    def _port(self, name: str) -> onnx.ValueInfoProto | None:
        """Return the input or output of that name."""
        return next((info for info in (*self.now.graph.input, *self.now.graph.output) if info.name == name), None)

    def _one_removed(self, way: tuple[Step, ...], field: str, position: int) -> str:
        entry = self._entry(way, field, position)
        if _is_node(way):
            if field == "attribute":
                return f"del {self._node(way[1][1])}.attrs[{entry.name!r}]"
            return f"del {self._node(way[1][1])}.{field}s[{position}]"
        if field == "node":
            return f"remove({self._place(position)})"
        if field in ("input", "output"):
            return f"del graph.{field}s[{position}]"
        if field == "value_info":
            return f"tensor({entry.name!r}).dtype = tensor({entry.name!r}).shape = None"
        if field == "initializer":
            return f"forget({entry.name!r})"
        raise UnsaidError(_in_words(way, field))

    def _inserted(self, way: tuple[Step, ...], field: str, start: int, added: Sequence[Any]) -> Iterator[str]:
        for position, each in enumerate(added, start):
            yield from self._one_inserted(way, field, position, each)
            self._do(way, field, position, 0, [each])

    def _one_inserted(self, way: tuple[Step, ...], field: str, position: int, new: Any) -> Iterator[str]:
        if _is_node(way):
            node = self._node(way[1][1])
            if field == "attribute":
                yield f"{node}.attrs[{new.name!r}] = {self._attribute(new)}"
            else:
                yield f"{node}.{field}s.insert({position}, tensor({new!r}))"
        elif field == "node":
            yield self._new_node(position, new)
        elif field in ("input", "output"):
            yield f"graph.{field}s.insert({position}, tensor({new.name!r}))"
            if all(tensor.name != new.name for tensor in self.now.graph.initializer):
                yield self._typed(new)
        elif field == "value_info":
            yield self._typed(new)
        elif field == "initializer":
            yield f"tensor({new.name!r}).to_constant({self._array(new)})"
        else:
            raise UnsaidError(_in_words(way, field))

    def _new_node(self, position: int, node: onnx.NodeProto) -> str:
        arguments = [f"{node.op_type!r}", f"{node.name!r}"]
        if node.attribute:
            attributes = (f"{each.name!r}: {self._attribute(each)}" for each in node.attribute)
            arguments.append(f"attrs={{{', '.join(attributes)}}}")
        for side in ("input", "output"):
            values = ", ".join(f"tensor({name!r})" for name in getattr(node, side))
            arguments.append(f"{side}s=[{values}]")
        if node.domain:
            arguments.append(f"domain={node.domain!r}")
        made = f"gs.Node({', '.join(arguments)})"
        if position == len(self.now.graph.node):
            return f"graph.nodes.append({made})"
        return f"graph.nodes.insert({self._place(position)}, {made})"

    def _typed(self, info: onnx.ValueInfoProto) -> str:
        tensor = info.type.tensor_type
        shape: list[int | str | None] | None = None
        if tensor.HasField("shape"):
            shape = [
                dim.dim_param or (dim.dim_value if dim.HasField("dim_value") else None) for dim in tensor.shape.dim
            ]
        if tensor.elem_type not in _PLAIN_TYPES:
            raise UnsaidError(f"the type of {info.name}")
        dtype = f"np.dtype({np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type)).name!r})"
        return f"tensor({info.name!r}).dtype, tensor({info.name!r}).shape = {dtype}, {shape!r}"

    def _attribute(self, attribute: onnx.AttributeProto) -> str:
        if attribute.type == onnx.AttributeProto.TENSOR:
            return f"gs.Constant({attribute.t.name!r}, {self._array(attribute.t)})"
        text = self._literal(attribute)
        start = f"helper.make_attribute({attribute.name!r}, "
        if attribute.type not in _ATTRIBUTES or not text.startswith(start):
            raise UnsaidError(f"attribute {attribute.name}")
        return text.removeprefix(start).removesuffix(")")

    def _array(self, tensor: onnx.TensorProto) -> str:
        if self._stored.is_marked(tensor.raw_data):
            raise UnsaidError("stored values that go to another place")
        text = self._literal(tensor)
        start, end = "numpy_helper.from_array(", f", {tensor.name!r})"
        if text.startswith(start) and text.endswith(end):
            return text.removeprefix(start).removesuffix(end)
        return f"numpy_helper.to_array({text})"

    def _node(self, position: int) -> str:
        return f"graph.nodes[{self._place(position)}]"

    def _place(self, position: int) -> str:
        key = self._key(_GRAPH, "node", position)
        return str(position) if key is None else f"at({key!r})"

    def _entry(self, way: tuple[Step, ...], field: str, position: int) -> Any:
        message = self.now.graph.node[way[1][1]] if _is_node(way) else self.now.graph
        return getattr(message, field)[position]


def _is_node(way: tuple[Step, ...]) -> bool:
    return len(way) == 2 and way[0] == _GRAPH[0] and way[1][0] == "node"


def _in_words(way: tuple[Step, ...], field: str) -> str:
    return f"{field} of a nested graph or function" if len(way) > 1 else f"{field} of the model"
