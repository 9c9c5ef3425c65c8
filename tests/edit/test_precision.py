"""Half precision: numbers within its tolerance, Casts only where it meets float32, inside bodies, too."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.precision import ConvertFloat
from graphdebug.edit.targets import ValueTarget
from graphdebug.model.document import Model, open_model
from graphdebug.model.shapes import infer
from graphdebug.model.value_types import declared_types
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import outputs, sample_names, tried

Opened = Callable[[str], Model]
TEXT = """<ir_version: 9, opset_import: ["": 20, "f": 1]> m (bool c, float[1, 1, 2, 2] x) => (float[1, 1, M, N] y,
        float[1, 1, 2, 2] z, float[1, 1, 2, 2] v, float[1, 1, 2, 2] w)
    <float[4] scales = {1, 1, 2, 2}, float[1] big = {100000.0}, float one = {1}> {
        a = Mul (x, one)
        y = Resize (a, , scales)
        b = Min (a, big)
        z = If (c) < then_branch = t () => (float[1, 1, 2, 2] p) { k = Constant <value_float = 0.5> ()
            p = Mul (b, k) }, else_branch = e () => (float[1, 1, 2, 2] q) { u = Identity (b)  q = Range1 (u) } >
        v = f.G (a)
        three = Constant <value_int = 3> ()
        yes = Constant <value = bool {1}> ()
        w = Loop (three, yes, x) < body = l (int64 i, bool d, float[1, 1, 2, 2] s) => (bool d2, float[1, 1, 2, 2] s2)
            { d2 = Identity (d)  s2 = Add (s, b) } >
    }
    <domain: "f", opset_import: ["": 20]> G (g) => (h) { o = Constant <value_float = 1.0> ()  h = Add (g, o) }"""
TEXT = TEXT.replace("Range1 (u)", "CumSum (u, ax)").replace("float one = {1}>", "float one = {1}, int64 ax = {2}>")
X = {"x": np.float32([[[[1 / 3, -7.1], [2, 5]]]])}


def kinds(model: Model, graph: str = "") -> list[str]:
    return [node.op_type for node in model.graphs[graph].nodes]


@pytest.mark.parametrize("keep_io", [True, False])
def test_what_can_be_half_is_and_the_rest_is_cast(keep_io: bool, parsed: Opened, tmp_path: Path) -> None:
    model = parsed(TEXT)
    after = tried(model, ConvertFloat(keep_io=keep_io))
    graph = after.model.proto.graph
    stored = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert stored == {"scales": 1, "big": 10, "one": 10, "ax": 7}
    assert onnx.numpy_helper.to_array(graph.initializer[1]) == np.float16(65504)
    types = declared_types(graph)
    assert {types[name].dtype for name in ("x", "y", "z", "v", "w")} == {"float" if keep_io else "float16"}
    else_branch = next(path for path in after.model.graphs if path.endswith("else_branch"))
    assert kinds(after.model, else_branch) == ["Identity", "Cast", "CumSum", "Cast"]
    then_branch = after.model.graphs[else_branch.replace("else", "then")]
    assert kinds(after.model, then_branch.path) == ["Constant", "Mul"]
    assert "1 CumSum" in after.notes[1] and "'big'" in after.notes[2]
    assert not infer(after.model).complaints
    for chosen in (True, False):
        feeds = X | {"c": np.array(chosen)}
        given = (
            feeds
            if keep_io
            else {name: each.astype(np.float16) if name == "x" else each for name, each in feeds.items()}
        )
        before, now = outputs(model, tmp_path, feeds), outputs(after.model, tmp_path, given)
        for name, expected in before.items():
            assert now[name].dtype == (np.float32 if keep_io else np.float16)
            assert np.allclose(expected, now[name], rtol=5e-3, atol=5e-3)
            assert not np.array_equal(expected, now[name])


@pytest.mark.parametrize("sample", [name for name in sample_names() if "overflow" not in name])
@pytest.mark.parametrize("keep_io", [True, False])
def test_samples_keep_their_numbers_within_half_precision(
    sample: str, keep_io: bool, opened: Opened, tmp_path: Path
) -> None:
    model = opened(sample)
    after = edited(model, ConvertFloat(keep_io=keep_io)).model
    assert not infer(after).complaints
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if "scales" in feeds:
        feeds["scales"] = np.float32([1, 1, 2, 2])
    if "steps" in feeds:
        feeds |= {"a": np.float32([1, 2, 9]), "steps": np.array(2)}
    before = outputs(model, tmp_path, feeds)
    wanted = {entry.name: entry.type.dtype for entry in model_inputs(after)}
    given = {name: each.astype(np.float16) if wanted[name] == "float16" else each for name, each in feeds.items()}
    for name, found in outputs(after, tmp_path, given).items():
        scale = float(np.abs(before[name]).max()) or 1.0
        assert np.allclose(before[name] / scale, found / scale, atol=2e-2, equal_nan=True), name


def test_what_is_to_stay_stays(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(TEXT)
    by_op = tried(model, ConvertFloat(keep_ops=("Mul", "If"))).model
    assert {tensor.name: tensor.data_type for tensor in by_op.proto.graph.initializer}["one"] == 1
    named = Editor(model).graph().names[2]
    by_node = tried(model, ConvertFloat(keep_nodes=(named,))).model
    assert {tensor.name: tensor.data_type for tensor in by_node.proto.graph.initializer}["big"] == 1
    value = ValueTarget("a")
    by_value = tried(model, ConvertFloat(keep_values=(value, "big"))).model
    assert {tensor.name: tensor.data_type for tensor in by_value.proto.graph.initializer}["big"] == 1
    for after in (by_op, by_node, by_value):
        assert not infer(after).complaints
        feeds = X | {"c": np.array(True)}
        before, now = outputs(model, tmp_path, feeds), outputs(after, tmp_path, feeds)
        assert all(np.allclose(before[name], now[name], rtol=5e-3, atol=5e-3) for name in before)


def test_bfloat16_fits_the_operators(parsed: Opened) -> None:
    text = """<ir_version: 9, opset_import: ["": 20]> m (float[2] x) => (float[2] y) <float[2] w = {1, 2}>
        { a = Mul (x, w)  b = ConstantOfShape (s)  c = Add (a, b)  y = Hardmax (c) }"""
    model = parsed(text.replace("(s)", "(n)").replace("<float[2] w", "<int64[1] n = {2}, float[2] w"))
    after = tried(model, ConvertFloat(to="bfloat16")).model
    assert [node.op_type for node in after.graphs[""].nodes] == [
        "Cast",
        "Mul",
        "ConstantOfShape",
        "Add",
        "Hardmax",
        "Cast",
    ]
    assert {tensor.name: tensor.data_type for tensor in after.proto.graph.initializer} == {"n": 7, "w": 16}
    assert not infer(after).complaints


def test_bfloat16_needs_a_newer_operator_set(parsed: Opened) -> None:
    with pytest.raises(EditError, match="operator set has no bfloat16: convert it"):
        edited(
            parsed('<ir_version: 8, opset_import: ["": 12]> m (float x) => (float y) { y = Neg (x) }'),
            ConvertFloat(to="bfloat16"),
        )


def test_what_attributes_type_stays(parsed: Opened) -> None:
    text = """<ir_version: 10, opset_import: ["": 20]> m (float[2] x, int64 n) => (float[2] y)
        { w = HannWindow <output_datatype = 1> (n)  a = Add (x, w)  y = RandomUniformLike <dtype = 1> (a) }"""
    after = tried(parsed(text), ConvertFloat()).model
    assert kinds(after) == ["Cast", "HannWindow", "Cast", "Add", "Cast", "RandomUniformLike"]
    assert not infer(after).complaints


def test_large_weights_go_to_files(parsed: Opened, tmp_path: Path) -> None:
    proto = parsed(
        '<ir_version: 9, opset_import: ["": 20]> m (float[2, 1024] x) => (float[2, 1024] y) { y = MatMul (x, w) }'
    ).proto
    weight = np.random.default_rng(0).random((1024, 1024), np.float32) / 1024
    proto.graph.initializer.append(onnx.numpy_helper.from_array(weight, "w"))
    path = tmp_path / "large.onnx"
    onnx.save(proto, path)
    (tmp_path / "values").mkdir()
    opened = open_model(path)
    model = Model(opened.proto, opened.path, values=tmp_path / "values")
    after = tried(model, ConvertFloat()).model
    assert after.proto.ByteSize() < 2000 and len(list((tmp_path / "values").iterdir())) == 1
    feeds = {"x": np.random.default_rng(1).random((2, 1024), np.float32)}
    assert np.allclose(outputs(after, tmp_path, feeds)["y"], outputs(model, tmp_path, feeds)["y"], rtol=1e-2)


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (ConvertFloat(keep_nodes=("nobody",)), "no node 'nobody'"),
        (ConvertFloat(keep_values=("nothing",)), "no value called 'nothing'"),
        (ConvertFloat(keep_ops=("Neg",)), "No float32 value"),
    ],
)
def test_what_makes_no_sense_is_refused(operation: Operation, sentence: str, parsed: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(parsed('<ir_version: 9, opset_import: ["": 20]> m (float x) => (float y) { y = Neg (x) }'), operation)
