"""One backend in its process: engines that time themselves are asked to, threads and first runs are told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import psutil
import pytest

from graphdebug.bench import side_process
from graphdebug.bench.records import BenchRequest
from graphdebug.bench.side import RunningSide, Taken
from graphdebug.foreign.talk import Refused
from graphdebug.model.document import Model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import BackendSpec, Mode
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.timing import Runs, Times
from tests.runtime import small_models as models


class Clockwork:
    """An engine with clocks of its own: every run takes a millisecond, half of it on the device."""

    spec = BackendSpec("clockwork")
    outputs: Sequence[str] = ("y",)
    environment: Mapping[str, str] = {"backend": "Clockwork 1"}

    def __init__(self) -> None:
        self.asked: list[Runs] = []

    def prepare(self, model: Model, mode: Mode) -> "Clockwork":
        assert mode is Mode.PLAIN
        return self

    def time_runs(self, feeds: Mapping[str, Any], fetch: Sequence[str], runs: Runs) -> Times:
        assert feeds["x"].shape == (3, 64) and fetch == ("y",)
        self.asked.append(runs)
        each = [1_000_000] * runs.iterations
        return Times([each] * runs.streams, 1_000_000 * runs.iterations, {"compute": [500_000] * runs.iterations})


@pytest.fixture
def clockwork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Clockwork, RunningSide, BenchRequest]:
    """A side whose process is this one, with an engine that times itself."""
    engine, measured = Clockwork(), side_process._Measured()
    monkeypatch.setattr(side_process, "backend", lambda spec, tell: engine)
    location = ModelLocation(str(models.chain(tmp_path / "m.onnx")))
    request = BenchRequest(location, ("clockwork",), FeedSpec(dims={"batch": 3}), warmup=2)
    side = RunningSide("clockwork")

    def ask(do: str, progress: Any, **arguments: Any) -> Any:
        told = getattr(measured, do)(lambda *_: None, **arguments)
        return msgspec.json.decode(msgspec.json.encode(told))  # as it travels

    ask("prepare", None, spec="clockwork", model=msgspec.to_builtins(location), sessions=1)
    monkeypatch.setattr(side, "ask", ask)
    return engine, side, request


def test_an_engine_with_clocks_of_its_own_times_itself(
    clockwork: tuple[Clockwork, RunningSide, BenchRequest],
) -> None:
    engine, side, request = clockwork
    taken = Taken(0, {}, 2)
    taken.begin(side, request, lambda *_: None)
    taken.turn(side, 4, 0.5, 0.0, lambda *_: None)
    taken.turn(side, 4, 0.5, 1.0, lambda *_: None)
    assert engine.asked == [
        Runs(1),
        Runs(2, streams=2),
        *[Runs(1, streams=2), Runs(4, 0.5, 2)] * 2,
    ]
    found = taken.measurement()
    assert found.failure == "" and found.latency is not None
    assert (found.latency.count, found.latency.median) == (16, 0.001)
    assert found.phases["compute"].median == 0.0005 and found.phases["compute"].count == 8
    assert found.throughput == pytest.approx(2000)  # two streams, a millisecond each
    assert found.first == 0.001


def test_what_an_engine_refuses_is_told_as_it_is(tmp_path: Path) -> None:
    measured = side_process._Measured()
    prepare = side_process._in_sentences(measured.prepare)
    (tmp_path / "prose.onnx").write_text("no model at all")
    location = msgspec.to_builtins(ModelLocation(str(tmp_path / "prose.onnx")))
    with pytest.raises(Refused, match=r"prose\.onnx"):
        prepare(lambda *_: None, spec="onnxruntime", model=location, sessions=1)
    there = msgspec.to_builtins(ModelLocation(str(models.chain(tmp_path / "m.onnx"))))
    with pytest.raises(Refused, match="no option 'speed'"):
        prepare(lambda *_: None, spec="onnxruntime:speed=high", model=there, sessions=1)


def test_streams_run_at_the_same_time_on_one_session_or_on_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_process.memory, "threads", psutil.Process().num_threads)  # other tests leave processes
    location = msgspec.to_builtins(ModelLocation(str(models.chain(tmp_path / "m.onnx"))))
    feeds = msgspec.to_builtins(FeedSpec(dims={"batch": 2}))
    for sessions in (1, 3):
        measured = side_process._Measured()
        measured.prepare(lambda *_: None, "onnxruntime:threads=1", location, sessions)
        told = measured.start(lambda *_: None, feeds, 3, 1)
        assert told["first"] > 0
        assert told["threads"] in (1, None)  # not told where this process has children, as other tests may have left it
        times = msgspec.convert(measured.block(lambda *_: None, 5, 0.0, 3), Times)
        assert [len(stream) for stream in times.streams] == [5, 5, 5]
        longest = max(int(np.sum(stream)) for stream in times.streams)
        assert longest <= times.wall


def test_a_failure_stays(clockwork: tuple[Clockwork, RunningSide, BenchRequest]) -> None:
    _, _, request = clockwork
    gone = RunningSide("onnxruntime")
    gone.side = replace(gone.side, failure="It is gone.")
    taken = Taken(0, {"batch": 3}, 1)
    taken.begin(gone, request, lambda *_: None)
    taken.turn(gone, 4, 0.0, 0.0, lambda *_: None)
    taken.end(gone, lambda *_: None)
    assert taken.measurement().failure == "It is gone." and taken.measurement().latency is None
