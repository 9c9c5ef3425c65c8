"""The workspace: models and jobs that survive a refresh, a restart and a second tab.

Rows live in SQLite, files in folders beside it::

    workspace.sqlite3
    models/<id>/   skeleton.onnx, types.json, files/… (uploads only); a draft's are in revision-<number>/
    jobs/<id>/     result.json and what the job wrote
    feeds/<digest>/  uploaded inputs, which belong to the runs and comparisons that name them
    quarantine/    uploads that are not models yet
"""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import msgspec
import platformdirs
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from graphdebug.model.records import ModelLocation, ModelRecord
from graphdebug.runtime.events import Failure
from graphdebug.workspace import feeds, schema
from graphdebug.workspace.disk import WorkspaceError, empty, remove, saying_what_is_wrong, size_of
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry, Usage
from graphdebug.workspace.owners import alive, owner
from graphdebug.workspace.times import now, time_of

SKELETON = "skeleton.onnx"
TYPES = "types.json"
VALUES = "values"
"""Folder of a draft: large values that its edits made."""
_CANCEL = ".cancel"
"""File in a job's folder that asks the server which runs the job to cancel it."""
_ACTIVE = (JobState.QUEUED, JobState.RUNNING)


class Workspace:
    """Models and jobs under one folder. Safe for several threads and several processes at once.

    Every method that writes raises WorkspaceError, one sentence, when the disk is full or not writable; what was
    there before is then still there, and nothing half-written.
    """

    def __init__(self, root: Path) -> None:
        """Open the workspace at ``root``, made when it is not there."""
        self.root = root
        with saying_what_is_wrong(f"Opening the workspace at {root}"):
            for folder in ("models", "jobs", "feeds", "quarantine"):
                (root / folder).mkdir(parents=True, exist_ok=True)
            self._engine = schema.connect(root / "workspace.sqlite3")
        self._writing = self._engine.execution_options(writing=True)

    # Models

    def models(self) -> list[ModelEntry]:
        """Return all models, the one opened last first."""
        with self._engine.begin() as connection:
            rows = connection.execute(select(schema.models).order_by(schema.models.c.opened.desc())).all()
        return [self._model(row) for row in rows]

    def model(self, model_id: str) -> ModelEntry | None:
        """Return one model, None when there is none of this id."""
        with self._engine.begin() as connection:
            row = connection.execute(select(schema.models).where(schema.models.c.id == model_id)).one_or_none()
        return self._model(row) if row else None

    def add_model(
        self, model_id: str, record: ModelRecord, made: Path, path: Path, *, files: Path | None = None
    ) -> ModelEntry:
        """Take a model in; an id that is known already is only marked as opened.

        Args:
            model_id: content digest or fingerprint.
            record: what opening it found.
            made: folder with ``skeleton.onnx`` and ``types.json``, moved into the workspace.
            path: the model file. It stays where it is, unless it is an upload:
            files: the folder of uploaded files that holds ``path``, moved into the workspace.
        """
        target = self.root / "models" / model_id
        with saying_what_is_wrong(f"Keeping {path.name} in the workspace"), self._writing.begin() as connection:
            if not self._touch(connection, model_id):
                remove(target)
                try:
                    target.mkdir()
                    for part in (SKELETON, TYPES):
                        if (made / part).exists():
                            shutil.move(made / part, target / part)
                    if files:
                        files.replace(target / "files")
                    opened = now()
                    connection.execute(
                        insert(schema.models).values(
                            id=model_id,
                            name=path.name,
                            path=str(target / "files" / path.relative_to(files) if files else path),
                            in_place=files is None,
                            bytes=size_of(target),
                            record=msgspec.json.encode(record).decode(),
                            created=opened,
                            opened=opened,
                        )
                    )
                except BaseException:
                    remove(target)
                    raise
        entry = self.model(model_id)
        assert entry is not None
        return entry

    def touch_model(self, model_id: str) -> bool:
        """Mark a model as opened now; False when there is none of this id."""
        with saying_what_is_wrong("Reopening a model"), self._writing.begin() as connection:
            return self._touch(connection, model_id)

    def delete_model(self, model_id: str) -> None:
        """Delete a model with its runs and comparisons, rows, files and feeds. Files opened in place stay."""
        with saying_what_is_wrong("Deleting a model"), self._writing.begin() as connection:
            jobs = select(schema.jobs.c.id, schema.jobs.c.request).where(schema.jobs.c.model_id == model_id)
            belonging = connection.execute(jobs).all()
            drafts = connection.execute(select(schema.models.c.id).where(schema.models.c.source == model_id)).scalars()
            if others := drafts.all():
                raise WorkspaceError(f"{len(others):,} edited models share the file of this one: delete them first.")
            # Files first: on a full disk there is no room even for the note that a row is gone.
            for folder in (*(self.job_folder(job.id) for job in belonging), self.root / "models" / model_id):
                remove(folder)
            connection.execute(delete(schema.models).where(schema.models.c.id == model_id))
            feeds.forget(connection, self.feeds, feeds.named(*(job.request for job in belonging)))

    # Jobs

    def jobs(
        self,
        kind: str | Sequence[str] | None = None,
        model_id: str | None = None,
        *,
        state: JobState | None = None,
        limit: int | None = None,
    ) -> list[JobEntry]:
        """Return jobs, the newest first, of one kind or several, of one model or all; at most ``limit`` of them."""
        query = select(schema.jobs).order_by(schema.jobs.c.created.desc())
        if kind is not None:
            query = query.where(schema.jobs.c.kind.in_([kind] if isinstance(kind, str) else kind))
        if model_id is not None:
            query = query.where(schema.jobs.c.model_id == model_id)
        if state is not None:
            query = query.where(schema.jobs.c.state == state)
        if limit is not None:
            query = query.limit(limit)
        with self._engine.begin() as connection:
            return [self._job(row) for row in connection.execute(query)]

    def active_jobs(self) -> list[JobEntry]:
        """Return the jobs that are queued or running, the oldest first."""
        query = select(schema.jobs).where(schema.jobs.c.state.in_(_ACTIVE)).order_by(schema.jobs.c.created)
        with self._engine.begin() as connection:
            return [self._job(row) for row in connection.execute(query)]

    def job(self, job_id: str) -> JobEntry | None:
        """Return one job, None when there is none of this id."""
        with self._engine.begin() as connection:
            row = connection.execute(select(schema.jobs).where(schema.jobs.c.id == job_id)).one_or_none()
        return self._job(row) if row else None

    def add_job(
        self, kind: str, call: str, request: Any, *, title: str = "", model_id: str | None = None, draft_state: str = ""
    ) -> JobEntry:
        """Record a queued job, make its folder and return it. ``request`` is any record msgspec can encode."""
        job_id = secrets.token_hex(8)
        with saying_what_is_wrong("Recording a job"), self._writing.begin() as connection:
            connection.execute(
                insert(schema.jobs).values(
                    id=job_id,
                    kind=kind,
                    title=title,
                    model_id=model_id,
                    state=JobState.QUEUED,
                    call=call,
                    request=msgspec.json.encode(request).decode(),
                    owner=owner(),
                    created=now(),
                    draft_state=draft_state,
                )
            )
            self.job_folder(job_id).mkdir()
        entry = self.job(job_id)
        assert entry is not None
        return entry

    def update_job(self, job_id: str, **changes: Any) -> None:
        """Change columns of a job: ``state``, ``progress``, ``message``, ``failure``, ``summary``, ``model_id``.

        Going to ``running`` notes the start; going to a final state notes the end and counts the folder's bytes.
        """
        if "failure" in changes and changes["failure"] is not None:
            changes["failure"] = msgspec.json.encode(changes["failure"]).decode()
        if "summary" in changes:
            changes["summary"] = msgspec.json.encode(changes["summary"]).decode()
        state = changes.get("state")
        if state == JobState.RUNNING:
            changes["started"] = now()
        elif state is not None and not JobState(state).active:
            (self.job_folder(job_id) / _CANCEL).unlink(missing_ok=True)
            changes |= {"finished": now(), "bytes": size_of(self.job_folder(job_id))}
        with saying_what_is_wrong("Updating a job"), self._writing.begin() as connection:
            connection.execute(update(schema.jobs).where(schema.jobs.c.id == job_id).values(**changes))

    def ask_to_cancel(self, job_id: str) -> None:
        """Ask the server that runs a job, whichever it is, to cancel it."""
        with saying_what_is_wrong("Cancelling a job"), suppress(FileNotFoundError):  # it ends just now
            (self.job_folder(job_id) / _CANCEL).touch()

    def cancel_asked(self, job_id: str) -> bool:
        """Return whether somebody asked for a job to be cancelled."""
        return (self.job_folder(job_id) / _CANCEL).exists()

    def end_lost_jobs(self) -> int:
        """Make the active jobs of servers that died failed ones, without files. Returns how many there were."""
        lost = Failure("interrupted", "The server was stopped while this job ran. Start it again.")
        table = schema.jobs
        with saying_what_is_wrong("Ending lost jobs"), self._writing.begin() as connection:
            active = connection.execute(select(table.c.id, table.c.owner).where(table.c.state.in_(_ACTIVE))).all()
            dead = [job_id for job_id, owner in active if not alive(owner)]
            for job_id in dead:
                empty(self.job_folder(job_id))  # first, see delete_model
            connection.execute(
                update(table)
                .where(table.c.id.in_(dead))
                .values(state=JobState.FAILED, failure=msgspec.json.encode(lost).decode(), finished=now())
            )
        return len(dead)

    def delete_job(self, job_id: str) -> None:
        """Delete a job, its row, its folder and the uploaded feeds that no other job names."""
        with saying_what_is_wrong("Deleting a job"), self._writing.begin() as connection:
            mine = schema.jobs.c.id == job_id
            requests = connection.execute(select(schema.jobs.c.request).where(mine)).scalars().all()
            remove(self.job_folder(job_id))  # first, see delete_model
            connection.execute(delete(schema.jobs).where(mine))
            feeds.forget(connection, self.feeds, feeds.named(*requests))

    def job_folder(self, job_id: str) -> Path:
        """Return the folder that a job may write to."""
        return self.root / "jobs" / job_id

    # The whole

    @contextmanager
    def writing(self, doing: str) -> Iterator[Connection]:
        """Open a transaction that writes; ``doing`` begins the sentence when the disk does not let it."""
        with saying_what_is_wrong(doing), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that reads."""
        with self._engine.begin() as connection:
            yield connection

    def quarantine(self) -> Path:
        """Make a new folder for an upload; its name is the upload's id."""
        folder = self.root / "quarantine" / f"{owner()}-{secrets.token_hex(8)}"
        with saying_what_is_wrong("Making room for an upload"):
            folder.mkdir()
        return folder

    @property
    def feeds(self) -> Path:
        """The folder of uploaded feeds: below it a folder each, named after the content's digest."""
        return self.root / "feeds"

    def forget_unused_feeds(self) -> None:
        """Delete uploaded feeds that no job names and that no form used for a day."""
        with saying_what_is_wrong("Deleting old feeds"), self._writing.begin() as connection:
            feeds.forget(connection, self.feeds, feeds.old(self.feeds))

    def usage(self) -> Usage:
        """Return what the workspace takes."""
        with self._engine.begin() as connection:
            stored = connection.execute(select(func.coalesce(func.sum(schema.models.c.bytes), 0))).scalar_one()
            kinds = connection.execute(select(schema.jobs.c.kind, func.sum(schema.jobs.c.bytes)).group_by("kind")).all()
        by_kind = {kind: int(total or 0) for kind, total in kinds}
        free = shutil.disk_usage(self.root).free
        return Usage(self.root, int(stored), sum(by_kind.values()), size_of(self.feeds), free, by_kind)

    def recover(self) -> int:
        """Clear up after servers that died: their running jobs become failed, leftovers go. Returns how many jobs.

        Uploads of dead servers, what their jobs wrote and folders without a row are deleted; opening jobs are
        forgotten once they are done.
        """
        for folder in (self.root / "quarantine").iterdir():
            if not alive(folder.name.rpartition("-")[0]):
                remove(folder)
        lost = self.end_lost_jobs()
        with saying_what_is_wrong("Clearing up the workspace"), self._writing.begin() as connection:
            table = schema.jobs
            connection.execute(
                delete(table).where(table.c.kind.in_(("open", "check", "edit")), table.c.state.not_in(_ACTIVE))
            )
            known = {
                "models": set(connection.execute(select(schema.models.c.id)).scalars()),
                "jobs": set(connection.execute(select(table.c.id)).scalars()),
            }
            for kind, ids in known.items():
                for folder in (self.root / kind).iterdir():
                    if folder.name not in ids:
                        remove(folder)
        self.forget_unused_feeds()
        return lost

    # Rows

    def _touch(self, connection: Connection, model_id: str) -> bool:
        mark = update(schema.models).where(schema.models.c.id == model_id).values(opened=now())
        return connection.execute(mark).rowcount > 0

    def _model(self, row: Row[Any]) -> ModelEntry:
        folder = self.root / "models" / row.id
        skeleton = (folder / f"revision-{row.revision}" if row.source else folder) / SKELETON
        return ModelEntry(
            id=row.id,
            name=row.name,
            location=ModelLocation(
                row.path, str(skeleton) if skeleton.exists() else "", str(folder / VALUES) if row.source else ""
            ),
            folder=folder,
            in_place=row.in_place,
            bytes=row.bytes,
            record=_decode_record(row.record),
            created=time_of(row.created),
            opened=time_of(row.opened),
            source=row.source or "",
            position=row.position,
            revision=row.revision,
        )

    def _job(self, row: Row[Any]) -> JobEntry:
        return JobEntry(
            id=row.id,
            kind=row.kind,
            title=row.title,
            model_id=row.model_id,
            state=JobState(row.state),
            call=row.call,
            request=row.request,
            progress=row.progress,
            message=row.message,
            failure=msgspec.json.decode(row.failure, type=Failure) if row.failure else None,
            summary=msgspec.json.decode(row.summary),
            folder=self.job_folder(row.id),
            bytes=row.bytes,
            created=time_of(row.created),
            started=time_of(row.started) if row.started else None,
            finished=time_of(row.finished) if row.finished else None,
            owner=row.owner,
            draft_state=row.draft_state,
        )


def default_root() -> Path:
    """Return where the workspace is: ``$GRAPHDEBUG_HOME``, else the platform's folder for user data."""
    chosen = os.environ.get("GRAPHDEBUG_HOME")
    return Path(chosen).expanduser().resolve() if chosen else platformdirs.user_data_path("graphdebug")


def open_workspace(root: Path | None = None) -> Workspace:
    """Return the workspace at ``root`` (default: ``default_root()``), one object a process, cleared up at first use."""
    return _opened(root or default_root())


@cache
def _opened(root: Path) -> Workspace:
    workspace = Workspace(root)
    with suppress(WorkspaceError):  # on a full disk one can still look at what is there, and delete
        workspace.recover()
    return workspace


@lru_cache(maxsize=64)
def _decode_record(text: str) -> ModelRecord:
    return msgspec.json.decode(text, type=ModelRecord)
