"""Worker processes as the parent holds them: starting, killing and reaping them, and keeping a warm spare."""

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, cast

import msgspec

import graphdebug
from graphdebug.runtime.channel import Task

_ENDED_BUT_NOT_REAPED = os.WEXITED | os.WNOWAIT


class Child:
    """A worker process and the pipes to it. It leads a session of its own, so that all it starts dies with it."""

    def __init__(self, *, preload: bool) -> None:
        """Start the process; with ``preload`` it imports the heavy packages before it asks for its task."""
        reader, writer = os.pipe()
        command = [sys.executable, "-P", "-m", "graphdebug.runtime.worker", str(writer)]
        try:
            self._process = subprocess.Popen(
                [*command, "--preload"] if preload else command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                start_new_session=True,
                env=environment(),
            )
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self.pid = self._process.pid
        self.events: IO[bytes] = os.fdopen(reader, "rb", buffering=0)
        self.output = cast("IO[bytes]", self._process.stdout)
        self._input = cast("IO[bytes]", self._process.stdin)
        self._lock = threading.Lock()
        self._code: int | None = None

    def send(self, task: Task) -> bool:
        """Hand over the task; return False when the process is not there any more."""
        try:
            self._input.write(msgspec.json.encode(task) + b"\n")
            self._input.flush()
        except OSError:
            return False
        return True

    def alive(self) -> bool:
        """Return whether the process still runs."""
        with self._lock:
            if self._code is not None:
                return False
            try:
                return os.waitid(os.P_PID, self.pid, _ENDED_BUT_NOT_REAPED | os.WNOHANG) is None
            except ChildProcessError:  # somebody else in this program waits for every child
                return False

    def kill(self) -> None:
        """Kill the process group, unless it was reaped: until then its number cannot belong to another one."""
        with self._lock:
            if self._code is None:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.pid, signal.SIGKILL)

    def reap(self, patience: float = 0.0) -> int:
        """Wait up to ``patience`` seconds for the process to end, kill what is left, return the exit status."""
        deadline = time.monotonic() + patience
        while self.alive() and time.monotonic() < deadline:
            time.sleep(0.002)
        self.kill()
        with self._lock:
            if self._code is None:
                self._code = self._process.wait()
            return self._code

    def close(self) -> None:
        """Kill the process, reap it and close the pipes."""
        self.reap()
        for pipe in (self._input, self.output, self.events):
            with contextlib.suppress(OSError):
                pipe.close()


def environment() -> dict[str, str]:
    """Return the environment for modules of ours: this package importable, one thread a CPU unless set otherwise."""
    root = str(Path(graphdebug.__file__).parent.parent)
    path = os.environ.get("PYTHONPATH")
    cpus = str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), cpus)
    return {
        **threads,
        **os.environ,
        "PYTHONPATH": os.pathsep.join([root, path]) if path else root,
    }


class Spares:
    """At most one warm process that waits for a job, replaced in the background after it was taken."""

    _REPLACE_AFTER = 1.0
    """Seconds: the job that took the spare should have the processor first."""

    def __init__(self) -> None:
        """Start with none."""
        self._lock = threading.Lock()
        self._spare: Child | None = None
        self._timer: threading.Timer | None = None
        self._closed = False

    def take(self) -> Child | None:
        """Return the spare when it lives, and see to its replacement."""
        with self._lock:
            spare, self._spare = self._spare, None
        self.refill(self._REPLACE_AFTER)
        if spare is not None and not spare.alive():
            spare.close()
            return None
        return spare

    def refill(self, delay: float = 0.0) -> None:
        """Start a spare in ``delay`` seconds unless there is one or one is on its way."""
        with self._lock:
            if self._closed or self._spare is not None or (self._timer is not None and self._timer.is_alive()):
                return
            self._timer = threading.Timer(delay, self._start)
            self._timer.daemon = True
            self._timer.start()

    def _start(self) -> None:
        with self._lock:
            if not self._closed and self._spare is None:
                with contextlib.suppress(OSError):  # no process to be had now: the next job starts cold
                    self._spare = Child(preload=True)

    def close(self) -> None:
        """End the spare and start no more."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.close()


spares = Spares()
"""The process-wide spare; it ends with the interpreter."""

atexit.register(spares.close)
