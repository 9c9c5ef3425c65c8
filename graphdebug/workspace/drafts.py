"""Drafts: models that are being edited. Every edit is kept with what undoes it, so that nothing is lost by a restart.

A draft shares the file of the model it began with; its own folder holds only what that file says without weights, once
for each of its last revisions: who still works with an earlier one can go on.
"""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from sqlalchemy import delete, insert, select, update

from graphdebug.edit.splice import Splice
from graphdebug.model.records import ModelRecord
from graphdebug.workspace import schema
from graphdebug.workspace.disk import WorkspaceError, remove, saying_what_is_wrong, size_of
from graphdebug.workspace.entries import EditEntry, ModelEntry
from graphdebug.workspace.store import SKELETON, TYPES, VALUES, Workspace
from graphdebug.workspace.times import now, time_of

_KEPT = 8
"""Revisions whose files are kept."""


class Changed(Exception):  # noqa: N818 - no error: somebody else was faster
    """The draft is not as it was when it was read."""


@dataclass(frozen=True, slots=True)
class NewEdit:
    """An edit that was just done."""

    title: str
    operation: str
    notes: tuple[str, ...]
    splices: tuple[Splice, ...]


def begin(workspace: Workspace, source: ModelEntry) -> ModelEntry:
    """Begin to edit a model: make a draft of it. Nothing of the model is changed, ever."""
    draft_id = secrets.token_hex(8)
    folder = workspace.root / "models" / draft_id
    with workspace.writing(f"Beginning to edit {source.name}") as connection:
        taken = set(connection.execute(select(schema.models.c.name)).scalars())
        first = folder / "revision-0"
        first.mkdir(parents=True)
        try:
            (folder / VALUES).mkdir()
            for name in (SKELETON, TYPES):
                made = Path(source.location.skeleton).with_name(name)
                if made.exists():
                    shutil.copyfile(made, first / name)
            table = schema.models
            row = connection.execute(select(table).where(table.c.id == source.id)).one()
            values = row._asdict() | {
                "id": draft_id,
                "name": _new_name(source.name, taken),
                "bytes": size_of(folder),
                "created": now(),
                "opened": now(),
                "source": source.id,
                "position": 0,
                "revision": 0,
            }
            connection.execute(insert(table).values(values))
        except BaseException:
            remove(folder)
            raise
    entry = workspace.model(draft_id)
    assert entry is not None
    return entry


def current(workspace: Workspace, draft_id: str) -> ModelEntry:
    """Return a draft as it is now; WorkspaceError when it was deleted."""
    entry = workspace.model(draft_id)
    if entry is None:
        raise WorkspaceError("This edited model is not in the workspace any more.")
    return entry


def state_of(entry: ModelEntry) -> str:
    """Return what tells the states of a draft apart: the same after an edit and its undoing; empty: it is no draft.

    Raises:
        WorkspaceError: this state is not kept any more.
    """
    if not entry.source:
        return ""
    with saying_what_is_wrong(f"Reading {entry.name}"):
        return sha256(Path(entry.location.skeleton).read_bytes()).hexdigest()[:16]


def busy() -> WorkspaceError:
    """Return what to say when others always were faster."""
    return WorkspaceError("Others are editing this model right now: try again.")


def edits_of(workspace: Workspace, draft_id: str) -> list[EditEntry]:
    """Return the edits of a draft, those that were undone, too."""
    table = schema.edits
    columns = (table.c.number, table.c.title, table.c.operation, table.c.notes, table.c.created, table.c.comparison)
    with workspace.reading() as connection:
        rows = connection.execute(select(*columns).where(table.c.model_id == draft_id).order_by(table.c.number)).all()
    return [
        EditEntry(row.number, row.title, row.operation, _notes(row.notes), time_of(row.created), row.comparison)
        for row in rows
    ]


def note_comparison(workspace: Workspace, draft_id: str, number: int, job_id: str) -> None:
    """Note which job runs a draft before and after an edit."""
    table = schema.edits
    with workspace.writing("Noting a comparison") as connection:
        mine = update(table).where(table.c.model_id == draft_id, table.c.number == number)
        connection.execute(mine.values(comparison=job_id))


def splices(workspace: Workspace, draft_id: str, first: int, end: int) -> list[tuple[Splice, ...]]:
    """Return what the edits ``first`` … ``end`` − 1 did."""
    table = schema.edits
    query = select(table.c.splices).where(table.c.model_id == draft_id, table.c.number >= first, table.c.number < end)
    with workspace.reading() as connection:
        found = connection.execute(query.order_by(table.c.number)).scalars().all()
    return [msgspec.msgpack.decode(each, type=tuple[Splice, ...]) for each in found]


def keep(
    workspace: Workspace,
    draft: ModelEntry,
    position: int,
    files: Callable[[Path], None],
    record: ModelRecord,
    new: Sequence[NewEdit] = (),
) -> ModelEntry:
    """Keep a draft's new state, and give it a new revision.

    Args:
        workspace: where the draft is.
        draft: the draft as it was read.
        position: how many of its edits are done now. With ``new`` ones, what was undone after them is forgotten.
        files: writes the skeleton (and types) of the new state into a folder.
        record: what is known of the new state.
        new: edits that were done after the first ``position - len(new)``.

    Raises:
        Changed: it was changed by another tab or server since ``draft`` was read; nothing is kept.
    """
    with workspace.writing("Keeping an edit") as connection:
        table, edits, number = schema.models, schema.edits, draft.revision + 1
        folder = draft.folder / f"revision-{number}"
        mine = update(table).where(table.c.id == draft.id, table.c.revision == draft.revision)
        known = msgspec.json.encode(record).decode()
        if not connection.execute(mine.values(revision=number, position=position, record=known)).rowcount:
            raise Changed
        remove(folder)
        folder.mkdir()
        try:
            files(folder)
            if new:
                first = position - len(new)
                connection.execute(delete(edits).where(edits.c.model_id == draft.id, edits.c.number >= first))
                connection.execute(insert(edits), [_row(draft.id, first + at, each) for at, each in enumerate(new)])
            remove(draft.folder / f"revision-{number - _KEPT}")
            size = update(table).where(table.c.id == draft.id).values(bytes=size_of(draft.folder), opened=now())
            connection.execute(size)
        except BaseException:
            remove(folder)
            raise
    return current(workspace, draft.id)


def learn(workspace: Workspace, draft: ModelEntry, record: ModelRecord, types: Path) -> ModelEntry:
    """Keep what was found out about a draft: its summary, findings and inferred types (a file, moved).

    Raises:
        Changed: it was edited since.
    """

    def files(folder: Path) -> None:
        (folder / SKELETON).hardlink_to(draft.location.skeleton)
        shutil.move(types, folder / TYPES)

    return keep(workspace, draft, draft.position, files, record)


def _row(draft_id: str, number: int, edit: NewEdit) -> dict[str, object]:
    return {
        "model_id": draft_id,
        "number": number,
        "title": edit.title,
        "operation": edit.operation,
        "notes": msgspec.json.encode(edit.notes).decode(),
        "splices": msgspec.msgpack.encode(edit.splices),
        "created": now(),
    }


def _notes(text: str) -> tuple[str, ...]:
    return msgspec.json.decode(text, type=tuple[str, ...])


def _new_name(name: str, taken: set[str]) -> str:
    """``resnet50.onnx`` → ``resnet50-edited.onnx``, ``resnet50-edited-2.onnx``…"""
    path = Path(name)
    number, new = 1, f"{path.stem}-edited{path.suffix}"
    while new in taken:
        number += 1
        new = f"{path.stem}-edited-{number}{path.suffix}"
    return new
