"""The job that opens a model: what it finds, what it leaves behind, and how little it takes."""

import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.model.document import NotAModel, open_model
from graphdebug.model.opening import open_job
from graphdebug.model.records import ModelLocation, ModelRecord, OpenRequest, Severity, ValueType
from graphdebug.model.tensors import read_tensor
from tests.model.small_models import floats, model_proto


def network() -> onnx.ModelProto:
    """Return a convolution and a product, with a nested graph, a function and a custom operator behind."""
    random = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array(random.normal(size=(8, 3, 3, 3)).astype(np.float32), "conv"),
        numpy_helper.from_array(random.normal(size=(8, 500)).astype(np.float16), "half"),
        numpy_helper.from_array(np.array([0, 8], np.int64), "shape"),
    ]
    branch = model_proto([helper.make_node("Gemm", ["flat", "wide"], ["t"])], [], [floats("t", 2, 500)]).graph
    function = helper.make_function(
        "local", "F", ["i"], ["o"], [helper.make_node("Relu", ["i"], ["o"])], [helper.make_opsetid("", 17)]
    )
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c"], ["p"]),
        helper.make_node("Reshape", ["p", "shape"], ["flat"]),
        helper.make_node("Cast", ["half"], ["wide"], to=1),
        helper.make_node("MatMul", ["flat", "wide"], ["m"]),
        helper.make_node("If", ["flag"], ["z"], then_branch=branch, else_branch=branch),
        helper.make_node("F", ["m"], ["f"], domain="local"),
        helper.make_node("Mine", ["f", "z"], ["y"], domain="my.ops"),
    ]
    flag = helper.make_tensor_value_info("flag", onnx.TensorProto.BOOL, [])
    opsets = [("", 17), ("local", 1), ("my.ops", 3)]
    proto = model_proto(nodes, [floats("x", 2, 3, 16, 16), flag], [floats("y", "n", 500)], weights, [function], opsets)
    proto.producer_name, proto.producer_version = "hand", "1.0"
    proto.metadata_props.add(key="task", value="<b>none</b>")
    return proto


def opened_job(path: Path, folder: Path) -> ModelRecord:
    folder.mkdir()
    record = open_job(OpenRequest(str(path)), folder, lambda share, what: None)
    assert msgspec.json.decode(msgspec.json.encode(record), type=ModelRecord) == record
    return record


def test_a_model_at_a_glance(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network().SerializeToString())
    record = opened_job(path, tmp_path / "out")
    summary = record.summary
    assert (summary.ir_version, summary.producer, summary.graph_name) == (9, "hand 1.0", "g")
    assert summary.opsets == (("", 17), ("local", 1), ("my.ops", 3))
    assert summary.metadata == (("task", "<b>none</b>"),)
    assert [(value.name, value.type) for value in summary.inputs] == [
        ("x", ValueType("float", (2, 3, 16, 16))),
        ("flag", ValueType("bool", ())),
    ]
    assert dict(summary.ops)["Gemm"] == 2
    assert dict(summary.ops)["my.ops::Mine"] == 1
    assert summary.parameters == 216 + 4000 + 2
    assert summary.bytes_by_dtype == (("float16", 4000, 8000), ("float", 216, 864), ("int64", 2, 16))
    assert summary.macs == 2 * 8 * 256 * 27 + 2 * 2 * 8 * 500  # one of the two equal branches runs
    assert (summary.macs_unknown, summary.macs_choices, summary.macs_notes) == (0, 0, ())
    assert [info.name for info in summary.largest] == ["half", "conv", "shape"]
    assert [(info.path, info.nodes) for info in summary.graphs] == [
        ("", 8),
        ("5.else_branch", 1),
        ("5.then_branch", 1),
        ("fn:local:F:", 1),
    ]
    assert summary.custom_domains == ("my.ops",)
    assert (summary.nodes, summary.file_bytes, summary.external_bytes) == (11, path.stat().st_size, 0)
    assert record.files == ("net.onnx",)
    assert {finding.code for finding in record.findings} == {"custom-op"}


def test_what_it_leaves_opens_again_with_types_and_values(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network().SerializeToString())
    opened_job(path, tmp_path / "out")
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == ["skeleton.onnx", "types.json"]
    model = open_model(ModelLocation(str(path), str(tmp_path / "out" / "skeleton.onnx")))
    assert model.types[""]["flat"] == ValueType("float", (2, 8))
    half = model.graphs[""].initializers["half"]
    assert half.data_location == onnx.TensorProto.EXTERNAL
    assert np.array_equal(read_tensor(model, half), numpy_helper.to_array(network().graph.initializer[1]))


def test_every_model_can_be_opened_and_its_record_written(backend_models: list[Path], tmp_path: Path) -> None:
    for path in backend_models[::7]:
        record = open_job(OpenRequest(str(path)), tmp_path, lambda share, what: None)
        assert msgspec.json.decode(msgspec.json.encode(record), type=ModelRecord) == record
        again = open_model(ModelLocation(str(path), str(tmp_path / "skeleton.onnx")))
        assert record.summary.nodes == sum(len(again.graphs[graph].nodes) for graph in again.graphs)


def test_progress_goes_forward_and_shapes_can_be_left_out(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network().SerializeToString())
    shares: list[float | None] = []
    record = open_job(OpenRequest(str(path), infer_shapes=False), tmp_path, lambda share, what: shares.append(share))
    assert shares == sorted(shares, key=lambda share: share or 0.0)
    assert record.summary.macs == 0
    assert "shape-not-inferred" not in {finding.code for finding in record.findings}
    assert (tmp_path / "types.json").read_bytes() == b"{}"


def test_what_is_no_model_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("hello, this is text")
    (tmp_path / "out").mkdir()
    with pytest.raises(NotAModel):
        open_job(OpenRequest(str(tmp_path / "text.onnx")), tmp_path / "out", lambda share, what: None)
    assert list((tmp_path / "out").iterdir()) == []


def test_hostile_numbers_fit_into_the_record(tmp_path: Path) -> None:
    huge = [onnx.TensorProto(name=f"w{i}", data_type=11, dims=[2**62, 2**62], raw_data=b"1") for i in range(3)] + [
        onnx.TensorProto(name=f"v{i}", data_type=11, dims=[2**59], raw_data=b"1") for i in range(40)
    ]
    product = helper.make_node("MatMul", ["a", "b"], ["y"])
    proto = model_proto(
        [product], [floats("a", 2**60, 2**60), floats("b", 2**60, 2**60)], [floats("y", 2**60, 2**60)], huge
    )
    proto.ir_version = 2**62
    proto.opset_import[0].version = -5
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    record = opened_job(tmp_path / "m.onnx", tmp_path / "out")
    assert record.summary.macs == 2**63 - 1
    assert any(finding.severity is Severity.ERROR for finding in record.findings)


MEASURE = """
import resource, sys
from pathlib import Path
from graphdebug.model.opening import open_job
from graphdebug.model.records import OpenRequest
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
summary = open_job(OpenRequest(sys.argv[1]), Path(sys.argv[2]), lambda share, what: None).summary
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, summary.parameters, summary.external_bytes)
"""


@pytest.mark.parametrize("outside", [True, False], ids=["external data", "inside one protobuf"])
def test_gigabytes_of_weights_are_not_read(tmp_path: Path, outside: bool) -> None:
    """Three gigabytes, on a disk that holds only the holes."""
    size, count = 1 << 30, 3
    tensors = [onnx.TensorProto(name=f"w{i}", data_type=1, dims=[size // 4]) for i in range(count)]
    path = tmp_path / "m.onnx"
    if outside:
        with (tmp_path / "w.bin").open("wb") as file:
            file.truncate(size * count)
        for i, tensor in enumerate(tensors):
            tensor.data_location = onnx.TensorProto.EXTERNAL
            for key, value in {"location": "w.bin", "offset": i * size, "length": size}.items():
                tensor.external_data.add(key=key, value=str(value))
        path.write_bytes(model_proto([], [], [], tensors).SerializeToString())
    else:
        write_with_holes(path, tensors, size)
    (tmp_path / "out").mkdir()
    command = [sys.executable, "-c", MEASURE, str(path), str(tmp_path / "out")]
    added, parameters, external = map(int, subprocess.run(command, check=True, capture_output=True).stdout.split())
    assert added < 60_000  # kB
    assert parameters == size * count // 4
    assert external == (size * count if outside else 0)


def write_with_holes(path: Path, tensors: list[onnx.TensorProto], size: int) -> None:
    """Write a model whose ``raw_data`` are holes of ``size`` bytes, larger as a whole than protobuf can write."""

    def varint(value: int) -> bytes:
        return bytes(
            (value >> shift & 0x7F) | (0x80 if value >> shift + 7 else 0)
            for shift in range(0, max(value.bit_length(), 1), 7)
        )

    heads = []
    for tensor in tensors:
        head = tensor.SerializeToString() + b"\x4a" + varint(size)
        heads.append(b"\x2a" + varint(len(head) + size) + head)
    with path.open("wb") as file:
        file.write(
            model_proto([], [], []).SerializeToString() + b"\x3a" + varint(sum(map(len, heads)) + size * len(heads))
        )
        for head in heads:
            file.write(head)
            file.seek(size, 1)
        file.truncate()
