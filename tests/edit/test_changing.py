"""Changing nodes where they stand: operators, names, attributes, copies."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.changing import DuplicateNode, NameNodes, RemoveAttribute, RenameNode, SetAttribute, SetOperator
from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import UseTarget
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.targets import NodeTarget
from graphdebug.edit.wiring import ReconnectInput
from graphdebug.model.document import Model
from tests.edit.running import outputs, serialised, tried

Opened = Callable[[str], Model]
FUNCTION = "fn:sample.activations:SoftGate:"


def test_another_operator_gives_other_numbers(opened: Opened, tmp_path: Path) -> None:
    model = opened("line.onnx")
    before = outputs(model, tmp_path)["y"]
    multiplied = outputs(edited(model, SetOperator(node="add", op="Mul")).model, tmp_path)["y"]
    after = tried(model, SetOperator(node="add", op="Sub"))
    a_x = (before + outputs(after.model, tmp_path)["y"]) / 2
    assert np.allclose(multiplied, a_x * (before - a_x), atol=1e-6)
    assert not after.notes


def test_an_operator_loses_attributes_that_it_does_not_have(opened: Opened) -> None:
    model = opened("mlp.onnx")
    after = tried(model, SetOperator(node="/softmax/Softmax", op="Relu"))
    assert after.notes == ("'/softmax/Softmax' lost what Relu does not have: 'axis'.",)
    scaler = tried(model, SetOperator(node="/softmax/Softmax", op="Normalizer", domain="ai.onnx.ml"))
    assert scaler.notes == ("'/softmax/Softmax' lost what Normalizer does not have: 'axis'.",)
    custom = tried(model, SetOperator(node="/softmax/Softmax", op="Mine", domain="my.ops"))
    assert [each.name for each in custom.model.proto.graph.node[-1].attribute] == ["axis"]
    assert custom.model.proto.opset_import[-1] == onnx.OperatorSetIdProto(domain="my.ops", version=1)


def test_an_operator_within_a_branch_and_a_function(opened: Opened, tmp_path: Path) -> None:
    branches = opened("if_captures.onnx")
    target = NodeTarget("scale/mul", graph="4.then_branch")
    after = tried(branches, SetOperator(node=target, op="Div"))
    feeds = {"x": np.float32([2.0])}
    assert np.allclose(outputs(branches, tmp_path, feeds)["y"], np.tanh(2 * np.exp(2)))
    assert np.allclose(outputs(after.model, tmp_path, feeds)["y"], np.tanh(2 / np.exp(2)))
    gated = opened("local_function.onnx")
    sigmoid = NodeTarget(op="Sigmoid", graph=FUNCTION)
    assert outputs(tried(gated, SetOperator(node=sigmoid, op="Tanh")).model, tmp_path)
    other = tried(gated, SetOperator(node=sigmoid, op="Mine", domain="my.ops")).model.proto
    assert "my.ops" in [each.domain for each in other.functions[0].opset_import]


def test_attributes_keep_their_place_and_their_doc_string(opened: Opened, tmp_path: Path) -> None:
    model = opened("branching_blocks.onnx")
    model.proto.graph.node[0].attribute[0].doc_string = "how wide"
    after = tried(model, SetAttribute(node="/block1/conv", attribute=Attribute("kernel_shape", "ints", [1, 1])))
    kernel, pads = after.model.proto.graph.node[0].attribute
    assert (list(kernel.ints), kernel.doc_string, pads.name) == ([1, 1], "how wide", "pads")
    strides = Attribute("strides", "ints", [2, 2])
    plain = opened("branching_blocks.onnx")
    moved = edited(plain, SetAttribute(node="/block4/conv", attribute=strides)).model
    assert outputs(moved, tmp_path)["y"].shape[2] * 2 == outputs(plain, tmp_path)["y"].shape[2]
    again = tried(moved, RemoveAttribute(node="/block4/conv", name="strides")).model
    assert serialised(again) == serialised(plain)


def test_in_a_function_an_attribute_may_refer_to_the_functions(opened: Opened, tmp_path: Path) -> None:
    model = opened("local_function.onnx")
    constant = NodeTarget(op="Constant", graph=FUNCTION)
    fixed = tried(model, SetAttribute(node=constant, attribute=Attribute("value_float", "float", 1.0))).model
    assert outputs(fixed, tmp_path)
    back = tried(fixed, SetAttribute(node=constant, attribute=Attribute("value_float", "float", of="beta"))).model
    assert serialised(back) == serialised(model)


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (SetOperator(node="add", op=""), "A node needs an operator"),
        (RenameNode(node="add", name="multiply"), "Another node is called 'multiply'"),
        (RemoveAttribute(node="add", name="axis"), "'add' has no attribute 'axis'"),
        (SetAttribute(node="add", attribute=Attribute("a", "int", of="b")), "'add' is in no function whose attribute"),
        (SetAttribute(node="add", attribute=Attribute("a", "int", "x")), "Attribute 'a' is no int"),
        (DuplicateNode(node="add", uses={1: ()}), "'add' has no output 1"),
        (DuplicateNode(node="add", uses={0: (UseTarget("multiply"),)}), "Input 0 of 'multiply' is not 'y'"),
    ],
)
def test_what_makes_no_sense_is_refused(operation: Operation, sentence: str, opened: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(opened("line.onnx"), operation)


def test_nodes_are_named(opened: Opened) -> None:
    model = opened("local_function.onnx")
    after = tried(model, NameNodes())
    names = [node.name for node in after.model.proto.functions[0].node]
    assert names == ["Constant_0", "Mul_1", "Sigmoid_2", "Mul_3"]
    assert [node.name for node in after.model.proto.graph.node] == [node.name for node in model.proto.graph.node]
    assert after.notes == ("4 nodes named.",)
    renamed = tried(after.model, RenameNode(node=NodeTarget("Mul_3", graph=FUNCTION), name="product"))
    assert renamed.model.proto.functions[0].node[3].name == "product"


def test_a_copy_takes_over_what_is_chosen(opened: Opened, tmp_path: Path) -> None:
    model = opened("branching_blocks.onnx")
    copied = DuplicateNode(node="/block1/relu", uses={0: (UseTarget("/shortcut/conv"),)})
    after = tried(model, copied).model
    assert after.graphs[""].names[2] == "/block1/relu_copy"
    assert list(after.graphs[""].consumers["/block1/out_copy"]) == [(7, 0)]
    assert np.array_equal(outputs(after, tmp_path)["y"], outputs(model, tmp_path)["y"])
    last = tried(model, DuplicateNode(node="/block4/relu", uses={0: (UseTarget(),)})).model
    assert last.graphs[""].names[last.graphs[""].producer["y"]] == "/block4/relu_copy"
    assert np.array_equal(outputs(last, tmp_path)["y"], outputs(model, tmp_path)["y"])


def test_a_copy_of_a_branch_computes_the_same(opened: Opened, tmp_path: Path) -> None:
    model = opened("if_captures.onnx")
    after = tried(model, DuplicateNode(node="choose", name="again", uses={0: (UseTarget("result"),)})).model
    assert after.graphs[""].names[5] == "again"
    assert np.array_equal(outputs(after, tmp_path)["y"], outputs(model, tmp_path)["y"])


def test_a_declared_type_that_is_another_now_goes(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> g (float[2] x) => (float[2] y) <float[2] a, float[2] b, float[2] c> {
            a = Cast <to = 1> (x)  b = Neg (a)  c = Cast <to = 1> (b)  y = Abs (c)
        }"""
    )
    whole = tried(model, SetAttribute(node="Cast_0", attribute=Attribute("to", "int", onnx.TensorProto.INT32)))
    assert [each.name for each in whole.model.proto.graph.value_info] == ["c"]
    assert whole.notes == ("1 declared type of a value downstream went, for they may be others now.",)
    assert np.array_equal(outputs(whole.model, tmp_path, {"x": np.float32([1.5, -2])})["y"], [1, 2])
    same = tried(model, SetOperator(node="Neg_1", op="Exp")).model
    assert same.proto.graph.value_info == model.proto.graph.value_info
    moved = tried(whole.model, ReconnectInput(node="Cast_2", input=0, value="x")).model
    assert [each.name for each in moved.proto.graph.value_info] == ["c"]
