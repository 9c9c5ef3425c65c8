"""What the graph is coloured by: a choice that all pages share, and the overlay it makes."""

import re
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import state
from graphdebug.ui.graph_view.component import Overlay
from graphdebug.ui.graph_view.overlays import overlay_of_data
from graphdebug.ui.kept_files import ask_for_file
from graphdebug.ui.results import compare_result, finished
from graphdebug.ui.words import plain, plural
from graphdebug.view.coloring import SCALES
from graphdebug.view.node_data import SOURCES, NodeData, findings_of
from graphdebug.view.node_data_file import LARGEST, NodeDataError, read_node_data
from graphdebug.workspace.entries import ModelEntry

_KIND, _FINDINGS, _FILE, _STATUS = "", "findings", "file", "status:"
_PATH = "graphdebug.node_data"
_COMPARISONS = 5
"""As many of the newest comparisons can be chosen."""
_LIMIT = re.compile(r"[\s,;]+")


def chosen_overlay(entry: ModelEntry) -> Overlay | None:
    """Return the overlay for the graph that is shown; None: the colours of the kinds of operators."""
    source, graph = state.parameter("color") or _KIND, state.parameter("graph") or MAIN_GRAPH
    if source == _KIND or source not in _sources(entry):
        return None
    scale, limits = st.session_state.get("color:scale", "auto"), _limits()[0]
    if source.startswith(_FILE):
        return _file_overlay(entry, graph, source, scale, limits)
    return _model_overlay((entry.id, entry.location), graph, source, scale, limits, entry)


def coloring_form(entry: ModelEntry) -> None:
    """Ask what the graph shall be coloured by, and how."""
    with st.expander("Colours", icon=":material/palette:"):
        fields = st.container()
        st.caption("Your own data: a CSV with a column “node”, JSON, or node data of Model Explorer.")
        paths: dict[str, str] = st.session_state.setdefault(_PATH, {})
        paths[entry.id] = ask_for_file(
            state.workspace(), ["csv", "json"], paths.get(entry.id, ""), f"color:file:{entry.id}"
        )
        if paths[entry.id]:
            _say_what_was_read(entry, paths[entry.id])
        with fields:  # above, but after it is known what the file offers
            _fields(_sources(entry))


def _fields(sources: Mapping[str, str]) -> None:
    key, current = "color:source", state.parameter("color") or _KIND
    st.session_state[key] = current if current in sources else _KIND
    st.selectbox("Colour by", list(sources), format_func=sources.__getitem__, key=key, on_change=_choose)
    st.segmented_control("Scale of numbers", SCALES, default="auto", required=True, key="color:scale")
    st.text_input("Thresholds", key="color:limits", placeholder="10, 100, 1000: where colours change")
    if problem := _limits()[1]:
        st.error(problem)


def _choose() -> None:
    state.set_parameters(color=st.session_state["color:source"] or None)


def _sources(entry: ModelEntry) -> Mapping[str, str]:
    """Return what can be chosen: name in the URL → title."""
    found = {_KIND: "Kind of operator", **{name: title for name, (title, _) in SOURCES.items()}, _FINDINGS: "Findings"}
    for job in finished("compare", entry.id)[:_COMPARISONS]:
        found[f"{_STATUS}{job.id}"] = f"Match or differ: {job.title}"
    path = st.session_state.get(_PATH, {}).get(entry.id, "")
    if path:
        sets, _ = _file(path, _version(path), entry.id, state.parameter("graph") or MAIN_GRAPH, entry)
        found |= {f"{_FILE}:{number}": each.title for number, each in enumerate(sets)}
    return found


def _limits() -> tuple[tuple[float, ...], str]:
    """Return the thresholds that were typed, ascending, and what is wrong with them."""
    words = [word for word in _LIMIT.split(st.session_state.get("color:limits", "").strip()) if word]
    try:
        return tuple(sorted({float(word) for word in words})), ""
    except ValueError:
        return (), "Thresholds are numbers, like 10, 100, 1e6."


@st.cache_resource(max_entries=24, show_spinner=False)
def _model_overlay(
    version: object, graph: str, source: str, scale: str, limits: tuple[float, ...], _entry: ModelEntry
) -> Overlay:
    model = model_of(_entry)
    if source == _FINDINGS:
        data = findings_of(model, graph, _entry.record.findings)
    elif source.startswith(_STATUS):
        data = _statuses(source.removeprefix(_STATUS), graph)
    else:
        data = SOURCES[source][1](model, graph)
    return overlay_of_data(model, graph, data, scale, limits)


def _statuses(job_id: str, graph: str) -> NodeData:
    """Return whether what each node makes matches: the worst of its tensors."""
    result = compare_result(state.workspace().root, job_id, None)
    order = ("match", "not compared", "differ")
    worst: dict[int, str] = {}
    for row in result.rows if graph == MAIN_GRAPH else ():
        if row.node is not None:
            worst[row.node] = max(worst.get(row.node, "match"), str(row.status), key=order.index)
    return NodeData("Match or differ", worst)


def _file_overlay(entry: ModelEntry, graph: str, source: str, scale: str, limits: tuple[float, ...]) -> Overlay | None:
    path = st.session_state.get(_PATH, {}).get(entry.id, "")
    sets, _ = _file(path, _version(path), entry.id, graph, entry)
    number = int(source.partition(":")[2])
    return overlay_of_data(model_of(entry), graph, sets[number], scale, limits) if number < len(sets) else None


def _version(path: str) -> float:
    try:
        return Path(path).stat().st_mtime
    except OSError:
        return 0.0


@st.cache_resource(max_entries=8, show_spinner=False)
def _file(path: str, version: float, model_id: str, graph: str, _entry: ModelEntry) -> tuple[list[NodeData], str]:
    """Return the sets of data in a file for a graph, and what is wrong with it."""
    try:
        if Path(path).stat().st_size > LARGEST:
            return [], f"{Path(path).name} is larger than {LARGEST >> 20} MB."
        return read_node_data(Path(path).read_bytes(), Path(path).name, model_of(_entry).graphs[graph]), ""
    except NodeDataError as error:
        return [], str(error)
    except OSError as error:
        return [], f"{Path(path).name} cannot be read: {error.strerror}."


def _say_what_was_read(entry: ModelEntry, path: str) -> None:
    sets, problem = _file(path, _version(path), entry.id, state.parameter("graph") or MAIN_GRAPH, entry)
    if problem:
        st.error(plain(problem))
    for each in sets[:6]:
        left = f", {each.unknown:,} of its names are not in this graph" if each.unknown else ""
        st.caption(f"**{plain(each.title)}**: {plural(len(each.values), 'node')}{left}.")
