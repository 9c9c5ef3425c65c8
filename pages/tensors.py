"""Pick tensors, feed the model, run it, look at what came out."""

import streamlit as st

from graphdebug.runtime.engine_records import LAYERS_FILE
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.engine_panel import layers_button
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.ui.job_page import job_page
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.results import run_result
from graphdebug.ui.run_panel import focus_of, nonfinite_overlay, run_headline, run_table_view
from graphdebug.ui.run_setup import run_setup
from graphdebug.ui.scroll import scroll_to_top
from graphdebug.ui.tensor_panel import tensor_panel
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry


@st.fragment
def page(entry: ModelEntry, job: JobEntry | None) -> None:
    """Draw the graph, and the panel beside it; a click in the graph runs only this."""
    result = None
    if job is not None and job.state is JobState.DONE:
        try:
            result = run_result(entry, job.id)
        except WorkspaceError as error:
            st.error(plain(str(error)))
    left, right = graph_and_panel()
    with left:
        choice = graph_column(entry, "tensors", nonfinite_overlay(entry, result) if result else None)
    focus = focus_of(result, choice) if result else None
    with right:
        coloring_form(entry)
        setting_up, looking = st.tabs(
            ["Set up", "Result"], default="Result" if job else "Set up", key=f"run:tab:{job and job.id}"
        )
        with setting_up:
            run_setup(entry, choice)
        with looking:
            if job is None:
                st.caption("Nothing was run yet: pick tensors and press Run.")
            else:
                follow(job.id)
                failure(job)
            if job is not None and result is not None:
                run_headline(result)
                layers_button(entry, job.folder / LAYERS_FILE, "Layers of the engine", "tensors:layers")
                run_table_view(job, result, focus.name if focus else None)
            if job is not None and focus is not None:
                tensor_panel(job, focus)
    scroll_to_top(f"{job.id} {job.state}" if job else "")


job_page("run", "Tensors shows what flows through a model, tensor by tensor.", page)
