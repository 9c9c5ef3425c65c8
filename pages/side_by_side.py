"""Two graphs beside each other: what is the same, what differs."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.empty_state import no_model
from graphdebug.ui.side_by_side import side_by_side
from graphdebug.workspace.entries import ModelEntry


@st.fragment
def page(entry: ModelEntry) -> None:
    """Both graphs; a click runs only this."""
    side_by_side(entry)


opened = state.current_model()
if opened is None:
    no_model("Side by side shows two graphs and marks in what they differ.")
else:
    page(opened)
