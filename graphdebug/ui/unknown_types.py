"""Types of a part's inputs and outputs that the model does not tell: learned from a run, or asked."""

from collections.abc import Collection, Sequence

import streamlit as st

from graphdebug.edit.extraction import InputType
from graphdebug.model.records import Dim
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.requests import RunRequest
from graphdebug.ui.edit_fields import DTYPES, read_shape
from graphdebug.ui.job_page import start_job
from graphdebug.ui.last_feeds import feeds_to_run
from graphdebug.ui.results import finished, run_result
from graphdebug.ui.words import plain, plural
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry

_SPEC = "onnxruntime:opt=disable"
_RUNS = 4
_MOST = 12


def unknown_types(
    entry: ModelEntry, graph: str, names: Sequence[str], needed: Collection[str]
) -> dict[str, InputType] | None:
    """Return types for values; ask for those that no run has told. None as long as one that is needed is missing.

    A run tells only of values of the main graph.
    """
    if not names:
        return {}
    found = _learned(entry, names)
    if found:
        st.caption(f"{plural(len(found), 'type')} learned from a run: {plain(', '.join(sorted(found)))}.")
    asked = [name for name in names if name not in found]
    if not asked:
        return found
    if graph == MAIN_GRAPH and st.button("Learn types from one run", icon=":material/play_arrow:"):
        request = RunRequest(entry.location, _SPEC, feeds_to_run(entry), tuple(asked))
        start_job("run", request, entry, f"types of {plural(len(asked), 'tensor')} of {entry.name}")
    for name in asked[:_MOST]:
        with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
            dtype = st.selectbox(plain(name), DTYPES, None, key=f"cut:dtype:{name}", placeholder="element type")
            shape = st.text_input("Shape", key=f"cut:shape:{name}", placeholder="1, 3, height, ?")
        if dtype:
            found[name] = InputType(dtype, read_shape(shape))
    return found if all(name in found for name in needed) else None


def _learned(entry: ModelEntry, names: Sequence[str]) -> dict[str, InputType]:
    """Return what the last runs of the model tell; lengths are left open, for other feeds have others."""
    found: dict[str, InputType] = {}
    for job in finished("run", entry.id, _RUNS):
        try:
            rows = run_result(entry, job.id).rows
        except WorkspaceError:
            continue
        for row in rows:
            if row.name in names and row.type.dtype:
                found.setdefault(row.name, InputType(row.type.dtype, _open(row.type.shape)))
    return found


def _open(shape: tuple[Dim, ...] | None) -> tuple[None, ...] | None:
    return None if shape is None else (None,) * len(shape)
