"""Open a model, see at once what is in it and what is wrong with it."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.model_picker import model_picker, pick_another, picking
from graphdebug.ui.overview import overview
from graphdebug.ui.words import plain

entry = state.current_model()
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    if picking():
        st.title("Open a model", anchor=False)
        if entry is not None:
            st.button("Back to the open model", icon=":material/arrow_back:", on_click=pick_another, args=(False,))
    elif entry is not None:
        st.title(plain(entry.name), anchor=False)
        with st.container(horizontal=True, width="content", gap="small"):
            st.button("Open another", icon=":material/folder_open:", on_click=pick_another, args=(True,))
            if st.button("Show the graph", icon=":material/account_tree:", type="primary"):
                state.go("graph")

if picking():
    if entry is None and state.parameter("model"):
        st.warning("The model of this link is not in the workspace any more.", icon=":material/link_off:")
    model_picker()
elif entry is not None:
    overview(entry)
