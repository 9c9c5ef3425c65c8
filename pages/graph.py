"""See the graph, choose anything in it, read everything about it."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.choice_panel import choice_panel
from graphdebug.ui.graph_view import graph_column
from graphdebug.ui.navigation import page
from graphdebug.workspace.entries import ModelEntry


@st.fragment
def workbench(entry: ModelEntry) -> None:
    """The graph and, beside it, what is known of the choice; a click runs only this."""
    graph, panel = st.columns([2, 1], gap="medium")
    with graph:
        choice = graph_column(entry, "graph")
    with panel:
        choice_panel(entry, choice)


opened = state.current_model()
if opened is None:
    st.title("Graph", anchor=False)
    st.info("No model is open.", icon=":material/account_tree:")
    st.page_link(page("open"), label="Open a model")
else:
    workbench(opened)
