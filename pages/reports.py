"""All runs, comparisons and measurements of the workspace: reopen, download, delete."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.results_list import results_list

st.title("Reports", anchor=False)
results_list(state.workspace().jobs(("run", "compare", "measure")))
