"""Casts and declared types: the numbers, what keeps its type, and what is said no longer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphdebug.edit.casting import InsertCast, SetType
from graphdebug.edit.dims import FreezeDims, RenameDim, SetBatch
from graphdebug.edit.errors import EditError
from graphdebug.edit.layouts import ChangeLayout, ReverseChannels
from graphdebug.edit.nodes import UseTarget
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.targets import NodeTarget, ValueTarget
from graphdebug.model.document import Model
from graphdebug.model.value_types import declared_types
from tests.edit.running import outputs, sample_names, tried

Opened = Callable[[str], Model]
X = {"x": np.float32([1 / 3, -7.1])}
CHAIN = """<ir_version: 9, opset_import: ["": 20]> chain (float[N] x) => (float[N] y, float[N] z)
    <float[N] a, float[N] b> { a = Neg (x)  b = Abs (a)  y = Neg (b)  z = Exp (a) }"""


def declared(model: Model, name: str, graph: str = "") -> tuple[str, object]:
    known = declared_types(model.graphs[graph].proto)[name]
    return known.dtype, known.shape


@pytest.mark.parametrize("sample", sample_names())
def test_a_cast_at_the_output_changes_its_type_and_no_number(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    name = model.graphs[""].outputs[0]
    after = tried(model, InsertCast(value=name, to="double", fix_output=True))
    assert declared(after.model, name)[0] == "double"
    before, now = outputs(model, tmp_path)[name], outputs(after.model, tmp_path)[name]
    assert now.dtype == np.float64 and np.array_equal(before.astype(np.float64), now, equal_nan=True)


def test_a_cast_in_the_middle_goes_on_to_the_outputs(parsed: Opened, tmp_path: Path) -> None:
    after = tried(parsed(CHAIN), InsertCast(value="a", to="float16", fix_output=True))
    assert declared(after.model, "y")[0] == declared(after.model, "z")[0] == "float16"
    assert after.notes[0] == "1 declared type of a value downstream went, for they may be others now."
    assert [entry.name for entry in after.model.proto.graph.value_info] == ["a"]
    assert np.array_equal(outputs(after.model, tmp_path, X)["y"], -np.abs(np.float16(-X["x"])))


def test_some_uses_get_the_value_as_it_was(parsed: Opened, tmp_path: Path) -> None:
    model, half = parsed(CHAIN), -X["x"].astype(np.float16).astype(np.float32)
    only = tried(
        model, InsertCast(value="a", to="float16", uses=(UseTarget(model.graphs[""].names[3]),), fix_output=True)
    )
    found = outputs(only.model, tmp_path, X)
    assert found["y"].dtype == np.float32 and found["z"].dtype == np.float16
    back = tuple(UseTarget(model.graphs[""].names[at]) for at in (1, 3))
    found = outputs(tried(model, InsertCast(value="a", to="float16", back=back)).model, tmp_path, X)
    assert np.array_equal(found["y"], -np.abs(half)) and np.allclose(found["z"], np.exp(half))
    rounded = tried(model, InsertCast(value="y", to="float16", back=(UseTarget(),))).model
    assert np.array_equal(outputs(rounded, tmp_path, X)["y"], -np.abs(half))


def test_a_cast_in_a_branch_and_in_a_function(opened: Opened, tmp_path: Path) -> None:
    captures = opened("if_captures.onnx")
    inner = ValueTarget("scaled", graph="4.then_branch")
    rounded = tried(captures, InsertCast(value=inner, to="float16", back=(UseTarget(),))).model
    feeds = {"x": np.float32([2.0])}
    expected = outputs(captures, tmp_path, feeds)["y"]
    assert np.allclose(outputs(rounded, tmp_path, feeds)["y"], expected, atol=1e-3)
    function = opened("local_function.onnx")
    gate = ValueTarget("gate", graph="fn:sample.activations:SoftGate:")
    after = tried(function, InsertCast(value=gate, to="float16")).model
    assert [node.op_type for node in after.proto.functions[0].node][-2:] == ["Cast", "Mul"]
    with pytest.raises(EditError, match="type of 'gate' is not known"):
        edited(
            function, InsertCast(value=gate, to="float16", back=(UseTarget(NodeTarget("Mul_3", graph=gate.graph), 1),))
        )


def test_what_is_said_around_a_body_goes_with_what_it_gives(parsed: Opened) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20, "f": 1]> nested (bool c, float[N] x) => (float[N] y)
        <float[N] a, float[N] b, float[N] other> {
            a = If (c) < then_branch = t () => (float[N] p) { p = Neg (x) }, else_branch = e () => (float[N] q)
                { q = Abs (x) } >
            b = f.G (a)
            other = Exp (x)
            y = Add (b, other)
        }
        <domain: "f", opset_import: ["": 20]> G (g) => (h) { h = Neg (g) }"""
    )

    def known(value: ValueTarget) -> list[str]:
        after = tried(model, InsertCast(value=value, to="double")).model
        return [entry.name for entry in after.proto.graph.value_info]

    assert known(ValueTarget("p", graph="0.then_branch")) == ["other"]
    assert known(ValueTarget("h", graph="fn:f:G:")) == ["a", "other"]
    assert known(ValueTarget("b")) == ["a", "b", "other"]


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (InsertCast(value="a", to="float"), "'a' is float already"),
        (InsertCast(value="a", to="flaot"), "no element type 'flaot'"),
        (InsertCast(value="y", to="double", back=(UseTarget("nobody"),)), "There is no node 'nobody'"),
        (SetType(value="nothing", dtype="float"), "no value called 'nothing'"),
        (SetType(value="a", shape=(-1,)), "-1 is no length"),
        (RenameDim(name="M", to="K"), "no dimension called 'M': there are 'N'"),
        (RenameDim(name="N", to=""), "needs a name"),
        (FreezeDims(lengths={"N": -2}), "-2 is no length"),
        (SetBatch(batch=-1), "-1 is no batch"),
        (SetBatch(batch=1, values=("a",)), "'a' is no input or output"),
        (ChangeLayout(input="x", to="NHWC"), "'x' has 1 axes"),
        (ChangeLayout(input="a", to="NHWC"), "'a' is no input"),
        (ReverseChannels(input="x", axis=3), "no axis 3"),
        (ReverseChannels(input="x", axis=0), "is not known"),
    ],
)
def test_what_makes_no_sense_is_refused(operation: Operation, sentence: str, parsed: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(parsed(CHAIN), operation)


def test_declared_types_are_set_and_what_followed_from_them_goes(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(CHAIN)
    after = tried(model, SetType(value="x", dtype="double", shape=(2,))).model
    assert declared(after, "x") == ("double", (2,)) and not after.proto.graph.value_info
    wide = tried(model, SetType(value="a", shape=("M",))).model
    assert declared(wide, "a") == ("float", ("M",)) and declared(wide, "b") == ("float", ("N",))
    unknown = tried(model, SetType(value="y", shape=(None,))).model
    assert declared(unknown, "y") == ("float", (None,))
    assert np.array_equal(outputs(unknown, tmp_path, X)["y"], outputs(model, tmp_path, X)["y"])


def test_a_dimension_is_another_everywhere(opened: Opened, tmp_path: Path) -> None:
    model = opened("loop_newton.onnx")
    renamed = tried(model, RenameDim(name="N", to="count")).model
    assert declared(renamed, "a") == ("float", ("count",)) and declared(renamed, "history") == (
        "float",
        ("taken", "count"),
    )
    assert declared(renamed, "better", "1.body") == ("float", ("count",))
    frozen = tried(model, FreezeDims(lengths={"N": 3})).model
    assert declared(frozen, "better", "1.body") == ("float", (3,))
    feeds = {"a": np.float32([1, 2, 9]), "steps": np.array(9)}
    assert np.allclose(outputs(frozen, tmp_path, feeds)["root"], outputs(model, tmp_path, feeds)["root"])
    assert tried(model, RenameDim(name="N", to="taken")).notes == (
        "'taken' was there already: the two are one dimension now.",
    )


@pytest.mark.parametrize(("batch", "given"), [(2, 2), ("many", 5)])
def test_a_batch_becomes_another(batch: int | str, given: int, parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> fixed (float[1, 4] x, float[4] w) => (float[1, 2, 2] y)
        <float[1, 4] a, int64[3] shape = {1, 2, 2}, int64[3] open = {-1, 2, 2}>
        { a = Mul (x, w)  b = Reshape (a, open)  y = Reshape (b, shape) }"""
    )
    after = tried(model, SetBatch(batch=batch))
    assert declared(after.model, "x")[1] == (batch, 4) and declared(after.model, "y")[1] == (batch, 2, 2)
    assert declared(after.model, "w")[1] == (4,) and not after.model.proto.graph.value_info
    assert "left as they are: 'w'" in after.notes[1] and "perhaps the batch, go 'Reshape_2'" in after.notes[2]
    sample = tried(model, SetBatch(batch=batch, values=("x",))).model
    assert declared(sample, "y")[1] == (1, 2, 2)


def test_a_symbolic_batch_becomes_a_length(opened: Opened, tmp_path: Path) -> None:
    model = opened("resnet_dynamo.onnx")
    after = tried(model, SetBatch(batch=2)).model
    feeds = {"image": np.random.default_rng(1).random((2, 3, 32, 32), np.float32)}
    assert np.allclose(outputs(after, tmp_path, feeds)["scores"], outputs(model, tmp_path, feeds)["scores"], atol=1e-6)
    assert declared(after, "conv2d")[1][0] == 2  # type: ignore[index]


@pytest.mark.parametrize("sample", ["resnet_dynamo.onnx", "conv_bn_leakyrelu.onnx", "branching_blocks.onnx"])
def test_an_image_in_another_layout_gives_the_same_numbers(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    name = model.graphs[""].inputs[0]
    length = model.types[""][name].shape[2]  # type: ignore[index]
    image = np.random.default_rng(1).random((1, 3, length, length), np.float32)
    expected = outputs(model, tmp_path, {name: image})
    last = tried(model, ChangeLayout(input=name, to="NHWC")).model
    assert declared(last, name)[1][-1] == 3  # type: ignore[index]
    both = tried(last, ChangeLayout(input=name, to="NCHW")).model
    reversed_ = tried(model, ReverseChannels(input=name)).model
    given = ((last, image.transpose(0, 2, 3, 1)), (both, image), (reversed_, image[:, ::-1]))
    for after, feed in given:
        found = outputs(after, tmp_path, {name: np.ascontiguousarray(feed)})
        assert all(np.allclose(found[key], expected[key], atol=1e-6) for key in expected)
