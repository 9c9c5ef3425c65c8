"""Simplifying by other tools: the numbers stay, weights stay where they are, and nothing is dropped on the way."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import edited
from graphdebug.edit.simplifying import Simplify
from graphdebug.model.document import Model, open_model
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import outputs, sample_names, tried

Opened = Callable[[str], Model]
TOOLS = ("onnxsim", "onnxslim")
TEXT = """<ir_version: 9, opset_import: ["": 20]> m (float[2, 64] x, bool c) => (float[8, 16] y, float[2] z)
    <int64[1] four = {4}, int64[1] sixteen = {16}> {
        two = Add (four, four)
        shape = Concat <axis = 0> (two, sixteen)
        a = MatMul (x, wide)
        i = Identity (a)
        y = Reshape (i, shape)
        z = If (c) < then_branch = t () => (float[2] p) { p = ReduceMax <keepdims = 0> (a, ax) }, else_branch = e () =>
            (float[2] q) { q = ReduceMin <keepdims = 0> (a, ax) } >
    }"""


@pytest.fixture(params=TOOLS)
def tool(request: pytest.FixtureRequest) -> str:
    """Return the name of a tool that is installed."""
    pytest.importorskip(request.param, reason="optional: pip install graphdebug[simplify]")
    return str(request.param)


def computed(parsed: Opened, tmp_path: Path) -> Model:
    """Return a model that computes a shape, with a large weight and metadata at each node."""
    proto = parsed(TEXT).proto
    wide = np.random.default_rng(0).random((64, 64), np.float32)
    proto.graph.initializer.extend(
        [onnx.numpy_helper.from_array(wide, "wide"), onnx.numpy_helper.from_array(np.array([1]), "ax")]
    )
    for node in proto.graph.node:
        node.metadata_props.add(key="scope", value="kept")
    path = tmp_path / "computed.onnx"
    onnx.save(proto, path)
    return open_model(path)


@pytest.mark.parametrize("largest", [1 << 10, 1 << 20])
def test_a_computed_shape_is_worked_out(largest: int, tool: str, parsed: Opened, tmp_path: Path) -> None:
    model = computed(parsed, tmp_path)
    after = tried(model, Simplify(tool=tool, largest=largest))  # type: ignore[arg-type]
    graph = after.model.proto.graph
    assert {node.op_type for node in graph.node} == {"MatMul", "Reshape", "If"}
    assert all(node.metadata_props for node in graph.node if node.op_type != "Reshape")
    before = {tensor.name: tensor for tensor in model.proto.graph.initializer}
    assert next(tensor for tensor in graph.initializer if tensor.name == "wide") == before["wide"]
    assert graph.input == model.proto.graph.input and graph.output == model.proto.graph.output
    assert after.notes[0].startswith("6 nodes became 3")
    feeds = {"x": np.random.default_rng(1).random((2, 64), np.float32), "c": np.array(True)}
    expected = outputs(model, tmp_path, feeds)
    for name, found in outputs(after.model, tmp_path, feeds).items():
        assert np.allclose(expected[name], found, atol=1e-5)


@pytest.mark.parametrize("sample", sample_names())
def test_samples_keep_their_numbers(sample: str, tool: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    try:
        after = edited(model, Simplify(tool=tool)).model  # type: ignore[arg-type]
    except EditError as error:
        assert f"{tool} cannot simplify the model" in str(error)
        return
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    before = outputs(model, tmp_path, feeds)
    for name, found in outputs(after, tmp_path, feeds).items():
        assert np.allclose(before[name], found, rtol=1e-3, atol=1e-4, equal_nan=True)


def test_a_tool_that_is_not_there_is_named(parsed: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphdebug.edit.simplifying.find_spec", lambda _: None)
    with pytest.raises(EditError, match="onnxslim is not installed: pip install onnxslim"):
        edited(parsed(TEXT.replace("wide", "x").replace("ax)", "four)")), Simplify(tool="onnxslim"))


def test_what_is_for_training_is_not_simplified(parsed: Opened) -> None:
    model = parsed(TEXT.replace("wide", "x").replace("ax)", "four)"))
    model.proto.training_info.add()
    with pytest.raises(EditError, match="train"):
        edited(model, Simplify())
