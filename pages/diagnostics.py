"""What this installation is made of and what runs on this machine."""

import pandas as pd
import streamlit as st

from graphdebug.jobs import diagnosis
from graphdebug.model.units import size_text
from graphdebug.ui import state

_probe = st.cache_data(ttl=600, show_spinner="Trying the backends…")(diagnosis.probe)


def _facts(rows: list[tuple[str, str]]) -> None:
    st.dataframe(pd.DataFrame(rows, columns=["what", "value"]), hide_index=True, height="content")


st.title("Diagnostics", anchor=False)
usage = state.workspace().usage()
with st.container(horizontal=True):
    st.metric("Models in the workspace", size_text(usage.models), border=True)
    st.metric("Runs and comparisons", size_text(usage.jobs), border=True)
    st.metric("Uploaded inputs", size_text(usage.feeds), border=True)
    st.metric("Free on its disk", size_text(usage.free), border=True)
st.caption("The workspace is at")
st.code(str(usage.root), language=None)

probes = _probe()
st.subheader("Backends")
rows = [{"backend": one.spec, "runs here": one.available, "reason": one.reason} for one in probes]
widths = {
    name: st.column_config.Column(width=width)
    for name, width in {"backend": 230, "runs here": 80, "reason": 930}.items()
}
st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=widths, height="content")
left, right = st.columns(2, gap="large")
with left:
    st.subheader("Versions")
    _facts(diagnosis.versions())
with right:
    st.subheader("Machine and limits")
    _facts(diagnosis.machine())

st.subheader("For a bug report", help="Names no model and no user")
st.code(diagnosis.report(usage, probes), language=None)
