"""Initializers: their values, their types, what gives them, and those that are there twice or for nothing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.edit.constants import (
    ConstantToInitializer,
    InitializerToConstant,
    InitializerToInput,
    InputToInitializer,
)
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import CastInitializer, SetValues
from graphdebug.edit.layouts import ReverseChannels
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.pruning import DropUnused, ShareDuplicates
from graphdebug.edit.targets import NodeTarget, ValueTarget
from graphdebug.model.document import Model, open_model
from graphdebug.model.save import save
from graphdebug.model.tensors import read_tensor
from graphdebug.runtime.feeds import FeedSpec, make_feeds, suggest
from graphdebug.runtime.taps import model_inputs
from tests.edit.running import outputs, sample_names, serialised, tried

Opened = Callable[[str], Model]
SUM = """<ir_version: 9, opset_import: ["": 20]> sum (float[N, 2] x) => (float[N, 2] y)
    <float[2] b = {1, 2}, int64[1] n = {7}> { y = Add (x, b) }"""
X = {"x": np.float32([[10, 20]])}


def values(model: Model, name: str, graph: str = "") -> np.ndarray:
    return read_tensor(model, model.graphs[graph].initializers[name])


@pytest.mark.parametrize(
    ("given", "reshape", "expected"),
    [
        ([3, 4.5], False, [3, 4.5]),
        (["nan", "-inf"], False, [np.nan, -np.inf]),
        ([[3], [4]], True, [[3], [4]]),
        (5, True, 5),
        ([], True, []),
    ],
)
def test_values_are_numbers(given: Any, reshape: bool, expected: Any, parsed: Opened) -> None:
    after = tried(parsed(SUM), SetValues(initializer="b", values=given, reshape=reshape)).model
    assert np.array_equal(values(after, "b"), np.float32(expected), equal_nan=True)


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (SetValues(initializer="b", values=[1, 2, 3]), "'b' is 2, the values are 3: let the shape change"),
        (SetValues(initializer="b", values=[[1], [2, 3]]), "of different lengths"),
        (SetValues(initializer="b", values=["many", 2]), "no values for 'b', which is float"),
        (SetValues(initializer="b", values=[1e39, 2]), r"1e\+39 is too large for 'b'"),
        (SetValues(initializer="b", values=[0] * 1001, reshape=True), "1,001 values of 'b' are too many"),
        (SetValues(initializer="b"), "either as numbers or by the name of a .npy file"),
        (SetValues(initializer="b", file="w.npy"), "no file 'w.npy' beside the operations"),
        (SetValues(initializer="b", file="../w.npy"), r"no file '../w.npy' beside"),
        (SetValues(initializer="n", values=[1.5]), "1.5 is no whole number"),
        (SetValues(initializer="n", values=[1 << 63]), "is not between"),
        (SetValues(initializer="x", values=[1]), "'x' is no initializer"),
        (CastInitializer(initializer="b", to="float"), "'b' is float already"),
        (CastInitializer(initializer="b", to="string"), "type string are not cast"),
        (CastInitializer(initializer="b", to="f32"), "no element type 'f32'"),
        (ConstantToInitializer(node="Add_0"), "'Add_0' is no Constant"),
        (InputToInitializer(input="b", values=[1, 2]), "'b' is no input"),
        (InputToInitializer(input="x", values=[1, 2, 3]), r"'x' is N×2, which \[3\] is not"),
        (InputToInitializer(input="x"), "Say the values of 'x'"),
    ],
)
def test_what_makes_no_sense_is_refused(operation: Operation, sentence: str, parsed: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(parsed(SUM), operation)


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("layout", ["C", "F"])
def test_values_come_from_a_file(large: bool, layout: Any, tmp_path: Path) -> None:
    shape = (3, 200_000) if large else (3, 4)
    old = numpy_helper.from_array(np.zeros(shape, ml_dtypes.bfloat16), "w")
    old.doc_string = "kept"
    node = helper.make_node("Identity", ["w"], ["y"])
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 16, shape)], [old])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    new = np.asarray(np.random.default_rng(1).random(shape), ml_dtypes.bfloat16, order=layout)
    np.save(tmp_path / "w.npy", new)
    folder = tmp_path / "edit"
    folder.mkdir()
    model = open_model(tmp_path / "model.onnx")
    set_values = SetValues(initializer="w", file="w.npy")
    if large:
        with pytest.raises(EditError, match=r"New values of 'w' take 1.2 MB, and there is no folder for them"):
            edited(model, set_values, files=tmp_path)
    after = tried(replace(model, values=folder), set_values, tmp_path)
    assert len(list(folder.iterdir())) == large
    assert sum(len(value) for each in after.splices for value in (*each.added, *each.removed)) < 4096
    assert np.array_equal(values(after.model, "w"), new)
    save(after.model, tmp_path / "saved.onnx")
    saved = onnx.load(tmp_path / "saved.onnx", load_external_data=False).graph.initializer[0]
    assert np.array_equal(numpy_helper.to_array(saved), new) and saved.doc_string == "kept"
    assert not saved.external_data


def test_a_file_must_be_one_plain_array_of_the_type(parsed: Opened, tmp_path: Path) -> None:
    np.save(tmp_path / "wide.npy", np.zeros(2))
    np.save(tmp_path / "objects.npy", np.array([1, "a"], object), allow_pickle=True)
    np.savez(tmp_path / "several.npy", a=np.zeros(2))
    (tmp_path / "several.npy.npz").rename(tmp_path / "several.npy")
    (tmp_path / "short.npy").write_bytes(b"\x93NUMPY\x01\0\x10")
    np.save(tmp_path / "swapped.npy", np.array([3, 4], ">f4"))
    for name, sentence in {
        "wide": "holds float64 and 'b' is float",
        "objects": "is no .npy file",
        "several": "holds several arrays",
        "short": "is no .npy file",
    }.items():
        with pytest.raises(EditError, match=sentence):
            edited(parsed(SUM), SetValues(initializer="b", file=f"{name}.npy"), files=tmp_path)
    swapped = tried(parsed(SUM), SetValues(initializer="b", file="swapped.npy"), tmp_path).model
    assert values(swapped, "b").tolist() == [3, 4]


@pytest.mark.parametrize(
    ("numbers", "to", "expected", "said"),
    [
        ([1, 70000.0, 0.1], "float16", [1, np.inf, np.float16(0.1)], "of 3 values 1 out of its range and 1 rounded"),
        ([1, -2.5, 300], "uint8", None, "of 3 values 2 out of its range"),
        ([1, 2.5, np.nan], "int4", None, "of 3 values 1 out of its range and 1 rounded"),
        ([1, 2, np.nan], "bfloat16", [1, 2, np.nan], ""),
        ([1, -2, 3], "int64", [1, -2, 3], ""),
    ],
)
def test_a_cast_tells_what_it_loses(
    numbers: list[float], to: str, expected: Any, said: str, opened: Opened, tmp_path: Path
) -> None:
    node = helper.make_node("Identity", ["w"], ["y"])
    weights = numpy_helper.from_array(np.float32(numbers), "w")
    graph = helper.make_graph([node], "g", [], [helper.make_tensor_value_info("y", 1, [3])], [weights])
    onnx.save(helper.make_model(graph), tmp_path / "model.onnx")
    after = tried(open_model(tmp_path / "model.onnx"), CastInitializer(initializer="w", to=to))
    assert " ".join(after.notes) == (f"'w' as {to}: {said}." if said else "")
    if expected is not None:
        found = values(after.model, "w")
        assert np.array_equal(found.astype(np.float64), np.float64(expected), equal_nan=True)


@pytest.mark.parametrize("sample", sample_names())
def test_whatever_gives_a_constant_gives_the_same_numbers(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    expected = outputs(model, tmp_path, feeds)
    for name in list(model.graphs[""].initializers)[:2]:
        as_node = tried(model, InitializerToConstant(initializer=name)).model
        back = tried(as_node, ConstantToInitializer(node=as_node.graphs[""].names[0])).model
        assert sorted(map(str, back.proto.graph.initializer)) == sorted(map(str, model.proto.graph.initializer))
        as_default = tried(model, InitializerToInput(initializer=name, keep=True)).model
        as_input = tried(as_default, InitializerToInput(initializer=name)).model
        assert name in as_input.graphs[""].inputs and name not in as_input.graphs[""].initializers
        fixed = tried(as_default, InputToInitializer(input=name)).model
        assert serialised(fixed) == serialised(model)
        for after in (as_node, back, as_default):
            found = outputs(after, tmp_path, feeds)
            assert all(np.allclose(found[key], expected[key], rtol=1e-5, atol=1e-5, equal_nan=True) for key in expected)


def test_values_in_a_branch(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> inner (bool c, float[2] x) => (float[2] y) {
            y = If (c) < then_branch = t () => (float[2] a) <float[2] k = {3, 4}> { a = Add (x, k) },
                         else_branch = e () => (float[2] b) { b = Neg (x) } >
        }"""
    )
    feeds = {"c": np.array(True), "x": np.float32([1, 2])}
    inner = ValueTarget("k", graph="0.then_branch")
    after = tried(model, SetValues(initializer=inner, values=[5, 6])).model
    assert outputs(after, tmp_path, feeds)["y"].tolist() == [6, 8]
    as_node = tried(after, InitializerToConstant(initializer=inner)).model
    assert outputs(as_node, tmp_path, feeds)["y"].tolist() == [6, 8]
    scalar = tried(model, SetValues(initializer=inner, values=7, reshape=True)).model
    assert outputs(scalar, tmp_path, feeds)["y"].tolist() == [8, 9]


def test_an_input_is_fixed(parsed: Opened, tmp_path: Path) -> None:
    after = tried(parsed(SUM), InputToInitializer(input="x", values=[[1, 2], [3, 4]])).model
    assert outputs(after, tmp_path, {})["y"].tolist() == [[2, 4], [4, 6]]


def test_constants_of_every_kind_and_place(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20, "f": 1]> kinds (bool c, float[N] x) => (float[N] y, float[2] z) {
            one = Constant <value_float = 1.0> ()
            both = Constant <value_floats = [1.0, 2.0]> ()
            z = Identity (both)
            y = If (c) <
                then_branch = t () => (float[N] a) { k = Constant <value = float {3.0}> ()  a = Add (x, k) },
                else_branch = e () => (float[N] b) { b = f.Half <by = 0.5> (x) }
            >
        }
        <domain: "f", opset_import: ["": 20]> Half <by> (x) => (h) { k = Constant <value_float: float = @by> ()
            h = Mul (x, k) }"""
    )
    feeds = {"c": np.array(True), "x": np.float32([1, 2])}
    after = model
    for name in ("Constant_0", "Constant_0"):
        after = tried(after, ConstantToInitializer(node=name)).model
    inner = NodeTarget("Constant_0", graph="1.then_branch")
    after = tried(after, ConstantToInitializer(node=inner)).model
    assert list(after.graphs["1.then_branch"].initializers) == ["k"]
    assert outputs(after, tmp_path, feeds)["y"].tolist() == [4, 5]
    with pytest.raises(EditError, match="functions have no initializers"):
        edited(model, ConstantToInitializer(node=NodeTarget("Constant_0", graph="fn:f:Half:")))
    with pytest.raises(EditError, match="'k' is not of the main graph"):
        edited(after, InitializerToInput(initializer=ValueTarget("k", graph="1.then_branch")))


def test_before_ir_version_4_an_initializer_is_an_input_too(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 3, opset_import: ["": 7]> old (float[2] x) => (float[2] y)
        { k = Constant <value = float[2] {1, 2}> ()  y = Add (x, k) }"""
    )
    after = tried(model, ConstantToInitializer(node="Constant_0")).model
    onnx.checker.check_model(after.proto)
    assert outputs(after, tmp_path, {"x": np.float32([1, 1])})["y"].tolist() == [2, 3]
    for operation in (InitializerToConstant(initializer="k"), InputToInitializer(input="k", values=[3, 4])):
        onnx.checker.check_model(tried(after, operation).model.proto)
    onnx.checker.check_model(tried(model, ReverseChannels(input="x", axis=0)).model.proto)


def test_equal_initializers_are_joined_and_unused_ones_dropped(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> twice (bool c, float[2] x) => (float[2] y, float[2] out)
        <float[2] a = {1, 2}, float[2] b = {1, 2}, float[1, 2] other = {1, 2}, float[2] out = {1, 2},
         float[2] unused = {1, 2}, float[2] gone> {
            u = Add (x, a)
            v = Mul (u, b)
            y = If (c) < then_branch = t () => (float[2] p) { p = Add (v, b) },
                         else_branch = e () => (float[2] q) <float[2] d = {5, 6}, float[2] dd = {5, 6}> {
                             s = Sub (v, d)
                             q = Add (s, dd)
                         } >
        }"""
    )
    feeds = {"c": np.array(True), "x": np.float32([3, 4])}
    expected = outputs(model, tmp_path, feeds)
    dropped = tried(model, DropUnused())
    assert dropped.notes == ("2 initializers and 1 declared type went.",)
    assert list(dropped.model.graphs[""].initializers) == ["a", "b", "out"]
    shared = tried(dropped.model, ShareDuplicates())
    assert shared.notes == ("2 initializers went, 16 B less.",)
    assert list(shared.model.graphs[""].initializers) == ["a", "out"]
    assert tried(shared.model, ShareDuplicates()).notes == ("No two are equal.",)
    assert tried(shared.model, DropUnused()).notes == ("Nothing is unused.",)
    found = outputs(shared.model, tmp_path, feeds)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_what_annotations_and_training_name_stays(parsed: Opened) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> named (float[1] x) => (float[1] y)
        <float[1] scale = {1}, float[1] rate = {1}, float[1] step = {1}> { y = Neg (x) }"""
    )
    annotation = model.proto.graph.quantization_annotation.add(tensor_name="x")
    annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="scale")
    info = model.proto.training_info.add()
    info.algorithm.node.append(helper.make_node("Neg", ["rate"], ["down"]))
    info.update_binding.add(key="step", value="down")
    assert tried(model, DropUnused()).notes == ("Nothing is unused.",)
    assert tried(model, ShareDuplicates()).notes == ("No two are equal.",)


def test_an_initializer_that_a_branch_would_take_for_its_own_is_not_joined(parsed: Opened) -> None:
    model = parsed(
        """<ir_version: 9, opset_import: ["": 20]> hidden (bool c, float[2] x) => (float[2] y)
        <float[2] a = {1, 2}, float[2] b = {1, 2}> {
            u = Add (x, a)
            y = If (c) < then_branch = t () => (float[2] p) <float[2] a = {7, 7}> { w = Add (a, b)  p = Add (w, u) },
                         else_branch = e () => (float[2] q) { q = Neg (u) } >
        }"""
    )
    assert tried(model, ShareDuplicates()).notes == ("No two are equal.",)
