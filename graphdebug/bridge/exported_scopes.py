"""What an exporter left of PyTorch on the nodes of a model: which module, which call of it, which operation.

The dynamo exporter writes all of it into metadata. The older exporter, which traces, writes module paths into node
names, and at the second call of a module puts ``_1`` behind its name (torch/csrc/jit/passes/onnx/naming.cpp).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import onnx

from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import fx_node, origin

_CALLED_AGAIN = re.compile(r"(.+)_(\d+)")
_TARGET = re.compile(r"target=(?:torch\.ops\.|operator\.|_operator\.)?([\w.]+)")
_FX_NODE = "pkg.torch.onnx.fx_node"

_BASE: Mapping[str, str] = MappingProxyType(
    {
        "native_batch_norm_legit_no_training": "batch_norm",
        "native_layer_norm": "layer_norm",
        "native_group_norm": "group_norm",
        "softmax_": "softmax",
        "unsafe_view": "view",
        "reshape": "view",
        "numpy_t": "permute",
        "t": "permute",
        "addmm": "linear",
        "mm": "matmul",
        "bmm": "matmul",
        "conv1d": "convolution",
        "conv2d": "convolution",
        "conv3d": "convolution",
        "conv_transpose1d": "convolution",
        "conv_transpose2d": "convolution",
        "adaptive_avg_pool2d": "global_pool",
        "hardtanh": "clamp",
        "relu6": "clamp",
    }
)
"""Operators that are one under several names, from before and behind decompositions."""
_OF_ONNX: Mapping[str, str] = MappingProxyType(
    {
        "Add": "add",
        "BatchNormalization": "batch_norm",
        "Clip": "clamp",
        "Concat": "cat",
        "Conv": "convolution",
        "ConvTranspose": "convolution",
        "Div": "div",
        "Elu": "elu",
        "Erf": "erf",
        "Gelu": "gelu",
        "Gemm": "linear",
        "GlobalAveragePool": "global_pool",
        "LayerNormalization": "layer_norm",
        "LeakyRelu": "leaky_relu",
        "LogSoftmax": "log_softmax",
        "MatMul": "matmul",
        "MaxPool": "max_pool2d",
        "Mul": "mul",
        "ReduceMean": "mean",
        "Relu": "relu",
        "Sigmoid": "sigmoid",
        "Softmax": "softmax",
        "Sub": "sub",
        "Tanh": "tanh",
    }
)
"""What the older exporter makes one node of; it says no more of an operation than the ONNX operator."""


@dataclass(frozen=True, slots=True)
class Left:
    """What is known of a node: its module's path, which call of it (None: not said), and the operation it is of.

    ``operation`` is its name in the exported graph (empty: not said) and ``what`` its operator, as `base` has it.
    """

    scope: str
    call: int | None = None
    operation: str = ""
    what: str = ""


def left_behind(index: GraphIndex, modules: Collection[str]) -> list[Left]:
    """Return what an exporter left on every node; ``modules`` are the paths that the network really has."""
    known = {*modules}
    return [_left(node, known) for node in index.nodes]


def base(target: str) -> str:
    """Return an operator without namespace and overload, and under one name: ``aten.conv2d.default`` → convolution."""
    parts = target.split(".")
    name = (parts[1] if len(parts) > 1 and parts[0] == "aten" else parts[0]).strip("_")
    return _BASE.get(name, name)


def _left(node: onnx.NodeProto, modules: set[str]) -> Left:
    said = origin(node)
    operation = fx_node(node)
    if operation:
        text = next((entry.value for entry in node.metadata_props if entry.key == _FX_NODE), "")
        target = _TARGET.search(text)
        return Left(".".join(said.scope), None, operation, base(target[1]) if target else "")
    scope, call = _resolved(said.scope, modules)
    return Left(scope, call, "", _OF_ONNX.get(node.op_type, ""))


def _resolved(parts: tuple[str, ...], modules: set[str]) -> tuple[str, int]:
    """Return the path of a module by the parts of a node's name, and which call of it the node is of."""
    path, call = "", 0
    for part in parts:
        again = _CALLED_AGAIN.fullmatch(part)
        ways = [(part, 0)] if again is None else [(part, 0), (again[1], int(again[2]))]
        for name, number in ways:
            # A list is no call: its layers are named after it (`layers.0`), also where it was called again.
            below = next((each for each in (_joined(path, name), name) if each in modules), None)
            if below is not None:
                path, call = below, call or number
                break
        else:
            path = _joined(path, part)
    return path, call


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
