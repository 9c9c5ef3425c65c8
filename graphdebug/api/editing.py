"""Editing a draft: do, undo, jump in its history. What a page calls; every call leaves the draft kept.

The model that an edit makes is handed to the cache of open models, so that nobody has to read it from disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from filecmp import cmp
from itertools import chain
from pathlib import Path
from shutil import copyfile

from graphdebug.api.models import model_of, put_model
from graphdebug.compare.records import COMPARE_JOB, CompareRequest, Side
from graphdebug.edit.checking import Checked, check_edit
from graphdebug.edit.errors import EditError
from graphdebug.edit.following import follow_graph, follow_node
from graphdebug.edit.job import ApplyRequest, ApplyResult
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.operations import decode, encode
from graphdebug.edit.recipe import Recipe, Source, to_json
from graphdebug.edit.script import Script, ScriptStep, script
from graphdebug.edit.splice import Splice
from graphdebug.edit.undoing import done, undone
from graphdebug.jobs import service
from graphdebug.model.document import Model
from graphdebug.model.records import Finding, worst_first
from graphdebug.model.refs import NodeRef
from graphdebug.model.value_types import shown
from graphdebug.runtime.requests import FeedSpec
from graphdebug.workspace import drafts
from graphdebug.workspace.disk import WorkspaceError, saying_what_is_wrong
from graphdebug.workspace.drafts import Changed, NewEdit
from graphdebug.workspace.entries import EditEntry, ModelEntry
from graphdebug.workspace.store import SKELETON, TYPES, Workspace

_TRIES = 5
_ENGINE = "onnxruntime"
_GIVEN = "given"


@dataclass(frozen=True, slots=True)
class Step:
    """What came of an edit, an undo or a jump: the draft, its model before and now, and what was spliced."""

    draft: ModelEntry
    before: Model
    model: Model
    splices: tuple[Splice, ...]
    notes: tuple[str, ...] = ()


def draft_of(workspace: Workspace, entry: ModelEntry) -> ModelEntry:
    """Return the draft to edit: the model itself if it is one, else a new draft of it."""
    return entry if entry.source else drafts.begin(workspace, entry)


def apply(
    workspace: Workspace,
    draft_id: str,
    *operations: Operation,
    files: Mapping[str, Path] | None = None,
    feeds: FeedSpec | None = None,
) -> Step:
    """Do operations, all or none, on a draft as it is now. ``files`` are those that they name, wherever they lie.

    With ``feeds``, a job runs the model before and after them; the last edit knows it.

    Raises:
        EditError: one cannot be done; nothing is changed.
        WorkspaceError: the draft was deleted, or cannot be kept; nothing is changed.
    """
    _give(drafts.current(workspace, draft_id), files or {})
    for _ in range(_TRIES):
        draft = drafts.current(workspace, draft_id)
        model, new = model_of(draft), []
        before = model
        for operation in operations:
            made = edited(model, operation, files=given(draft))
            new.append(NewEdit(operation.title, encode(operation), made.notes, made.splices))
            model = made.model
        splices = tuple(splice for edit in new for splice in edit.splices)
        notes = tuple(note for edit in new for note in edit.notes)
        try:
            step = _kept(workspace, draft, draft.position + len(new), before, model, splices, notes, new)
        except Changed:
            continue
        if feeds is not None:
            _compare(workspace, draft, step.draft, operations[-1].title, feeds)
        return step
    raise drafts.busy()


def start(
    workspace: Workspace,
    draft_id: str,
    *operations: Operation,
    files: Mapping[str, Path] | None = None,
    feeds: FeedSpec | None = None,
) -> str:
    """Do operations, all or none, that take long or need foreign code, in a worker; returns the job's id.

    With ``feeds``, another job runs the model before and after them; the last edit knows it.

    Raises:
        EditError: another file of a name was given before.
        WorkspaceError: the draft was deleted, or the job cannot be recorded.
    """
    draft = drafts.current(workspace, draft_id)
    _give(draft, files or {})

    def keep(result: ApplyResult, each: tuple[tuple[Splice, ...], ...]) -> None:
        before, splices = model_of(draft), tuple(chain.from_iterable(each))
        steps = zip(operations, result.steps, each, strict=True)
        new = [NewEdit(made.title, encode(operation), made.notes, mine) for operation, made, mine in steps]
        after = done(before, splices)
        try:
            step = _kept(workspace, draft, draft.position + len(new), before, after, splices, new=new)
        except Changed:
            raise WorkspaceError("The model was edited meanwhile: do it again.") from None
        if feeds is not None:
            _compare(workspace, draft, step.draft, operations[-1].title, feeds)
        service.check_draft(workspace, step.draft)

    request = ApplyRequest(draft.location, tuple(map(encode, operations)), str(given(draft)))
    what = operations[0].title if len(operations) == 1 else f"{len(operations):,} changes"
    return service.edit_draft(workspace, draft, request, f"{what}: {draft.name}", keep)


def go_to(workspace: Workspace, draft_id: str, position: int) -> Step:
    """Undo or redo edits until ``position`` of them are done.

    Raises:
        WorkspaceError: the draft was deleted, or cannot be kept; nothing is changed.
    """
    for _ in range(_TRIES):
        draft = drafts.current(workspace, draft_id)
        model = model_of(draft)
        target = max(0, min(position, len(drafts.edits_of(workspace, draft_id))))
        between = drafts.splices(workspace, draft_id, min(target, draft.position), max(target, draft.position))
        ahead = tuple(splice for edit in between for splice in edit)
        back = target < draft.position
        splices = tuple(splice.inverse for splice in reversed(ahead)) if back else ahead
        after = undone(model, ahead) if back else done(model, ahead)
        try:
            return _kept(workspace, draft, target, model, after, splices)
        except Changed:
            continue
    raise drafts.busy()


def history(workspace: Workspace, draft: ModelEntry) -> list[EditEntry]:
    """Return all edits of a draft, the oldest first; the first ``draft.position`` of them are done."""
    return drafts.edits_of(workspace, draft.id)


def recipe(workspace: Workspace, draft: ModelEntry) -> list[Operation]:
    """Return the operations that are done in a draft."""
    return [decode(edit.operation) for edit in history(workspace, draft)[: draft.position]]


def recipe_text(workspace: Workspace, draft: ModelEntry) -> str:
    """Return what is done in a draft as a recipe (docs/recipe.md)."""
    source = workspace.model(draft.source)
    return to_json(Recipe(tuple(recipe(workspace, draft)), Source(source.name) if source else None))


def script_of(workspace: Workspace, draft: ModelEntry) -> Script:
    """Return what is done in a draft as a Python script.

    Raises:
        EditError: no script can say it.
    """
    steps = drafts.splices(workspace, draft.id, 0, draft.position)
    source = undone(model_of(draft), [splice for step in steps for splice in step])
    titles = [edit.title for edit in history(workspace, draft)[: draft.position]]
    return script(source, map(ScriptStep, titles, steps))


def kind_of(operation: Operation) -> str:
    """Return what a recipe calls an operation: ``insert-node``."""
    return str(type(operation).__struct_config__.tag)


def files_named(workspace: Workspace, draft: ModelEntry) -> dict[str, Path]:
    """Return the files that the edits that are done in a draft name."""
    names = {str(getattr(operation, "file", "")) for operation in recipe(workspace, draft)}
    return {path.name: path for path in sorted(given(draft).glob("*")) if path.name in names}


def _compare(workspace: Workspace, before: ModelEntry, after: ModelEntry, title: str, feeds: FeedSpec) -> None:
    """Start a job that runs a draft before and after its last edit, and compares the outputs."""
    sides = Side(_ENGINE, before.location), Side(_ENGINE, after.location)
    outputs = tuple(value.name for value in before.record.summary.outputs)
    request = CompareRequest(*sides, feeds=feeds, tensors=outputs or None)
    name = f"{after.name} before / after: {title}"
    job_id = service.submit(workspace, "compare", COMPARE_JOB, request, model_id=after.id, title=name)
    drafts.note_comparison(workspace, after.id, after.position - 1, job_id)


def _give(draft: ModelEntry, files: Mapping[str, Path]) -> None:
    """Keep files with a draft.

    Raises:
        EditError: another file of that name was given before.
        WorkspaceError: the disk is full.
    """
    with saying_what_is_wrong("Keeping a file"):
        for name, path in files.items():
            target = given(draft) / name
            target.parent.mkdir(exist_ok=True)
            if target.exists() and not cmp(target, path, shallow=False):
                raise EditError(f"Another file called {shown(name)} was given before: give this one another name.")
            if not target.exists():
                copyfile(path, target)


def given(draft: ModelEntry) -> Path:
    """Return the folder of files that operations on a draft name."""
    return draft.folder / _GIVEN


def _kept(
    workspace: Workspace,
    draft: ModelEntry,
    position: int,
    before: Model,
    model: Model,
    splices: tuple[Splice, ...],
    notes: tuple[str, ...] = (),
    new: Sequence[NewEdit] = (),
) -> Step:
    checked = check_edit(before, model, splices)
    record = replace(draft.record, findings=_findings(draft.record.findings, before, model, splices, checked))
    model = model.with_types(checked.types)
    types = Path(draft.location.skeleton).with_name(TYPES)

    def files(folder: Path) -> None:
        (folder / SKELETON).write_bytes(model.proto.SerializeToString())
        if types.exists():  # until the next check; what is open here knows better
            (folder / TYPES).hardlink_to(types)

    kept = drafts.keep(workspace, draft, position, files, record, new)
    put_model(kept.location, model)
    return Step(kept, before, model, splices, notes)


def _findings(
    earlier: Sequence[Finding], before: Model, model: Model, splices: Sequence[Splice], checked: Checked
) -> tuple[Finding, ...]:
    """Return what is wrong now: what was found at the touched places, and what was wrong elsewhere before."""
    changes = checked.changes.graphs
    kept = []
    for finding in earlier:
        path = follow_graph(before, splices, model, finding.graph)
        node = None
        if finding.node is not None:
            ref = follow_node(before, splices, model, NodeRef(finding.graph, finding.node))
            path, node = (ref.graph, ref.index) if ref else (None, None)
        here = changes.get(path) if path is not None else None
        if path is None or (here and (node in here.nodes or finding.tensor in here.values)):
            continue
        kept.append(replace(finding, graph=path, node=node))
    return worst_first((*checked.findings, *kept))
