"""What the graph is coloured by: a choice that all pages share, and the overlay it makes."""

import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import state
from graphdebug.ui.color_sources import (
    AUTOMATIC,
    FILE,
    MEASURED,
    OF_JOBS,
    OPERATORS,
    is_there,
    jobs_of,
    node_data,
    offered,
    usual_job,
)
from graphdebug.ui.data_files import data_file_form
from graphdebug.ui.fields import is_new, select
from graphdebug.ui.graph_view.component import Overlay
from graphdebug.ui.graph_view.overlays import overlay_of_data
from graphdebug.ui.latency_form import latency_form
from graphdebug.view.coloring import SCALES, limits_in
from graphdebug.view.labels import shortened
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, ModelEntry

_TITLE = 60
"""Letters of a job's title."""


def chosen_overlay(entry: ModelEntry, suggested: Overlay | None = None) -> Overlay | None:
    """Return the overlay for the graph that is shown; None: the colours of the kinds of operators.

    As long as nothing else is chosen it is the one that a page suggests.
    """
    asked = state.parameter("color") or AUTOMATIC
    if asked == AUTOMATIC:
        return suggested
    if asked == OPERATORS:
        return None
    if not is_there(entry, asked):
        return suggested
    try:
        return _overlay((entry.id, entry.location), _graph(), asked, _scale(), _limits()[0], entry)
    except (WorkspaceError, KeyError):  # the form says so
        return suggested


@st.cache_resource(max_entries=24, show_spinner=False)
def _overlay(
    version: object, graph: str, name: str, scale: str, limits: tuple[float, ...], _entry: ModelEntry
) -> Overlay | None:
    data = node_data(_entry, graph, name)
    if data is None:
        raise KeyError(name)  # not to be kept: it may come
    return overlay_of_data(model_of(_entry), graph, data, scale, limits)


def coloring_form(entry: ModelEntry) -> None:
    """Ask what the graph shall be coloured by, and how."""
    with st.expander("Colours", icon=":material/palette:", key="color:form", on_change="rerun") as form:
        if not form.open:  # its fields are much code for the browser, just when the graph wants to be drawn
            return
        fields = st.container()
        data_file_form(entry, _graph())
        with fields:  # above, but after it is known what the files offer
            _fields(entry)


def _fields(entry: ModelEntry) -> None:
    sources, asked = offered(entry, _graph()), state.parameter("color") or AUTOMATIC
    kind, _, which = asked.partition(":")
    name = kind if kind in OF_JOBS else asked
    if name not in sources:
        said = "data file is not in the workspace any more, or says nothing" if kind == FILE else "data is not there"
        st.warning(f"The {said} of this graph: choose something else.", icon=":material/link_off:")
        name = AUTOMATIC
    titles = {each: shortened(title, _TITLE) for each, title in sources.items()}
    select("Colour by", titles, name, key="color:source", on_change=_choose, args=(entry,))
    if name in OF_JOBS:
        _job_field(entry, name, which)
    st.segmented_control(
        "Scale of numbers",
        SCALES,
        default=_scale() if is_new("color:scale", _scale()) else None,
        format_func=_short,
        required=True,
        key="color:scale",
        on_change=_take,
        args=("scale", "auto"),
    )
    limits = state.parameter("limits") or ""
    st.text_input(
        "Thresholds",
        limits if is_new("color:limits", limits) else "",
        key="color:limits",
        placeholder="10, 100 or 1 ms, 20 kB",
        on_change=_take,
        args=("limits", ""),
    )
    if problem := _limits()[1]:
        st.error(problem)


def _job_field(entry: ModelEntry, name: str, which: str) -> None:
    """Ask which run, comparison or measurement it shall be; measurements are made here."""
    source, jobs = OF_JOBS[name], {job.id: job for job in jobs_of(entry, name, which)}
    label = {"run": "Run", "compare": "Comparison", "engine": "Engine"}.get(source.kind, "Measurement")
    if which and which not in jobs:
        st.warning(f"The {label.lower()} of this link is not in the workspace any more.", icon=":material/link_off:")
    if jobs:
        key = f"color:of:{source.kind}"
        titles = {each: _job_title(job) for each, job in jobs.items()}
        select(label, titles, which if which in jobs else None, key=key, on_change=_choose_job, args=(name, key))
    if source.kind == MEASURED:
        latency_form(entry, name, jobs.get(which))


def _take(parameter: str, usual: str) -> None:
    """Take over how numbers become colours; what is usual is not said in the link."""
    value = st.session_state[f"color:{parameter}"]
    state.set_parameters(**{parameter: value if value != usual else None})


def _choose(entry: ModelEntry) -> None:
    name = st.session_state["color:source"]
    job = usual_job(entry, name) if name in OF_JOBS else ""
    state.set_parameters(color=(f"{name}:{job}" if job else name) or None)


def _choose_job(name: str, key: str) -> None:
    # The field may be told of once more when it is gone already, because something else was chosen meanwhile.
    still = (state.parameter("color") or AUTOMATIC).partition(":")[0] == name
    if still and (job := st.session_state.get(key)):
        state.set_parameters(color=f"{name}:{job}")


def _job_title(job: JobEntry) -> str:
    # The time, not how long ago: a label that changes would be another option.
    return f"{shortened(job.title, _TITLE)}, {job.created.astimezone():%Y-%m-%d %H:%M:%S}"


def _short(scale: str) -> str:
    return {"logarithmic": "log"}.get(scale, scale)


def _graph() -> str:
    return state.parameter("graph") or MAIN_GRAPH


def _scale() -> str:
    asked = state.parameter("scale")
    return asked if asked in SCALES else "auto"


def _limits() -> tuple[tuple[float, ...], str]:
    """Return the thresholds that were typed, ascending, and what is wrong with them."""
    try:
        return limits_in(state.parameter("limits") or ""), ""
    except ValueError:
        return (), "Thresholds are numbers, like 10, 1 ms, 20 kB, 3 M, 1e6."
