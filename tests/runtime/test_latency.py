"""How long each node takes: every node is found again, whatever ONNX Runtime makes of the graph."""

from pathlib import Path

import pytest
from onnx import helper

from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.latency import latency_job
from graphdebug.runtime.latency_records import LatencyRequest, LatencyResult
from tests.runtime import small_models as models


def measure(path: Path, folder: Path, spec: str = "onnxruntime", repetitions: int = 3) -> LatencyResult:
    folder.mkdir(exist_ok=True)
    made = latency_job(LatencyRequest(ModelLocation(str(path)), spec, repetitions=repetitions), folder, lambda *_: None)
    assert [each.name for each in folder.iterdir()] == ["trace.json"]  # the profile and the optimised model are gone
    return made


def test_unoptimised_every_node_has_a_time_and_a_provider(samples: Path, tmp_path: Path) -> None:
    result = measure(samples / "branching_blocks.onnx", tmp_path / "job", "onnxruntime:opt=disable")
    nodes = open_model(samples / "branching_blocks.onnx").graphs[""].nodes
    assert sorted(result.graphs[""]) == list(range(len(nodes)))
    assert {time.provider for time in result.graphs[""].values()} == {"CPU"}
    assert (result.level, result.repetitions, result.added) == ("disable", 3, ())
    assert 0 < sum(time.seconds for time in result.graphs[""].values()) <= result.seconds * 3


def test_what_fusion_leaves_is_found_at_its_place(samples: Path, tmp_path: Path) -> None:
    result = measure(samples / "branching_blocks.onnx", tmp_path / "job")
    nodes = open_model(samples / "branching_blocks.onnx").graphs[""].nodes
    convolutions = {node for node, proto in enumerate(nodes) if proto.op_type == "Conv"}
    assert set(result.graphs[""]) == convolutions  # what follows them is fused into them
    assert {each.op for each in result.added} <= {"ReorderInput", "ReorderOutput"}


def test_graphs_below_are_measured_too(samples: Path, tmp_path: Path) -> None:
    result = measure(samples / "loop_newton.onnx", tmp_path / "job")
    model = open_model(samples / "loop_newton.onnx")
    body = next(path for path in model.graphs if path.endswith("body"))
    assert set(result.graphs) == {"", body}
    loop = next(node for node, proto in enumerate(model.graphs[""].nodes) if proto.op_type == "Loop")
    assert result.graphs[""][loop].seconds > sum(time.seconds for time in result.graphs[body].values()) * 0.3


def test_names_that_are_missing_twice_there_or_hostile_are_no_matter(tmp_path: Path) -> None:
    hostile = '"}],\n{"cat": "Node", "name": "gd0_0__kernel_time", "dur": 1e12}'
    nodes = [
        helper.make_node("Relu", ["x"], [hostile], hostile),
        helper.make_node("Neg", [hostile], ["b"], "twice"),
        helper.make_node("Abs", ["b"], ["c"], "twice"),
        helper.make_node("Exp", ["c"], ["y"]),
    ]
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x", shape=(8,))], [models.value("y", shape=(8,))])
    result = measure(path, tmp_path / "job", "onnxruntime:opt=disable")
    assert set(result.graphs[""]) == {0, 1, 2, 3}
    assert result.graphs[""][0].seconds < 1


def test_not_every_backend_tells_the_time(samples: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="on ONNX Runtime, PyTorch or TensorRT only"):
        measure(samples / "line.onnx", tmp_path / "job", "reference")
