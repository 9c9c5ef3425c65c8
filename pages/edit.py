"""Change the model: insert, delete, rewire, retype; every change can be undone and the model itself stays."""

import streamlit as st

from graphdebug.ui import edit_session, state
from graphdebug.ui.choice_panel import choice_panel
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.edit_form import edit_actions, edit_form
from graphdebug.ui.edit_panel import edit_bar, history_view, problems_view, standing, work_view
from graphdebug.ui.empty_state import no_model
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.workspace.entries import ModelEntry


@st.fragment
def workbench(known: ModelEntry) -> None:
    """The graph and, beside it, what can be done with the choice; a click runs only this.

    ``known`` is the model when the whole page was drawn: it may have been edited, or checked, since.
    """
    entry = state.current_model() or known
    graph, panel = graph_and_panel()
    with graph:
        choice = graph_column(entry, "edit", actions=edit_actions(entry))
    with panel:
        coloring_form(entry)
        now = standing(entry)
        edit_bar(entry, now)
        work_view(entry)
        change, history, problems, details = st.tabs(["Change", "History", "Problems", "Details"], key="edit:tab")
        with change:
            edit_form(entry, choice)
        with history:
            history_view(entry, now.edits)
        with problems:
            problems_view(entry, now)
        with details:
            choice_panel(entry, choice)
    edit_session.say()
    if (entry.id, entry.revision) != (known.id, known.revision):
        st.rerun()  # at the end: a button that was just pressed has done its work


opened = state.current_model()
if opened is None:
    no_model("Edit changes a model, with undo, and leaves the original as it is.")
else:
    workbench(opened)
