"""What runs, comparisons and measurements say of nodes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

from graphdebug.compare.judge import judge
from graphdebug.compare.pairing import Pair, Place
from graphdebug.compare.records import Row, Status
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.report.colors import DARK, STEPS
from graphdebug.report.outcomes import (
    added_error_of,
    error_of,
    finiteness_of,
    latency_of,
    magnitude_of,
    provider_in,
    provider_of,
    status_of,
)
from graphdebug.runtime.latency_records import LatencyResult, NodeTime
from graphdebug.runtime.requests import TensorRow
from graphdebug.runtime.statistics import statistics
from graphdebug.view.coloring import colored, number_text

ONES = np.ones(4, np.float32)
FLOAT = ValueType("float", (4,))


def chain() -> GraphIndex:
    """``a -> b -> c -> d``, made by the nodes 0 to 3, and a Constant."""
    nodes = [helper.make_node("Relu", [source], [made], made) for source, made in zip("xabc", "abcd", strict=True)]
    nodes.append(helper.make_node("Constant", [], ["k"], value_float=1.0))
    x, d = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4]) for name in "xd")
    return Model(helper.make_model(helper.make_graph(nodes, "g", [x], [d])), Path("m.onnx")).graphs[""]


def row(name: str, node: int, error: float) -> Row:
    """A row whose error is ``error`` times the tolerance of about 1."""
    return judge(Pair(name, node, Place(node, "Relu")), ONES, ONES + np.float32(error), {}, False)


def test_errors_are_those_of_the_rows_and_what_has_none_stands_apart() -> None:
    one_sided = judge(Pair("b", 1, Place(1, "Relu")), ONES, ONES * np.nan, {}, False)
    shapes = judge(Pair("c", 2, Place(2, "Relu")), ONES, np.ones(5, np.float32), {}, False)
    words = judge(Pair("d", 3, Place(3, "Relu")), np.array(["a"], object), np.array(["b"], object), {}, False)
    data = error_of([row("a", 0, 0.0), one_sided, shapes, words])
    assert data.values == {0: 0.0}
    assert {each.label: set(each.nodes) for each in data.apart} == {
        "differ without a distance": {3},
        "NaN or infinity on one side": {1},
        "not compared": {2},
    }
    made = colored(data)
    assert made.colors[0] == STEPS[0].color
    assert made.legend[0] == ("0×", STEPS[0].color)
    assert made.weights[1] > made.weights[0] > made.weights[2]
    assert "not compared (1)" in [label for label, _ in made.legend]


def test_an_infinite_error_has_a_step_and_a_scale_of_ones_own_replaces_the_usual_one() -> None:
    far = replace(row("a", 0, 0.5), tolerance=None)
    assert error_of([far]).values == {}
    data = replace(error_of([]), values={0: float("inf"), 1: 0.5, 2: 3.0, 3: 40.0})
    usual = colored(data)
    assert [label for label, _ in usual.legend] == ["up to 1×", "up to 10×", "up to 100×", "more than 100×"]
    assert usual.colors[0] == STEPS[-1].color
    linear = colored(data, "linear")
    assert set(linear.colors.values()).isdisjoint(step.color for step in STEPS)


def test_the_error_is_added_where_it_first_shows_also_behind_what_was_not_compared() -> None:
    gone = Row("b", 1, Status.NOT_COMPARED, "fused away", node=1)
    data = added_error_of([row("a", 0, 0.01), gone, row("c", 2, 0.01), row("d", 3, 0.5)], chain())
    assert data.values == {0: pytest.approx(0.01), 2: 0.0, 3: pytest.approx(0.49)}
    assert {node for each in data.apart for node in each.nodes} == {1}


def test_the_worst_tensor_of_a_node_decides() -> None:
    two = [row("a", 0, 0.0), replace(row("b", 0, 5.0)), row("c", 1, 0.0)]
    assert status_of(two).values == {0: "differ", 1: "match"}
    assert colored(status_of(two)).weights[0] > colored(status_of(two)).weights[1]


def test_a_run_says_what_is_finite_and_how_large() -> None:
    rows = [
        TensorRow("a", FLOAT, 16, 0, "Relu", statistics(np.array([1, -7], np.float32))),
        TensorRow("b", FLOAT, 16, 1, "Relu", statistics(np.array([np.inf, 2], np.float32))),
        TensorRow("text", ValueType("string"), 16, 2, "Cast"),
    ]
    assert finiteness_of(rows).values == {0: "finite", 1: "NaN or infinity"}
    assert magnitude_of(rows).values == {0: 7.0, 1: 2.0}


def test_nodes_without_a_time_are_neutral_and_counted() -> None:
    times = {"": {0: NodeTime(2e-6, "CPU"), 3: NodeTime(0.004, "CUDA")}}
    result = LatencyResult(times, (), 0.005, 10, "all", {})
    made = colored(latency_of(result, "", chain()))
    assert made.legend[-1] == ("fused away, folded or not run (2)", "")  # the Constant is not counted
    assert set(made.colors) == {0, 3}
    assert made.texts[1] == "fused away, folded or not run"
    assert made.texts[3] == "4 ms"
    assert provider_of(result, "", chain()).values == {0: "CPU", 3: "CUDA"}
    assert latency_of(result, "elsewhere", chain()).values == {}
    assert [number_text(value, "s") for value in (3.5e-6, 0.25, 12.0)] == ["3.5 µs", "250 ms", "12 s"]


def test_execution_providers_of_a_run_need_no_times() -> None:
    environment = {"spec": "onnxruntime:python=/some/where", "backend": "ONNX Runtime 1.31.1"}
    data = provider_in({"": {0: "CUDA", 3: "CPU"}}, environment, chain())
    assert (data.title, data.values) == ("Execution provider, ONNX Runtime 1.31.1", {0: "CUDA", 3: "CPU"})
    assert colored(data).legend[-1] == ("folded away, or not told of (2)", "")
    silent = provider_in({}, {"spec": "file:path=a.npz"}, chain())
    assert not silent.values and "not told" in silent.apart[0].label


def luminance(color: str) -> float:
    """WCAG 2."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_what_is_heavier_is_lighter_on_a_dark_ground_within_and_outside_the_tolerance() -> None:
    for steps in (STEPS[:4], STEPS[4:]):
        dark = [luminance(DARK[step.color]) for step in steps]
        assert dark == sorted(dark)
