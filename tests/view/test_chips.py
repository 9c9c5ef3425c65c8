"""What is written on nodes and edges."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.records import ValueType
from graphdebug.view.boxes import node_look
from graphdebug.view.chips import Chips
from graphdebug.view.labels import CATEGORIES, category, short_name, shortened, telling_ops, text_width, type_label
from graphdebug.view.scene import scene
from tests.view.drawings import model_of


def chip(node: onnx.NodeProto, **constants: object) -> str:
    initializers = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    model = model_of([node], initializers=initializers)
    return Chips(model, model.graphs[""]).of(node)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


make = helper.make_node


@pytest.mark.parametrize(
    ("node", "constants", "text"),
    [
        (make("Conv", ["x", "w"], ["y"], strides=[2, 2]), {"w": zeros(128, 64, 3, 3)}, "3×3/2 64→128"),
        (make("Conv", ["x", "w"], ["y"], group=32), {"w": zeros(32, 1, 3, 3)}, "3×3 32→32 g32"),
        (make("Conv", ["x", "w"], ["y"], dilations=[2, 2], strides=[1, 2]), {"w": zeros(8, 4, 5, 5)}, "5×5/1×2 d2 4→8"),
        (make("Conv", ["x", "u"], ["y"], kernel_shape=[3, 3]), {}, "3×3"),
        (make("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2]), {"w": zeros(64, 32, 2, 2)}, "2×2/2 64→32"),
        (make("MatMul", ["x", "w"], ["y"]), {"w": zeros(768, 3072)}, "768→3072"),
        (make("Gemm", ["x", "w"], ["y"], transB=1), {"w": zeros(10, 64)}, "64→10"),
        (make("MatMul", ["x", "u"], ["y"]), {}, ""),
        (make("MaxPool", ["x"], ["y"], kernel_shape=[3, 3], strides=[2, 2]), {}, "3×3/2"),
        (make("Transpose", ["x"], ["y"], perm=[0, 2, 1, 3]), {}, "0,2,1,3"),
        (make("Reshape", ["x", "s"], ["y"]), {"s": np.array([1, -1, 64])}, "→ 1×−1×64"),
        (make("Reshape", ["x", "u"], ["y"]), {}, ""),
        (make("Concat", ["x", "x"], ["y"], axis=1), {}, "axis 1"),
        (make("Softmax", ["x"], ["y"], axis=-1), {}, "axis −1"),
        (make("Gather", ["w", "x"], ["y"]), {"w": zeros(1000, 64)}, "1000×64"),
        (make("Gather", ["x", "i"], ["y"], axis=1), {"i": np.int64(2)}, "axis 1 [2]"),
        (make("Cast", ["x"], ["y"], to=TensorProto.FLOAT16), {}, "→ float16"),
        (make("Cast", ["x"], ["y"], to=999), {}, "→ ?"),
        (make("Clip", ["x", "lo", "hi"], ["y"]), {"lo": np.float32(0), "hi": np.float32(6)}, "0 … 6"),
        (make("Clip", ["x", "", "hi"], ["y"]), {"hi": np.float32(6)}, "−∞ … 6"),
        (make("Clip", ["x"], ["y"], min=-1.0), {}, "−1 … ∞"),
        (make("Add", ["x", "c"], ["y"]), {"c": np.float32(0.5)}, "+ 0.5"),
        (make("Sub", ["c", "x"], ["y"]), {"c": np.float32(1)}, "1 −"),
        (make("Mul", ["x", "c"], ["y"]), {"c": zeros(7)}, ""),
        (make("Slice", ["x", "a", "b", "c"], ["y"]), {"a": [0], "b": [2**63 - 1], "c": [2]}, "[0:] axis 2"),
        (make("Slice", ["x", "a", "b", "", "d"], ["y"]), {"a": [-1], "b": [-9], "d": [-1]}, "[−1:−9:−1]"),
        (make("Resize", ["x", "", "s"], ["y"], mode="linear"), {"s": np.float32([1, 1, 2, 2])}, "linear ×1,1,2,2"),
        (make("Unsqueeze", ["x", "a"], ["y"]), {"a": [0, 2]}, "axes 0,2"),
        (make("ReduceMean", ["x"], ["y"], axes=[-1]), {}, "axis −1"),
        (make("Constant", [], ["y"], value_float=0.25), {}, "0.25"),
        (make("Constant", [], ["y"], value=numpy_helper.from_array(zeros(3, 4))), {}, "float 3×4"),
        (make("LeakyRelu", ["x"], ["y"], alpha=0.2), {}, "α 0.2"),
        (make("LSTM", ["x", "w", "r"], ["y"], hidden_size=16), {}, "hidden 16"),
        (make("LayerNormalization", ["x", "w", "b"], ["y"]), {"w": zeros(768), "b": zeros(768)}, "768"),
        (make("GroupNormalization", ["x", "w", "b"], ["y"], num_groups=32), {"w": zeros(320)}, "32 groups of 320"),
        (make("BatchNormalization", ["x", "u"], ["y"]), {}, ""),
        (make("Attention", ["x", "x", "x"], ["y"], q_num_heads=8, kv_num_heads=2, is_causal=1), {}, "8/2 heads causal"),
        (make("QuantizeLinear", ["x", "s"], ["y"]), {"s": np.float32(0.02)}, "scale 0.02"),
        (make("DequantizeLinear", ["x", "s"], ["y"], axis=0), {"s": zeros(64)}, "axis 0"),
        (make("Pad", ["x", "p"], ["y"], mode="reflect"), {"p": [0, 1, 0, 1]}, "reflect 0,1,0,1"),
        (make("Pad", ["x", "u"], ["y"]), {}, ""),
        (make("Tile", ["x", "r"], ["y"]), {"r": [1, 2]}, "×1,2"),
        (make("Split", ["x", "r"], ["y", "z"], axis=1), {"r": [4, 8]}, "axis 1 4,8"),
        (make("TopK", ["x", "k"], ["y", "z"], axis=-1), {"k": [5]}, "k 5 axis −1"),
        (make("Einsum", ["x", "x"], ["y"], equation="bij,bjk->bik"), {}, "bij,bjk->bik"),
        (make("DepthToSpace", ["x"], ["y"], blocksize=2), {}, "×2"),
        (make("ConstantOfShape", ["x"], ["y"], value=numpy_helper.from_array(np.float32([7]))), {}, "7"),
        (make("Conv", ["x", "w"], ["y"], domain="com.example"), {"w": zeros(8, 4, 3, 3)}, ""),
        (make("Conv", [], []), {}, ""),
        (make("Slice", ["x", "a", "b"], ["y"]), {"a": [0, 1], "b": [1]}, ""),
    ],
)  # fmt: skip
def test_chips(node: onnx.NodeProto, constants: dict[str, object], text: str) -> None:
    assert chip(node, **constants) == text


def test_a_constant_is_seen_through_a_copy_and_from_a_constant_node() -> None:
    nodes = [
        make("Constant", [], ["c"], value=numpy_helper.from_array(np.float32(3))),
        make("Identity", ["c"], ["d"]),
        make("Mul", ["x", "d"], ["y"]),
    ]
    model = model_of(nodes)
    assert Chips(model, model.graphs[""]).of(model.graphs[""].nodes[2]) == "× 3"


def test_what_is_computed_on_the_way_is_read_from_the_types_where_they_are_known() -> None:
    nodes = [
        make("Reshape", ["x", "s"], ["r"]),
        make("Transpose", ["w"], ["t"], perm=[1, 0]),
        make("MatMul", ["r", "t"], ["m"]),
        make("MatMul", ["m", "r"], ["y"]),
    ]
    model = model_of(nodes, inputs=["x", "s"])
    for name, shape in (("r", [1, 56, 96]), ("t", [96, 384]), ("m", [1, "n", 384])):
        model.proto.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    chips = Chips(model, model.graphs[""])
    assert [chips.of(node) for node in nodes] == ["→ 1×56×96", "1,0", "96→384", ""]


def test_weights_are_counted_and_small_constants_are_none() -> None:
    nodes = [
        make("Constant", [], ["c"], value=numpy_helper.from_array(zeros(3, 3))),
        make("Identity", ["w"], ["v"]),
        make("Sum", ["x", "v", "w", "c", "small", "", "x"], ["y"]),
    ]
    weights = [numpy_helper.from_array(zeros(9), "w"), numpy_helper.from_array(zeros(8), "small")]
    model = model_of(nodes, initializers=weights)
    assert Chips(model, model.graphs[""]).weights(nodes[2]) == 3
    [box] = [box for box in scene(model, "").boxes if box.id == "n:2"]
    assert box.weights == 3


def test_lying_constants_are_no_reason_to_fail() -> None:
    lying = TensorProto(name="c", data_type=TensorProto.FLOAT, dims=[1], raw_data=b"\1")
    negative = TensorProto(name="d", data_type=TensorProto.FLOAT, dims=[-1, -2])
    nodes = [make("Add", ["x", "c"], ["y"]), make("Add", ["x", "d"], ["z"])]
    model = model_of(nodes, initializers=[lying, negative])
    assert [Chips(model, model.graphs[""]).of(node) for node in nodes] == ["", ""]


def test_types_of_edges() -> None:
    assert type_label(ValueType("float", (1, 64, 56, 56))) == "float 1×64×56×56"
    assert type_label(ValueType("int64", ("batch", None))) == "int64 batch×?"
    assert type_label(ValueType("float", ())) == "float scalar"
    assert type_label(ValueType("float")) == "float"
    assert type_label(ValueType("float", (2,), "sequence")) == "sequence float 2"
    assert type_label(None) == ""


def test_names_are_short_and_on_one_line() -> None:
    assert short_name("/encoder/layer.0/attention/query/MatMul") == "MatMul"
    assert short_name("a" * 100) == "a" * 11 + "…" + "a" * 16
    assert short_name(f"{'block' * 9}.layers.1") != short_name(f"{'block' * 9}.layers.2")
    assert short_name("///") == ""
    assert shortened("a\n\x00\u202eb\ud800") == "a   b"
    assert text_width("abc", 5) == 15
    assert text_width("語", 10) > text_width("x", 10)


def test_categories_and_looks() -> None:
    assert CATEGORIES[category(make("Conv", [], []), calls_function=False)] == "convolution"
    assert CATEGORIES[category(make("Conv", [], [], domain="x"), calls_function=False)] == "custom"
    assert CATEGORIES[category(make("Conv", [], []), calls_function=True)] == "function"
    assert CATEGORIES[category(make("Frobnicate", [], []), calls_function=False)] == "other"
    model = model_of([])
    chips = Chips(model, model.graphs[""])
    plain = node_look(make("Relu", ["x"], ["y"]), "/a/Relu", chips, calls_function=False)
    named = node_look(make("Relu", ["x"], ["y"]), "a rather long activation", chips, calls_function=False)
    assert (plain.op, plain.label, named.label) == ("Relu", "", "a rather long activation")
    assert named.size > plain.size


def test_a_small_group_around_one_matrix_product_says_what_it_is() -> None:
    nodes = [
        make("MatMul", ["x", "w"], ["a"], name="/one/MatMul"),
        make("Add", ["a", "b"], ["c"], name="/one/Add"),
        make("MatMul", ["c", "w"], ["d"], name="/two/MatMul"),
        make("MatMul", ["d", "w"], ["y"], name="/two/MatMul_1"),
    ]
    weights = [numpy_helper.from_array(zeros(64, 64), "w"), numpy_helper.from_array(zeros(64), "b")]
    model = model_of(nodes, initializers=weights)
    collapsed, opened = scene(model, "", frozenset()), scene(model, "")
    assert [(box.label, box.chips) for box in collapsed.boxes[1:3]] == [("one", "MatMul 64→64"), ("two", "MatMul×2")]
    assert [box.chips for box in opened.boxes if box.label == "one"] == [""]


def test_the_ops_that_tell_most_come_first() -> None:
    ops = ["Reshape"] * 9 + ["Add", "Add", "Relu", "Conv", "Frobnicate\n"]
    nodes = [make(op, [], []) for op in ops]
    assert telling_ops(nodes, 3) == "Conv Add×2 Relu"
    assert telling_ops(nodes[-1:], 3) == "Frobnicate"
    assert telling_ops([], 3) == ""


def test_every_standard_op_has_a_category() -> None:
    standard = {schema.name for schema in onnx.defs.get_all_schemas() if schema.domain == ""}
    unknown = {op for op in standard if CATEGORIES[category(make(op, [], []), calls_function=False)] == "other"}
    assert len(unknown) <= 20, sorted(unknown)
