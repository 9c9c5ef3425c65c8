"""Compare two ways to run a model, tensor by tensor, and read where they part."""

import streamlit as st

from graphdebug.compare.records import CompareResult
from graphdebug.runtime.engine_records import LAYERS_FILE
from graphdebug.ui import state
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.compare_downloads import downloads
from graphdebug.ui.compare_panel import (
    error_overlay,
    focus_of,
    not_compared_view,
    plot_view,
    row_view,
    table_view,
    verdict_box,
)
from graphdebug.ui.compare_setup import compare_setup
from graphdebug.ui.engine_panel import layers_button
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.ui.job_page import job_page
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.results import compare_result
from graphdebug.ui.scroll import scroll_to_top
from graphdebug.ui.tolerance_form import tolerance_form
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry


@st.fragment
def page(entry: ModelEntry, job: JobEntry | None) -> None:
    """Draw the graph, and the panel beside it; a click in the graph runs only this."""
    left, right = graph_and_panel()
    with right:
        coloring_form(entry)
        names = ["Set up", "Verdict", "Tolerances"]
        tabs = st.tabs(names, default="Verdict" if job else "Set up", key=f"compare:tab:{job.id if job else ''}")
    # The tolerances come first: everything else follows from them.
    with tabs[2]:
        result = _judged(entry, job)
    focus = focus_of(result, state.choice()) if result else None
    with left:
        graph_column(entry, "compare", error_overlay(entry, job, result) if job and result else None)
    with tabs[0]:
        compare_setup(entry)
    with tabs[1]:
        if job is None:
            st.caption("Nothing was compared yet: set up two sides and press Compare.")
        else:
            follow(job.id)
            failure(job)
        if job is not None and result is not None:
            st.caption(plain(job.title))
            verdict_box(result)
            downloads(entry, job, result)
            for side in ("reference", "candidate"):
                layers = job.folder / f"{side}-{LAYERS_FILE}"
                layers_button(entry, layers, f"Layers of the {side}'s engine", f"compare:{side}:layers")
            _rows(job, result, focus.name if focus else None)
            if focus is not None:
                row_view(focus)
    scroll_to_top(f"{job.id} {job.state}" if job else "")


def _rows(job: JobEntry, result: CompareResult, focus: str | None) -> None:
    """Show all tensors: along the graph, as a table, and those without a verdict."""
    missing = f"Not compared ({result.verdict.not_compared:,})"
    along, table, left_out = st.tabs(["Along the graph", "All tensors", missing])
    with along:
        plot_view(job, result, focus)
    with table:
        table_view(job, result, focus)
    with left_out:
        not_compared_view(result)


def _judged(entry: ModelEntry, job: JobEntry | None) -> CompareResult | None:
    """Return the comparison's result under the tolerances of the form."""
    if job is None or job.state is not JobState.DONE:
        st.caption("Tolerances can be changed here once there is a result.")
        return None
    try:
        as_run = compare_result(entry, job.id, None)
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return None
    asked = tolerance_form(as_run.rows, as_run.request.tolerances, f"compare:tolerances:{job.id}")
    if asked == as_run.request.tolerances:
        return as_run
    return compare_result(entry, job.id, tuple(sorted(asked.items())))


job_page("compare", "Compare runs a model in two ways and finds the first tensor where they part.", page)
