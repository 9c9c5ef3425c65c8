"""Jobs in processes of their own: start one, follow it, cancel it, learn how it ended.

    with start("graphdebug.runtime.run:run_job", request, folder) as worker:
        for event in worker:
            print(event.fraction, event.message)
        result = worker.result(RunResult)

A warm spare, which has its imports behind it, takes the next job and is replaced in the background.
"""

import os
import selectors
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from graphdebug.runtime.channel import RESULT_FILE, SCRATCH_FOLDER, DoneLine, FailureLine, Line, ProgressLine, Task
from graphdebug.runtime.child import Child, spares
from graphdebug.runtime.events import Failure, Limits, ProgressEvent, WorkerError
from graphdebug.runtime.failures import during, failure_of_exit

T = TypeVar("T")

_OUTPUT_KEPT = 16 << 10
_LINE_LIMIT = 8 << 20
_LAST_BREATH = 10.0
"""Seconds a process may take to end once its event stream has closed: giving back tens of gigabytes takes time."""


def warm_up() -> None:
    """Start the spare in the background, so that the first job, too, finds its imports done."""
    spares.refill()


def start(call: str, request: object, folder: Path, limits: Limits | None = None, *, spare: bool = True) -> "Worker":
    """Start job function ``call`` (``"graphdebug.module:function"``) in a worker process.

    Args:
        call: the job function's name; see ``events.py`` for what it must be.
        request: its argument, a frozen dataclass that becomes JSON.
        folder: an existing folder, the only place the job writes to; ``result.json`` goes there.
        limits: what it may take.
        spare: take the warm spare and have it replaced; a program that ends after one job does better without.
    """
    limits = limits or Limits()
    task = Task(call, msgspec.Raw(msgspec.json.encode(request)), str(folder.absolute()), limits)
    (folder / RESULT_FILE).unlink(missing_ok=True)
    child = spares.take() if spare else None
    if child is None or not child.send(task):
        if child is not None:
            child.close()
        child = Child(preload=False)
        child.send(task)  # when it died already, its end says more than the broken pipe
    return Worker(child, folder, limits)


def run_in_worker(
    call: str,
    request: object,
    folder: Path,
    kind: type[T],
    limits: Limits | None = None,
    on_progress: Callable[[ProgressEvent], object] | None = None,
) -> T:
    """Run one job to its end and return its result of type ``kind``; for terminals and scripts.

    Raises:
        WorkerError: the job ended without a result.
    """
    with start(call, request, folder, limits, spare=False) as worker:
        for event in worker:
            if on_progress is not None:
                on_progress(event)
        return worker.result(kind)


class Worker:
    """A running job. Iterate for progress, then ask for the result; ``cancel`` may come from any thread.

    The time limit is kept while somebody iterates or waits for the result.
    """

    def __init__(self, child: Child, folder: Path, limits: Limits) -> None:
        """Follow ``child``, which has been given its task."""
        self.pid = child.pid
        self.failure: Failure | None = None
        """How the job failed; None while it runs and after it succeeded."""
        self._child = child
        self._folder = folder
        self._limits = limits
        self._deadline = time.monotonic() + limits.seconds
        self._lines: deque[Line] = deque()
        self._partial = b""
        self._output = b""
        self._message = ""
        self._cancelled = False
        self._ended = False

    def cancel(self) -> None:
        """End the job at once by killing its process group; the iteration then ends and the failure says so."""
        self._cancelled = True
        self._child.kill()

    def __iter__(self) -> Iterator[ProgressEvent]:
        """Yield progress until the job has ended, well or badly; a failed job raises only in ``result``."""
        while not self._ended:
            line = self._next_line()
            if isinstance(line, ProgressLine):
                self._message = line.event.message or self._message
                yield line.event
            else:
                self._conclude(line)

    def result(self, kind: type[T]) -> T:
        """Wait for the end and return the job's result, decoded as ``kind``.

        Raises:
            WorkerError: the job ended without a result; its ``failure`` says how.
        """
        for _ in self:
            pass
        if self.failure is not None:
            raise WorkerError(self.failure)
        return msgspec.json.decode((self._folder / RESULT_FILE).read_bytes(), type=kind)

    def __enter__(self) -> Self:
        """Return the worker."""
        return self

    def __exit__(self, *_: Any) -> None:
        """Kill what still runs, close the pipes and remove the job's temporary files."""
        self._child.close()
        shutil.rmtree(self._folder / SCRATCH_FOLDER, ignore_errors=True)

    def _next_line(self) -> Line | None:
        """Return the next line of the event stream; None when it ends, makes no sense or the time is up."""
        with selectors.DefaultSelector() as selector:
            for pipe in (self._child.events, self._child.output):
                selector.register(pipe, selectors.EVENT_READ)
            while not self._lines:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    return None
                for key, _ in selector.select(left):
                    data = os.read(key.fd, 1 << 16)
                    if key.fileobj is self._child.output:
                        self._output = (self._output + data)[-_OUTPUT_KEPT:]
                        if not data:
                            selector.unregister(key.fileobj)
                    elif not data or not self._feed(data):
                        return None
        return self._lines.popleft()

    def _feed(self, data: bytes) -> bool:
        """Decode the lines that ``data`` completes; return False when they are no event lines."""
        *complete, self._partial = (self._partial + data).split(b"\n")
        try:
            self._lines.extend(msgspec.json.decode(line, type=Line) for line in complete)
        except msgspec.DecodeError:
            return False
        return len(self._partial) <= _LINE_LIMIT

    def _conclude(self, last: Line | None) -> None:
        """Reap the process and find out how the job ended; ``last`` is its last word, if it had one."""
        late = last is None and time.monotonic() >= self._deadline
        code = self._child.reap(0.0 if late else _LAST_BREATH)
        self._drain_output()
        output = self._output.decode(errors="replace").strip()
        self._ended = True
        if isinstance(last, DoneLine):
            return
        if isinstance(last, FailureLine):
            failure = last.failure
            detail = f"{failure.detail}\n{output}".strip()
            self.failure = Failure(failure.kind, failure.message, detail, failure.signal)
        elif self._cancelled:
            self.failure = Failure("cancelled", "The job was cancelled.", output)
        elif late:
            sentence = f"The job was stopped after {self._limits.seconds:g} seconds, its limit{during(self._message)}."
            self.failure = Failure("timeout", sentence, output)
        else:
            self.failure = failure_of_exit(code, output, self._message, self._limits)

    def _drain_output(self) -> None:
        """Read what the ended process printed last. All writers are gone, so this ends."""
        os.set_blocking(self._child.output.fileno(), False)
        try:
            while data := os.read(self._child.output.fileno(), 1 << 16):
                self._output = (self._output + data)[-_OUTPUT_KEPT:]
        except BlockingIOError:  # a grandchild outside the group still holds the pipe
            return
