"""Will the model run there? What stands in the way at each target, at its node, with the edit that helps."""

import streamlit as st

from graphdebug.ui import edit_session, state
from graphdebug.ui.check_panel import check_setup, findings_view, overlay_of, targets_table, verdict
from graphdebug.ui.check_session import check_again, last_check, outcome_of
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.edit_panel import edit_bar, standing, work_view
from graphdebug.ui.empty_state import no_model
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.words import plain
from graphdebug.workspace.entries import ModelEntry


@st.fragment
def workbench(known: ModelEntry) -> None:
    """The graph, coloured by what was found, and the findings beside it; a click in the graph runs only this."""
    entry = state.current_model() or known
    job = last_check(entry) or check_again(entry)
    result = outcome_of(job) if job is not None else None
    left, right = graph_and_panel()
    with right:
        coloring_form(entry)
        if entry.source:
            edit_bar(entry, standing(entry))
        work_view(entry)
        if reason := edit_session.refused():
            st.error(plain(reason))
        check_setup(entry)
        if job is not None:
            follow(job.id)
            failure(job)
        target = targets_table(result) if result is not None else None
        if target is not None:
            verdict(target)
            findings_view(entry, target)
    with left:
        overlay = overlay_of(entry, job.id, target) if job is not None and target is not None else None
        graph_column(entry, "check", overlay)
    edit_session.say()
    if (entry.id, entry.revision) != (known.id, known.revision):
        st.rerun()


opened = state.current_model()
if opened is None:
    no_model("Deployment check says whether a model will run on an engine, and which edit would help.")
else:
    workbench(opened)
