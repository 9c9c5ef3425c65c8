"""Small models made by hand, valid or not."""

from collections.abc import Iterable, Sequence

import onnx
from onnx import helper


def floats(name: str, *shape: int | str) -> onnx.ValueInfoProto:
    """Return a float32 input or output."""
    return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)


def model_proto(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: Iterable[onnx.TensorProto] = (),
    functions: Iterable[onnx.FunctionProto] = (),
    opsets: Sequence[tuple[str, int]] = (("", 17), ("local", 1)),
    ir_version: int = 9,
) -> onnx.ModelProto:
    """Return a model without any check of it."""
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(initializers))
    imports = [helper.make_opsetid(*opset) for opset in opsets]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=ir_version)
