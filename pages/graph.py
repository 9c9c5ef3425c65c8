"""See the graph, choose anything in it, read everything about it."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.choice_panel import choice_panel
from graphdebug.ui.coloring import coloring_form
from graphdebug.ui.empty_state import no_model
from graphdebug.ui.graph_view import graph_and_panel, graph_column
from graphdebug.workspace.entries import ModelEntry


@st.fragment
def workbench(entry: ModelEntry) -> None:
    """The graph and, beside it, what is known of the choice; a click runs only this."""
    graph, panel = graph_and_panel()
    with graph:
        choice = graph_column(entry, "graph")
    with panel:
        coloring_form(entry)
        choice_panel(entry, choice)


opened = state.current_model()
if opened is None:
    no_model("Graph draws a model and says everything about what you choose in it.")
else:
    workbench(opened)
