"""Ways to open a model: drop files, a sample, one of the workspace, a path on this machine."""

from pathlib import Path

import msgspec
import pandas as pd
import streamlit as st

from graphdebug.jobs import service
from graphdebug.model.records import Severity
from graphdebug.model.units import size_text
from graphdebug.ui import state
from graphdebug.ui.drop_zone import drop_zone
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.words import ago, plain, plural
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobState, ModelEntry

_OPENING = "graphdebug.opening"
_ANOTHER = "graphdebug.another"
_SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"
_CARDS_IN_A_ROW = 3
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Sample(msgspec.Struct, frozen=True):
    """An entry of ``sample_models/catalog.json``."""

    file: str
    title: str
    lesson: str


def model_picker() -> None:
    """Show all ways to open a model, and how far the one being opened is."""
    drop_zone(key="drop-zone", on_dropped=_follow)
    opening()
    if st.get_option("server.address") in _LOOPBACK:
        _path_form()
    models = state.workspace().models()
    if models:
        st.subheader("In the workspace")
        _workspace_list(models)
    _samples()


def picking() -> bool:
    """Whether a model is to be picked: none is open, or another one is wanted."""
    return state.current_model() is None or st.session_state.get(_ANOTHER, False)


def pick_another(wanted: bool) -> None:
    """Show the picker instead of the open model, or go back to the model."""
    st.session_state[_ANOTHER] = wanted


def opening() -> None:
    """Follow the model being opened: progress, then the model itself, or what is wrong with the file."""
    job_id = st.session_state.get(_OPENING)
    job = state.workspace().job(job_id) if job_id else None
    if job is None:
        return
    if job.state == JobState.DONE and job.model_id:
        del st.session_state[_OPENING]
        st.session_state.pop(_ANOTHER, None)
        state.open_model(job.model_id)
        st.rerun()
    follow(job.id)
    failure(job)


def _follow(job_id: str) -> None:
    st.session_state[_OPENING] = job_id


def _begin(path: Path) -> None:
    try:
        st.session_state[_OPENING] = service.open_path(state.workspace(), path)
    except WorkspaceError as error:
        st.error(plain(str(error)), icon=":material/error:")
    else:
        st.rerun()


def _path_form() -> None:
    with st.expander("Open a file on this machine by its path", icon=":material/hard_drive:"):
        with st.form("open-path", border=False), st.container(horizontal=True, vertical_alignment="bottom"):
            path = st.text_input("Path", placeholder="/models/resnet50.onnx", label_visibility="collapsed")
            sent = st.form_submit_button("Open", icon=":material/folder_open:")
        st.caption("The file stays where it is; weights are read from there, nothing is copied.")
        if sent and path.strip():
            _begin(Path(path.strip()))


def _workspace_list(models: list[ModelEntry]) -> None:
    rows = [
        {
            "model": entry.name,
            "nodes": entry.record.summary.nodes,
            "size": size_text(entry.record.summary.file_bytes + entry.record.summary.external_bytes),
            "findings": _findings_text(entry),
            "place": "edited" if entry.source else "on this machine" if entry.in_place else "workspace",
            "opened": ago(entry.opened),
        }
        for entry in models
    ]
    picked = st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key="workspace-models",
    )
    for row, _ in picked.selection.cells:
        st.session_state.pop(_ANOTHER, None)
        state.open_model(models[row].id)
        st.rerun()
    chosen = [models[row] for row in picked.selection.rows if row < len(models)]
    if not chosen:
        st.caption("Click a model to open it; tick models to delete them.")
    elif st.button("Delete…", icon=":material/delete:"):
        _confirm_delete(chosen)


def _findings_text(entry: ModelEntry) -> str:
    counts = {severity: sum(found.severity == severity for found in entry.record.findings) for severity in Severity}
    parts = [
        plural(counts[severity], str(severity)) for severity in (Severity.ERROR, Severity.WARNING) if counts[severity]
    ]
    return ", ".join(parts) or "none"


@st.dialog("Delete from the workspace?")
def _confirm_delete(models: list[ModelEntry]) -> None:
    workspace = state.workspace()
    gone = {entry.id for entry in models}
    drafts = [entry for entry in workspace.models() if entry.source in gone and entry.id not in gone]
    models = sorted([*drafts, *models], key=lambda entry: not entry.source)  # drafts share the file of their source
    for entry in models:
        results = len(workspace.jobs(("run", "compare", "measure"), entry.id))
        what = " and its " + plural(results, "result") if results else ""
        files = "the file itself stays where it is" if entry.in_place and not entry.source else size_text(entry.bytes)
        st.markdown(f"**{plain(entry.name)}**{what} ({files})")
    st.caption("This cannot be undone.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        for entry in models:
            for job in workspace.jobs(model_id=entry.id):
                service.delete(workspace, job.id)
            workspace.delete_model(entry.id)
            if state.parameter("model") == entry.id:
                state.close_model()
        st.rerun()


def _samples() -> None:
    catalog = _SAMPLES / "catalog.json"
    if not catalog.is_file():
        return
    samples = [
        sample
        for sample in msgspec.json.decode(catalog.read_bytes(), type=list[Sample])
        if (_SAMPLES / sample.file).is_file()
    ]
    st.subheader("Samples", help="Small models, each with something to learn")
    for first in range(0, len(samples), _CARDS_IN_A_ROW):
        for column, sample in zip(st.columns(_CARDS_IN_A_ROW), samples[first:], strict=False):
            with column, st.container(border=True, gap="xsmall", height="stretch"):
                if st.button(
                    sample.title, key=f"sample-{sample.file}", type="tertiary", icon=":material/deployed_code:"
                ):
                    _begin(_SAMPLES / sample.file)
                st.caption(sample.lesson)
