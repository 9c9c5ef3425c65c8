"""Measure how fast a model runs, on one backend or two in turns, and where the time goes."""

import streamlit as st

from graphdebug.bench.records import BenchResult
from graphdebug.ui.bench_nodes import nodes_view
from graphdebug.ui.bench_panel import downloads, headline, plots, tables
from graphdebug.ui.bench_setup import bench_setup
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.ui.job_page import job_page
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.results import bench_result
from graphdebug.ui.scroll import scroll_to_top
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry


@st.fragment
def page(entry: ModelEntry, job: JobEntry | None) -> None:
    """Draw the graph, and the panel beside it; a click in the graph runs only this."""
    left, right = graph_and_panel()
    with left:
        graph_column(entry, "benchmark")
    with right:
        coloring_form(entry)
        names = ["Set up", "Result", "Nodes"]
        tabs = st.tabs(names, default="Result" if job else "Set up", key=f"bench:tab:{job.id if job else ''}")
    with tabs[0]:
        bench_setup(entry)
    with tabs[1]:
        result = _result(job)
        if job is not None and result is not None:
            headline(job, result)
            beside = plots(entry, job, result)
            tables(result, beside)
            downloads(entry, job, result)
    with tabs[2]:
        nodes_view(entry, result)
    scroll_to_top(f"{job.id} {job.state}" if job else "")


def _result(job: JobEntry | None) -> BenchResult | None:
    """Return what was measured; say how far it is, or why there is nothing."""
    if job is None:
        st.caption("Nothing was measured yet: choose what to measure under Set up and press Measure.")
        return None
    follow(job.id)
    failure(job)
    if job.state is not JobState.DONE:
        return None
    try:
        return bench_result(job.id)
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return None


job_page("bench", "Benchmark measures how fast a model runs, on one backend or on two in turns.", page)
