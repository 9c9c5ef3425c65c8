"""Times that an engine tells by layer: each is put at the node where the work is, none is lost or told twice."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from graphdebug.model.document import Model, open_model
from graphdebug.report.outcomes import latency_of
from graphdebug.runtime.backend import BackendError, BackendSpec, Mode
from graphdebug.runtime.latency_layers import layer_latencies
from graphdebug.runtime.latency_records import AddedTime, LatencyResult, NodeTime
from graphdebug.runtime.timing import LayerTime
from graphdebug.runtime.trace import TRACE_FILE, spans
from tests.runtime import small_models as models


class Layered:
    """An engine that tells of the layers that it is given."""

    spec = BackendSpec("layered")
    environment: Mapping[str, str] = {"backend": "Layered 1"}

    def __init__(self, *layers: LayerTime) -> None:
        self.layers = layers

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Any:
        assert mode is Mode.PLAIN
        return self

    def profile_runs(self, feeds: Mapping[str, Any], runs: int) -> Sequence[LayerTime]:
        assert runs == 3
        return self.layers

    def close(self) -> None:
        self.closed = True


def measured(folder: Path, *layers: LayerTime) -> tuple[Model, LatencyResult]:
    model, runner = open_model(models.chain(folder / "m.onnx")), Layered(*layers)
    result = layer_latencies(runner, "Layered", model, {}, 3, folder, lambda *_: None)  # type: ignore[arg-type]
    assert runner.closed
    return model, result


def test_a_layer_s_time_is_at_the_node_that_multiplies(tmp_path: Path) -> None:
    model, result = measured(
        tmp_path,
        LayerTime("copy", "Reformat", (), (0.01, 0.03, 0.02)),
        LayerTime("fused", "gemm", ("Add_1", "MatMul_0", "cast of ours"), (0.1, 0.3, 0.2)),
        LayerTime("act", "PointWise", ("Relu_2",), (0.02, 0.01, 0.09)),
        LayerTime("act again", "PointWise", ("Relu_2",), (0.001, 0.001, 0.001)),
    )
    times = result.graphs[""]
    assert times[0] == NodeTime(0.2, "Layered", (1,)) and 1 not in times
    assert times[2].seconds == pytest.approx(0.021) and times[2].shared == ()
    assert result.added == (AddedTime("Reformat", 1, 0.02),)
    assert result.seconds == pytest.approx(0.311) and result.repetitions == 3  # of 0.131, 0.341 and 0.311
    data = latency_of(result, "", model.graphs[""])
    assert data.title == "Latency, Layered 1"
    assert [(each.label, each.nodes) for each in data.apart] == [
        ("in another node's time", frozenset({1})),
        ("fused away, folded or not run", frozenset()),
    ]
    drawn = spans(tmp_path / TRACE_FILE)  # of the run of median time, layer after layer
    assert [(span.name, span.node) for span in drawn] == [("copy", None), ("fused", 0), ("act", 2), ("act again", 2)]
    assert {span.depth for span in drawn} == {0}
    assert [span.start for span in drawn] == pytest.approx([0, 0.02, 0.22, 0.31])


def test_an_engine_that_does_not_tell_is_refused(tmp_path: Path) -> None:
    class Silent:
        spec = BackendSpec("silent")

        def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Any:
            return self

        def close(self) -> None:
            pass

    model = open_model(models.chain(tmp_path / "m.onnx"))
    with pytest.raises(BackendError, match="Silent does not tell times of layers"):
        layer_latencies(Silent(), "Silent", model, {}, 3, tmp_path, lambda *_: None)
