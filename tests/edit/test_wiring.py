"""Rewiring: inputs of nodes, names of values, and what the model takes and gives."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import InsertNode
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.ports import AddInput, AddOutput, MakeInput, RemoveInput, RemoveOutput
from graphdebug.edit.targets import NodeTarget, ValueTarget
from graphdebug.edit.wiring import ReconnectInput, RenameValue, SwapInputs
from graphdebug.model.document import Model
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import outputs, sample_names, serialised, tried

Opened = Callable[[str], Model]
FUNCTION = "fn:sample.activations:SoftGate:"
THEN, BODY = "4.then_branch", "1.body"
HEAD = '<ir_version: 9, opset_import: ["": 20]>'
FEEDS = {"x": np.float32([2.0])}


def test_an_input_is_connected_and_left_out(opened: Opened, tmp_path: Path) -> None:
    model = opened("line.onnx")
    doubled = tried(model, ReconnectInput(node="add", input=1, value="ax")).model
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    line, twice = outputs(model, tmp_path, feeds)["y"], outputs(doubled, tmp_path, feeds)["y"]
    tapped = outputs(edited(model, AddOutput(value="ax")).model, tmp_path, feeds)
    assert np.allclose(twice, 2 * tapped["ax"]) and not np.allclose(twice, line)
    resized = opened("resize_conv_add.onnx")
    bare = tried(resized, ReconnectInput(node="conv", input=2, value="")).model
    assert list(bare.proto.graph.node[1].input) == ["resized", "conv.weight"]
    assert outputs(bare, tmp_path)
    again = tried(bare, ReconnectInput(node="conv", input=2, value="conv.bias")).model
    assert serialised(again) == serialised(resized)
    assert not tried(resized, ReconnectInput(node="resize", input=2, value="")).model.proto.graph.node[0].input[1:]


def test_a_nested_node_may_take_a_value_from_outside(opened: Opened, tmp_path: Path) -> None:
    target = NodeTarget("scale/mul", graph=THEN)
    after = tried(opened("if_captures.onnx"), ReconnectInput(node=target, input=1, value="mean")).model
    assert np.allclose(outputs(after, tmp_path, FEEDS)["y"], np.tanh(4))
    inner = ValueTarget("scaled", graph=THEN)
    with pytest.raises(EditError, match="'scaled' is made in 'choose · then_branch', which 'if_captures' does not see"):
        edited(opened("if_captures.onnx"), ReconnectInput(node="result", input=0, value=inner))


def test_what_makes_a_value_comes_before_the_body_that_takes_it(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> late (bool c, float[N] x) => (float[N] y, float[N] z) {
            y = If (c) <
                then_branch = t () => (float[N] a) { a = Neg (x) }, else_branch = e () => (float[N] b) { b = Abs (x) }
            >
            z = Exp (x)
        }"""
    )
    after = tried(model, ReconnectInput(node=NodeTarget(op="Neg", graph="0.then_branch"), input=0, value="z")).model
    assert [node.op_type for node in after.proto.graph.node] == ["Exp", "If"]
    feeds = {"c": np.array(True), "x": np.float32([1, 2])}
    assert np.allclose(outputs(after, tmp_path, feeds)["y"], -np.exp([1, 2]))


def test_inputs_are_swapped(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        '<ir_version: 9, opset_import: ["": 20]> g (float[2] a, float[2] b) => (float[2] y) { y = Sub (a, b) }'
    )
    feeds = {"a": np.float32([1, 2]), "b": np.float32([5, 5])}
    after = tried(model, SwapInputs(node="Sub_0")).model
    assert np.array_equal(outputs(after, tmp_path, feeds)["y"], [4, 3])
    assert serialised(edited(after, SwapInputs(node="Sub_0", a=1, b=0)).model) == serialised(model)


@pytest.mark.parametrize("sample", sample_names())
def test_every_value_can_be_renamed_and_back(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if "scales" in feeds:
        feeds["scales"] = np.float32([1, 1, 2, 2])
    expected = outputs(model, tmp_path, feeds)
    for path, before in model.graphs.items():
        values = [*before.inputs, *before.producer, *before.initializers]
        for value in values[:: max(1, len(values) // 4)]:
            after = tried(model, RenameValue(value=ValueTarget(value, graph=path), name="by.hand")).model
            index = after.graphs[path]
            assert index.defines("by.hand") and not index.defines(value) and value not in index.outer
            back = edited(after, RenameValue(value=ValueTarget("by.hand", graph=path), name=value)).model
            assert serialised(back) == serialised(model)
    every = [*model.graphs[""].inputs, *model.graphs[""].producer]
    renamed = edited(model, *(RenameValue(value=name, name=f"{name}!") for name in every[:20])).model
    found = outputs(renamed, tmp_path, dict(zip(renamed.graphs[""].inputs, feeds.values(), strict=True)))
    assert all(np.array_equal(*pair, equal_nan=True) for pair in zip(found.values(), expected.values(), strict=True))


def test_what_is_said_of_a_value_is_renamed_with_it(parsed: Opened) -> None:
    model = parsed(
        '<ir_version: 11, opset_import: ["": 20]> g (float[2] a, float s) => (float[2] y) { y = Mul (a, s) }'
    )
    annotation = model.proto.graph.quantization_annotation.add(tensor_name="y")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="s")
    model.proto.graph.node[0].device_configurations.add(configuration_id="d").sharding_spec.add(tensor_name="s")
    training = model.proto.training_info.add()
    training.update_binding.add(key="s", value="s_new")
    training.algorithm.node.add(op_type="Neg", input=["s"], output=["s_new"])
    after = tried(model, RenameValue(value="s", name="scale")).model.proto
    assert after.training_info[0].update_binding[0].key == after.training_info[0].algorithm.node[0].input[0] == "scale"
    graph = after.graph
    assert graph.quantization_annotation[0].quant_parameter_tensor_names[0].value == "scale"
    assert graph.node[0].device_configurations[0].sharding_spec[0].tensor_name == "scale"


def test_a_tap_and_back(opened: Opened, tmp_path: Path) -> None:
    model = opened("branching_blocks.onnx")
    tapped = tried(model, AddOutput(value="/join/out"))
    assert not tapped.notes
    both, plain = outputs(tapped.model, tmp_path), outputs(model, tmp_path)
    assert list(both) == ["y", "/join/out"]
    assert np.array_equal(both["y"], plain["y"])
    assert (tapped.model.types[""]["/join/out"].shape or ())[1:] == both["/join/out"].shape[1:]
    back = tried(tapped.model, RemoveOutput(value="/join/out")).model
    assert list(outputs(back, tmp_path)) == ["y"]
    assert back.types[""]["/join/out"] == tapped.model.types[""]["/join/out"]
    untyped = tried(opened("broken.onnx"), AddOutput(value=next(iter(opened("broken.onnx").graphs[""].producer))))
    assert len(untyped.model.proto.graph.output) == len(opened("broken.onnx").proto.graph.output) + 1


def test_a_function_gets_and_loses_outputs_and_inputs(opened: Opened, tmp_path: Path) -> None:
    model = opened("local_function.onnx")
    expected = outputs(model, tmp_path)["y"]
    added = tried(model, AddOutput(value=ValueTarget("gate", graph=FUNCTION))).model
    assert np.array_equal(outputs(added, tmp_path)["y"], expected)
    assert serialised(tried(added, RemoveOutput(value=ValueTarget("gate", graph=FUNCTION))).model) == serialised(model)
    with pytest.raises(EditError, match="A call makes '/act1/out' of 'gated', and '/fc2/MatMul' uses it"):
        edited(model, RemoveOutput(value=ValueTarget("gated", graph=FUNCTION)))
    more = tried(model, AddInput(name="extra", graph=FUNCTION)).model
    assert list(more.proto.functions[0].input) == ["x", "extra"]
    called = edited(more, ReconnectInput(node="/act1/SoftGate", input=1, value="/fc1/product")).model
    assert np.array_equal(outputs(called, tmp_path)["y"], expected)
    assert serialised(tried(called, RemoveInput(value=ValueTarget("extra", graph=FUNCTION))).model) == serialised(model)


def test_a_cut_feeds_a_value_from_outside(opened: Opened, tmp_path: Path) -> None:
    model = opened("branching_blocks.onnx")
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    tapped = outputs(edited(model, AddOutput(value="/block1/out")).model, tmp_path, feeds)
    cut = tried(model, MakeInput(value="/block1/out"))
    assert cut.notes == ("2 nodes went: nothing needs them any more.",)
    assert "block1.weight" not in cut.model.graphs[""].initializers
    given = {"image": feeds["image"], "/block1/out": tapped["/block1/out"]}
    assert np.array_equal(outputs(cut.model, tmp_path, given)["y"], tapped["y"])
    assert tried(cut.model, RemoveInput(value="image")).model.graphs[""].inputs == ["/block1/out"]
    kept = tried(model, MakeInput(value="/block1/out", keep=True)).model
    assert len(kept.proto.graph.node) == len(model.proto.graph.node)
    assert np.array_equal(outputs(kept, tmp_path, given)["y"], tapped["y"])


@pytest.mark.parametrize(("version", "left"), [(3, ["y"]), (4, ["w", "y"])])
def test_before_ir_version_4_a_constant_goes_with_its_input(version: int, left: list[str], parsed: Opened) -> None:
    head = HEAD.replace("9", str(version))
    graph = "g (float[2] x, float[2] w) => (float[2] z) <float[2] w = {1.0, 2.0}> { y = Mul (x, w)  z = Abs (y) }"
    cut = tried(parsed(f"{head} {graph}"), MakeInput(value="y")).model
    assert [each.name for each in cut.proto.graph.input] == ["x", *left]
    assert len(cut.proto.graph.initializer) == len(left) - 1


def test_a_value_of_a_body_is_fed_to_the_model(opened: Opened, tmp_path: Path) -> None:
    cut = tried(opened("if_captures.onnx"), MakeInput(value=ValueTarget("drop", graph="4.else_branch"))).model
    assert cut.graphs[""].inputs == ["x", "drop"]
    feeds = {"x": np.float32([-1.0]), "drop": np.float32([0.5])}
    assert np.allclose(outputs(cut, tmp_path, feeds)["y"], np.tanh(-0.5))
    whole = tried(opened("if_captures.onnx"), MakeInput(value=ValueTarget("scaled", graph=THEN)))
    assert whole.notes[0] == "'scaled' is called 'scaled_1' as an input."
    fed = {"x": np.float32([1.0]), "scaled_1": np.float32([0.25])}
    assert np.allclose(outputs(whole.model, tmp_path, fed)["y"], np.tanh(0.25))


def test_an_input_is_added_used_and_removed(opened: Opened, tmp_path: Path) -> None:
    model = opened("line.onnx")
    added = tried(model, AddInput(name="offset", dtype="float", shape=("batch", 1, None))).model
    used = edited(added, ReconnectInput(node="add", input=1, value="offset")).model
    assert outputs(used, tmp_path)
    with pytest.raises(EditError, match="'offset' is used by 'add'"):
        edited(used, RemoveInput(value="offset"))
    assert serialised(tried(added, RemoveInput(value="offset")).model) == serialised(model)


@pytest.mark.parametrize(
    ("sample", "operation", "sentence"),
    [
        ("line", ReconnectInput(node="add", input=2, value="x"), "'add' cannot have an input 2: Add takes 2"),
        ("line", ReconnectInput(node="add", input=0, value="q"), "There is no value called 'q'"),
        ("line", ReconnectInput(node="add", input=-1, value="x"), "'add' cannot have an input -1"),
        ("line", InsertNode(value="x", op="Relu", slot=1 << 40), "Relu cannot have an input 1099511627776"),
        ("line", SwapInputs(node="add", b=2), "'add' has no input 2"),
        ("line", RenameValue(value="ax", name="b"), "Something in 'line' is called 'b' already"),
        ("line", RenameValue(value="ax", name=""), "A value needs a name"),
        ("if_captures", RenameValue(value="mean", name="drop"), "Something in 'choose · else_branch' is called 'drop'"),
        ("if_captures", RenameValue(value=ValueTarget("drop", graph="4.else_branch"), name="mean"), "in 'if_captures'"),
        ("if_captures", RenameValue(value=ValueTarget("x", graph=THEN), name="z"), "'x' is not made in 'choose"),
        ("line", AddOutput(value="y"), "'y' is an output already"),
        ("line", RemoveOutput(value="ax"), "'ax' is no output"),
        ("if_captures", AddOutput(value=ValueTarget("drop", graph="4.else_branch")), "cannot get or lose an output"),
        ("line", MakeInput(value="x"), "No node of 'line' makes 'x'"),
        ("local_function", MakeInput(value=ValueTarget("gate", graph=FUNCTION)), "'gate' is in a function"),
        ("line", MakeInput(value="ax", dtype="floot"), "'floot' is none"),
        ("line", AddInput(name="ax", dtype="float"), "is called 'ax' already"),
        ("line", AddInput(name="n"), "The input 'n' needs an element type"),
        ("line", RemoveInput(value="x"), "'x' is used by 'multiply'"),
        ("loop_newton", AddInput(name="n", dtype="float", graph=BODY), "cannot get or lose an input"),
    ],
)
def test_what_makes_no_sense_is_refused(sample: str, operation: Operation, sentence: str, opened: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(opened(f"{sample}.onnx"), operation)
