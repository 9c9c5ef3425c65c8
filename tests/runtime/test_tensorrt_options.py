"""What a SPEC asks of TensorRT, the file that its parser gets, and what its layers tell."""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from graphdebug.model.document import open_model
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime import tensorrt_cache
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.tensorrt_layers import check_types, layer_types
from graphdebug.runtime.tensorrt_model import rewritten, stored_types, write_for_parser
from graphdebug.runtime.tensorrt_options import asked, plan, profile, request, unknown_inputs, version_of
from graphdebug.runtime.tensorrt_words import complaints, refusal
from tests.runtime import small_models as models

INPUTS = (
    ValueInfo("image:0", ValueType("float", ("batch", 3, "h", "w"))),
    ValueInfo("a+b", ValueType("int64", (1, "length"))),
    ValueInfo("scalar", ValueType("float", ())),
)


def test_shapes_are_read_by_input_whatever_it_is_called() -> None:
    wanted = asked(parse_spec("tensorrt:min=image:0:1x3x8x8+a+b:1x1,shapes=image:0:2x3x8x8,max=a+b:1x128"))
    assert profile(wanted, INPUTS) == {
        "image:0": ((1, 3, 8, 8), (2, 3, 8, 8), (2, 3, 8, 8)),
        "a+b": ((1, 1), (1, 128), (1, 128)),
        "scalar": ((), (), ()),
    }
    how = plan(wanted, (10, 16), frozenset({"float"}))
    made = request(wanted, how, profile(wanted, INPUTS), ["image:0", "a+b"], False)
    assert made["profiles"] == [
        {"image:0": [[1, 3, 8, 8], [2, 3, 8, 8], [2, 3, 8, 8]], "a+b": [[1, 1], [1, 128], [1, 128]]}
    ]
    assert json.loads(json.dumps(made)) == made
    assert unknown_inputs(asked(parse_spec("tensorrt:shapes=nobody:1x2")), INPUTS) == ["nobody"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("shapes=image:0:1x4x8x8", "'image:0' is batchx3xhxw in the model, which the shape 1x4x8x8"),
        ("shapes=image:0:1x3x8", "does not fit"),
        ("min=a+b:1x9,max=a+b:1x2", r"do not rise from min \(1x9\)"),
        ("shapes=3x224", "'3x224' is none"),
        ("workspace=much", "workspace of tensorrt must be a whole number, not 'much'"),
        ("level=9", "from 0 to 5, not 9"),
        ("device=-1", "whole number, not '-1'"),
    ],
)
def test_what_does_not_fit_is_named(text: str, sentence: str) -> None:
    with pytest.raises(BackendError, match=sentence):
        profile(asked(parse_spec(f"tensorrt:{text}")), INPUTS)


def test_versions_and_what_they_make_of_a_precision() -> None:
    assert version_of("10.16.1.11") == (10, 16) and version_of("8.6.1") == (8, 6)
    with pytest.raises(BackendError, match=r"8\.5\.3\.1 is too old"):
        version_of("8.5.3.1")
    plain = frozenset({"float", "int64"})
    quantized = plain | {"int8"}
    int8, fp8, stored = (asked(parse_spec(f"tensorrt:precision={name}")) for name in ("int8", "fp8", "stored"))
    assert plan(int8, (10, 0), plain).calibrate and not plan(int8, (10, 0), quantized).calibrate
    assert plan(int8, (11, 0), plain).rewrite == "int8" and plan(int8, (11, 0), quantized).rewrite == ""
    assert plan(int8, (11, 0), quantized).type == "int8"
    assert plan(fp8, (10, 8), plain).rewrite == "float8e4m3fn" and plan(fp8, (10, 8), plain).flags["FP8"]
    assert plan(stored, (10, 8), plain).network == ("STRONGLY_TYPED",) and plan(stored, (11, 2), plain).network == ()


def test_weights_stay_where_they_lie_in_words_that_the_parser_knows(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    out = tmp_path / "out"
    out.mkdir()
    weight = next(tensor for tensor in model.proto.graph.initializer if tensor.name == "w")
    weight.external_data.add(key="checksum", value="?")
    file = write_for_parser(model, model.proto, out)
    made = onnx.load(file.onnx, load_external_data=False)
    said = {entry.key: entry.value for tensor in made.graph.initializer for entry in tensor.external_data}
    assert set(said) == {"location", "offset", "length"} and said["location"] == "m.onnx"
    assert file.beside.parent == tmp_path and file.onnx.stat().st_size < 1000
    offset, length = int(said["offset"]), int(said["length"])
    data = np.frombuffer((tmp_path / "m.onnx").read_bytes()[offset : offset + length], np.float32)
    assert np.array_equal(data.reshape(64, 64), np.random.default_rng(0).standard_normal((64, 64), np.float32))
    again = write_for_parser(model, model.proto, out)
    assert again.digest == file.digest
    changed = bytearray((tmp_path / "m.onnx").read_bytes())
    changed[offset] ^= 1
    (tmp_path / "m.onnx").write_bytes(changed)
    assert write_for_parser(model, model.proto, out).digest != file.digest


def test_doubles_and_values_of_edits_have_the_model_written_whole(tmp_path: Path) -> None:
    values, out = tmp_path / "values", tmp_path / "out"
    for folder in (values, out):
        folder.mkdir()
    large = np.arange(1024, dtype=np.float64)
    path = models.write(
        tmp_path / "d.onnx",
        [helper.make_node("Add", ["x", "w"], ["y"])],
        [models.value("x", TensorProto.DOUBLE, (1024,))],
        [models.value("y", TensorProto.DOUBLE, (1024,))],
        {"w": large},
    )
    file = write_for_parser(open_model(path), open_model(path).proto, out)
    assert file.beside.parent == file.onnx.parent == out
    assert np.array_equal(onnx.numpy_helper.to_array(onnx.load(file.onnx).graph.initializer[0]), large)
    model = replace(open_model(models.chain(tmp_path / "m.onnx")), values=values)
    half = rewritten(model, "float16", tmp_path, [])
    whole = onnx.load(write_for_parser(half, half.proto, out).onnx)
    assert {tensor.data_type for tensor in whole.graph.initializer} == {TensorProto.FLOAT16}
    assert whole.graph.input[0].type.tensor_type.elem_type == TensorProto.FLOAT


def test_what_is_not_there_is_said_before_tensorrt_is_asked(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    os.truncate(tmp_path / "m.onnx", 200)
    with pytest.raises(BackendError, match=r"cannot be given the model: .*the file has only 200 bytes"):
        write_for_parser(model, model.proto, tmp_path)


@pytest.mark.parametrize(("to", "opset"), [("int8", 19), ("float8e4m3fn", 19), ("float8e4m3fn", 17)])
def test_quantized_models_have_symmetric_q_dq_and_agree_about(to: str, opset: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["product"]), helper.make_node("Add", ["product", "b"], ["y"])]
    weights = {"w": rng.standard_normal((64, 32), np.float32), "b": rng.standard_normal(32, np.float32)}
    ends = [models.value("x", shape=(4, 64)), models.value("y", shape=(4, 32))]
    model = open_model(models.write(tmp_path / "m.onnx", nodes, ends[:1], ends[1:], weights, opset))
    batches = [{"x": rng.standard_normal((4, 64), np.float32)} for _ in range(4)]
    if to != "int8" and opset < 19:
        with pytest.raises(BackendError, match="operator set 17 has no fp8: convert it to 19"):
            rewritten(model, to, tmp_path, batches)
        return
    made = rewritten(model, to, tmp_path, batches)
    assert to in stored_types(made) and "int32" not in stored_types(made)
    initializers = made.graphs[MAIN_GRAPH].initializers
    zeros = [tensor for name, tensor in initializers.items() if "zero_point" in name]
    assert zeros and all(not np.any(onnx.numpy_helper.to_array(tensor).astype(np.float32)) for tensor in zeros)
    x = batches[0]["x"]
    found = onnx.reference.ReferenceEvaluator(onnx.load(made.path)).run(None, {"x": x})[0]
    exact = x @ weights["w"] + weights["b"]
    assert np.sqrt(np.mean((found - exact) ** 2)) < 0.06 * np.sqrt(np.mean(exact**2))


LAYERS = {
    "Layers": [
        {
            "Name": "conv",
            "LayerType": "CaskConvolution",
            "Inputs": [{"Name": "x", "Dimensions": [1], "Format/Datatype": "Row major linear FP32"}],
            "Outputs": [{"Name": "c", "Dimensions": [1], "Format/Datatype": "Channel major FP16 format"}],
        },
        {
            "Name": "shape",
            "LayerType": "Shape",
            "Inputs": [],
            "Outputs": [{"Name": "s", "Dimensions": [1], "Format/Datatype": "Int64"}],
        },
        {
            "Name": "back",
            "LayerType": "Reformat",
            "Inputs": [{"Name": "c", "Dimensions": [1], "Format/Datatype": "Channel major FP16 format"}],
            "Outputs": [{"Name": "y", "Dimensions": [1], "Format/Datatype": "Row major linear FP32"}],
        },
        {
            "Name": "add",
            "LayerType": "PointWise",
            "Inputs": [{"Name": "y", "Dimensions": [1], "Format/Datatype": "Row major linear FP32"}],
            "Outputs": [{"Name": "z", "Dimensions": [1], "Format/Datatype": "Row major linear FP32"}],
        },
    ],
    "Bindings": ["x", "z"],
}


def test_layers_are_counted_by_the_narrowest_type_and_held_against_the_request() -> None:
    found = layer_types(json.dumps(LAYERS))
    assert found == {"float16": 2, "float": 1}
    plain = frozenset({"float"})
    check_types("fp16", "float16", found, plain, "10.0")
    with pytest.raises(BackendError, match="runs layers in lower precision than fp32: fp16 2, fp32 1"):
        check_types("fp32", "", found, plain, "10.0")
    check_types("fp32", "", found, plain | {"float16"}, "10.0")
    with pytest.raises(BackendError, match="no layer in int8"):
        check_types("int8", "int8", found, plain, "10.0")
    with pytest.raises(BackendError, match="cannot be read back"):
        layer_types(json.dumps({"Layers": ["conv"]}))


def test_a_complaint_is_put_at_the_node_that_it_names_else_at_its_position(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    told = [
        {"message": "no", "node": 0, "name": "Add_1", "op": "Add", "functions": []},
        {"message": "inside", "node": 7, "name": "inner", "op": "Sin", "functions": ["Relu_2"]},
        {"message": "by place", "node": 0},
        {"message": "nowhere", "node": -1},
        {"message": "nowhere", "node": -1},
    ]
    found = complaints(model, told)
    assert [(each.node, each.name, each.op) for each in found] == [
        (1, "Add_1", "Add"),
        (2, "Relu_2", "Relu"),
        (0, "MatMul_0", "MatMul"),
        (None, "", ""),
    ]
    assert refusal(model, told, "10.0") == (
        "TensorRT 10.0 cannot read the model at Add_1 (Add): no. 3 more complaints follow."
    )
    assert refusal(model, [], "8.6") == "TensorRT 8.6 cannot read the model and gives no reason."


def test_engines_that_were_not_used_for_longest_go_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old")):
        path = tensorrt_cache.place(tmp_path, name)
        path.write_bytes(b"0" * 100)
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    assert tensorrt_cache.find(tmp_path, "old") and tensorrt_cache.find(tmp_path, "none") is None
    tensorrt_cache.prune(tmp_path, 250)
    assert {path.stem for path in tmp_path.iterdir()} == {"old", "new"}
