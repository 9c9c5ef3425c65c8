"""Nodes put into double precision: whatever in them says or holds half, bfloat16 or float32 becomes float64.

That is: tensors in attributes, the element types that Cast and its kin make, all of nested graphs and functions. What
an attribute holds as a plain float (``alpha``) stays: it means the float32 number that it is.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.index import nested_graphs

FLOATS = frozenset((TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16))
"""Element types that become double. Float8 and float4 stay: they are what a quantised model is about."""

_ELEMENT_TYPES = frozenset(("to", "dtype", "output_dtype", "output_datatype", "softmax_precision"))
"""Integer attributes that name an element type (ONNX operators; ``softmax_precision``: Attention-23)."""

Read = Callable[[TensorProto], NDArray[Any]]
"""Reads the values of a stored tensor."""


def doubled_node(node: onnx.NodeProto, read: Read) -> onnx.NodeProto:
    """Return a node in double precision; ``read`` reads tensors, whose values may lie in files."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    _double_nodes([made], read)
    return made


def doubled_function(function: onnx.FunctionProto, read: Read) -> onnx.FunctionProto:
    """Return a function in double precision."""
    made = onnx.FunctionProto()
    made.CopyFrom(function)
    _double_nodes(made.node, read)
    for value in made.value_info:
        _double_type(value.type)
    nodes = [each for node in made.node for each in _cast_if_single(node)]
    del made.node[:]
    made.node.extend(nodes)
    return made


def _cast_if_single(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    """Return a Constant whose value is an attribute of the function, which is float32 whatever is done, with a Cast."""
    named = any(each.ref_attr_name and each.name in ("value_float", "value_floats") for each in node.attribute)
    if node.op_type != "Constant" or not named:
        return [node]
    name = node.output[0]
    node.output[0] = f"{name}__float32"
    return [node, helper.make_node("Cast", [node.output[0]], [name], to=TensorProto.DOUBLE)]


def with_values(node: onnx.NodeProto, read: Read) -> onnx.NodeProto:
    """Return a node as it is, with the values of its tensors inside instead of in files."""
    made = onnx.NodeProto()
    made.CopyFrom(node)
    _each_tensor([made], lambda tensor: tensor.CopyFrom(_stored(tensor, read(tensor))))
    return made


def wide(value: Any) -> Any:
    """Return a value with its float arrays in float64, lists and maps by element; anything else as it is."""
    if isinstance(value, list | tuple):
        return [wide(item) for item in value]
    if isinstance(value, dict):
        return {key: wide(item) for key, item in value.items()}
    if not isinstance(value, np.ndarray | np.generic):
        return value
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.name in ("float32", "float16", "bfloat16") else array


def _double_nodes(nodes: Iterable[onnx.NodeProto], read: Read) -> None:
    def double(tensor: TensorProto) -> None:
        values = read(tensor)
        tensor.CopyFrom(_stored(tensor, wide(values)))

    _each_tensor(nodes, double)
    for node in _all_nodes(nodes):
        for attribute in node.attribute:
            if attribute.name in _ELEMENT_TYPES and attribute.i in FLOATS:
                attribute.i = TensorProto.DOUBLE
            elif attribute.ref_attr_name:
                continue
            elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
                held = attribute.f if attribute.name == "value_float" else list(attribute.floats)
                attribute.CopyFrom(helper.make_attribute("value", numpy_helper.from_array(np.array(held, np.float64))))
        if node.op_type == "ConstantOfShape" and not node.attribute:
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.zeros(1))))
        for _, graph in nested_graphs(node):
            for value in (*graph.input, *graph.output, *graph.value_info):
                _double_type(value.type)


def _double_type(kind: onnx.TypeProto) -> None:
    """Let a declared type, or that of what a container holds, be double."""
    case = kind.WhichOneof("value")
    if case in ("tensor_type", "sparse_tensor_type"):
        tensor = getattr(kind, case)
        if tensor.elem_type in FLOATS:
            tensor.elem_type = TensorProto.DOUBLE
    elif case in ("sequence_type", "optional_type"):
        _double_type(getattr(kind, case).elem_type)
    elif case == "map_type":
        _double_type(kind.map_type.value_type)


def _each_tensor(nodes: Iterable[onnx.NodeProto], change: Callable[[TensorProto], None]) -> None:
    """Call ``change`` with every tensor that nodes hold, in nested graphs too."""
    for node in _all_nodes(nodes):
        for attribute in node.attribute:
            for tensor in (*([attribute.t] if attribute.HasField("t") else ()), *attribute.tensors):
                change(tensor)
            if attribute.HasField("sparse_tensor"):
                change(attribute.sparse_tensor.values)
                change(attribute.sparse_tensor.indices)
        for _, graph in nested_graphs(node):
            for tensor in graph.initializer:
                change(tensor)
            for sparse in graph.sparse_initializer:
                change(sparse.values)
                change(sparse.indices)


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterable[onnx.NodeProto]:
    for node in nodes:
        yield node
        for _, graph in nested_graphs(node):
            yield from _all_nodes(graph.node)


def _stored(tensor: TensorProto, values: NDArray[Any]) -> TensorProto:
    """Return a tensor of these values that holds them itself."""
    return numpy_helper.from_array(np.asarray(values), tensor.name)
