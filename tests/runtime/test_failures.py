"""Exceptions and exit statuses become one sentence that says what to do."""

import errno
import os
import signal

import pytest

from graphdebug.model.document import NotAModel
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.events import Failure, Limits
from graphdebug.runtime.failures import failure_of_exception, failure_of_exit
from graphdebug.runtime.spec import SpecError, parse_spec

LIMITS = Limits(memory=3 << 29, output=2 << 30)


def failure(error: Exception) -> Failure:
    """Raise it, so that it has a traceback."""
    try:
        raise error
    except Exception as raised:
        return failure_of_exception(raised, LIMITS)


@pytest.mark.parametrize("error", [BackendError("No such thing."), NotAModel("No such thing.")])
def test_our_exceptions_speak_for_themselves(error: Exception) -> None:
    assert failure(error).message == "No such thing."
    assert "Traceback" in failure(error).detail


def test_our_value_errors_do_and_others_do_not() -> None:
    with pytest.raises(SpecError) as raised:
        parse_spec("?")
    assert failure_of_exception(raised.value, LIMITS).message == str(raised.value)
    assert failure(ValueError("invalid literal")).message == (
        "An internal error ended the job: ValueError: invalid literal"
    )


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        RuntimeError("std::bad_alloc"),
        BackendError("ONNX Runtime failed while running the model: bad allocation."),
    ],
)
def test_lack_of_memory_is_recognised(error: Exception) -> None:
    found = failure(error)
    assert found.kind == "memory"
    assert "1.61 GB" in found.message


def test_files_and_disks() -> None:
    full = failure(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/w/tensors.npz"))
    assert "disk is full" in full.message
    assert "/w/tensors.npz" in full.message
    assert "2.15 GB" in failure(OSError(errno.EFBIG, "File too large")).message
    assert failure(FileNotFoundError(errno.ENOENT, "No such file", "m.onnx")).message == "No such file (m.onnx)."


def test_exit_statuses() -> None:
    crash = failure_of_exit(-signal.SIGSEGV, "", "running", LIMITS)
    assert (crash.kind, crash.signal) == ("signal", "SIGSEGV")
    assert "while it was at “running”" in crash.message
    assert failure_of_exit(-signal.SIGABRT, "what():  std::bad_alloc", "", LIMITS).kind == "memory"
    assert failure_of_exit(-signal.SIGKILL, "", "", LIMITS).message.endswith("because memory ran out.")
    assert "exit status 3" in failure_of_exit(3, "", "", LIMITS).message
    assert failure_of_exit(-64, "", "", LIMITS).signal
