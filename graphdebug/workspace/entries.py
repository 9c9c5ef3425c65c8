"""What the workspace knows about a model and about a job: plain records, safe to hand to a page."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from graphdebug.model.records import ModelLocation, ModelRecord
from graphdebug.runtime.events import Failure


class JobState(StrEnum):
    """Where a job stands. ``queued`` waits for a free worker; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """Whether the job can still change."""
        return self in (JobState.QUEUED, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model of the workspace.

    ``id`` is a content digest (uploads) or a fingerprint of path, size and time (opened in place). ``folder`` holds
    ``skeleton.onnx``, ``types.json`` and, for uploads, the files themselves under ``files/``. ``bytes`` counts what the
    workspace stores. Times are UTC.

    A *draft* is a model that is being edited: ``source`` is the id of the model it began with (empty: no draft), whose
    file it shares; ``position`` says how many of its edits are done, and ``revision`` changes with all that is known
    of it.
    """

    id: str
    name: str
    location: ModelLocation
    folder: Path
    in_place: bool
    bytes: int
    record: ModelRecord
    created: datetime
    opened: datetime
    source: str = ""
    position: int = 0
    revision: int = 0


@dataclass(frozen=True, slots=True)
class EditEntry:
    """An edit of a draft: ``operation`` is its JSON (``edit.operations``), ``notes`` say what came of it.

    ``comparison`` is the id of the job that runs the model before and after it, if one does.
    """

    number: int
    title: str
    operation: str
    notes: tuple[str, ...]
    created: datetime
    comparison: str = ""


@dataclass(frozen=True, slots=True)
class JobEntry:
    """A job of the workspace: what was asked, where it stands, what it left in its folder.

    ``progress`` is a share in [0, 1], None when unknown. ``request`` is the request's JSON. ``summary`` holds the few
    facts that lists show (``{"outcome": "differ", "sentence": …}``). Times are UTC. ``owner`` is the server that runs
    the job: its process id, a dash, and when it started. ``draft_state`` tells what a model that is being edited
    was when the job began (``drafts.state_of``), empty for others.
    """

    id: str
    kind: str
    title: str
    model_id: str | None
    state: JobState
    call: str
    request: str
    progress: float | None
    message: str
    failure: Failure | None
    summary: dict[str, str | int | float | bool | None]
    folder: Path
    bytes: int
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    owner: str = ""
    draft_state: str = ""

    @property
    def process(self) -> str:
        """The process id of the server that runs the job."""
        return self.owner.partition("-")[0]


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes the workspace takes, for models, jobs and uploaded feeds, and bytes its disk has left."""

    root: Path
    models: int
    jobs: int
    feeds: int
    free: int
    by_kind: dict[str, int] = field(default_factory=dict)
