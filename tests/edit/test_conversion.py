"""Other operator sets and inferred shapes: what changes, what stays to the byte, and the numbers before and after."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

from graphdebug.edit.constant_folding import FoldConstants
from graphdebug.edit.conversion import ConvertOpset
from graphdebug.edit.errors import EditError
from graphdebug.edit.job import APPLY_JOB, SPLICES_FILE, ApplyRequest, ApplyResult, EditStep
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.operations import encode
from graphdebug.edit.precision import ConvertFloat
from graphdebug.edit.shape_writing import WriteShapes
from graphdebug.edit.simplifying import Simplify
from graphdebug.edit.splice import Splice
from graphdebug.edit.undoing import done
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.model.value_types import declared_types
from graphdebug.runtime.process import run_in_worker
from tests.edit.running import outputs, sample_names, serialised, tried

Opened = Callable[[str], Model]
X = {"x": np.float32([[1, -2, 3, -4]])}
OLD = """<ir_version: 8, opset_import: ["": 11, "f": 1]> old (bool c, float[1, 4] x) => (float[1, 2] y, float[1, 2] z) {
    a = Mul (x, w)
    _v_5 = Neg (a)
    s1, s2 = Split <axis: int = 1> (_v_5)
    y = If (c) < then_branch = t () => (float[1, 2] p)
            { r = Unsqueeze <axes = [0]> (s1)  p = Squeeze <axes = [0]> (r) },
        else_branch = e () => (float[1, 2] q) { q = Neg (s1) } >
    z = f.G (s2)
    }
    <domain: "f", opset_import: ["": 11]> G (g) => (h)
        { i = Unsqueeze <axes = [0]> (g)  h = Squeeze <axes = [0]> (i) }"""


def old_model(parsed: Opened, tmp_path: Path) -> Model:
    """Return a model with a weight too large to be given to the converter, and with what the converter drops."""
    proto = parsed(OLD).proto
    graph = proto.graph
    graph.initializer.append(onnx.numpy_helper.from_array(np.full((2048, 4), 2, np.float32), "wide"))
    graph.node.insert(0, onnx.helper.make_node("ReduceMax", ["wide"], ["w"], axes=[0], keepdims=0))
    for node in (graph.node[0], graph.node[1], graph.node[3], graph.node[4].attribute[0].g.node[0]):
        node.metadata_props.add(key="scope", value="kept")
        node.doc_string = "kept"
    graph.quantization_annotation.add(tensor_name="a")
    path = tmp_path / "old.onnx"
    onnx.save(proto, path)
    return open_model(path)


@pytest.mark.parametrize("version", [13, 21])
def test_what_changes_is_converted_and_the_rest_stays(version: int, parsed: Opened, tmp_path: Path) -> None:
    model = old_model(parsed, tmp_path)
    after = tried(model, ConvertOpset(version=version))
    proto = after.model.proto
    assert [each.version for each in proto.opset_import] == [version, 1]
    assert proto.functions[0].opset_import[0].version == version
    assert serialised(after.model).count(b"kept") == serialised(model).count(b"kept")
    assert proto.graph.initializer[0] == model.proto.graph.initializer[0]
    assert proto.graph.initializer[0].data_location == onnx.TensorProto.EXTERNAL
    assert proto.graph.quantization_annotation == model.proto.graph.quantization_annotation
    assert next(node for node in proto.graph.node if node.op_type == "Mul") == model.proto.graph.node[1]
    made = [name for index in after.model.graphs.values() for node in index.nodes for name in node.output]
    assert len(made) == len(set(made))
    for chosen in (True, False):
        feeds = X | {"c": np.array(chosen)}
        before, now = outputs(model, tmp_path, feeds), outputs(after.model, tmp_path, feeds)
        assert all(np.array_equal(before[name], now[name]) for name in before)
    onnx.checker.check_model(tmp_path / "edited.onnx")


@pytest.mark.parametrize("sample", sample_names())
def test_samples_keep_their_numbers(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    old = next(each.version for each in model.proto.opset_import if not each.domain)
    after = edited(model, ConvertOpset(version=old + 1 if old < 22 else 21)).model
    before = outputs(model, tmp_path)
    for name, found in outputs(after, tmp_path).items():
        assert np.allclose(before[name], found, rtol=1e-4, atol=1e-4, equal_nan=True)


def test_where_no_operator_changed_only_the_version_does(parsed: Opened) -> None:
    model = parsed('<ir_version: 8, opset_import: ["": 14]> m (float x) => (float y) { y = Add (x, x) }')
    after = tried(model, ConvertOpset(version=15))
    assert [splice.field for splice in after.splices] == ["opset_import"]
    assert after.notes == ("No operator changed.",)


@pytest.mark.parametrize(
    ("version", "sentence"),
    [(99, "no operator set 99: give one from 1 to"), (11, "uses operator set 11 already"), (0, "no operator set 0")],
)
def test_what_makes_no_sense_is_refused(version: int, sentence: str, parsed: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(parsed(OLD), ConvertOpset(version=version))


def test_what_onnx_cannot_convert_is_said_with_its_reason(parsed: Opened) -> None:
    text = '<ir_version: 9, opset_import: ["": 20]> m (float[2, 2] x) => (float[2, 2] y) { y = Gelu (x) }'
    with pytest.raises(EditError, match=r"onnx cannot convert the model to operator set 13: .*Gelu"):
        edited(parsed(text), ConvertOpset(version=13))


def test_a_function_that_takes_attributes_stays(parsed: Opened) -> None:
    text = """<ir_version: 8, opset_import: ["": 11, "f": 1]> m (float[1, 2] x) => (float[2] y)
        { y = f.G <a = [0]> (x) }
        <domain: "f", opset_import: ["": 11]> G <a> (g) => (h) { h = Squeeze <axes: ints = @a> (g) }"""
    after = tried(parsed(text), ConvertOpset(version=13))
    assert after.notes[0] == "Function 'G' stays at operator set 11: its nodes take attributes of the call."
    assert [each.opset_import[0].version for each in (after.model.proto, after.model.proto.functions[0])] == [13, 11]


def test_inferred_shapes_are_written(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        OLD.replace("w)", "x)").replace("float[1, 2] q)", "float[1, M] q)").replace("float[1, 2] y", "float y")
    )
    model.proto.graph.output[0].type.tensor_type.ClearField("shape")
    after = tried(Model(model.proto, model.path), WriteShapes())
    declared = declared_types(after.model.proto.graph)
    assert declared["a"].shape == (1, 4) and declared["s1"].shape == (1, 2) and declared["y"].shape is not None
    inner = declared_types(after.model.graphs["3.then_branch"].proto)
    assert inner["r"].shape == (1, 1, 2)
    assert after.notes[0].startswith("5 values got a type")
    assert tried(after.model, WriteShapes()).notes == ("0 values got a type, 0 a more exact one.",)


@pytest.mark.parametrize(
    "operation",
    [
        ConvertOpset(version=21),
        WriteShapes(),
        FoldConstants(),
        ConvertFloat(),
        pytest.param(Simplify(), marks=pytest.mark.skipif(not find_spec("onnxsim"), reason="onnxsim is optional")),
    ],
)
def test_a_worker_does_it_and_leaves_the_splices(operation: Operation, samples: Path, tmp_path: Path) -> None:
    path = samples / "conv_bn_leakyrelu.onnx"
    request = ApplyRequest(ModelLocation(str(path)), (encode(operation),))
    result = run_in_worker(APPLY_JOB, request, tmp_path, ApplyResult)
    splices = msgspec.msgpack.decode((tmp_path / SPLICES_FILE).read_bytes(), type=tuple[tuple[Splice, ...], ...])
    model = open_model(path)
    expected = edited(model, operation)
    assert result.steps == (EditStep(operation.title, expected.notes),)
    assert serialised(done(model, splices[0])) == serialised(expected.model)
