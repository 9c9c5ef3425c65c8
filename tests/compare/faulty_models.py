"""Small networks and the single faults put into them: who is to blame is known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Edit = Callable[[onnx.ModelProto], object]


def write(path: Path, edit: Edit | None = None) -> Path:
    """A small network of convolutions with a shortcut and a classifier; ``edit`` changes it before it is written."""
    rng = np.random.default_rng(7)

    def weight(name, *shape):
        return numpy_helper.from_array((0.3 * rng.standard_normal(shape)).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["c1"], name="/stem/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"], name="/stem/Relu"),
        helper.make_node("Conv", ["r1", "w2"], ["c2"], name="/block/Conv", pads=[1, 1, 1, 1]),
        helper.make_node("LeakyRelu", ["c2"], ["r2"], name="/block/LeakyRelu", alpha=0.1),
        helper.make_node("Add", ["r1", "r2"], ["sum"], name="/block/Add"),
        helper.make_node("GlobalAveragePool", ["sum"], ["pool"], name="/head/Pool"),
        helper.make_node("Flatten", ["pool"], ["flat"], name="/head/Flatten"),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["scores"], name="/head/Gemm", transB=1),
        helper.make_node("Softmax", ["scores"], ["y"], name="/head/Softmax"),
    ]
    weights = [
        weight("w1", 8, 3, 3, 3),
        weight("b1", 8),
        weight("w2", 8, 8, 3, 3),
        weight("w3", 5, 8),
        weight("b3", 5),
    ]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 12, 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 5])],
        weights,
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    if edit is not None:
        edit(model)
    onnx.save(model, path)
    return path


def shift(name: str, by: float, at: int = 0) -> Edit:
    """Add ``by`` to one element of an initializer."""

    def edit(model: onnx.ModelProto) -> None:
        tensor = next(tensor for tensor in model.graph.initializer if tensor.name == name)
        values = numpy_helper.to_array(tensor).copy()
        values.flat[at] += by
        tensor.CopyFrom(numpy_helper.from_array(values, name))

    return edit


def attribute(node: str, name: str, value: float | list[int]) -> Edit:
    """Set one attribute of a node."""

    def edit(model: onnx.ModelProto) -> None:
        found = next(candidate for candidate in model.graph.node if candidate.name == node)
        kept = [entry for entry in found.attribute if entry.name != name]
        del found.attribute[:]
        found.attribute.extend([*kept, helper.make_attribute(name, value)])

    return edit


def swap_op(node: str, op: str) -> Edit:
    """Make a node compute something else of the same inputs."""

    def edit(model: onnx.ModelProto) -> None:
        next(candidate for candidate in model.graph.node if candidate.name == node).op_type = op

    return edit


FAULTS: dict[str, tuple[Edit, str]] = {
    "stem weight": (shift("w1", 0.05, at=100), "c1"),
    "stem bias": (shift("b1", 0.02), "c1"),
    "block weight": (shift("w2", 0.05, at=300), "c2"),
    "slope": (attribute("/block/LeakyRelu", "alpha", 0.12), "r2"),
    "activation": (swap_op("/stem/Relu", "Abs"), "r1"),
    "sum": (swap_op("/block/Add", "Sub"), "sum"),
    "pool": (swap_op("/head/Pool", "GlobalMaxPool"), "pool"),
    "classifier weight": (shift("w3", 0.02, at=11), "scores"),
    "classifier scale": (attribute("/head/Gemm", "alpha", 1.01), "scores"),
    "softmax": (swap_op("/head/Softmax", "LogSoftmax"), "y"),
}
"""Fault → how to make it, and the first tensor that is wrong."""
