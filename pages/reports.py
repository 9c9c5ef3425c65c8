"""All runs, comparisons, measurements and parts of the workspace: reopen, download, delete."""

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.results_list import LISTED, results_list

st.title("Reports", anchor=False)
results_list(state.workspace().jobs(LISTED))
