"""Two models side by side: which one is put beside the open one, and how the differences are coloured."""

import streamlit as st
from starlette.exceptions import HTTPException

from graphdebug.api.matches import SideBySide
from graphdebug.api.models import model_of
from graphdebug.jobs import service
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.engine_records import LAYERS_FILE
from graphdebug.ui import state
from graphdebug.ui.diff_view import diff_view
from graphdebug.ui.engine_panel import ENGINE, MAKING, engine_form, engine_said, open_layers
from graphdebug.ui.feed_files import keep
from graphdebug.ui.fields import is_new, select
from graphdebug.ui.graph_view.component import Overlay
from graphdebug.ui.graph_view.overlays import Shade, overlay_of_nodes
from graphdebug.ui.graph_view.pair import pair_view
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.words import plain
from graphdebug.view.differences import Kind, Matching
from graphdebug.view.labels import shortened
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

LEVELS = {"basic": "basic", "extended": "extended: fused operators", "all": "all: laid out for this machine"}
"""ONNX Runtime's levels of optimisation, in words."""
COLORS = {Kind.CHANGED: "#e69f00", Kind.FUSED: "#0072b2", Kind.LEFT: "#cc79a7", Kind.RIGHT: "#009e73"}
"""After Okabe & Ito."""
_WEIGHTS = {Kind.FUSED: 1.0, Kind.LEFT: 2.0, Kind.RIGHT: 2.0, Kind.CHANGED: 3.0}
"""Of the nodes in a closed group the heaviest colours it."""
_OTHER = "side_by_side:other"
_HOW = "side_by_side:how"
_ENGINE = "side_by_side:engine"
_ROUND = "graphdebug.side_by_side.round"
_PROBLEM = "graphdebug.side_by_side.problem"
_MODEL, _OPTIMISED = "model:", "optimised:"


def side_by_side(left: ModelEntry) -> None:
    """Ask for the other model and show both, or say what differs."""
    right = state.other_model()
    if right is not None and right.id == left.id:
        right = None
    _ask(left, right)
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem))
    if _is_making(left):
        return
    if right is None:
        if state.parameter("other") not in (None, left.id):
            st.warning("The other model of this link is not in the workspace any more.", icon=":material/link_off:")
        st.info(
            "Choose what to put beside this model: another version of it, another export, the graph that ONNX Runtime "
            "makes of it, or the layers of a TensorRT engine. Equal nodes are matched, differences are marked, and "
            "both graphs move together.",
            icon=":material/splitscreen_vertical_add:",
        )
        return
    if state.parameter("words"):
        diff_view(left, right)
        return
    try:
        overlays = _overlays(left, right)
    except HTTPException as error:
        st.error(plain(str(error.detail)), icon=":material/error:")
        return
    with st.container(key="graph_place_pair"):
        pair_view(
            left,
            right,
            key="graph_pair",
            overlays=overlays,
            colors={str(kind): color for kind, color in COLORS.items()},
        )


def _ask(left: ModelEntry, right: ModelEntry | None) -> None:
    """Ask what to put beside the open model."""
    made = {service.optimized_id(left.id, level): f"{_OPTIMISED}{level}" for level in LEVELS}
    models = [entry for entry in state.workspace().models() if entry.id != left.id and entry.id not in made]
    titles = {f"{_OPTIMISED}{level}": f"Optimised by ONNX Runtime, {title}" for level, title in LEVELS.items()}
    # A label that changes, like when it was last opened, would be another option to the browser.
    titles |= {f"{_MODEL}{entry.id}": f"{entry.name} · {entry.created.astimezone():%Y-%m-%d %H:%M}" for entry in models}
    current = made.get(right.id, f"{_MODEL}{right.id}") if right else None
    if current is not None and right is not None:
        titles.setdefault(current, right.name)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        select(
            f"Beside {plain(left.name)}",
            titles,
            current,
            key=_OTHER,
            on_change=_choose,
            args=(left,),
            label_visibility="collapsed",
            placeholder="Choose a model, or what ONNX Runtime makes of this one",
        )
        _ask_for_engine(left)
        if right is not None:
            _ask_how()


def _ask_for_engine(left: ModelEntry) -> None:
    """Offer to put the layers of a TensorRT engine beside the model: one built here, or from the file that tells."""
    round_ = st.session_state.setdefault(_ROUND, 0)  # once a file was taken, the next: closed, and empty
    key = f"{_ENGINE}:open:{round_}"
    with st.popover("TensorRT engine", icon=":material/memory:", key=key, on_change="rerun") as place:
        if not place.open:  # TensorRT is looked for only when somebody asks
            return
        if engine_form(left):
            st.session_state[_ROUND] += 1
            st.rerun()
        st.divider()
        st.caption(
            "Or the layers of an engine that was built of it elsewhere, as `trtexec --profilingVerbosity=detailed "
            "--exportLayerInfo=layers.json` or the engine inspector writes them. Each layer is matched with the nodes "
            "it was made of."
        )
        key = f"{_ENGINE}:{left.id}:{round_}"
        st.file_uploader(
            "layers.json",
            type=["json"],
            key=key,
            on_change=_take_engine,
            args=(left, key),
            max_upload_size=service.LARGEST_LAYERS >> 20,
        )


def _take_engine(left: ModelEntry, key: str) -> None:
    given = st.session_state[key]
    if given is None:
        return
    st.session_state[_ROUND] += 1
    workspace = state.workspace()
    try:
        st.session_state[MAKING] = left.id, service.open_engine_layers(workspace, keep(workspace, given))
    except WorkspaceError as error:
        st.session_state[_PROBLEM] = str(error)


def _ask_how() -> None:
    """Ask whether to show the graphs, or to say in words what differs."""
    shown = bool(state.parameter("words"))
    default = shown if is_new(_HOW, shown) else None
    st.segmented_control(
        "Show",
        [False, True],
        default=default,
        required=True,
        format_func=lambda words: "In words" if words else "Graphs",
        key=_HOW,
        on_change=lambda: state.set_parameters(words="1" if st.session_state[_HOW] else None),
        label_visibility="collapsed",
        width="content",
    )


def _choose(left: ModelEntry) -> None:
    chosen: str | None = st.session_state[_OTHER]
    st.session_state.pop(MAKING, None)
    if chosen is None:
        state.set_other_model(None)
    elif chosen.startswith(_MODEL):
        state.set_other_model(chosen.removeprefix(_MODEL))
    else:
        level = chosen.removeprefix(_OPTIMISED)
        known = state.workspace().model(service.optimized_id(left.id, level))
        if known is not None:
            state.set_other_model(known.id)
            return
        try:
            st.session_state[MAKING] = left.id, service.open_optimized(state.workspace(), left, level)
        except WorkspaceError as error:
            st.error(plain(str(error)))


def _is_making(left: ModelEntry) -> bool:
    """Follow the work of ONNX Runtime or TensorRT; True as long as there is nothing else to be shown."""
    owner, job_id = st.session_state.get(MAKING, ("", ""))
    job = state.workspace().job(job_id) if owner == left.id else None
    if job is None:
        return False
    if job.state is JobState.DONE and job.kind == ENGINE:
        return _is_told(left, job)
    if job.state is JobState.DONE and job.model_id:
        del st.session_state[MAKING]
        state.set_other_model(job.model_id)
        st.rerun()
    follow(job.id)
    failure(job)
    return True


def _is_told(left: ModelEntry, job: JobEntry) -> bool:
    """Go on from what TensorRT said: to the layers of what it built; False where nothing was built."""
    layers = job.folder / LAYERS_FILE
    if not layers.is_file():
        engine_said(left, job, "page")
        return False
    try:
        st.session_state[MAKING] = left.id, open_layers(left, layers)
    except WorkspaceError as error:
        del st.session_state[MAKING]
        st.error(plain(str(error)))
        return False
    return _is_making(left)


def _overlays(left: ModelEntry, right: ModelEntry) -> tuple[Overlay, Overlay]:
    """Return the colours of both sides, for the graph that is looked at on the left and its counterpart."""
    graph = state.parameter("graph") or MAIN_GRAPH
    pair = SideBySide(left, right)
    other = pair.counterpart(graph)
    if other is None:
        return Overlay(), Overlay()
    return _colored(left.location, right.location, graph, other, left, right)


@st.cache_resource(max_entries=8, show_spinner="Matching the two graphs…")
def _colored(
    one: object, two: object, graph: str, other: str, _left: ModelEntry, _right: ModelEntry
) -> tuple[Overlay, Overlay]:
    found = SideBySide(_left, _right).matching(graph, other)
    return _overlay(_left, graph, found, 0), _overlay(_right, other, found, 1)


def _overlay(entry: ModelEntry, graph: str, found: Matching, side: int) -> Overlay:
    units = (found.left.units, found.right.units)
    shades, ends = dict[int, Shade](), dict[str, str]()
    for match in found.differences:
        ours, theirs = (match.left, match.right)[:: 1 if side == 0 else -1]
        beside = ", ".join(shortened(units[1 - side][unit].op) for unit in theirs[:6])
        text = "; ".join(match.what) or (f"{match.kind}: {beside}" if beside else "")
        for unit in ours:
            kind, _, name = units[side][unit].id.partition(":")
            if kind == "n":
                shades[int(name)] = Shade(COLORS[match.kind], text, _WEIGHTS[match.kind])
            else:
                ends[f"{kind}:{name}"] = COLORS[match.kind]
    kinds = {match.kind for match in found.differences if (match.left, match.right)[side]}
    legend = [("same", ""), *((str(kind), COLORS[kind]) for kind in COLORS if kind in kinds)]
    overlay = overlay_of_nodes(model_of(entry), graph, shades, "", tuple(legend))
    return Overlay("", overlay.legend, {**overlay.colors, **ends}, overlay.texts)
