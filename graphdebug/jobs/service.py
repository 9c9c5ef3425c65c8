"""Jobs: a typed request, a worker process and a workspace record joined. Started here, watched from anywhere.

A thread follows each worker and keeps the job's row up to date; pages read rows and never wait. Opening a model is a
job too, with two more steps in the following thread: find the model file before, register the model after.
"""

import logging
import os
import re
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from graphdebug.edit.job import APPLY_JOB, SPLICES_FILE, ApplyRequest, ApplyResult
from graphdebug.edit.splice import Splice
from graphdebug.jobs.summaries import summarise
from graphdebug.model.records import CheckRequest, ModelRecord, OpenRequest
from graphdebug.model.units import size_text
from graphdebug.runtime.events import Failure, Limits, WorkerError
from graphdebug.runtime.process import Worker, start
from graphdebug.runtime.requests import LayersRequest, OptimizeRequest, OptimizeResult
from graphdebug.workspace import drafts, intake
from graphdebug.workspace.disk import WorkspaceError, empty, remove, saying_what_is_wrong
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry
from graphdebug.workspace.store import TYPES, Workspace

T = TypeVar("T")

_OPEN = "graphdebug.model.opening:open_job"
_OPTIMIZE = "graphdebug.runtime.optimize:optimize_job"
_LAYERS = "graphdebug.runtime.engine_layers:layers_job"
_CHECK, _CHECK_KIND = "graphdebug.model.opening:check_job", "check"
_OPEN_LIMITS = Limits(memory=8_000_000_000, seconds=900, output=4_000_000_000)
_LONGEST_STEM = 50
LARGEST_LAYERS = 256 << 20
_UPDATE_EVERY = 0.25
_LOOK_EVERY = 0.5
"""Seconds between looks whether another server asks for a job to be cancelled."""
_COUNT = re.compile(r"\d+")
_SLOTS = {kind: threading.Semaphore(4) for kind in ("open", _CHECK_KIND)}
_OTHER_SLOTS = threading.Semaphore(max(1, (os.cpu_count() or 2) // 2))
"""Runs and comparisons use every core they get: a few at a time, the others queue."""

_tasks: dict[str, "Task"] = {}
"""The jobs that this process follows, by id."""

_log = logging.getLogger(__name__)


class Task:
    """A job being followed: reports progress into its row and can be cancelled between and during its steps."""

    def __init__(self, workspace: Workspace, job: JobEntry) -> None:
        """Follow ``job``."""
        self.workspace = workspace
        self.job = job
        self.over = threading.Event()
        self._worker: Worker | None = None
        self._cancelled = threading.Event()
        self._step = ""
        self._reported = 0.0

    def cancel(self) -> None:
        """End the job at its next step, or at once when a worker runs."""
        self._cancelled.set()
        if self._worker is not None:
            self._worker.cancel()

    def report(self, fraction: float | None, message: str) -> None:
        """Note progress: a new step at once, counts within a step a few times a second.

        Raises:
            WorkerError: the job was cancelled.
        """
        self.check()
        step = _COUNT.sub("", message)
        # A step may last for ever: what is shown then must not be the step before it.
        if step != self._step or time.monotonic() - self._reported >= _UPDATE_EVERY:
            self._step, self._reported = step, time.monotonic()
            with suppress(WorkspaceError):  # on a full disk the work may still come to a good end
                self.workspace.update_job(self.job.id, progress=fraction, message=message)

    def check(self) -> None:
        """Raise WorkerError when the job was cancelled."""
        if self._cancelled.is_set():
            raise WorkerError(Failure("cancelled", "The job was cancelled."))

    def run(self, call: str, request: Any, limits: Limits, result: type[T]) -> T:
        """Run a job function in a worker process and return its result, or raise WorkerError."""
        with start(call, request, self.job.folder, limits) as worker:
            self._worker = worker
            try:
                self.check()  # a cancel that came before there was a worker
                for event in worker:
                    self.report(event.fraction, event.message)
                return worker.result(result)
            finally:
                self._worker = None

    def obey(self) -> None:
        """Look now and then whether another server asks for the job to be cancelled, until it is over."""
        while not self.over.wait(_LOOK_EVERY):
            if self.workspace.cancel_asked(self.job.id):
                self.cancel()
                return

    @contextmanager
    def slot(self) -> Iterator[None]:
        """Wait for a free place among the jobs of this kind."""
        slots = _slots(self.job)
        while not slots.acquire(timeout=0.1):
            self.check()
        try:
            yield
        finally:
            slots.release()


def submit(
    workspace: Workspace,
    kind: str,
    call: str,
    request: Any,
    *,
    model_id: str | None = None,
    title: str = "",
    limits: Limits | None = None,
) -> str:
    """Start the job function ``call`` on ``request`` and return the job's id at once.

    ``kind`` says what it is listed as (``run``, ``compare``…); the result is ``result.json`` in its folder.

    Raises:
        WorkspaceError: the job could not be recorded.
    """
    entry = workspace.model(model_id) if model_id else None
    state = drafts.state_of(entry) if entry is not None else ""
    job = workspace.add_job(kind, call, request, title=title, model_id=model_id, draft_state=state)

    def work(task: Task) -> dict[str, Any]:
        task.run(call, request, limits or Limits(), msgspec.Raw)
        return {"summary": summarise(kind, task.job.folder)}

    return _begin(workspace, job, work)


def open_upload(workspace: Workspace, upload: Path) -> str:
    """Open the model in a quarantine folder; the upload is gone afterwards, whatever happens. Returns the job's id."""
    names = sorted(path.name for path in (upload / "files").glob("*"))
    title = next((name for name in names if name.lower().endswith((".onnx", ".zip"))), names[0] if names else "")
    job = workspace.add_job("open", _OPEN, OpenRequest(str(upload)), title=title)

    def work(task: Task) -> dict[str, Any]:
        try:
            prepared = intake.prepare(upload, task.report)
            return _register(task, prepared.id, prepared.model, prepared.files)
        finally:
            remove(upload)

    return _begin(workspace, job, work)


def open_path(workspace: Workspace, path: Path) -> str:
    """Open a model that stays where it is on this machine. Returns the job's id.

    Raises:
        WorkspaceError: there is no such file.
    """
    path = path.expanduser().resolve()
    model_id = intake.fingerprint(path)
    job = workspace.add_job("open", _OPEN, OpenRequest(str(path)), title=path.name)
    return _begin(workspace, job, lambda task: _register(task, model_id, path, None))


def open_optimized(workspace: Workspace, entry: ModelEntry, level: str) -> str:
    """Let ONNX Runtime optimise a model and take in what it would run as a model of its own. Returns the job's id.

    ``level`` is one of its levels: ``basic``, ``extended``, ``all``.
    """
    name = f"{Path(entry.name).stem[:_LONGEST_STEM]} optimised ({level}).onnx"
    request = OptimizeRequest(entry.location, level, name)
    job = workspace.add_job("open", _OPTIMIZE, request, title=name)

    def work(task: Task) -> dict[str, Any]:
        made = Path(task.run(_OPTIMIZE, request, Limits(), OptimizeResult).path)
        return _register(task, optimized_id(entry.id, level), made, made.parent)

    return _begin(workspace, job, work)


def open_engine_layers(workspace: Workspace, file: Path, name: str = "") -> str:
    """Take in the layers of an engine, which a JSON file tells, as a model called ``name``. Returns the job's id.

    Raises:
        WorkspaceError: the file is too large, or cannot be read.
    """
    with saying_what_is_wrong(f"Reading {file.name}"):
        if file.stat().st_size > LARGEST_LAYERS:
            raise WorkspaceError(f"{file.name} is larger than {size_text(LARGEST_LAYERS)}.")
    name = f"{(name or file.stem)[:_LONGEST_STEM]} (engine).onnx"
    request = LayersRequest(str(file), name)
    job = workspace.add_job("open", _LAYERS, request, title=name)

    def work(task: Task) -> dict[str, Any]:
        made = Path(task.run(_LAYERS, request, Limits(), OptimizeResult).path)
        model_id = sha256(b"engine layers\0" + file.read_bytes()).hexdigest()[:16]
        return _register(task, model_id, made, made.parent)

    return _begin(workspace, job, work)


def check_draft(workspace: Workspace, draft: ModelEntry) -> str:
    """Infer shapes of and check a draft as it is now, and keep what was found, unless it is edited meanwhile.

    Returns the job's id. A check of an earlier state of the draft that still runs is cancelled.
    """
    for earlier in workspace.jobs(_CHECK_KIND, draft.id):
        cancel(workspace, earlier.id)
    job = workspace.add_job(_CHECK_KIND, _CHECK, CheckRequest(draft.location), title=draft.name, model_id=draft.id)

    def work(task: Task) -> dict[str, Any]:
        record = task.run(_CHECK, CheckRequest(draft.location), _OPEN_LIMITS, ModelRecord)
        with suppress(drafts.Changed):
            drafts.learn(workspace, draft, record, task.job.folder / TYPES)
        remove(task.job.folder)
        return {}

    return _begin(workspace, job, work)


def edit_draft(
    workspace: Workspace,
    draft: ModelEntry,
    request: ApplyRequest,
    title: str,
    keep: Callable[[ApplyResult, tuple[tuple[Splice, ...], ...]], None],
) -> str:
    """Do operations on a draft in a worker; ``keep`` is called with what came of each. Returns the job's id."""
    job = workspace.add_job("edit", APPLY_JOB, request, title=title, model_id=draft.id)

    def work(task: Task) -> dict[str, Any]:
        result = task.run(APPLY_JOB, request, Limits(), ApplyResult)
        written = task.job.folder / SPLICES_FILE
        keep(result, msgspec.msgpack.decode(written.read_bytes(), type=tuple[tuple[Splice, ...], ...]))
        remove(task.job.folder)
        return {}

    return _begin(workspace, job, work)


def optimized_id(model_id: str, level: str) -> str:
    """Return the id that ``open_optimized`` gives to the optimised model of ``model_id``."""
    return sha256(f"{model_id}\0optimised\0{level}".encode()).hexdigest()[:16]


def _register(task: Task, model_id: str, path: Path, files: Path | None) -> dict[str, Any]:
    """Open a model in a worker and take it into the workspace; one that is known is only reopened."""
    if not task.workspace.touch_model(model_id):
        request = OpenRequest(str(path), uploaded=files is not None)
        record = task.run(_OPEN, request, _OPEN_LIMITS, ModelRecord)
        task.workspace.add_model(model_id, record, task.job.folder, path, files=files)
    remove(task.job.folder)
    return {"model_id": model_id}


def cancel(workspace: Workspace, job_id: str) -> bool:
    """Have a job cancelled; False when it is over.

    A job of this process ends at once, one of another server when that server next looks, in about a second. The job
    of a server that is gone becomes a failed one.
    """
    task = _tasks.get(job_id)
    if task is not None:
        task.cancel()
        return True
    workspace.end_lost_jobs()
    job = workspace.job(job_id)
    if job is None or not job.state.active:
        return False
    workspace.ask_to_cancel(job_id)
    return True


def blockers(workspace: Workspace, job: JobEntry) -> list[JobEntry]:
    """Return the running jobs whose places a queued ``job`` waits for, the oldest first."""
    if job.state is not JobState.QUEUED:
        return []
    running = (other for other in workspace.active_jobs() if other.state is JobState.RUNNING)
    return [other for other in running if other.owner == job.owner and _slots(other) is _slots(job)]


def delete(workspace: Workspace, job_id: str) -> None:
    """Delete a job with its files; one that runs is cancelled first.

    Raises:
        WorkspaceError: the server that runs it does not end it.
    """
    if cancel(workspace, job_id) and not _ends(workspace, job_id, seconds=10):
        job = workspace.job(job_id)
        server = f"the server with process id {job.process}" if job else "another server"
        raise WorkspaceError(f"This job still runs in {server}, which was asked to end it: try again.")
    workspace.delete_job(job_id)


def _ends(workspace: Workspace, job_id: str, seconds: float) -> bool:
    """Return whether a job is over within ``seconds``; the end of one of ours need not be recorded yet."""
    task = _tasks.get(job_id)
    if task is not None:
        return task.over.wait(seconds)
    try:
        wait(workspace, job_id, seconds)
    except TimeoutError:
        return False
    return True


def _slots(job: JobEntry) -> threading.Semaphore:
    """Return the places among which a job needs one."""
    return _SLOTS.get(job.kind, _OTHER_SLOTS)


def wait(workspace: Workspace, job_id: str, seconds: float = 600) -> JobEntry | None:
    """Wait until a job is over and return it; None when it is deleted meanwhile. For tests and terminals.

    Raises:
        TimeoutError: it is still active after ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        job = workspace.job(job_id)
        if job is None or (not job.state.active and job_id not in _tasks):
            return job
        if time.monotonic() > deadline:
            raise TimeoutError(f"Job {job_id} is still {job.state}.")
        time.sleep(0.02)


def result(workspace: Workspace, job_id: str, kind: type[T]) -> T:
    """Return the result of a finished job.

    Raises:
        WorkspaceError: there is no such job, or it left no result.
    """
    try:
        return msgspec.json.decode((workspace.job_folder(job_id) / "result.json").read_bytes(), type=kind)
    except OSError as error:
        raise WorkspaceError("This job left no result: it was deleted or did not finish.") from error
    except msgspec.MsgspecError as error:
        raise WorkspaceError(
            "The result of this job was written by another version of graphdebug: run it again."
        ) from error


def _begin(workspace: Workspace, job: JobEntry, work: Callable[[Task], dict[str, Any]]) -> str:
    task = _tasks[job.id] = Task(workspace, job)
    threading.Thread(target=_follow, args=(task, work), name=f"job {job.id}", daemon=True).start()
    threading.Thread(target=task.obey, name=f"cancel {job.id}", daemon=True).start()
    return job.id


def _follow(task: Task, work: Callable[[Task], dict[str, Any]]) -> None:
    """Run ``work`` and record how it ended; it never raises."""
    try:
        with task.slot():
            task.workspace.update_job(task.job.id, state=JobState.RUNNING)
            changes = work(task) | {"state": JobState.DONE, "progress": 1.0}
    except WorkerError as error:
        state = JobState.CANCELLED if error.failure.kind == "cancelled" else JobState.FAILED
        changes = {"state": state, "failure": error.failure}
    except WorkspaceError as error:
        changes = {"state": JobState.FAILED, "failure": Failure("error", str(error))}
    except Exception as error:
        sentence = f"An internal error ended the job: {type(error).__name__}: {error}"
        changes = {"state": JobState.FAILED, "failure": Failure("error", sentence, traceback.format_exc())}
    if changes["state"] != JobState.DONE:
        empty(task.job.folder)  # half-written files are of no use, and the disk may be full
    task.over.set()
    _record(task, changes)
    _tasks.pop(task.job.id, None)


def _record(task: Task, changes: dict[str, Any]) -> None:
    """Write a job's end into its row, however long that takes: a full disk stays full until somebody makes room."""
    for patience in chain((0.0, 0.5, 2.0), repeat(5.0)):
        time.sleep(patience)
        try:
            task.workspace.update_job(task.job.id, **changes)
            return
        except WorkspaceError as error:
            if not patience:
                _log.warning("Job %s is %s but this cannot be recorded yet: %s", task.job.id, changes["state"], error)
