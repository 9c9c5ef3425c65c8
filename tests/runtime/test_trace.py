"""A profile as a Chrome trace: our names in it, and read back as what ran when."""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.report.outcomes import latency_of
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.latency import latency_job
from graphdebug.runtime.latency_records import LatencyRequest
from graphdebug.runtime.trace import TRACE_FILE, spans
from tests.runtime import small_models as models


def profile(path: Path, folder: Path, spec: str = "onnxruntime:opt=disable") -> Path:
    latency_job(LatencyRequest(ModelLocation(str(path)), spec, repetitions=4), folder, lambda *_: None)
    return folder / TRACE_FILE


def heavy_in_the_middle(path: Path) -> Path:
    """Small products around one with ten thousand times their work, called ``heavy``."""
    rng = np.random.default_rng(0)
    weights = {
        "a": rng.standard_normal((8, 512), np.float32),
        "b": rng.standard_normal((512, 512), np.float32),
        "c": rng.standard_normal((512, 8), np.float32),
    }
    nodes = [
        helper.make_node("MatMul", ["x", "a"], ["wide"], "first"),
        helper.make_node("MatMul", ["wide", "b"], ["mixed"], "heavy"),
        helper.make_node("MatMul", ["mixed", "c"], ["y"], "last"),
        helper.make_node("Relu", ["y"], ["z"], "end"),
    ]
    return models.write(path, nodes, [models.value("x", shape=(256, 8))], [models.value("z", shape=(256, 8))], weights)


def test_the_heavy_node_is_the_hottest_everywhere(tmp_path: Path) -> None:
    path = heavy_in_the_middle(tmp_path / "m.onnx")
    request = LatencyRequest(ModelLocation(str(path)), "onnxruntime")
    result = latency_job(request, tmp_path, lambda *_: None)
    index = open_model(path).graphs[""]
    values = latency_of(result, "", index).values
    assert index.names[max(values, key=lambda node: float(values[node]))] == "heavy"
    hottest = max(spans(tmp_path / TRACE_FILE), key=lambda span: span.seconds)
    assert (hottest.name, hottest.graph, hottest.node, hottest.op) == ("heavy (MatMul)", "", 1, "MatMul")


def test_a_trace_is_json_of_events_with_the_models_names(samples: Path, tmp_path: Path) -> None:
    told = json.loads(profile(samples / "branching_blocks.onnx", tmp_path).read_text())
    events = [event for event in told["traceEvents"] if event["cat"] == "Node"]
    names = open_model(samples / "branching_blocks.onnx").graphs[""].names
    assert {event["ph"] for event in events} == {"X"}
    assert {event["name"].rpartition(" (")[0] for event in events} == set(names)
    assert {event["args"]["run"] for event in events} == {0, 1, 2, 3, 4}
    assert all(names[event["args"]["node"]] in event["name"] for event in events)


def test_one_run_is_read_back_in_order_and_within_its_time(samples: Path, tmp_path: Path) -> None:
    found = spans(profile(samples / "branching_blocks.onnx", tmp_path))
    nodes = open_model(samples / "branching_blocks.onnx").graphs[""].nodes
    assert sorted(span.node for span in found if span.node is not None) == list(range(len(nodes)))
    starts = [span.start for span in found]
    assert starts == sorted(starts) and starts[0] >= 0
    assert {span.depth for span in found} == {0}
    assert all(later.start >= span.start + span.seconds for span, later in pairwise(found))


def test_what_a_loop_calls_lies_below_it(samples: Path, tmp_path: Path) -> None:
    found = spans(profile(samples / "loop_newton.onnx", tmp_path))
    loop = next(span for span in found if span.op == "Loop")
    inside = [span for span in found if span.graph]
    assert inside and loop.depth == 0
    assert {span.depth for span in inside} == {1}
    assert all(loop.start <= span.start <= loop.start + loop.seconds for span in inside)


def test_hostile_names_stay_names(tmp_path: Path) -> None:
    hostile = '"}],\n{"cat": "Node", "name": "gd0_0__kernel_time", "dur": 1e12}<b>'
    nodes = [helper.make_node("Relu", ["x"], ["h"], hostile), helper.make_node("Exp", ["h"], ["y"])]
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x", shape=(8,))], [models.value("y", shape=(8,))])
    trace = profile(path, tmp_path)
    assert {event["name"] for event in json.loads(trace.read_text())["traceEvents"] if event["cat"] == "Node"} == {
        f"{hostile} (Relu)",
        "Exp_1 (Exp)",
    }
    assert all(span.seconds < 1 for span in spans(trace))


@pytest.mark.parametrize("text", ["", "[]", '{"traceEvents": []}', '{"traceEvents": [{"cat": 1}]}'])
def test_what_is_no_profile_gets_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / TRACE_FILE).write_text(text)
    with pytest.raises(BackendError, match="measure again"):
        spans(tmp_path / TRACE_FILE)
