"""The layers of a TensorRT engine as a graph: the inspector's JSON of several versions, and what is none."""

import json
from typing import Any

import onnx
import pytest
from onnx import TensorProto

from graphdebug.model.engine_layers import DOMAIN, LayersError, layers_model, onnx_nodes

FP16 = "Channel major FP16 format where channel % 8 == 0"


def port(name: str, form: str = FP16, lengths: list[int] | None = None) -> dict[str, Any]:
    return {"Name": name, "Location": "Device", "Dimensions": lengths or [1, 8, 4, 4], "Format/Datatype": form}


def layer(name: str, kind: str, inputs: list[Any], outputs: list[Any], **more: Any) -> dict[str, Any]:
    return {"Name": name, "LayerType": kind, "Inputs": inputs, "Outputs": outputs, **more}


def told(*layers: Any, **more: Any) -> onnx.ModelProto:
    return layers_model(json.dumps({"Layers": layers, **more}))


COPY = layer(
    "Reformatting CopyNode for Input Tensor 0 to Conv_0 + Relu_1",
    "Reformat",
    [port("x", "Row major linear FP32")],
    [port("Reformatted Input Tensor 0 to Conv_0 + Relu_1")],
    TacticValue="0x0000000000000000",
)
CONV = layer(
    "Conv_0 + Relu_1",
    "CaskConvolution",
    [port("Reformatted Input Tensor 0 to Conv_0 + Relu_1")],
    [port("a")],
    Kernel=[7, 7],
    Weights={"Type": "Half", "Count": 9408},
    HasBias=1,
    TacticName="sm80_xmma",
)


def test_layers_are_nodes_with_what_they_tell() -> None:
    model = told(COPY, CONV, layer("Tail", "kgen", [port("a")], [port("y", "Half")]), Bindings=["x", "y"])
    copy, conv, tail = model.graph.node
    assert [each.name for each in model.graph.input] == ["x"] and [each.name for each in model.graph.output] == ["y"]
    assert (conv.op_type, conv.domain, conv.name) == ("CaskConvolution", DOMAIN, "Conv_0 + Relu_1")
    assert list(conv.input) == list(copy.output) and list(tail.input) == ["a"]
    values = {each.name: onnx.helper.get_attribute_value(each) for each in conv.attribute}
    assert values["Kernel"] == [7, 7] and values["TacticName"] == b"sm80_xmma" and values["HasBias"] == 1
    assert values["output_formats"] == [FP16.encode()] and json.loads(values["Weights"]) == CONV["Weights"]
    types = {each.name: each.type.tensor_type for each in (*model.graph.input, *model.graph.value_info)}
    assert [types[name].elem_type for name in ("x", "a")] == [TensorProto.FLOAT, TensorProto.FLOAT16]
    assert [dim.dim_value for dim in types["a"].shape.dim] == [1, 8, 4, 4]


@pytest.mark.parametrize(
    ("name", "metadata", "nodes"),
    [
        ("Conv_0 + Relu_1", None, ("Conv_0", "Relu_1")),
        ("PWN(PWN(Sigmoid_1), Mul_2)", None, ("Sigmoid_1", "Mul_2")),
        ("{ForeignNode[MatMul_3...Add_9]}", None, ("MatMul_3", "Add_9")),
        ("Reformatting CopyNode for Output Tensor 0 to Conv_0", None, ()),
        ("__myl_Fc_0x1f", "[ONNX Layer: /fc/MatMul]\x1f[ONNX Layer: /fc/Add]", ("/fc/MatMul", "/fc/Add")),
        ("k", "[ONNX Layer: /a[0]/Conv][ONNX Layer: b]", ("/a[0]/Conv", "b")),
        ("Conv_0", "", ("Conv_0",)),
    ],
)
def test_each_layer_knows_the_nodes_it_was_made_of(name: str, metadata: str | None, nodes: tuple[str, ...]) -> None:
    more = {} if metadata is None else {"Metadata": metadata}
    (node,) = told(layer(name, "kgen", [port("x")], [port("y")], **more)).graph.node
    assert onnx_nodes(node) == nodes


def test_one_tensor_written_in_parts_is_read_whole() -> None:
    """A Concat that went: its inputs are written where its output is."""
    model = told(
        layer("left", "Conv", [port("x")], [port("both")]),
        layer("right", "Conv", [port("x")], [port("both")]),
        layer("in place", "PointWise", [port("both")], [port("both")]),
        layer("last", "Conv", [port("both")], [port("y")]),
    )
    left, right, after, last = model.graph.node
    assert [*left.output, *right.output] == list(after.input) == ["both", "both (2)"]
    assert list(last.input) == list(after.output) == ["both (3)"]
    assert [each.name for each in model.graph.output] == ["y"]


def test_lengths_and_types_that_are_not_known_are_left_open() -> None:
    model = told(layer("k", "kgen", [port("x", "N/A due to dynamic shapes", [-1, 4])], [port("y", "FP8", [-1, 4])]))
    assert not model.graph.input[0].type.WhichOneof("value")
    dims = model.graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_value if dim.HasField("dim_value") else None for dim in dims] == [None, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no list"),
        ('{"Layers": []}', "no list"),
        ('{"Layers": ["Conv_0 + Relu_1", "MaxPool_2"]}', "profilingVerbosity=detailed"),
        ('{"Layers": [{"LayerType": "kgen"}]}', "no name"),
        ('{"Layers": [{"Name": "k", "Inputs": ["x"]}]}', "Inputs of the layer 'k'"),
        ('{"Layers": [{"Name": "k", "Outputs": [{"Name": "y"}, {"Name": "y"}]}]}', "writes one tensor twice"),
    ],
)
def test_what_is_none_gets_a_sentence(text: str, said: str) -> None:
    with pytest.raises(LayersError, match=said):
        layers_model(text)


def test_odd_values_are_kept_as_text() -> None:
    odd = {"Big": 2**80, "Nothing": None, "Yes": True, "Empty": [], "Mixed": [1, "a"], "Float": 0.5, "": 3}
    (node,) = told(layer("k", "", [port("x")], [port("y")], **odd)).graph.node
    values = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    assert node.op_type == "Layer" and values["Big"] == str(2**80).encode() and values["Mixed"] == b'[1, "a"]'
    assert values["Float"] == 0.5 and values["Yes"] == b"True"
