"""What passes between a worker and its parent: one task in, JSON lines out, a result file."""

import msgspec

from graphdebug.runtime.events import Failure, Limits, ProgressEvent

RESULT_FILE = "result.json"
"""The job's result in the job's folder, written whole or not at all."""
SCRATCH_FOLDER = "scratch"
"""The worker's temporary files in the job's folder; its parent removes them, however the worker ended."""


class Task(msgspec.Struct, frozen=True):
    """What a worker is asked: ``call`` is ``graphdebug.…:function``, ``request`` its argument as JSON."""

    call: str
    request: msgspec.Raw
    folder: str
    limits: Limits


class ProgressLine(msgspec.Struct, frozen=True, tag="progress"):
    """The job is at some share of its work."""

    event: ProgressEvent


class FailureLine(msgspec.Struct, frozen=True, tag="failure"):
    """The job raised."""

    failure: Failure


class DoneLine(msgspec.Struct, frozen=True, tag="done"):
    """The job's result is in its folder."""


Line = ProgressLine | FailureLine | DoneLine
"""One line of the event stream."""
