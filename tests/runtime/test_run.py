"""The run job: rows, statistics, files, and the first tensor that is not finite."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from graphdebug.model.records import ModelLocation
from graphdebug.runtime import run
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.requests import FeedSpec, InputFeed, RunRequest, RunResult
from graphdebug.runtime.run import run_job
from graphdebug.runtime.store import ArrayReader
from tests.runtime import small_models as models


def silent(fraction: float | None, message: str) -> None:
    """Say nothing."""


def job(path: Path, folder: Path, **options) -> RunResult:
    return run_job(RunRequest(ModelLocation(str(path)), **options), folder, silent)


@pytest.fixture
def risky(tmp_path: Path) -> Path:
    """y = exp(log(x) / 0), with an unused string on the side."""
    nodes = [
        helper.make_node("Cast", ["x"], ["text"], to=TensorProto.STRING),
        helper.make_node("Log", ["x"], ["log"]),
        helper.make_node("Div", ["log", "zero"], ["ratio"]),
        helper.make_node("SequenceConstruct", ["ratio"], ["list"]),
        helper.make_node("Exp", ["ratio"], ["y"]),
    ]
    return models.write(
        tmp_path / "m.onnx",
        nodes,
        [models.value("x", shape=("n",))],
        [models.value("y", shape=("n",)), onnx.ValueInfoProto(name="list"), onnx.ValueInfoProto(name="text")],
        {"zero": np.zeros(1, np.float32)},
    )


def test_rows_files_and_the_first_tensor_that_is_not_finite(risky: Path, tmp_path: Path) -> None:
    feeds = FeedSpec(dims={"n": 4}, inputs={"x": InputFeed(kind="ramp", low=1.0, high=4.0)})
    result = job(risky, tmp_path, feeds=feeds)
    rows = {row.name: row for row in result.rows}
    assert list(rows) == ["x", "text", "log", "ratio", "list", "y"]
    assert [row.node for row in result.rows] == [None, 0, 1, 2, 3, 4]
    assert (rows["ratio"].op, rows["ratio"].type.dtype, rows["ratio"].type.shape) == ("Div", "float", (4,))
    assert result.first_nonfinite == "ratio"
    found = rows["ratio"].statistics
    assert found is not None
    assert (found.nans, found.infs, found.first_nan, found.first_inf) == (1, 3, (0,), (1,))
    assert rows["list"].stored == ""
    assert rows["list"].note == "a sequence of 1"
    assert rows["list"].type.kind == "sequence"
    assert rows["text"].statistics is None
    reader = ArrayReader(tmp_path / "tensors.npz")
    assert np.allclose(reader.read("log"), np.log([1, 2, 3, 4]))
    assert reader.read("text").tolist() == ["1", "2", "3", "4"]
    assert ArrayReader(tmp_path / "feeds.npz").read("x").tolist() == [1, 2, 3, 4]
    assert "ONNX Runtime" in result.environment["backend"]


def test_a_run_repeated_from_its_own_feeds_is_the_same(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
    job(path, tmp_path / "first", feeds=FeedSpec(seed=7, dims={"batch": 3}))
    job(path, tmp_path / "second", feeds=FeedSpec(seed=99, dataset=str(tmp_path / "first" / "feeds.npz")))
    first, second = (ArrayReader(tmp_path / folder / "tensors.npz") for folder in ("first", "second"))
    for name in first.names:
        assert first.read(name).tobytes() == second.read(name).tobytes()


def test_chosen_tensors_and_modes(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    assert [row.name for row in job(path, tmp_path, tensors=("sum", "x")).rows] == ["x", "sum"]
    assert [row.name for row in job(path, tmp_path, mode="plain").rows] == ["y"]
    plain = job(path, tmp_path, mode="plain", tensors=("sum", "y"))
    assert [row.name for row in plain.rows] == ["y"]
    assert "only the model's outputs" in plain.untapped["sum"]
    with pytest.raises(ValueError, match="initializer"):
        job(path, tmp_path, tensors=("w",))
    with pytest.raises(BackendError, match="'nothing'"):
        job(path, tmp_path, tensors=("nothing",))
    with pytest.raises(ValueError, match="sideways"):
        job(path, tmp_path, mode="sideways")


def test_small_portions_give_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = models.chain(tmp_path / "m.onnx")
    whole = job(path, tmp_path).rows
    monkeypatch.setattr(run, "_BUDGET", 1)
    messages: list[str] = []
    portions = run_job(RunRequest(ModelLocation(str(path))), tmp_path, lambda _, message: messages.append(message))
    assert portions.rows == whole
    assert "running the model for tensors 3–3 of 3" in messages


def test_no_more_inferences_than_the_memory_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The file states no type between x and y; 64 tensors of 4 KiB each, 16 of which may be held at once.
    nodes = [helper.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(64)]
    float_value = models.value("x", shape=("batch", 1024)), models.value("v64", shape=("batch", 1024))
    path = models.write(tmp_path / "m.onnx", nodes, [float_value[0]], [float_value[1]], {})
    monkeypatch.setattr(run, "_BUDGET", 16 * 4096)
    messages: list[str] = []
    request = RunRequest(ModelLocation(str(path)), feeds=FeedSpec(dims={"batch": 1}))
    rows = run_job(request, tmp_path, lambda _, message: messages.append(message)).rows
    assert len(rows) == 65
    running = [message for message in messages if message.startswith("running the model")]
    assert running == [f"running the model for tensors {first}–{first + 15} of 64" for first in (1, 17, 33, 49)]


def test_a_run_of_recorded_tensors(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    job(path, tmp_path)
    (tmp_path / "again").mkdir()
    again = job(path, tmp_path / "again", backend=f"file:path={tmp_path / 'tensors.npz'}")
    assert [row.name for row in again.rows] == ["x", "product", "sum", "y"]
