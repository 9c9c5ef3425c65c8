"""The child process: one line of JSON in, events out, one job, then it ends.

``python -m graphdebug.runtime.worker EVENTS [--preload]`` reads a :class:`~graphdebug.runtime.channel.Task` from
standard input, runs the job function that it names under the task's limits, and writes events as JSON lines to file
descriptor EVENTS. Standard output and standard error stay free for native libraries, which print there.

Crashes, endless loops and lack of memory are the parent's and the kernel's business (see ``process.py``). Only
functions of this package can be named, and nothing is ever unpickled.
"""

import faulthandler
import fcntl
import importlib
import os
import re
import resource
import select
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from graphdebug.runtime.channel import RESULT_FILE, SCRATCH_FOLDER, DoneLine, FailureLine, Line, ProgressLine, Task
from graphdebug.runtime.events import Limits, ProgressEvent
from graphdebug.runtime.failures import failure_of_exception

_CALL = re.compile(r"graphdebug(\.[A-Za-z]\w*)+:[A-Za-z]\w*")
_PRELOADED = ("numpy", "onnx", "onnxruntime", "graphdebug.runtime.run")


def main(arguments: list[str]) -> None:
    """Run one task and leave without tearing anything down: native teardown takes time and can crash."""
    events = int(arguments[0])
    os.set_inheritable(events, False)
    faulthandler.enable()
    if "--preload" in arguments:
        for name in _PRELOADED:
            importlib.import_module(name)
    line = sys.stdin.buffer.readline()
    if not line.endswith(b"\n"):
        os._exit(0)  # the parent went away before it had a task
    _die_with_parent()
    os._exit(0 if _run(line, events) else 1)


def _die_with_parent() -> None:
    """Have this process group killed when the parent, which holds the other end of standard input, is gone.

    On Linux the kernel does it, by signalling the hang-up. PR_SET_PDEATHSIG would not do: it fires when the *thread*
    that started this process ends. Elsewhere a thread waits for the end of standard input.
    """
    if sys.platform == "linux":
        fcntl.fcntl(0, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(0, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)
        if select.select([0], [], [], 0)[0]:  # it went away before the signal was armed
            os._exit(1)
    else:
        threading.Thread(target=_wait_for_end_of_input, daemon=True).start()


def _wait_for_end_of_input() -> None:
    while os.read(0, 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _apply(limits: Limits) -> None:
    """Bound private memory (not address space: weights are memory-mapped), file size and core dumps."""
    wanted = ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, limits.output), (resource.RLIMIT_DATA, limits.memory))
    for which, value in wanted:
        _, hard = resource.getrlimit(which)
        bounded = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (bounded, bounded))


def resolve(call: str) -> Callable[..., Any]:
    """Return the job function named ``graphdebug.module:function``.

    Raises:
        ValueError: when the name is not one of this package.
    """
    if not _CALL.fullmatch(call):
        raise ValueError(f"{call!r} is not a job function of graphdebug.")
    module, _, function = call.partition(":")
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


def _run(line: bytes, events: int) -> bool:
    """Run the task in ``line``; return whether it left a result."""

    def emit(event: Line) -> None:
        _write(events, msgspec.json.encode(event) + b"\n")

    def progress(fraction: float | None, message: str) -> None:
        emit(ProgressLine(ProgressEvent(fraction, message[:500])))

    limits = Limits()
    try:
        task = msgspec.json.decode(line, type=Task)
        limits = task.limits
        _apply(limits)
        function = resolve(task.call)
        request = msgspec.json.decode(task.request, type=get_type_hints(function)["request"])
        folder = Path(task.folder)
        _make_scratch(folder / SCRATCH_FOLDER)
        result = msgspec.json.encode(function(request, folder, progress))
        partial = folder / f"{RESULT_FILE}.part"
        partial.write_bytes(result)
        partial.replace(folder / RESULT_FILE)
    except Exception as error:
        emit(FailureLine(failure_of_exception(error, limits)))
        return False
    emit(DoneLine())
    return True


def _make_scratch(folder: Path) -> None:
    """Make ``folder`` the place for temporary files, of Python and of native libraries."""
    folder.mkdir(exist_ok=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(folder)


def _write(descriptor: int, data: bytes) -> None:
    """Write all of ``data``; leave when nobody reads any more."""
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
