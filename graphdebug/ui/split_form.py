"""Splitting a model into parts that chain, and the parts in the graph."""

from collections.abc import Sequence
from itertools import chain, islice

import pandas as pd
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.edit.extraction import ExtractPart
from graphdebug.extract.records import SPLIT_JOB, ManifestPart, SplitRequest, SplitResult, Trial
from graphdebug.jobs import service
from graphdebug.model.cutting import cut
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import edit_session, state
from graphdebug.ui.graph_view import Overlay, Shade, overlay_of_nodes
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.last_feeds import ask_feeds
from graphdebug.ui.name_column import full_names, name_cells, name_column
from graphdebug.ui.part_files import archive, differences
from graphdebug.ui.row_choice import ROW_MODES, chosen_row
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import plain, plural
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

_KIND = "split"
_WAYS = {"at": "At tensors", "parts": "Parts of like cost", "depth": "By module scope"}
_COLORS = ("#56b4e9", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#0072b2", "#d55e00")
"""After Okabe & Ito; they come again after the last."""
_MOST_NAMED = 7
_MOST_VALUES = 400
_NAME = 170
"""Pixels of the column of names."""
_PARTS = "cut:parts"


def split_form(entry: ModelEntry) -> None:
    """Ask how to split, split, and show the parts."""
    workspace = state.workspace()
    way = st.segmented_control(
        "How", list(_WAYS), default="at", required=True, format_func=_WAYS.__getitem__, key="cut:how"
    )
    asked = _asked(entry, way)
    with st.expander("Feeds for the proof", icon=":material/science:"):
        feeds = ask_feeds(entry, "split")
    pressed = st.button("Split", type="primary", icon=":material/call_split:", disabled=asked is None, key="cut:split")
    if pressed and asked is not None:
        at, parts, depth = asked
        request = SplitRequest(entry.location, at, parts, (), depth, entry.name, feeds)
        try:
            service.submit(workspace, _KIND, SPLIT_JOB, request, model_id=entry.id, title=entry.name)
        except WorkspaceError as error:
            st.error(plain(str(error)))
            return
        st.rerun()
    job = _last(entry)
    if job is None:
        st.caption(
            "The parts are run one after the other and held against the whole; the zip holds them, a manifest "
            "and a small runner."
        )
        return
    follow(job.id)
    failure(job)
    if job.state is JobState.DONE:
        try:
            _shown(entry, job, service.result(workspace, job.id, SplitResult))
        except WorkspaceError as error:
            st.error(plain(str(error)))


def split_overlay(entry: ModelEntry) -> Overlay | None:
    """Return the graph's colours by part, when the model was split."""
    job = _last(entry)
    if job is None or job.state is not JobState.DONE or (state.parameter("graph") or MAIN_GRAPH) != MAIN_GRAPH:
        return None
    try:
        return _overlay(job.id, entry.id, entry.revision, entry)
    except WorkspaceError:
        return None


def _last(entry: ModelEntry) -> JobEntry | None:
    return next(iter(state.workspace().jobs(_KIND, entry.id, limit=1)), None)


def _asked(entry: ModelEntry, way: str) -> tuple[tuple[str, ...], int, int] | None:
    """Ask for what the way to split needs: values, a number of parts, a depth; None until it is said."""
    if way == "parts":
        return (), int(st.number_input("Parts", 2, 64, 2, key="cut:count")), 0
    if way == "depth":
        help_ = "1: encoder, decoder…; 2: encoder.layers, …"
        return (), 0, int(st.number_input("Depth of module scopes", 1, 12, 1, key="cut:depth", help=help_))
    index = model_of(entry).graphs[MAIN_GRAPH]
    marked = [name for name in chain(*state.cut_ends()) if name in index.producer]
    known = dict.fromkeys([*marked, *islice(index.producer, _MOST_VALUES)])
    at = st.multiselect(
        "Tensors",
        list(known),
        marked,
        key=f"cut:at:{entry.id}:{','.join(marked)}",
        accept_new_options=True,
        placeholder="mark them in the graph with [ and ], or choose",
    )
    return (tuple(at), 0, 0) if at else None


def _shown(entry: ModelEntry, job: JobEntry, result: SplitResult) -> None:
    """Show the parts, the proof, and ways on."""
    parts = result.manifest.parts
    st.markdown(f"**{plural(len(parts), 'part')}**")
    for trial in result.trials:
        _proof(trial, first=trial is result.trials[0])
    for note in result.notes:
        st.caption(plain(note))
    names = _names(parts)
    cells = name_cells(names, _NAME)
    st.dataframe(
        pd.DataFrame(
            {
                "part": cells,
                "nodes": [part.nodes for part in parts],
                "in": [_listed(part, "inputs") for part in parts],
                "out": [_listed(part, "outputs") for part in parts],
                **full_names(names, _NAME),
            }
        ),
        hide_index=True,
        height=table_height(len(parts)),
        on_select="rerun",
        selection_mode=ROW_MODES,
        key=_PARTS,
        column_config={"part": name_column("part", cells, _NAME)},
    )
    st.caption("A click on a part opens it as a model of its own.")
    archive(job)
    clicked = chosen_row(_PARTS, None)
    if clicked is not None:
        _open(entry, parts[clicked])


def _open(entry: ModelEntry, part: ManifestPart) -> None:
    """Open a part as an edited copy of the whole: one step of undo brings the whole back."""
    inputs, outputs = (tuple(value.name for value in side) for side in (part.inputs, part.outputs))
    edit_session.cut_out(entry, ExtractPart(inputs=inputs, outputs=outputs))
    st.rerun()


def _proof(trial: Trial, *, first: bool) -> None:
    how = "without optimisation" if first else f"on {trial.backend}"
    same = f"Proven: {how}, the parts in a chain give bit for bit what the whole gives."
    if first:
        differences(trial.outputs, same)
    elif trial.same:
        st.caption(f":material/check: Also {plain(how)}: bit for bit the same.")
    else:
        worst = max((each.largest or 0.0 for each in trial.outputs), default=0.0)
        st.caption(
            f":material/not_equal: {plain(how)}, whose optimisation cannot cross the cuts, outputs differ by up to "
            f"{worst:.3g}."
        )


def _listed(part: ManifestPart, side: str) -> str:
    names = [value.name for value in getattr(part, side)]
    return ", ".join(names[:_MOST_NAMED]) + (" …" if len(names) > _MOST_NAMED else "")


@st.cache_resource(max_entries=4, show_spinner=False)
def _overlay(job_id: str, model_id: str, revision: int, _entry: ModelEntry) -> Overlay:
    parts = service.result(state.workspace(), job_id, SplitResult).manifest.parts
    model, names, shades = model_of(_entry), _names(parts), dict[int, Shade]()
    for number, part in enumerate(parts):
        inputs, outputs = ([value.name for value in side] for side in (part.inputs, part.outputs))
        color = _color(number)
        for node in cut(model, MAIN_GRAPH, inputs, outputs).nodes:
            shades.setdefault(node, Shade(color, names[number]))
    return overlay_of_nodes(model, MAIN_GRAPH, shades, "Parts", _legend(parts))


def _names(parts: Sequence[ManifestPart]) -> list[str]:
    """Return what parts are called: their numbers, and names where they have any of their own."""
    return [f"{number} · {part.name}" for number, part in enumerate(parts, 1)]


def _legend(parts: Sequence[ManifestPart]) -> tuple[tuple[str, str], ...]:
    shown = [(name, _color(number)) for number, name in enumerate(_names(parts[:_MOST_NAMED]))]
    return (*shown, *([("…", "")] if len(parts) > _MOST_NAMED else []))


def _color(number: int) -> str:
    return _COLORS[number % len(_COLORS)]
