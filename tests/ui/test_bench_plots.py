"""Figures of benchmarks: what is drawn where, and names that stay names."""

import numpy as np

from graphdebug.bench.records import Block, Measurement
from graphdebug.bench.spread import spread
from graphdebug.runtime.trace import Span
from graphdebug.ui.bench_plots import STREAMS, Series, distribution, over_time, sweep_plot, timeline

HOSTILE = "<b>bold</b>"


def measured(times: list[list[float]], dims: dict[str, int] | None = None, streams: int = 1) -> Measurement:
    blocks = tuple(Block(float(at), sum(each), len(each), tuple(each)) for at, each in enumerate(times))
    everything = np.concatenate([np.asarray(each) for each in times])
    rate = everything.size / everything.sum()
    return Measurement(0, dims or {}, streams, spread(everything), float(rate), blocks=blocks)


def test_the_distribution_rises_to_one_in_the_unit_that_is_read_best() -> None:
    figure = distribution([Series(HOSTILE, "#123456", [measured([[0.003, 0.001], [0.002, 0.004]])])])
    (line,) = figure.data
    assert np.asarray(line.x).tolist() == [1, 2, 3, 4]  # milliseconds
    assert np.asarray(line.y).tolist() == [0.25, 0.5, 0.75, 1.0]
    assert line.name == "&lt;b&gt;bold&lt;/b&gt;"
    assert figure.layout.xaxis.title.text == "latency, ms"


def test_latencies_stand_at_the_moment_when_they_were_measured() -> None:
    (points,) = over_time([Series("a", "#123456", [measured([[0.2, 0.2], [0.4]])])]).data
    assert np.asarray(points.x).tolist() == [0.1, 0.30000000000000004, 1.2]
    assert np.asarray(points.y).tolist() == [200, 200, 400]


def test_a_sweep_has_a_line_a_backend_and_throughput_counts_what_is_swept() -> None:
    points = [measured([[0.01 * batch] * 4], {"batch": batch}) for batch in (4, 1)]
    latency, throughput = sweep_plot([Series("a", "#123456", points)], "batch").data
    assert list(latency.x) == [1, 4] and np.allclose(list(latency.y), [10, 40])
    assert np.allclose(list(throughput.y), [100, 100])  # four times as many at a time, four times as long


def test_a_sweep_over_two_things_tells_lines_apart() -> None:
    points = [measured([[0.01] * 4], {"batch": batch}, streams) for batch in (1, 2) for streams in (1, 2)]
    names = {line.name for line in sweep_plot([Series("a", "#123456", points)], "batch").data}
    assert names == {"a", "a, streams 2"}
    assert {line.name for line in sweep_plot([Series("a", "#123456", points)], STREAMS).data} == {
        "a, batch 1",
        "a, batch 2",
    }


def test_what_failed_is_left_out() -> None:
    failed = Series("a", "#123456", [Measurement(0, {}, 1, failure="no")])
    assert not distribution([failed]).data and not over_time([failed]).data and not sweep_plot([failed], STREAMS).data


def test_a_time_line_has_a_lane_a_thread_and_leads_back_to_the_node() -> None:
    spans = [
        Span(HOSTILE, "Loop", "CPU", 7, 0.0, 0.004, 0, "", 3),
        Span("inside", "Sin", "CPU", 7, 0.001, 0.002, 1, "3.body", 0),
        Span("ReorderInput", "ReorderInput", "CPU", 9, 0.004, 0.001, 0, None, None),
    ]
    bars = {bar.name.split()[0]: bar for bar in timeline(spans).data}
    assert list(bars["Loop"].base) == [0.0] and list(bars["Loop"].x) == [4.0]  # milliseconds
    assert [bars[op].y[0] for op in ("Loop", "Sin", "ReorderInput")] == ["thread 1", "thread 1 ↳", "thread 2"]
    assert [list(place) for place in bars["Sin"].customdata] == [["3.body", 0]]
    assert "&lt;b&gt;" in bars["Loop"].hovertext[0] and "<b>bold" not in bars["Loop"].hovertext[0]
    assert "added by the engine" in bars["ReorderInput"].hovertext[0]
