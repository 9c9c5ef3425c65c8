"""Beside the graph that is edited: what was done, what is wrong now, and what to do with the result."""

from dataclasses import dataclass

import streamlit as st

from graphdebug.api import editing
from graphdebug.model.records import Severity
from graphdebug.ui import edit_session, state
from graphdebug.ui.edit_outcome import outcome_bar
from graphdebug.ui.findings_list import findings_list
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.recipe_form import recipe_form
from graphdebug.ui.words import ago, plain, plural
from graphdebug.workspace.entries import EditEntry, JobEntry, ModelEntry

_MOST_SHOWN = 60
_SIGNS = {"match": ":green[:material/check:]", "differ": ":orange[:material/not_equal:]"}


@dataclass(frozen=True, slots=True)
class Standing:
    """How it stands with the model that is edited: all its edits, and whether it is checked as it is now."""

    edits: list[EditEntry]
    checked: bool


def standing(entry: ModelEntry) -> Standing:
    """Look up how it stands with the open model, once a rerun."""
    if not entry.source:
        return Standing([], True)
    jobs = state.workspace().jobs("check", entry.id, limit=1)
    return Standing(editing.history(state.workspace(), entry), not (jobs and jobs[0].state.active))


def edit_bar(entry: ModelEntry, now: Standing) -> None:
    """Undo, redo, and ways on with the edited model."""
    edits = now.edits
    done = entry.position
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="edit-bar"):
        st.button(
            "Undo",
            icon=":material/undo:",
            shortcut="Ctrl+Z",
            disabled=not done,
            help=plain(edits[done - 1].title) if done else "Nothing was changed yet",
            on_click=edit_session.go_to,
            args=(entry, done - 1),
        )
        st.button(
            "Redo",
            icon=":material/redo:",
            shortcut="Ctrl+Shift+Z",
            disabled=done >= len(edits),
            help=plain(edits[done].title) if done < len(edits) else "Nothing was undone",
            on_click=edit_session.go_to,
            args=(entry, done + 1),
        )
        if entry.source:
            st.caption(f"{plural(done, 'change')} · {_in_words(entry, now)}")
    if entry.source:
        outcome_bar(entry)
    else:
        st.caption("The first change makes an edited copy: this model is never touched.")


def work_view(entry: ModelEntry) -> None:
    """Show how far an edit is that goes on in a worker, or how it failed."""
    jobs = state.workspace().jobs("edit", entry.id, limit=1)
    if jobs and jobs[0].state.active:
        follow(jobs[0].id)
    elif jobs and jobs[0].id == edit_session.started():
        failure(jobs[0])


def history_view(entry: ModelEntry, edits: list[EditEntry]) -> None:
    """List what was done; a click goes back or forth to it. And offer to do what a recipe says."""
    recipe_form(entry, "Replay a recipe")
    if not edits:
        st.caption("Nothing was changed yet. Every change is listed here, and a click goes back to it.")
        return
    with st.container(key="edit-history", gap="small"):
        st.button(
            "As it was opened",
            icon=_icon(0, entry.position),
            type="tertiary",
            key="edit-0",
            disabled=not entry.position,
            on_click=edit_session.go_to,
            args=(entry, 0),
        )
        first = max(0, len(edits) - _MOST_SHOWN)
        if first:
            st.caption(f"{plural(first, 'earlier change')}")
        for edit in edits[first:]:
            _line(entry, edit)


def problems_view(entry: ModelEntry, now: Standing) -> None:
    """Show what is wrong with the model as it is now."""
    if now.checked:
        findings_list(entry.record)
    else:
        st.caption("The model is being checked…")


def _line(entry: ModelEntry, edit: EditEntry) -> None:
    at = edit.number + 1
    text = plain(edit.title) if at <= entry.position else f":gray[{plain(edit.title)}]"
    st.button(
        f"{text} :gray[:small[{ago(edit.created)}]]",
        icon=_icon(at, entry.position),
        type="tertiary",
        key=f"edit-{at}",
        disabled=at == entry.position,
        help="  \n".join(map(plain, edit.notes)) or None,
        on_click=edit_session.go_to,
        args=(entry, at),
    )
    job = state.workspace().job(edit.comparison) if edit.comparison else None
    if job is not None:
        _compared(job)


def _compared(job: JobEntry) -> None:
    """Say what came of running the model before and after an edit, with a way to all of it."""
    if job.state.active:
        st.caption("Running before and after…")
        return
    sentence = str(job.summary.get("sentence", "")) if job.failure is None else f"Not compared: {job.failure.message}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        sign = _SIGNS.get(str(job.summary.get("outcome")), ":gray[:material/help:]")
        st.caption(f"{sign} {plain(sentence.partition('. ')[0])}", width="content")
        if job.failure is None and st.button("Look", type="tertiary", key=f"look-{job.id}", help=plain(sentence)):
            state.go("compare", **{state.RESULTS["compare"]: job.id})


def _icon(at: int, position: int) -> str:
    if at == position:
        return ":material/radio_button_checked:"
    return ":material/check_circle:" if at < position else ":material/circle:"


def _in_words(entry: ModelEntry, now: Standing) -> str:
    if not now.checked:
        return "checking…"
    errors = sum(finding.severity is Severity.ERROR for finding in entry.record.findings)
    return f":red[{plural(errors, 'error')}]" if errors else "no errors"
