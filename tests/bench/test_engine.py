"""Whole benchmarks: what is measured, in turns, and what is left when a backend fails."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from graphdebug.bench.engine import BenchError, bench_job
from graphdebug.bench.records import BENCH_JOB, BenchRequest, BenchResult
from graphdebug.bench.side import RunningSide
from graphdebug.model.record_json import from_json, to_json
from graphdebug.model.records import ModelLocation
from graphdebug.report.bench_csv import COLUMNS, bench_csv
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.events import WorkerError
from graphdebug.runtime.feed_errors import DimError
from graphdebug.runtime.process import start
from graphdebug.runtime.requests import FeedSpec
from tests.runtime import small_models as models


def asked(path: Path, *backends: str, **more: object) -> BenchRequest:
    request = BenchRequest(ModelLocation(str(path)), backends, iterations=10, rounds=5, warmup=1)
    return replace(request, **more)  # type: ignore[arg-type]


def run(request: BenchRequest, folder: Path, told: list[str] | None = None) -> BenchResult:
    return bench_job(request, folder, lambda _, text: told.append(text) if told is not None else None)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[BenchResult, list[str]]:
    """Two backends over two lengths and two numbers of streams."""
    folder = tmp_path_factory.mktemp("swept")
    told: list[str] = []
    request = asked(
        models.chain(folder / "m.onnx"),
        "onnxruntime:threads=1",
        "onnxruntime:threads=1,opt=disable",
        sweep={"batch": (1, 64)},
        streams=(1, 2),
    )
    return run(request, folder, told), told


def test_every_combination_is_measured_on_every_backend(swept: tuple[BenchResult, list[str]]) -> None:
    result, _ = swept
    found = [(each.dims["batch"], each.streams, each.backend) for each in result.measurements]
    assert found == [(batch, streams, side) for batch in (1, 64) for streams in (1, 2) for side in (0, 1)]
    for each in result.measurements:
        assert each.failure == "" and each.latency is not None and each.throughput is not None and each.first
        assert each.latency.count == 10 * each.streams  # ten runs a stream
        assert sum(block.count for block in each.blocks) == each.latency.count
        assert 0 < each.latency.minimum <= each.latency.median <= each.latency.p99 <= each.latency.maximum
        assert each.memory is not None and each.memory > 20_000_000  # a Python with ONNX Runtime in it
        wall = sum(block.wall for block in each.blocks)
        assert each.throughput == pytest.approx(each.latency.count / wall)
    assert [(ratio.backend, ratio.dims["batch"], ratio.streams) for ratio in result.ratios] == [
        (1, batch, streams) for batch in (1, 64) for streams in (1, 2)
    ]
    assert all(side.prepare and side.threads == 1 and not side.failure for side in result.sides)
    assert result.sides[1].environment["optimisation"] == "disable"


def test_backends_take_turns_there_and_back(swept: tuple[BenchResult, list[str]]) -> None:
    result, told = swept
    turns = [text for text in told if "batch 1: round" in text]
    first, second = (side.spec for side in result.sides)
    sides = [text.partition(", batch")[0] for text in turns]
    assert sides == [first, second, second, first, first, second, second, first, first, second]
    blocks = sorted((block.start, each.backend) for each in result.measurements[:2] for block in each.blocks)
    assert [side for _, side in blocks] == [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]


def test_results_travel_as_json_and_csv(swept: tuple[BenchResult, list[str]]) -> None:
    result, _ = swept
    assert from_json(to_json(result), BenchResult) == result
    head, *lines = bench_csv(result).splitlines()
    assert head == ",".join(COLUMNS)
    assert len(lines) == 8
    assert lines[7].split(",")[COLUMNS.index("dims") + 1] == "batch=64"  # the SPEC's comma is one more


def test_four_thousand_times_the_work_is_seen(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    result = run(asked(path, "onnxruntime:threads=1", sweep={"batch": (1, 4000)}), tmp_path)
    small, large = (each.latency for each in result.measurements)
    assert small is not None and large is not None
    assert large.minimum > 3 * small.minimum


def test_seconds_end_a_measurement(tmp_path: Path) -> None:
    request = asked(models.chain(tmp_path / "m.onnx"), "reference", iterations=0, seconds=0.1, rounds=2)
    (each,) = run(request, tmp_path).measurements
    assert each.latency is not None and each.latency.count >= 2
    assert [block.wall >= 0.05 for block in each.blocks] == [True, True]


def test_a_backend_that_cannot_be_leaves_a_sentence_and_the_others_figures(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    result = run(asked(path, "onnxruntime", "file:path=/nowhere.npz", "reference"), tmp_path)
    assert [bool(each.latency) for each in result.measurements] == [True, False, True]
    assert "/nowhere.npz" in result.measurements[1].failure
    assert result.sides[1].failure == result.measurements[1].failure
    assert [ratio.backend for ratio in result.ratios] == [2]


def test_a_backend_whose_process_dies_meanwhile_is_told_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = RunningSide.ask

    def killing(self: RunningSide, do: str, *args: object, **arguments: object) -> object:
        if do == "block" and "disable" in self.side.spec and self._process is not None:
            os.kill(self._process._process.pid, signal.SIGSEGV)
        return ask(self, do, *args, **arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RunningSide, "ask", killing)
    path = models.chain(tmp_path / "m.onnx")
    result = run(asked(path, "onnxruntime:opt=disable", "onnxruntime"), tmp_path)
    assert [bool(each.latency) for each in result.measurements] == [False, True]
    assert "ended by SIGSEGV" in result.measurements[0].failure


def test_where_nothing_can_be_measured_the_first_reason_is_the_answer(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="nowhere"):
        run(asked(models.chain(tmp_path / "m.onnx"), "file:path=/nowhere.npz"), tmp_path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backends": ()}, "no backend"),
        ({"iterations": 0, "seconds": 0.0}, "when to stop"),
        ({"streams": (0,)}, "between 1 and"),
        ({"sweep": {"batch": tuple(range(1, 300))}}, "299 combinations"),
        ({"warmup": -1}, "negative"),
        ({"order": "best"}, "no order"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        run(asked(models.chain(tmp_path / "m.onnx"), "onnxruntime", **changes), tmp_path)
    assert issubclass(BenchError, ValueError)


def test_a_dimension_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DimError, match="rows"):
        run(asked(models.chain(tmp_path / "m.onnx"), "onnxruntime", sweep={"rows": (1, 2)}), tmp_path)


def test_shapes_that_cannot_be_fed_fail_alone(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    result = run(asked(path, "onnxruntime", sweep={"batch": (10**11, 2)}, feeds=FeedSpec(3)), tmp_path)
    assert [bool(each.latency) for each in result.measurements] == [False, True]
    assert "would take more than" in result.measurements[0].failure


def test_cancelling_ends_it_with_the_processes_that_it_started(tmp_path: Path) -> None:
    path = models.endless(tmp_path / "m.onnx")
    folder = tmp_path / "job"
    folder.mkdir()
    with start(BENCH_JOB, asked(path, "onnxruntime"), folder) as worker:
        for event in worker:
            if "warming up" in event.message:
                threading.Timer(0.3, worker.cancel).start()
        with pytest.raises(WorkerError, match="cancelled"):
            worker.result(BenchResult)
        group = worker.pid
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and _members(group):
        time.sleep(0.05)
    assert not _members(group)


def _members(group: int) -> list[int]:
    """Return the living processes of a group."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found
