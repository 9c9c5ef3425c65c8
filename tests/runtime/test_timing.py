"""What engines offer to be measured by, and the loop that measures."""

import time
from pathlib import Path

import numpy as np
import pytest

from graphdebug.foreign.repeat import repeat
from graphdebug.model.document import open_model
from graphdebug.runtime.backend import BackendError, Mode, Session
from graphdebug.runtime.onnxruntime_backend import OnnxRuntimeBackend
from graphdebug.runtime.registry import backend
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.timing import Ready, Timed
from tests.runtime import small_models as models


def test_the_loop_calls_as_often_as_it_says() -> None:
    calls: list[int] = []
    times = repeat(lambda: calls.append(1), 7)
    assert (len(times), len(calls)) == (7, 7)
    assert all(isinstance(each, int) and each >= 0 for each in times)


def test_the_loop_tells_how_long_each_call_takes() -> None:
    lengths = iter((0.02, 0.0, 0.01))
    times = repeat(lambda: time.sleep(next(lengths)), 3)
    assert times[0] >= 20_000_000 and times[2] >= 10_000_000
    assert times[1] < times[0]


def test_the_loop_ends_with_its_time_but_not_before_the_first_call() -> None:
    assert len(repeat(lambda: time.sleep(0.02), 1000, 0.001)) == 1
    assert 1 <= len(repeat(lambda: time.sleep(0.005), 1000, 0.03)) <= 6


def prepared(path: Path, spec: str = "onnxruntime") -> Session:
    return backend(spec).prepare(open_model(path), Mode.PLAIN)


def test_onnx_runtime_is_called_with_everything_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = OnnxRuntimeBackend(parse_spec("onnxruntime")).prepare(
        open_model(models.chain(tmp_path / "m.onnx")), Mode.PLAIN
    )
    assert isinstance(session, Ready) and not isinstance(session, Timed)
    feeds = {"x": np.random.default_rng(0).standard_normal((3, 64), np.float32)}
    call = session.ready(feeds, ["y"])
    expected = session.infer(feeds, ["y"])["y"]
    feeds.clear()  # what is bound lives on
    for _ in range(3):
        call()
    (binding,) = call.args  # type: ignore[attr-defined]
    np.testing.assert_array_equal(binding.copy_outputs_to_cpu()[0], expected)


def test_what_is_wrong_with_the_inputs_is_said_before_anything_is_timed(tmp_path: Path) -> None:
    session = prepared(models.chain(tmp_path / "m.onnx"))
    assert isinstance(session, Ready)
    with pytest.raises(BackendError, match="'x' of the model is not fed"):
        session.ready({}, ["y"])
    with pytest.raises(BackendError, match="cannot fetch 'nothing'"):
        session.ready({"x": np.zeros((1, 64), np.float32)}, ["nothing"])


def test_other_sessions_are_measured_through_the_protocol(tmp_path: Path) -> None:
    session = prepared(models.chain(tmp_path / "m.onnx"), "reference")
    assert not isinstance(session, Ready | Timed)
