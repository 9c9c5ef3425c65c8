"""Editing the open model from a page: the first edit makes a draft of it, which is then the open model everywhere."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from graphdebug.api import editing, parts
from graphdebug.api.editing import Step
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.following import follow_graph, follow_node
from graphdebug.edit.operation import Operation
from graphdebug.jobs import service
from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH, NodeRef
from graphdebug.runtime.requests import FeedSpec
from graphdebug.ui import state
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry

_FILES = "graphdebug.edit.files"
_SAID = "graphdebug.edit.said"
_STARTED = "graphdebug.edit.started"
_REFUSED = "graphdebug.edit.refused"
_SHOWN_NEXT = ("insert-", "add-", "duplicate-", "replace-")
"""Operations that make something new, which is what one wants to see then."""


def do(entry: ModelEntry, operation: Operation, feeds: FeedSpec | None = None) -> bool:
    """Do an operation on the open model; False (and what to say is kept) when it cannot be done.

    With ``feeds``, the model is run before and after it, and what comes out is compared.
    """
    workspace, files = state.workspace(), _files(operation)
    try:
        with _draft_of(entry) as draft:
            if operation.heavy:
                st.session_state[_STARTED] = editing.start(workspace, draft.id, operation, files=files, feeds=feeds)
                _follow(draft)
                return True
            step = editing.apply(workspace, draft.id, operation, files=files, feeds=feeds)
    except (EditError, WorkspaceError) as error:
        st.session_state[_REFUSED] = str(error)
        return False
    made = _new_node(step) if editing.kind_of(operation).startswith(_SHOWN_NEXT) else None
    _show(step, made)
    st.session_state[_SAID] = [operation.title, *step.notes]
    return True


def replay(entry: ModelEntry, operations: Sequence[Operation]) -> bool:
    """Do the operations of a recipe on the open model, all or none; False when one cannot be done."""
    try:
        with _draft_of(entry) as draft:
            if any(each.heavy for each in operations):
                st.session_state[_STARTED] = editing.start(state.workspace(), draft.id, *operations)
                _follow(draft)
                return True
            step = editing.apply(state.workspace(), draft.id, *operations)
    except (EditError, WorkspaceError) as error:
        st.session_state[_REFUSED] = str(error)
        return False
    _show(step)
    st.session_state[_SAID] = [f"{len(operations):,} of {len(operations):,} done.", *step.notes]
    return True


@contextmanager
def _draft_of(entry: ModelEntry) -> Iterator[ModelEntry]:
    """Give the draft to edit; one begun for an edit that cannot be done goes again. What was said before is over."""
    for key in (_REFUSED, _STARTED):
        st.session_state.pop(key, None)
    draft = editing.draft_of(state.workspace(), entry)
    try:
        yield draft
    except EditError:
        if draft.id != entry.id:
            state.workspace().delete_model(draft.id)
        raise


def cut_out(entry: ModelEntry, part: ExtractPart) -> bool:
    """Make a part the open model, as an edited copy of the whole; False when that cannot be done."""
    if not do(entry, part):
        return False
    state.set_cut_ends((), ())
    return True


def put_back(entry: ModelEntry) -> bool:
    """Put the open part back into the whole, which is the open model then; False when it does not fit."""
    st.session_state.pop(_REFUSED, None)
    try:
        step = parts.put_back(state.workspace(), entry)
    except (EditError, WorkspaceError) as error:
        st.session_state[_REFUSED] = str(error)
        return False
    state.open_model(step.draft.id)
    service.check_draft(state.workspace(), step.draft)
    st.session_state[_SAID] = ["The part is back in the whole.", *step.notes]
    return True


def offer_file(path: Path) -> str:
    """Remember a file that an operation may name; returns its name."""
    st.session_state.setdefault(_FILES, {})[path.name] = path
    return path.name


def _files(operation: Operation) -> dict[str, Path]:
    """Return the files that an operation names, of those that were offered."""
    offered: dict[str, Path] = st.session_state.get(_FILES, {})
    name = getattr(operation, "file", "")
    return {name: offered[name]} if name in offered else {}


def go_to(entry: ModelEntry, position: int) -> None:
    """Undo or redo until ``position`` edits are done."""
    st.session_state.pop(_REFUSED, None)
    try:
        step = editing.go_to(state.workspace(), entry.id, position)
    except WorkspaceError as error:
        st.session_state[_REFUSED] = str(error)
        return
    _show(step)


def started() -> str | None:
    """Return the id of the job that does the last edit in a worker; None when that was done at once."""
    job_id: str | None = st.session_state.get(_STARTED)
    return job_id


def refused() -> str | None:
    """Return why the last edit could not be done, once; None when it was."""
    reason: str | None = st.session_state.pop(_REFUSED, None)
    return reason


def say() -> None:
    """Say what the last edit did, once."""
    for sentence in st.session_state.pop(_SAID, ()):
        st.toast(sentence, icon=":material/edit:")


def _follow(draft: ModelEntry) -> None:
    """Make a draft the open model whose edit goes on in a worker; what is chosen stays, as nothing changed yet."""
    names = ("graph", "node", "value", "selected", "from", "to")
    kept = {name: state.parameter(name) for name in names}
    state.open_model(draft.id)
    state.set_parameters(**kept)


def _show(step: Step, made: NodeRef | None = None) -> None:
    """Make the draft the open model, with what was chosen and selected before, wherever it is now."""
    choice, graph = state.choice(), state.parameter("graph") or MAIN_GRAPH
    selected = [_followed(step, graph, box) for box in state.selection()]
    starts, ends = state.cut_ends()
    path = follow_graph(step.before, step.splices, step.model, graph)
    state.open_model(step.draft.id)
    if path is None:
        state.choose(MAIN_GRAPH)
    else:
        index = step.model.graphs[path]
        known = {*index.producer, *index.consumers, *index.inputs, *index.outputs, *index.initializers}
        chosen = _followed(step, graph, choice.id) if choice else None
        kind, _, name = (chosen or "").partition(":")
        if made is not None:
            state.choose(made.graph, node=made.index)
        elif kind == "n":
            state.choose(path, node=int(name))
        elif kind == "v" and name in known:
            state.choose(path, value=name)
        elif kind == "s":
            state.choose(path, group=chosen)
        else:
            state.choose(path)
        if (made.graph if made else path) == path:
            state.set_selection(box for box in selected if box and (box[0] != "v" or box[2:] in known))
            state.set_cut_ends(*([name for name in side if name in known] for side in (starts, ends)))
    service.check_draft(state.workspace(), step.draft)


def _followed(step: Step, graph: str, box: str) -> str | None:
    """Return the id that a box has after an edit; None when its node is gone."""
    kind, _, number = box.partition(":")
    if kind != "n":
        return box
    found = follow_node(step.before, step.splices, step.model, NodeRef(graph, int(number)))
    return f"n:{found.index}" if found else None


def _new_node(step: Step) -> NodeRef | None:
    """Return the first node that an edit made, in the graph that is looked at."""
    path = state.parameter("graph") or MAIN_GRAPH
    before: Model = step.before
    if path not in step.model.graphs or path not in before.graphs:
        return None
    known = before.graphs[path].producer
    return next((NodeRef(path, at) for name, at in step.model.graphs[path].producer.items() if name not in known), None)
