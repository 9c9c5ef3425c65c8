"""What a model says of its nodes, and what a user's file says of them."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.records import Finding, Severity
from graphdebug.view.node_data import SOURCES, findings_of, macs_of, memory_of, parameters_of, quantised_of
from graphdebug.view.node_data_file import NodeDataError, read_node_data


@pytest.fixture
def model(tmp_path: Path) -> Model:
    """``fc`` (MatMul [batch, 8] by [8, 16]), an Add without a name, and a Cast to int8 of unknown shape."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])
    y = helper.make_tensor_value_info("y", TensorProto.INT8, None)
    weights = [
        numpy_helper.from_array(np.zeros(shape, np.float32), name) for name, shape in (("w", (8, 16)), ("b", 16))
    ]
    hidden = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 16]) for name in "hz"]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"], "fc"),
        helper.make_node("Add", ["h", "b"], ["z"]),
        helper.make_node("Cast", ["z"], ["y"], "cast", to=TensorProto.INT8),
    ]
    graph = helper.make_graph(nodes, "g", [x], [y], weights, value_info=hidden)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), tmp_path / "m.onnx")
    return open_model(tmp_path / "m.onnx")


def test_numbers_by_hand(model: Model) -> None:
    assert macs_of(model, "").values == {0: 8 * 16}
    assert parameters_of(model, "").values == {0: 8 * 16, 1: 16}
    assert memory_of(model, "").values == {0: 4 * 16, 1: 4 * 16}  # the Cast's shape is not known
    assert set(quantised_of(model, "").values.items()) == {(0, "not quantised"), (1, "not quantised"), (2, "quantised")}


def test_the_severest_finding_counts(model: Model) -> None:
    findings = [
        Finding(Severity.WARNING, "a", "…", "", 1, None),
        Finding(Severity.ERROR, "b", "…", "", None, "z"),
        Finding(Severity.INFO, "c", "…", "", 0, None),
        Finding(Severity.ERROR, "d", "…", "elsewhere", 2, None),
    ]
    assert findings_of(model, "", findings).values == {0: "info", 1: "error"}


def test_every_sample_has_all_of_it(samples: Path) -> None:
    for path in sorted(samples.glob("*.onnx")):
        opened = open_model(path)
        for graph in opened.graphs:
            for _, source in SOURCES.values():
                found = source(opened, graph)
                assert set(found.values) <= set(range(len(opened.graphs[graph].nodes)))


def read(model: Model, text: str, name: str) -> list:
    return read_node_data(text.encode(), name, model.graphs[""])


def test_csv_with_numbers_and_words(model: Model) -> None:
    table = "\ufefflatency us,node,provider\n12.5,fc,CPU\n3,z,CUDA\n,cast,CUDA\n1,nowhere,CPU\n"
    latency, provider = read(model, table, "t.csv")
    assert (latency.title, latency.values, latency.unknown) == ("latency us", {0: 12.5, 1: 3.0}, 1)
    assert (provider.title, provider.values) == ("provider", {0: "CPU", 1: "CUDA", 2: "CUDA"})
    assert read(model, "id;a\nn:2;7\n", "t.csv")[0].values == {2: 7.0}
    assert read(model, "node\ta\nAdd_1\t7\n", "t.tsv")[0].values == {1: 7.0}


def test_plain_json(model: Model) -> None:
    assert read(model, '{"fc": 1, "y": 2.5}', "t.json")[0].values == {0: 1.0, 2: 2.5}
    sets = read(model, '{"speed": {"fc": 1}, "kind": {"fc": "a", "z": true}}', "t.json")
    assert [(each.title, each.values) for each in sets] == [("speed", {0: 1.0}), ("kind", {0: "a", 1: "True"})]


def test_node_data_of_model_explorer(model: Model) -> None:
    graph = {
        "results": {"h": {"value": 0.5}, "cast": {"value": 60, "bgColor": "purple"}, "other": {"value": 1}},
        "thresholds": [{"value": 50, "bgColor": "blue"}, {"value": 10, "bgColor": "red"}],
        "name": "my data",
    }
    for text in (json.dumps(graph), json.dumps({"graph id": graph})):
        (found,) = read(model, text, "me.json")
        assert (found.title, found.values, found.unknown) == ("my data", {0: 0.5, 2: 60.0}, 1)
        assert found.limits == ((10.0, "red"), (50.0, "blue"))
        assert found.colors == {2: "purple"}
    graph["gradient"] = [{"stop": 0, "bgColor": "white"}, {"stop": 1, "bgColor": "black"}]
    (found,) = read(model, json.dumps(graph), "me.json")
    assert [color for _, color in found.limits] == ["white", "black"]
    assert found.limits[0][0] == pytest.approx((0.5 + 60) / 2) and found.limits[1][0] == 60


@pytest.mark.parametrize(
    ("data", "name", "said"),
    [
        (b"\xff\xfe\x00", "t.csv", "no text in UTF-8"),
        (b"[1, 2]", "t.json", "no object"),
        (b"{", "t.json", "cannot be read"),
        (b"[" * 100_000, "t.json", "cannot be read"),
        (b"node\nfc\n", "t.csv", "has a header, a column that names nodes"),
        (b"", "t.csv", "has a header"),
        (b"node,a\nnix,1\n", "t.csv", "there is none called 'nix'"),
        (b'{"fc": [1]}', "t.json", "names no node"),
        (b'{"fc": NaN}', "t.json", "cannot be read"),
        (b'{"results": {"fc": {"value": 1e999}}, "thresholds": [3]}', "t.json", "no node|cannot be read"),
    ],
)
def test_what_is_no_node_data_is_said(model: Model, data: bytes, name: str, said: str) -> None:
    with pytest.raises(NodeDataError, match=said):
        read_node_data(data, name, model.graphs[""])
