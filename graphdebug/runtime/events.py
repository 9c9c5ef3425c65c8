"""What a worker tells its parent, and how it can end badly."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[float | None, str], None]
"""Called by job functions: share done in [0, 1] (None: unknown) and what is being done, in a few words.

A *job function* has the signature ``f(request: SomeRequest, folder: Path, progress: Progress) -> SomeResult``; both
records are frozen dataclasses that msgspec turns into JSON. It is named ``"package.module:function"``, must be part
of graphdebug, runs alone in a worker process and may write files only below ``folder``.
"""


def silent(fraction: float | None, message: str) -> None:
    """Take progress and tell nobody."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may take. ``memory`` bounds private memory in bytes, ``seconds`` wall time, ``output`` one file."""

    memory: int = 12_000_000_000
    seconds: float = 3600.0
    output: int = 32_000_000_000


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """The worker is alive and at ``fraction`` (None: unknown) of its work."""

    fraction: float | None
    message: str


@dataclass(frozen=True, slots=True)
class Failure:
    """How a job ended without a result.

    ``kind``: ``error`` (the job raised), ``signal`` (the process was ended by ``signal``), ``timeout``, ``memory``,
    ``cancelled``, ``interrupted`` (the server went away). ``message`` is one sentence for the user, ``detail`` may hold
    a traceback.
    """

    kind: str
    message: str
    detail: str = ""
    signal: str = ""


class WorkerError(Exception):
    """A worker ended without a result; ``failure`` says how."""

    def __init__(self, failure: Failure) -> None:
        """Keep the failure; its message is the exception's text."""
        super().__init__(failure.message)
        self.failure = failure
