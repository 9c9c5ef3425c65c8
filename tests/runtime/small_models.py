"""Small models written by the tests, some of them hostile."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
INT64 = TensorProto.INT64


def value(name: str, dtype: int = FLOAT, shape: Sequence[int | str | None] | None = (2, 3)) -> onnx.ValueInfoProto:
    """Return a typed value."""
    return helper.make_tensor_value_info(name, dtype, shape)


def write(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    initializers: dict[str, np.ndarray[Any, Any]] | None = None,
    opset: int = 21,
) -> Path:
    """Write a model of these parts, unchecked, and return its path."""
    stored = [numpy_helper.from_array(array, name) for name, array in (initializers or {}).items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, stored)
    proto = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    path.write_bytes(proto.SerializeToString())
    return path


def chain(path: Path) -> Path:
    """y = relu(x·w + b), with weights large enough to stay in the file."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node("Relu", ["sum"], ["y"]),
    ]
    weights = {
        "w": rng.standard_normal((64, 64), np.float32),
        "b": rng.standard_normal(64, np.float32),
    }
    return write(path, nodes, [value("x", shape=("batch", 64))], [value("y", shape=("batch", 64))], weights)


def endless(path: Path) -> Path:
    """Run a Loop 10^15 times that keeps nothing."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Sin", ["state"], ["next"])],
        "body",
        [value("i", INT64, ()), value("go", TensorProto.BOOL, ()), value("state", shape=(1,))],
        [value("go_on", TensorProto.BOOL, ()), value("next", shape=(1,))],
    )
    initializers = {"count": np.array(10**15), "true": np.array(True)}
    nodes = [helper.make_node("Loop", ["count", "true", "x"], ["y"], body=body)]
    return write(path, nodes, [value("x", shape=(1,))], [value("y", shape=(1,))], initializers)


def growing(path: Path) -> Path:
    """Run a Loop 10^15 times that keeps 4 MB of every turn."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Expand", ["i", "shape"], ["kept"])],
        "body",
        [value("i", INT64, ()), value("go", TensorProto.BOOL, ())],
        [value("go_on", TensorProto.BOOL, ()), value("kept", INT64, (500_000,))],
    )
    initializers = {"count": np.array(10**15), "true": np.array(True), "shape": np.array([500_000])}
    nodes = [helper.make_node("Loop", ["count", "true"], ["y"], body=body)]
    return write(path, nodes, [], [value("y", INT64, None)], initializers)


def huge(path: Path) -> Path:
    """Ask for 10 GB of zeros at run time."""
    nodes = [helper.make_node("ConstantOfShape", ["shape"], ["zeros"]), helper.make_node("ReduceSum", ["zeros"], ["y"])]
    return write(path, nodes, [value("shape", INT64, (2,))], [value("y", shape=None)])


def divides_by_zero(path: Path) -> Path:
    """Attention with no query heads: ONNX Runtime divides an integer by zero."""
    node = helper.make_node("Attention", ["q", "k", "v"], ["y"], q_num_heads=0, kv_num_heads=0)
    inputs = [value(name, shape=(1, 4, 8)) for name in "qkv"]
    return write(path, [node], inputs, [value("y", shape=None)], opset=23)


def heavy(path: Path) -> Path:
    """One matrix product that takes minutes."""
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["a"]),
        helper.make_node("MatMul", ["a", "a"], ["b"]),
        helper.make_node("ReduceSum", ["b"], ["y"]),
    ]
    return write(path, nodes, [value("shape", INT64, (2,))], [value("y", shape=None)])
