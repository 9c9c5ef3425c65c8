"""Open a model, see at once what is in it and what is wrong with it."""

import streamlit as st

from graphdebug.ui import state

entry = state.current_model()
st.title(entry.name if entry else "Open a model")
