"""Multiply-accumulates, against counts by brute force and published figures."""

from math import prod

import numpy as np
import onnx
import pytest
from onnx import helper

from graphdebug.model.macs import macs
from graphdebug.model.records import ValueType


def count(node: onnx.NodeProto, **shapes: tuple[int | str | None, ...] | None) -> int | None:
    return macs(node, {name: ValueType("float", shape) for name, shape in shapes.items()})


def node(op_type: str, inputs: str, outputs: str, domain: str = "", **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op_type, inputs.split(","), outputs.split(","), domain=domain, **attributes)


def test_convolutions() -> None:
    # torchvision's ResNet-50, first layer: 118,013,952 MAC (fvcore, ptflops)
    assert count(node("Conv", "x,w", "y"), x=(1, 3, 224, 224), w=(64, 3, 7, 7), y=(1, 64, 112, 112)) == 118_013_952
    depthwise = count(node("Conv", "x,w", "y", group=32), x=(2, 32, 8, 8), w=(32, 1, 3, 3), y=(2, 32, 8, 8))
    assert depthwise == 2 * 32 * 64 * 9
    quantized = node("QLinearConv", "x,xs,xz,w,ws,wz,ys,yz", "y")
    assert count(quantized, x=(1, 3, 9, 9), w=(4, 3, 2, 2), y=(1, 4, 8, 8)) == 4 * 64 * 12
    # each of 5·5·8 input elements meets 4 output channels × 2 × 2
    assert count(node("ConvTranspose", "x,w", "y"), x=(1, 8, 5, 5), w=(8, 4, 2, 2), y=(1, 4, 10, 10)) == 200 * 16


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((2, 1, 3, 4), (7, 4, 5)), ((3, 0), (0, 2))],
)
def test_matrix_products_of_all_ranks(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    out = np.matmul(np.zeros(a), np.zeros(b)).shape
    assert count(node("MatMul", "a,b", "y"), a=a, b=b, y=out) == prod(out) * a[-1]


def test_gemm_transposed() -> None:
    assert count(node("Gemm", "a,b", "y", transA=1), a=(7, 3), b=(7, 5), y=(3, 5)) == 3 * 5 * 7
    assert count(node("Gemm", "a,b,c", "y", transB=1), a=(3, 7), b=(5, 7), c=(5,), y=(3, 5)) == 3 * 5 * 7


def test_einsum() -> None:
    equation = node("Einsum", "a,b", "y", equation="b i d, b j d -> b i j")
    assert count(equation, a=(2, 3, 5), b=(2, 4, 5), y=(2, 3, 4)) == 2 * 3 * 4 * 5
    assert count(node("Einsum", "a", "y", equation="ij->ji"), a=(2, 3), y=(3, 2)) == 0
    assert count(node("Einsum", "a,b", "y", equation="...i,...i->..."), a=(2, 3), b=(2, 3), y=(2,)) is None
    assert count(node("Einsum", "a,b", "y", equation="ij,jk->ik"), a=(2, 3, 4), b=(3, 2), y=(2, 2)) is None


def test_recurrent_networks() -> None:
    # 10 steps × batch 2 × (4 gates · 16 hidden) × (8 inputs + 16 hidden), both directions
    lstm = count(node("LSTM", "x,w,r", "y"), x=(10, 2, 8), w=(2, 64, 8), r=(2, 64, 16), y=(10, 2, 2, 16))
    assert lstm == 10 * 2 * 2 * 64 * (8 + 16)
    assert count(node("GRU", "x,w,r", "y"), x=(5, 1, 8), w=(1, 48, 8), r=(1, 48, 16)) == 5 * 48 * 24


def test_attention_is_the_same_in_both_layouts() -> None:
    heads = count(node("Attention", "q,k,v", "y"), q=(2, 8, 10, 64), k=(2, 4, 20, 64), v=(2, 4, 20, 32))
    flat = node("Attention", "q,k,v", "y", q_num_heads=8, kv_num_heads=4)
    assert heads == count(flat, q=(2, 10, 512), k=(2, 20, 256), v=(2, 20, 128)) == 2 * 8 * 10 * 20 * (64 + 32)
    assert (
        count(
            node("Attention", "q,k,v", "y", q_num_heads=0, kv_num_heads=0),
            q=(2, 10, 512),
            k=(2, 20, 256),
            v=(2, 20, 128),
        )
        is None
    )


@pytest.mark.parametrize("shape", [("batch", 4), (None, 4), None, (-1, 4)])
def test_unknown_dimensions_make_the_count_unknown(shape: tuple[int | str | None, ...] | None) -> None:
    assert count(node("MatMul", "a,b", "y"), a=(3, 4), b=(4, 5), y=shape) is None


def test_nonsense_is_unknown_and_other_operators_are_free() -> None:
    assert count(node("MatMul", "a,b", "y")) is None
    assert count(onnx.NodeProto(op_type="Conv"), x=(1,)) is None
    assert count(onnx.NodeProto(op_type="Einsum")) is None
    assert count(node("Gemm", "a,b", "y", transA="no"), a=(3,), b=(3,), y=(3,)) is None
    assert count(node("Relu", "x", "y"), x=(3,), y=(3,)) == 0
    assert count(node("Conv", "x,w", "y", domain="mine"), x=(1,), w=(1,), y=(1,)) == 0


def test_symbolic_dimensions_of_the_inputs_count_as_one() -> None:
    types = {
        name: ValueType("float", shape)
        for name, shape in {"a": ("batch", 4, 8), "b": (8, 3), "y": ("batch", 4, 3)}.items()
    }
    node = onnx.helper.make_node("MatMul", ["a", "b"], ["y"])
    assert macs(node, types) is None
    assert macs(node, types, ("batch",)) == 4 * 8 * 3
    assert macs(node, types, ("other",)) is None
