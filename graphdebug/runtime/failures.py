"""Bad ends put into words: what an exception or an exit status means, in one sentence for the user."""

import errno
import re
import signal
import traceback

from graphdebug.model.units import size_text
from graphdebug.runtime.events import Failure, Limits

_OUT_OF_MEMORY = re.compile(
    r"bad_alloc|bad allocation|Failed to allocate memory|Cannot allocate memory|not enough memory|out of memory", re.I
)
_MESSAGE_LIMIT = 2000
_SIGNALS = {
    "SIGFPE": "an arithmetic fault in native code, such as an integer division by zero",
    "SIGSEGV": "native code touched memory that is not its own",
    "SIGABRT": "native code gave up on an error that it could not handle",
    "SIGBUS": "a memory-mapped file was shorter than expected or could not be read",
    "SIGILL": "native code used an instruction that this processor lacks",
    "SIGKILL": "it was killed from outside, often by the system because memory ran out",
    "SIGTERM": "it was asked to stop from outside",
}


def failure_of_exception(error: Exception, limits: Limits) -> Failure:
    """Put an exception into words: our own exceptions speak for themselves, others are internal errors."""
    detail = "".join(traceback.format_exception(error))
    text = str(error).strip()[:_MESSAGE_LIMIT]
    if _is_out_of_memory(error):
        return Failure("memory", _memory_sentence(limits, ""), detail)
    if _is_ours(error):
        return Failure("error", text or type(error).__name__, detail)
    if isinstance(error, OSError) and error.errno is not None:
        return Failure("error", _system_sentence(error, limits), detail)
    return Failure("error", f"An internal error ended the job: {type(error).__name__}: {text}", detail)


def failure_of_exit(code: int, output: str, message: str, limits: Limits) -> Failure:
    """Put the end of a process that said nothing into words.

    Args:
        code: its exit status as ``subprocess`` gives it, negative for a signal.
        output: the end of what it printed.
        message: its last progress message.
        limits: the limits that it ran under.
    """
    at = during(message)
    if code >= 0:
        return Failure("error", f"The worker stopped without a word{at} (exit status {code}).", output)
    name = _signal_name(-code)
    if -code != signal.SIGKILL and _OUT_OF_MEMORY.search(output):
        return Failure("memory", _memory_sentence(limits, at), output, name)
    reason = f": {_SIGNALS[name]}" if name in _SIGNALS else ""
    return Failure("signal", f"The worker was ended by {name}{at}{reason}.", output, name)


def during(message: str) -> str:
    """Return `` while it was at …`` for a progress message, nothing for none."""
    return f" while it was at “{message}”" if message else ""


def _memory_sentence(limits: Limits, at: str) -> str:
    return f"The job needed more than the {size_text(limits.memory)} of memory that it may use{at}."


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return True
    return _OUT_OF_MEMORY.search(f"{error} {error.__cause__ or ''}") is not None


def _is_ours(error: Exception) -> bool:
    """Return whether the message was written for the user: our exception types, and ValueErrors that we raise."""
    if type(error).__module__.startswith("graphdebug."):
        return True
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    module = "" if last is None else str(last.tb_frame.f_globals.get("__name__", ""))
    return type(error) is ValueError and module.startswith("graphdebug.")


def _system_sentence(error: OSError, limits: Limits) -> str:
    place = f" ({error.filename})" if error.filename else ""
    if error.errno == errno.ENOSPC:
        return f"The disk is full{place}: delete runs or models that are no longer needed, then run again."
    if error.errno == errno.EFBIG:
        return f"A file{place} grew beyond the {size_text(limits.output)} that one file may have."
    return f"{error.strerror or type(error).__name__}{place}."
