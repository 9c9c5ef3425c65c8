"""Where the time of a run goes: a profile of the nodes as a time line, a table and the graph's colours."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.bench.records import BenchResult
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.latency_records import LatencyResult, NodeTime
from graphdebug.runtime.registry import profiles
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.trace import TRACE_FILE, Span, spans
from graphdebug.ui import state
from graphdebug.ui.backend_form import spec_title
from graphdebug.ui.bench_plots import timeline
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.last_feeds import remembered_feeds
from graphdebug.ui.latency_form import start_measuring
from graphdebug.ui.name_column import full_names, name_cells, name_column
from graphdebug.ui.results import finished, latency_result
from graphdebug.ui.row_choice import ROW_MODES, chosen_row, mark_row
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import plain
from graphdebug.view.coloring import seconds_text
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

_PROFILED = "onnxruntime"
_LATENCY = "latency"
_SPANS_KEPT = 4
_NAME = 150
"""Pixels of the column of names."""


def nodes_view(entry: ModelEntry, result: BenchResult | None) -> None:
    """Show the newest profile of the model, or the one that the graph is coloured by, and offer to make one."""
    job = _profile_of(entry)
    _ask(entry, result, job)
    if job is None:
        st.caption("A profile tells the time of each node: as a time line, as a table and as colours of the graph.")
        return
    follow(job.id)
    failure(job)
    if job.state is JobState.DONE:
        _show(entry, job)


def _profile_of(entry: ModelEntry) -> JobEntry | None:
    kind, _, which = (state.parameter("color") or "").partition(":")
    job = state.workspace().job(which) if kind == _LATENCY and which else None
    if job is not None and job.model_id == entry.id:
        return job
    return next(iter(finished("measure", entry.id, 1)), None)


def _ask(entry: ModelEntry, result: BenchResult | None, job: JobEntry | None) -> None:
    """Offer to profile one of the backends that were measured, as far as they tell of their nodes."""
    sides = result.sides if result is not None else ()
    specs = [side.spec for side in sides if not side.failure and profiles(parse_spec(side.spec))] or [_PROFILED]
    specs = list(dict.fromkeys(specs))
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        spec = st.selectbox("Backend to profile", specs, format_func=spec_title, key=f"bench:profile:{'|'.join(specs)}")
    busy = job is not None and job.state.active
    if right.button("Profile", icon=":material/local_fire_department:", disabled=busy, width="stretch"):
        feeds = result.request.feeds if result is not None else remembered_feeds(entry.id)
        start_measuring(entry, spec, feeds, f"{entry.name} on {spec_title(spec)}", _LATENCY)


def _show(entry: ModelEntry, job: JobEntry) -> None:
    try:
        result = latency_result(entry, job.id)
        found = _spans(str(state.workspace().root), job.id, job)
    except (WorkspaceError, BackendError) as error:
        st.error(plain(str(error)))
        return
    key = f"bench:timeline:{job.id}"

    def choose() -> None:
        points = st.session_state[key].selection.points
        place = points[0].get("customdata") if points else None
        if place and place[1] is not None:
            state.choose(place[0], node=place[1])

    lanes = len({(span.thread, span.depth) for span in found})
    st.plotly_chart(
        timeline(found, height=190 + 40 * min(lanes, 8)),
        key=key,
        on_select=choose,
        selection_mode="points",
        config={"scrollZoom": True, "displaylogo": False},
    )
    _table(entry, job, result)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        color = f"{_LATENCY}:{job.id}"
        st.button(
            "Colour the graph by it",
            icon=":material/palette:",
            on_click=state.set_parameters,
            kwargs={"color": color},
            disabled=state.parameter("color") == color,
        )
        st.link_button(
            "Chrome trace",
            f"graphdebug/jobs/{job.id}/files/{TRACE_FILE}",
            icon=":material/download:",
            help="Opens in ui.perfetto.dev and chrome://tracing.",
        )
    st.caption(f"{plain(job.title)}. Drawn is the run of median time; the table has medians of nodes.")


@dataclass(frozen=True, slots=True)
class _Row:
    """A node of the model, or nodes of one kind that the engine added (``node`` None)."""

    graph: str
    node: int | None
    name: str
    op: str
    seconds: float
    provider: str


def _rows(entry: ModelEntry, result: LatencyResult) -> list[_Row]:
    """Return what took time, the hottest first."""
    graphs = model_of(entry).graphs
    rows = [
        _Row(
            path, node, _named(graphs[path], node, time), graphs[path].nodes[node].op_type, time.seconds, time.provider
        )
        for path, nodes in result.graphs.items()
        for node, time in nodes.items()
    ]
    without = "added by the engine" if result.level else "without a node of the model"
    rows += [_Row("", None, f"{each.nodes} {without}", each.op, each.seconds, "") for each in result.added]
    return sorted(rows, key=lambda row: -row.seconds)


def _named(index: GraphIndex, node: int, time: NodeTime) -> str:
    more = f" and {len(time.shared)} more" if time.shared else ""
    return index.names[node] + more


def _table(entry: ModelEntry, job: JobEntry, result: LatencyResult) -> None:
    """Show the nodes, the hottest first; selecting a line chooses the node."""
    rows = _rows(entry, result)
    whole = sum(row.seconds for row in rows if row.graph == MAIN_GRAPH) or 1.0
    key = f"bench:nodes:{job.id}"
    choice = state.choice()
    place = (choice.graph, choice.node) if choice is not None and choice.node is not None else None
    marked = next((at for at, row in enumerate(rows) if (row.graph, row.node) == place), None)

    def choose() -> None:
        at = chosen_row(key, marked)
        if at is not None and rows[at].node is not None:
            state.choose(rows[at].graph, node=rows[at].node)

    mark_row(key, marked)
    graphs = model_of(entry).graphs
    table = pd.DataFrame(
        {
            "node": name_cells([row.name for row in rows], _NAME),
            "time": [seconds_text(row.seconds) for row in rows],
            "share": [row.seconds / whole for row in rows],
            "op": [row.op for row in rows],
            "provider": [row.provider for row in rows],
            "graph": [graphs[row.graph].title if row.graph else "" for row in rows],
            **full_names([row.name for row in rows], _NAME),
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(table), 8),
        column_config={
            "node": name_column("node", table["node"], _NAME),
            "share": st.column_config.ProgressColumn("share", format="percent", min_value=0, max_value=1, width=90),
        },
        on_select=choose,
        selection_mode=ROW_MODES,
        key=key,
    )


@st.cache_resource(max_entries=_SPANS_KEPT, show_spinner=False)
def _spans(root: str, job_id: str, _job: JobEntry) -> tuple[Span, ...]:
    return spans(_job.folder / TRACE_FILE)
