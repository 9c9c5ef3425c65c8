"""What a working page says while no model is open."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.navigation import page


def no_model(purpose: str) -> None:
    """Say in one sentence what the page is for, and link to Open; say so when the link's model is gone."""
    if state.parameter("model"):
        st.warning("The model of this link is not in the workspace any more.", icon=":material/link_off:")
    st.info(f"{purpose} Open a model first.", icon=":material/folder_open:")
    st.page_link(page("open"), label="Open a model", icon=":material/arrow_forward:")
