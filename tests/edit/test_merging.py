"""One model behind another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from graphdebug.edit.errors import EditError
from graphdebug.edit.merging import MergeModel
from graphdebug.edit.operation import edited
from graphdebug.model.document import Model
from tests.edit.running import outputs, tried

Opened = Callable[[str], Model]
HEAD = '<ir_version: 9, opset_import: ["": 20]>'


def test_two_lines_make_a_line(opened: Opened, samples: Path, tmp_path: Path) -> None:
    model = opened("line.onnx")
    x = np.float32([1, 2, 3])
    once = outputs(model, tmp_path, {"x": x})["y"]
    merged = tried(model, MergeModel(file="line.onnx", connect={"y": "x"}), files=samples).model
    twice = outputs(merged, tmp_path, {"x": x})
    assert list(twice) == ["y_1"]
    assert np.allclose(twice["y_1"], outputs(model, tmp_path, {"x": once})["y"])
    both = tried(model, MergeModel(file="line.onnx", connect={"y": "x"}, prefix="b/", keep_outputs=True), files=samples)
    assert list(outputs(both.model, tmp_path, {"x": x})) == ["y", "b/y"]
    apart = tried(model, MergeModel(file="line.onnx", connect={}), files=samples).model
    assert apart.graphs[""].inputs == ["x", "x_1"]
    assert list(outputs(apart, tmp_path, {"x": x, "x_1": x})) == ["y", "y_1"]


def test_bodies_and_functions_come_along(opened: Opened, samples: Path, tmp_path: Path) -> None:
    model = opened("if_captures.onnx")
    merged = tried(model, MergeModel(file="if_captures.onnx", connect={"y": "x"}), files=samples).model
    first = outputs(model, tmp_path, {"x": np.float32([0.5])})["y"]
    assert np.allclose(
        outputs(merged, tmp_path, {"x": np.float32([0.5])})["y_1"], outputs(model, tmp_path, {"x": first})["y"]
    )
    gated = opened("local_function.onnx")
    again = tried(gated, MergeModel(file="local_function.onnx", connect={}), files=samples).model
    assert len(again.proto.functions) == 1
    found = outputs(again, tmp_path, {name: np.ones((1, 8), np.float32) for name in again.graphs[""].inputs})
    assert np.array_equal(found["y"], found["y_1"])


@pytest.mark.parametrize("beside", [False, True])
def test_large_values_go_to_the_folder_of_the_edit(beside: bool, parsed: Opened, tmp_path: Path) -> None:
    weights = np.arange(1 << 19, dtype=np.float32)
    other = onnx.parser.parse_model(f"{HEAD} g (float[1] a) => (float[N] y) {{ y = Add (a, w) }}")
    other.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    files, values = tmp_path / "files", tmp_path / "values"
    files.mkdir()
    values.mkdir()
    onnx.save(other, files / "large.onnx", save_as_external_data=beside, location="large.data")
    model = parsed(f"{HEAD} g (float[1] x) => (float[1] y) {{ y = Neg (x) }}")
    merge = MergeModel(file="large.onnx", connect={"y": "a"})
    with pytest.raises(EditError, match="no folder"):
        edited(model, merge, files=files)
    merged = tried(replace(model, values=values), merge, files=files).model
    assert merged.proto.ByteSize() < 1000
    assert len(list(values.iterdir())) == 1
    assert np.array_equal(outputs(merged, tmp_path, {"x": np.float32([1])})["y_1"], weights - 1)


@pytest.mark.parametrize(
    ("text", "connect", "sentence"),
    [
        ("(float[1] a) => (float[1] y) { y = Neg (a) }", {"q": "a"}, "'q' is no output of this model"),
        ("(float[1] a) => (float[1] y) { y = Neg (a) }", {"y": "b"}, "'b' is no input of 'other.onnx'"),
        (
            "(int64[1] a) => (int64[1] y) { y = Neg (a) }",
            {"y": "a"},
            "'y' cannot feed 'a': it is float 1 and not int64 1",
        ),
        ("(float[1] a) => (float[1] y) { y = Neg (a) }", {"y": "a", "z": "a"}, "fed by one output only"),
    ],
)
def test_what_does_not_fit_is_refused(
    text: str, connect: dict[str, str], sentence: str, parsed: Opened, tmp_path: Path
) -> None:
    model = parsed(f"{HEAD} g (float[1] x) => (float[1] y, float[1] z) {{ y = Neg (x)  z = Abs (x) }}")
    onnx.save(onnx.parser.parse_model(f"{HEAD} g {text}"), tmp_path / "other.onnx")
    with pytest.raises(EditError, match=sentence):
        edited(model, MergeModel(file="other.onnx", connect=connect), files=tmp_path)


def test_operators_must_mean_the_same_and_the_file_be_a_model(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(f"{HEAD} g (float[1] x) => (float[1] y) {{ y = Neg (x) }}")
    older = HEAD.replace("20", "12")
    onnx.save(onnx.parser.parse_model(f"{older} g (float[1] a) => (float[1] y) {{ y = Softmax (a) }}"), tmp_path / "o")
    with pytest.raises(EditError, match="Softmax means something else here: 'o' uses version 12 of the operator set"):
        edited(model, MergeModel(file="o", connect={"y": "a"}), files=tmp_path)
    (tmp_path / "text").write_text("no model")
    with pytest.raises(EditError, match="text"):
        edited(model, MergeModel(file="text", connect={}), files=tmp_path)
    with pytest.raises(EditError, match=r"There is no file '\.\./o'"):
        edited(model, MergeModel(file="../o", connect={}), files=tmp_path / "values")


def test_functions_of_one_name_must_be_one(opened: Opened, tmp_path: Path) -> None:
    model = opened("local_function.onnx")
    other = onnx.ModelProto()
    other.CopyFrom(model.proto)
    other.functions[0].node[2].op_type = "Tanh"
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(EditError, match="Both models have a function 'SoftGate'"):
        edited(model, MergeModel(file="other.onnx", connect={}), files=tmp_path)
