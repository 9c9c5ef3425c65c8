"""Cut a part out of the model, split it into parts that chain, or record what goes in and out of a part."""

import streamlit as st

from graphdebug.ui import edit_session, state
from graphdebug.ui.choice_panel import choice_panel
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.cut_form import cut_form, part_bar
from graphdebug.ui.edit_panel import work_view
from graphdebug.ui.empty_state import no_model
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.ui.split_form import split_form, split_overlay
from graphdebug.workspace.entries import ModelEntry


@st.fragment
def workbench(known: ModelEntry) -> None:
    """The graph and, beside it, where to cut and what to do with the part; a click runs only this."""
    entry = state.current_model() or known
    graph, panel = graph_and_panel()
    with graph:
        choice = graph_column(entry, "cut", split_overlay(entry))
    with panel:
        coloring_form(entry)
        part_bar(entry)
        work_view(entry)
        part, split, details = st.tabs(["Part", "Split", "Details"], key="cut:tab")
        with part:
            cut_form(entry, choice)
        with split:
            split_form(entry)
        with details:
            choice_panel(entry, choice)
    edit_session.say()
    if (entry.id, entry.revision) != (known.id, known.revision):
        st.rerun()


opened = state.current_model()
if opened is None:
    no_model("Cut takes a part out of a model, with what goes in and comes out of it, or splits it into parts.")
else:
    workbench(opened)
