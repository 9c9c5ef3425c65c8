"""Multiply-accumulates of a node, from the static shapes of its inputs and outputs.

One multiply-accumulate (MAC) is one product added to a sum; additions of a bias, activations and element-wise
operators count nothing. Padding counts as if it were data, as is usual: ResNet-50 at 224 × 224 has 4.1 GMAC.
"""

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import onnx
from onnx import helper

from graphdebug.model.records import Dim, ValueType

Shape = tuple[int, ...]
Count = Callable[[onnx.NodeProto, Sequence[Shape | None], Sequence[Shape | None]], int]


class _UnknownShapeError(Exception):
    """A shape that the formula needs is not known."""


def counts_macs(node: onnx.NodeProto) -> bool:
    """Say whether nodes of this operator multiply and accumulate at all."""
    return (_standard(node.domain), node.op_type) in _FORMULAS


def macs(node: onnx.NodeProto, types: Mapping[str, ValueType], ones: Collection[str] = ()) -> int | None:
    """Return the multiply-accumulates of one run of ``node``; None when a dimension it needs is not static.

    ``types`` are the types of the node's graph by value name; the symbolic dimensions named in ``ones`` count as 1.
    Operators without a formula here count 0.
    """
    formula = _FORMULAS.get((_standard(node.domain), node.op_type))
    if formula is None:
        return 0
    try:
        return formula(node, _shapes(node.input, types, ones), _shapes(node.output, types, ones))
    except (
        _UnknownShapeError,
        IndexError,
        TypeError,
        ValueError,
    ):  # too few inputs, attributes of another type: see findings
        return None


def _shapes(names: Sequence[str], types: Mapping[str, ValueType], ones: Collection[str]) -> list[Shape | None]:
    return [_static(types[name].shape, ones) if name in types else None for name in names]


def _static(shape: Sequence[Dim] | None, ones: Collection[str]) -> Shape | None:
    """Return a shape if all its dimensions are numbers that can be, or symbols that count as 1."""
    if shape is None:
        return None
    counted = (1 if isinstance(dim, str) and dim in ones else dim for dim in shape)
    dims = tuple(dim for dim in counted if isinstance(dim, int) and dim >= 0)
    return dims if len(dims) == len(shape) else None


def _known(shape: Shape | None) -> Shape:
    if shape is None:
        raise _UnknownShapeError
    return shape


def _attribute(node: onnx.NodeProto, name: str, default: int = 0) -> int:
    for attribute in node.attribute:
        if attribute.name == name:
            return int(helper.get_attribute_value(attribute))
    return default


def _convolution(weight: int) -> Count:
    """Each output element sums over a kernel: W is [M, C/group, k…]; ``weight`` is its input slot."""

    def count(node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
        return math.prod(_known(outputs[0])) * math.prod(_known(inputs[weight])[1:])

    return count


def _transposed_convolution(
    node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]
) -> int:
    """Each input element is spread by a kernel: W is [C, M/group, k…]."""
    return math.prod(_known(inputs[0])) * math.prod(_known(inputs[1])[1:])


def _matrix_product(node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    """Each output element sums over the inner dimension, A's last (its last but one where A is transposed)."""
    a = _known(inputs[0])
    inner = a[-2] if _attribute(node, "transA") else a[-1]
    return math.prod(_known(outputs[0])) * inner


def _einsum(node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    """The product of all labels' lengths, for two operands without an ellipsis; for one operand, none."""
    equation = next((entry.s.decode() for entry in node.attribute if entry.name == "equation"), "").replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    if len(terms) == 1 and equation:
        return 0
    if len(terms) != 2 or "." in equation:
        raise _UnknownShapeError
    lengths: dict[str, int] = {}
    for term, shape in zip(terms, inputs, strict=True):
        for label, length in zip(term, _known(shape), strict=True):
            lengths[label] = max(length, lengths.get(label, 1))
    return math.prod(lengths.values())


def _recurrent(node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    """Every step of every sequence multiplies by W [D, gates·H, I] and R [D, gates·H, H]."""
    steps = math.prod(_known(inputs[0])[:2])
    return steps * (math.prod(_known(inputs[1])) + math.prod(_known(inputs[2])))


def _attention(node: onnx.NodeProto, inputs: Sequence[Shape | None], outputs: Sequence[Shape | None]) -> int:
    """Q·Kᵀ and the weights times V: B·Hq·Sq·Skv·(D + Dv). Inputs are [B, H, S, D], or [B, S, H·D] with head counts."""
    q, k, v = (_known(shape) for shape in inputs[:3])
    past = _known(inputs[4])[2] if len(inputs) > 4 and node.input[4] else 0
    if len(q) == 4:
        return q[0] * q[1] * q[2] * (k[2] + past) * (q[3] + v[3])
    q_heads, kv_heads = _attribute(node, "q_num_heads"), _attribute(node, "kv_num_heads")
    if len(q) != 3 or q_heads < 1 or kv_heads < 1:
        raise _UnknownShapeError
    return q[0] * q[1] * (k[1] + past) * (q[2] + q_heads * (v[2] // kv_heads))


def _standard(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


_FORMULAS: dict[tuple[str, str], Count] = {
    ("", "Conv"): _convolution(1),
    ("", "ConvInteger"): _convolution(1),
    ("", "DeformConv"): _convolution(1),
    ("", "QLinearConv"): _convolution(3),
    ("com.microsoft", "FusedConv"): _convolution(1),
    ("", "ConvTranspose"): _transposed_convolution,
    ("", "Gemm"): _matrix_product,
    ("", "MatMul"): _matrix_product,
    ("", "MatMulInteger"): _matrix_product,
    ("", "QLinearMatMul"): _matrix_product,
    ("com.microsoft", "FusedMatMul"): _matrix_product,
    ("com.microsoft", "FusedGemm"): _matrix_product,
    ("com.microsoft", "MatMulNBits"): _matrix_product,
    ("", "Einsum"): _einsum,
    ("", "LSTM"): _recurrent,
    ("", "GRU"): _recurrent,
    ("", "RNN"): _recurrent,
    ("", "Attention"): _attention,
}
