"""A job ends well or badly, and its row says how; the app goes on."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphdebug.bench.records import BENCH_JOB, BenchRequest
from graphdebug.jobs import service
from graphdebug.jobs.diagnosis import ProbeRequest, ProbeResult, probe_job
from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.events import Limits
from graphdebug.runtime.latency_records import LATENCY_JOB, LIMITS, LatencyRequest, LatencyResult
from graphdebug.runtime.requests import RunRequest
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState
from graphdebug.workspace.store import Workspace
from tests.runtime import small_models

ROOT = Path(__file__).resolve().parents[2]
RUN = "graphdebug.runtime.run:run_job"
PROBE = f"{probe_job.__module__}:{probe_job.__name__}"


def endless_run(folder: Path) -> RunRequest:
    return RunRequest(ModelLocation(str(small_models.endless(folder / "endless.onnx"))))


def state_of(workspace: Workspace, job_id: str) -> JobState:
    job = workspace.job(job_id)
    assert job is not None
    return job.state


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def ended(workspace: Workspace, job_id: str) -> JobEntry:
    job = service.wait(workspace, job_id, 60)
    assert job is not None
    return job


def opened(workspace: Workspace, path: Path) -> JobEntry:
    return ended(workspace, service.open_path(workspace, path))


def test_a_measurement_leaves_times_and_a_few_facts(workspace: Workspace, samples: Path) -> None:
    request = LatencyRequest(ModelLocation(str(samples / "line.onnx")), repetitions=2)
    job = ended(workspace, service.submit(workspace, "measure", LATENCY_JOB, request, limits=LIMITS))
    assert job.state is JobState.DONE
    times = service.result(workspace, job.id, LatencyResult)
    assert (job.summary["level"], job.summary["nodes"]) == ("all", len(times.graphs[""]))
    assert job.summary["seconds"] == times.seconds > 0
    assert sorted(path.name for path in job.folder.iterdir()) == ["result.json", "trace.json"]


def test_a_benchmark_leaves_its_medians_for_lists(workspace: Workspace, samples: Path) -> None:
    location = ModelLocation(str(samples / "line.onnx"))
    request = BenchRequest(location, ("onnxruntime", "reference"), iterations=10, rounds=5)
    job = ended(workspace, service.submit(workspace, "bench", BENCH_JOB, request))
    assert job.state is JobState.DONE
    assert job.summary["failed"] == 0
    said = r"onnxruntime \S+ .s, reference \S+ .s; ratio .* \(95 % between .* and .*\)"
    assert re.fullmatch(said, str(job.summary["sentence"]))


def test_a_job_leaves_its_result(workspace: Workspace) -> None:
    job_id = service.submit(workspace, "probe", PROBE, ProbeRequest(), title="which backends")
    job = ended(workspace, job_id)
    assert (job.state, job.failure, job.progress) == (JobState.DONE, None, 1.0)
    result = service.result(workspace, job_id, ProbeResult)
    assert result.probes[0].spec == "onnxruntime:provider=cpu"
    assert result.probes[0].available
    assert job.bytes == sum(path.stat().st_size for path in job.folder.iterdir())


def test_a_cancelled_job_ends_soon_and_leaves_no_files(workspace: Workspace) -> None:
    job_id = service.submit(workspace, "probe", PROBE, ProbeRequest())
    assert service.cancel(workspace, job_id)
    job = ended(workspace, job_id)
    assert job.failure is not None
    assert (job.state, job.failure.kind) == (JobState.CANCELLED, "cancelled")
    assert list(job.folder.iterdir()) == []
    assert not service.cancel(workspace, job_id)


def test_a_killed_worker_is_a_failure_with_its_signal(workspace: Workspace) -> None:
    job_id = service.submit(workspace, "probe", PROBE, ProbeRequest())
    while (worker := service._tasks[job_id]._worker) is None:
        time.sleep(0.001)
    os.kill(worker.pid, signal.SIGKILL)
    job = ended(workspace, job_id)
    assert job.failure is not None
    assert (job.state, job.failure.kind, job.failure.signal) == (JobState.FAILED, "signal", "SIGKILL")


def test_time_is_limited(workspace: Workspace) -> None:
    job = ended(workspace, service.submit(workspace, "probe", PROBE, ProbeRequest(), limits=Limits(seconds=0.01)))
    assert job.failure is not None
    assert (job.state, job.failure.kind) == (JobState.FAILED, "timeout")


def test_an_endless_job_that_nobody_watches_is_stopped(workspace: Workspace, tmp_path: Path) -> None:
    job_id = service.submit(workspace, "run", RUN, endless_run(tmp_path), limits=Limits(seconds=1.5))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == f"job {job_id}")
    thread.join(60)  # of all that follows a job only this is left when no page is open
    job = workspace.job(job_id)
    assert job is not None and job.failure is not None
    assert (job.state, job.failure.kind) == (JobState.FAILED, "timeout")
    assert job.started is not None and job.finished is not None


def test_a_job_that_waits_knows_for_whom(workspace: Workspace, tmp_path: Path) -> None:
    request = endless_run(tmp_path)
    places = max(1, (os.cpu_count() or 2) // 2)
    first = [service.submit(workspace, "run", RUN, request, title=f"run {number}") for number in range(places)]
    until(lambda: all(state_of(workspace, job_id) == JobState.RUNNING for job_id in first))
    last = workspace.job(service.submit(workspace, "compare", PROBE, ProbeRequest()))
    assert last is not None
    assert {job.id for job in service.blockers(workspace, last)} == set(first)
    assert service.blockers(workspace, workspace.add_job("open", PROBE, ProbeRequest())) == []
    for job_id in first:
        service.cancel(workspace, job_id)
        assert ended(workspace, job_id).state == JobState.CANCELLED
    done = ended(workspace, last.id)
    assert done.state != JobState.QUEUED
    assert service.blockers(workspace, done) == []


OTHER_SERVER = """
import sys
from pathlib import Path
from graphdebug.jobs import service
from graphdebug.workspace.store import Workspace
from tests.jobs.test_service import RUN, endless_run
workspace = Workspace(Path(sys.argv[1]))
job_id = service.submit(workspace, "run", RUN, endless_run(Path(sys.argv[2])))
print(job_id, flush=True)
if "die" not in sys.argv:
    service.wait(workspace, job_id, 60)
"""


def test_a_job_of_another_server_is_cancelled_from_here(workspace: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER_SERVER, str(workspace.root), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout is not None
        job_id = other.stdout.readline().strip()
        until(lambda: state_of(workspace, job_id) == JobState.RUNNING)
        assert service.cancel(workspace, job_id)
        job = ended(workspace, job_id)
        assert other.wait(60) == 0
    assert job.failure is not None
    assert (job.state, job.failure.kind, job.process) == (JobState.CANCELLED, "cancelled", str(other.pid))
    assert list(job.folder.iterdir()) == []


def test_cancelling_a_job_of_a_dead_server_ends_it(workspace: Workspace, tmp_path: Path) -> None:
    command = [sys.executable, "-c", OTHER_SERVER, str(workspace.root), str(tmp_path), "die"]
    job_id = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout.strip()
    assert state_of(workspace, job_id).active
    assert not service.cancel(workspace, job_id)
    assert state_of(workspace, job_id) == JobState.FAILED


def test_deleting_a_running_job_stops_it_first(workspace: Workspace) -> None:
    job_id = service.submit(workspace, "probe", PROBE, ProbeRequest())
    service.delete(workspace, job_id)
    assert workspace.job(job_id) is None
    assert not workspace.job_folder(job_id).exists()
    until(lambda: job_id not in service._tasks)


def test_a_result_that_is_gone_gets_a_sentence(workspace: Workspace) -> None:
    with pytest.raises(WorkspaceError, match="left no result"):
        service.result(workspace, "none", ProbeResult)


def test_many_jobs_queue_and_all_end(workspace: Workspace) -> None:
    ids = [service.submit(workspace, "run", PROBE, ProbeRequest(), limits=Limits(seconds=0.01)) for _ in range(6)]
    assert {ended(workspace, job_id).state for job_id in ids} == {JobState.FAILED}
    assert service._tasks == {}


def test_a_model_opened_in_place_is_known_by_what_it_was(workspace: Workspace, samples: Path, tmp_path: Path) -> None:
    path = tmp_path / "line.onnx"
    path.write_bytes((samples / "line.onnx").read_bytes())
    first, second = opened(workspace, path), opened(workspace, path)
    assert first.state == JobState.DONE
    assert first.model_id == second.model_id
    os.utime(path, (1, 1))
    third = opened(workspace, path)
    assert third.model_id != first.model_id
    assert len(workspace.models()) == 2


def test_the_same_upload_twice_is_kept_once(workspace: Workspace, samples: Path) -> None:
    models = set()
    for name in ("a.onnx", "b.onnx"):
        upload = workspace.quarantine()
        with service.intake.Incoming(upload, name) as incoming:
            incoming.write((samples / "line.onnx").read_bytes())
        models.add(ended(workspace, service.open_upload(workspace, upload)).model_id)
    assert len(models) == 1
    (entry,) = workspace.models()
    assert entry.name == "a.onnx"
    assert list((workspace.root / "quarantine").iterdir()) == []


def test_a_broken_model_opens_with_its_findings(workspace: Workspace, samples: Path) -> None:
    job = opened(workspace, samples / "broken.onnx")
    entry = workspace.model(job.model_id or "")
    assert entry is not None
    assert any(finding.severity == "error" for finding in entry.record.findings)


def test_a_model_that_is_not_there_is_said_at_once(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="no file at"):
        service.open_path(workspace, tmp_path / "missing.onnx")
    assert workspace.jobs() == []


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While it is set, no row of a job that has begun can be changed, as on a disk without a free byte."""
    full = threading.Event()
    update = Workspace.update_job

    def update_job(workspace: Workspace, job_id: str, **changes: Any) -> None:
        if full.is_set() and changes.get("state") != JobState.RUNNING:
            raise WorkspaceError("Updating a job failed: the disk is full.")
        update(workspace, job_id, **changes)

    monkeypatch.setattr(Workspace, "update_job", update_job)
    full.set()
    return full


def test_an_end_that_a_full_disk_could_not_take_is_recorded_later(
    workspace: Workspace, full_disk: threading.Event
) -> None:
    job_id = service.submit(workspace, "probe", PROBE, ProbeRequest())
    until(service._tasks[job_id].over.is_set)
    assert state_of(workspace, job_id) == JobState.RUNNING
    full_disk.clear()
    assert ended(workspace, job_id).state == JobState.DONE


def test_a_job_whose_end_is_not_recorded_can_be_deleted(workspace: Workspace, full_disk: threading.Event) -> None:
    job_id = service.submit(workspace, "probe", PROBE, ProbeRequest())
    until(service._tasks[job_id].over.is_set)
    service.delete(workspace, job_id)
    assert workspace.job(job_id) is None
    full_disk.clear()
    until(lambda: job_id not in service._tasks)


def test_a_full_disk_while_registering_a_model_is_a_failed_job(
    workspace: Workspace, samples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object, **named: object) -> None:
        raise WorkspaceError("Keeping line.onnx in the workspace failed: the disk is full.")

    monkeypatch.setattr(Workspace, "add_model", full)
    job = opened(workspace, samples / "line.onnx")
    assert job.state == JobState.FAILED
    assert job.failure is not None and "disk is full" in job.failure.message
    assert list(job.folder.glob("*")) == []


def test_what_onnx_runtime_would_run_becomes_a_model_of_its_own(workspace: Workspace, samples: Path) -> None:
    job = opened(workspace, samples / "resnet_torchscript.onnx")
    entry = workspace.model(job.model_id or "")
    assert entry is not None
    done = ended(workspace, service.open_optimized(workspace, entry, "extended"))
    assert (done.state, done.failure) == (JobState.DONE, None)
    made = workspace.model(service.optimized_id(entry.id, "extended"))
    assert made is not None and made.id == done.model_id
    assert made.name == "resnet_torchscript optimised (extended).onnx"
    assert "FusedConv" in {node.op_type for node in open_model(made.location).proto.graph.node}
    assert sorted(path.name for path in (made.folder / "files").iterdir()) == [made.name, "weights.bin"]
    again = ended(workspace, service.open_optimized(workspace, entry, "extended"))
    assert (again.state, again.model_id) == (JobState.DONE, made.id)


def test_a_model_that_onnx_runtime_refuses_is_not_optimised(workspace: Workspace, samples: Path) -> None:
    job = opened(workspace, samples / "broken.onnx")
    entry = workspace.model(job.model_id or "")
    assert entry is not None
    done = ended(workspace, service.open_optimized(workspace, entry, "all"))
    assert done.failure is not None and done.failure.message.startswith("ONNX Runtime cannot load the model:")
    assert [model.id for model in workspace.models()] == [entry.id]
