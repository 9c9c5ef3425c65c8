"""Workers end well, badly, late, by force or by crash, and the parent always learns how."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from graphdebug.model.records import ModelLocation
from graphdebug.runtime.child import Spares
from graphdebug.runtime.events import Limits, WorkerError
from graphdebug.runtime.process import Worker, run_in_worker, start
from graphdebug.runtime.requests import FeedSpec, InputFeed, RunRequest, RunResult
from tests.runtime import small_models as models

RUN = "graphdebug.runtime.run:run_job"
GIB = 1 << 30


def request(path: Path, *, mode: str = "plain", length: int | None = None) -> RunRequest:
    """Run the model at ``path``; its input ``shape``, if it has one, is fed with ``length`` twice."""
    inputs = {} if length is None else {"shape": InputFeed(kind="constant", value=length)}
    return RunRequest(ModelLocation(str(path)), feeds=FeedSpec(inputs=inputs), mode=mode)


def failure_of(job: RunRequest, folder: Path, limits: Limits | None = None, call: str = RUN):
    with pytest.raises(WorkerError) as raised:
        run_in_worker(call, job, folder, RunResult, limits)
    return raised.value.failure


def wait_for(worker: Worker, words: str) -> None:
    """Iterate until the progress message has ``words``."""
    for event in worker:
        if words in event.message:
            return
    raise AssertionError(f"ended first: {worker.failure}")


def test_a_job_reports_progress_and_leaves_its_result(tmp_path: Path) -> None:
    events = []
    job = request(models.chain(tmp_path / "m.onnx"), mode="isolated")
    result = run_in_worker(RUN, job, tmp_path, RunResult, on_progress=events.append)
    assert [row.name for row in result.rows] == ["x", "product", "sum", "y"]
    assert any("preparing onnxruntime" in event.message for event in events)
    assert not list(tmp_path.glob("*.part"))


def test_sigfpe_is_named_with_what_was_going_on(tmp_path: Path) -> None:
    failure = failure_of(request(models.divides_by_zero(tmp_path / "m.onnx")), tmp_path)
    assert (failure.kind, failure.signal) == ("signal", "SIGFPE")
    assert "division by zero" in failure.message
    assert "preparing" in failure.message or "running" in failure.message
    assert "onnxruntime" in failure.detail  # the Python stack at the crash


def test_a_tensor_beyond_the_memory_limit_is_a_memory_failure(tmp_path: Path) -> None:
    job = request(models.huge(tmp_path / "m.onnx"), length=50_000)
    failure = failure_of(job, tmp_path, Limits(memory=GIB))
    assert failure.kind == "memory"
    assert "1.07 GB" in failure.message


def test_a_loop_that_keeps_everything_hits_the_memory_limit(tmp_path: Path) -> None:
    failure = failure_of(request(models.growing(tmp_path / "m.onnx")), tmp_path, Limits(memory=GIB, seconds=60))
    assert failure.kind in ("memory", "signal")
    assert failure.kind == "memory" or failure.signal == "SIGABRT"


def test_time_runs_out(tmp_path: Path) -> None:
    started = time.monotonic()
    failure = failure_of(request(models.endless(tmp_path / "m.onnx")), tmp_path, Limits(seconds=2))
    assert failure.kind == "timeout"
    assert "2 seconds" in failure.message
    assert time.monotonic() - started < 20


def test_output_beyond_the_file_limit_is_an_error_in_words(tmp_path: Path) -> None:
    job = request(models.chain(tmp_path / "m.onnx"), mode="isolated")
    failure = failure_of(job, tmp_path, Limits(output=1000))
    assert failure.kind == "error"
    assert "1 kB" in failure.message


@pytest.mark.parametrize("make", [models.endless, models.heavy])
def test_cancelling_ends_native_code_that_listens_to_nobody(make, tmp_path: Path) -> None:
    job = request(make(tmp_path / "m.onnx"), length=30_000 if make is models.heavy else None)
    with start(RUN, job, tmp_path, spare=False) as worker:
        wait_for(worker, "running the model")
        threading.Timer(0.3, worker.cancel).start()
        with pytest.raises(WorkerError) as raised:
            worker.result(RunResult)
        assert raised.value.failure.kind == "cancelled"
        assert not psutil.pid_exists(worker.pid)


def test_kill_9_from_outside_is_reported(tmp_path: Path) -> None:
    with start(RUN, request(models.endless(tmp_path / "m.onnx")), tmp_path, spare=False) as worker:
        wait_for(worker, "running the model")
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="SIGKILL") as raised:
            worker.result(RunResult)
        assert raised.value.failure.signal == "SIGKILL"


def test_leaving_the_context_kills_the_job(tmp_path: Path) -> None:
    with start(RUN, request(models.endless(tmp_path / "m.onnx")), tmp_path, spare=False) as worker:
        wait_for(worker, "running the model")
    assert not psutil.pid_exists(worker.pid)


def test_a_killed_worker_leaves_no_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, elsewhere = tmp_path / "job", tmp_path / "tmp"
    folder.mkdir()
    elsewhere.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    job = request(models.endless(tmp_path / "m.onnx"), mode="deployed")
    with start(RUN, job, folder, spare=False) as worker:
        wait_for(worker, "running the model")
        assert list(folder.glob("*/optimized-*/*.onnx"))
        os.kill(worker.pid, signal.SIGKILL)
        with pytest.raises(WorkerError):
            worker.result(RunResult)
    assert not list(folder.rglob("*.onnx"))
    assert not list(elsewhere.iterdir())


def test_our_own_errors_speak_for_themselves(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"no model")
    failure = failure_of(request(tmp_path / "m.onnx"), tmp_path)
    assert failure.kind == "error"
    assert "internal" not in failure.message
    assert "Traceback" in failure.detail
    failure = failure_of(request(tmp_path / "gone.onnx"), tmp_path)
    assert "gone.onnx" in failure.message
    assert "internal" not in failure.message


def test_only_functions_of_this_package_are_called(tmp_path: Path) -> None:
    for call in ("os:system", "graphdebug_evil:run", "graphdebug.runtime.run:run_job.__globals__", "graphdebug:_x"):
        failure = failure_of(request(tmp_path / "m.onnx"), tmp_path, call=call)
        assert "not a job function" in failure.message


def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    models.endless(tmp_path / "m.onnx")
    script = f"""
from pathlib import Path
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.process import start
from graphdebug.runtime.requests import RunRequest
worker = start("{RUN}", RunRequest(ModelLocation({str(tmp_path / "m.onnx")!r}), mode="plain"), Path({str(tmp_path)!r}))
for event in worker:
    if "running the model" in event.message:
        print(worker.pid, flush=True)
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    gone, _ = psutil.wait_procs([worker], timeout=10)
    assert gone or worker.status() == psutil.STATUS_ZOMBIE


def test_a_worker_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    workers: list[Worker] = []
    job = request(models.chain(tmp_path / "m.onnx"))
    thread = threading.Thread(target=lambda: workers.append(start(RUN, job, tmp_path, spare=False)))
    thread.start()
    thread.join()
    with workers[0] as worker:
        assert worker.result(RunResult).rows


def test_the_spare_is_used_once_and_replaced() -> None:
    spares = Spares()
    try:
        assert spares.take() is None  # none yet, but one is on its way
        first = wait_for_spare(spares)
        second = wait_for_spare(spares)
        assert first.pid != second.pid
        first.close()
        second.close()
    finally:
        spares.close()


def test_a_killed_spare_is_passed_over_and_closing_leaves_no_process() -> None:
    spares = Spares()
    spares.refill()
    child = wait_for_spare(spares)
    spares._spare = child
    os.kill(child.pid, signal.SIGKILL)
    while child.alive():
        time.sleep(0.01)
    assert spares.take() is None
    child = wait_for_spare(spares)
    spares._spare = child
    spares.close()
    assert not psutil.pid_exists(child.pid)
    assert spares.take() is None


def wait_for_spare(spares: Spares):
    for _ in range(200):
        if (child := spares.take()) is not None:
            return child
        time.sleep(0.05)
    raise AssertionError("no spare came")


def test_jobs_run_beside_each_other_from_many_threads(tmp_path: Path) -> None:
    job = request(models.chain(tmp_path / "m.onnx"))
    results: list[RunResult] = []

    def run(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        with start(RUN, job, folder) as worker:
            results.append(worker.result(RunResult))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len({result.rows for result in results}) == 1
