"""Parts of graphs: one node in their place, functions made of them and written out again."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.errors import EditError
from graphdebug.edit.inlining import InlineFunction
from graphdebug.edit.nodes import InsertNode
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.parts import ExtractFunction, ReplaceNodes
from graphdebug.edit.targets import NodeTarget, ValueTarget
from graphdebug.model.document import Model
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import outputs, sample_names, tried

Opened = Callable[[str], Model]
BODY = "fn:sample.activations:SoftGate:"
HEAD = '<ir_version: 10, opset_import: ["": 20, "local": 1]>'


def test_a_part_gives_way_to_a_node_of_ones_own(opened: Opened) -> None:
    model = opened("branching_blocks.onnx")
    nodes = ("/block2/relu", "/block3/conv", "/block3/relu")
    after = tried(
        model, ReplaceNodes(nodes=nodes, op="Plugin", domain="my.ops", attributes=(Attribute("n", "int", 3),))
    )
    graph = after.model.graphs[""]
    node = graph.nodes[graph.producer["/block3/out"]]
    assert list(node.input) == ["/block2/conv_out", "block3.weight", "block3.bias"]
    assert (list(node.output), node.name, node.attribute[0].i) == (["/block3/out"], "Plugin", 3)
    assert graph.order == list(range(len(graph.nodes)))
    assert "my.ops" in [each.domain for each in after.model.proto.opset_import]
    bare = tried(model, ReplaceNodes(nodes=nodes, op="Plugin", domain="my.ops", drop_initializers=True)).model
    assert list(bare.graphs[""].nodes[bare.graphs[""].producer["/block3/out"]].input) == ["/block2/conv_out"]
    assert "block3.weight" not in bare.graphs[""].initializers
    chosen = ReplaceNodes(
        nodes=nodes, op="Plugin", inputs=("block3.bias", "", "image"), outputs=("/block3/out", "/block2/out")
    )
    node = next(each for each in tried(model, chosen).model.proto.graph.node if each.op_type == "Plugin")
    assert (list(node.input), list(node.output)) == (["block3.bias", "", "image"], ["/block3/out", "/block2/out"])


def test_the_numbers_stay_where_the_new_node_does_the_same(opened: Opened, tmp_path: Path) -> None:
    model = opened("line.onnx")
    gemm = tried(
        opened("mlp.onnx"),
        ReplaceNodes(nodes=("/act1/Relu",), op="LeakyRelu", attributes=(Attribute("alpha", "float", 0.0),)),
    )
    assert np.array_equal(
        outputs(gemm.model, tmp_path)["probabilities"], outputs(opened("mlp.onnx"), tmp_path)["probabilities"]
    )
    swapped = tried(model, ReplaceNodes(nodes=("multiply", "add"), op="Sum", inputs=("x", "x", "b"))).model
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    assert outputs(swapped, tmp_path, feeds)["y"].shape == outputs(model, tmp_path, feeds)["y"].shape
    assert list(swapped.graphs[""].initializers) == ["b"]


def test_captured_values_enter_a_part(opened: Opened, tmp_path: Path) -> None:
    model = opened("if_captures.onnx")
    function = tried(model, ExtractFunction(nodes=("choose", "result"), name="Chooser")).model
    call = function.proto.graph.node[-1]
    assert set(call.input) == {"condition", "x", "gain"}
    for feed in (-1.0, 2.0):
        feeds = {"x": np.float32([feed])}
        assert np.array_equal(outputs(function, tmp_path, feeds)["y"], outputs(model, tmp_path, feeds)["y"])
    inner = tuple(NodeTarget(name, graph="4.else_branch") for name in ("shift/neg", "shift/add"))
    nested = tried(model, ExtractFunction(nodes=inner, name="Shift")).model
    assert np.array_equal(
        outputs(nested, tmp_path, {"x": np.float32([-1])})["y"], outputs(model, tmp_path, {"x": np.float32([-1])})["y"]
    )
    assert [each.op_type for each in nested.graphs["4.else_branch"].nodes] == ["Shift"]
    back = tried(nested, InlineFunction(node=NodeTarget(op="Shift", domain="local", graph="4.else_branch"))).model
    assert not back.proto.functions
    assert np.array_equal(
        outputs(back, tmp_path, {"x": np.float32([-1])})["y"], outputs(model, tmp_path, {"x": np.float32([-1])})["y"]
    )


def test_calls_are_written_out_with_their_attributes(opened: Opened, tmp_path: Path) -> None:
    model = opened("local_function.onnx")
    expected = outputs(model, tmp_path)["y"]
    once = tried(model, InlineFunction(node="/act1/SoftGate"))
    assert not once.notes
    assert once.model.proto.functions == model.proto.functions
    assert "/act1/SoftGate/scaled" in once.model.graphs[""].producer
    assert np.array_equal(outputs(once.model, tmp_path)["y"], expected)
    twice = tried(once.model, InlineFunction(node="/act2/SoftGate"))
    assert twice.notes == ("The function 'SoftGate' went: nothing calls it any more.",)
    assert np.array_equal(outputs(twice.model, tmp_path)["y"], expected)
    slopes = [each.attribute[0].f for each in twice.model.proto.graph.node if each.op_type == "Constant"]
    assert len(set(slopes)) == len(slopes) == 2


def test_a_part_of_a_function_passes_its_attributes_on(opened: Opened, tmp_path: Path) -> None:
    model = opened("local_function.onnx")
    expected = outputs(model, tmp_path)["y"]
    nodes = tuple(NodeTarget(op=op, graph=BODY) for op in ("Constant", "Sigmoid"))
    nodes = (*nodes, NodeTarget("Mul_1", graph=BODY))
    after = tried(model, ExtractFunction(nodes=nodes, name="Gate")).model
    assert [(each.name, list(each.attribute)) for each in after.proto.functions] == [
        ("Gate", ["beta"]),
        ("SoftGate", ["beta"]),
    ]
    assert np.array_equal(outputs(after, tmp_path)["y"], expected)
    call = NodeTarget(op="Gate", domain="local", graph=BODY)
    back = tried(after, InlineFunction(node=call)).model
    assert np.array_equal(outputs(back, tmp_path)["y"], expected)


def test_what_a_call_leaves_out_is_left_out(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        HEAD
        + """ g (float[2] x, bool c) => (float[2] y, float[2] same) { y, same = local.F <b = 2.0> (x, , c) }
        <opset_import: ["": 20], domain: "local"> F <a: float = 3.0, b> (x, low, c) => (out, x) {
            clipped = Clip (x, low)
            k = Constant <value_float: float = @a> ()
            l = Constant <value_float: float = @b> ()
            out = If (c) <
                then_branch = t () => (float[2] p) { k2 = Mul (k, l)  p = Mul (clipped, k2) },
                else_branch = e () => (float[2] p) { p = Identity (clipped) }
            >
        }"""
    )
    after = tried(model, InlineFunction(node="F_0")).model
    assert [node.op_type for node in after.proto.graph.node] == ["Clip", "Constant", "Constant", "If", "Identity"]
    feeds = {"x": np.float32([1, -2]), "c": np.array(True)}
    found = outputs(after, tmp_path, feeds)
    assert np.array_equal(found["y"], [6, -12]) and np.array_equal(found["same"], [1, -2])
    names = [name for path in after.graphs for name in after.graphs[path].producer]
    assert len(names) == len(set(names))


def test_operator_sets_must_agree_where_it_matters(parsed: Opened, tmp_path: Path) -> None:
    text = """ g (float[2,2] x) => (float[2,2] y) { y = local.F (x) }
        <opset_import: ["": 12], domain: "local"> F (x) => (out) { z = Neg (x)  out = OP (z) }"""
    older = parsed(HEAD + text.replace("OP", "Softmax"))
    with pytest.raises(EditError, match="Neg means something else here: the function 'F' uses version 12"):
        edited(older, InlineFunction(node="F_0"))
    text = text.replace("Neg", "Elu").replace("OP", "Elu")
    assert outputs(tried(parsed(HEAD + text), InlineFunction(node="F_0")).model, tmp_path)


@pytest.mark.parametrize("sample", sample_names())
def test_any_stretch_of_nodes_can_be_a_function_and_written_out(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if "scales" in feeds:
        feeds["scales"] = np.float32([1, 1, 2, 2])
    expected = outputs(model, tmp_path, feeds)
    count = len(model.graphs[""].nodes)
    first, last = count // 3, max(count // 3 + 2, 2 * count // 3)
    nodes = tuple(model.graphs[""].names[first:last])
    made = tried(model, ExtractFunction(nodes=nodes, name="Part")).model
    for each in (made, tried(made, InlineFunction(node=NodeTarget(op="Part", domain="local"))).model):
        found = outputs(each, tmp_path, feeds)
        assert all(np.allclose(found[name], expected[name], equal_nan=True, atol=1e-5) for name in expected)
    assert len(made.proto.graph.node) == count - len(nodes) + 1


@pytest.mark.parametrize(
    ("sample", "operation", "sentence"),
    [
        ("line", ReplaceNodes(nodes=(), op="P"), "There is no node"),
        ("line", ReplaceNodes(nodes=("add",), op=""), "A node needs an operator"),
        (
            "branching_blocks",
            ReplaceNodes(nodes=("/block1/relu", "/join/add"), op="P"),
            "'/block1/out' leaves these nodes and comes back to them as '/block3/out'",
        ),
        (
            "branching_blocks",
            ExtractFunction(nodes=("/block1/relu", "/join/add"), name="P"),
            "'/block1/out' leaves these",
        ),
        ("line", ReplaceNodes(nodes=("multiply",), op="P", outputs=("y",)), "'y' is not made by the nodes"),
        (
            "line",
            ReplaceNodes(nodes=("multiply", "add"), op="P", outputs=("ax",)),
            "'y' is used: the new node must make it",
        ),
        ("line", ReplaceNodes(nodes=("multiply", "add"), op="P", inputs=("ax",)), "'ax' is made by the nodes that are"),
        ("line", ExtractFunction(nodes=("add",), name="P", domain=""), "a domain of its own"),
        (
            "local_function",
            ExtractFunction(nodes=("/fc1/Add",), name="SoftGate", domain="sample.activations"),
            "There is a function 'SoftGate'",
        ),
        ("line", InlineFunction(node="add"), "'add' calls no function"),
        (
            "if_captures",
            ReplaceNodes(nodes=("mean", NodeTarget("scale/mul", graph="4.then_branch")), op="P"),
            "of one graph",
        ),
        (
            "if_captures",
            ReplaceNodes(nodes=("result",), op="P", inputs=(ValueTarget("drop", graph="4.else_branch"),)),
            "does not see",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(sample: str, operation: Operation, sentence: str, opened: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(opened(f"{sample}.onnx"), operation)


def test_a_function_works_with_the_operator_set_of_the_model(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        HEAD
        + """ g (float[2] x) => (float[2] y) { y = local.Outer (x) }
        <opset_import: ["": 20], domain: "local"> Inner (x) => (out) { out = Neg (x) }
        <opset_import: ["local": 1], domain: "local"> Outer (x) => (out) {
            z = local.Inner (x)  out = local.Inner (z)
        }"""
    )
    insert = InsertNode(value=ValueTarget("z", graph="fn:local:Outer:"), op="Abs")
    after = tried(model, insert).model
    assert [(each.domain, each.version) for each in after.proto.functions[1].opset_import] == [("local", 1), ("", 20)]
    assert np.array_equal(outputs(after, tmp_path, {"x": np.float32([1, -2])})["y"], [-1, -2])
