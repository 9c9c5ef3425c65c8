"""The frame around every page: navigation, the open model, what runs. Nothing is parsed here, reruns stay cheap."""

from pathlib import Path

import streamlit as st

from graphdebug.model.records import Severity
from graphdebug.model.units import size_text
from graphdebug.ui import state
from graphdebug.ui.job_progress import sidebar_jobs
from graphdebug.ui.navigation import available, page
from graphdebug.ui.words import breakable, plain, plural
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry

_HERE = Path(__file__).parent
_SIDEBAR = 220  # pixels: the width of a page belongs to its graph


def frame() -> None:
    """Draw the frame and run the page that is asked for."""
    st.set_page_config("graphdebug", str(_HERE / "icon.svg"), "wide", initial_sidebar_state=_SIDEBAR)
    st.html(_HERE / "style.css")
    st.logo(str(_HERE / "logo.svg"), size="large")
    chosen = st.navigation([page(name) for name in available()])
    state.restore()
    try:
        with st.sidebar:
            entry = state.current_model()
            if entry is not None:
                st.set_page_config(f"{entry.name} · {chosen.title} · graphdebug")
                _open_model(entry)
            sidebar_jobs()
        chosen.run()
    except WorkspaceError as error:  # a full disk, a folder that cannot be written: said where the user looks
        st.error(plain(str(error)), icon=":material/hard_drive:")


def _open_model(entry: ModelEntry) -> None:
    """Show which model is open, how big it is and how it is."""
    summary, findings = entry.record.summary, entry.record.findings
    with st.container(border=True, gap="small"):
        st.markdown(f"**{breakable(entry.name)}**")
        st.caption(f"{plural(summary.nodes, 'node')} · {size_text(summary.file_bytes + summary.external_bytes)}")
        counts = {severity: sum(finding.severity == severity for finding in findings) for severity in Severity}
        if counts[Severity.ERROR]:
            st.badge(plural(counts[Severity.ERROR], "error"), icon=":material/error:", color="red")
        elif counts[Severity.WARNING]:
            st.badge(plural(counts[Severity.WARNING], "warning"), icon=":material/warning:", color="orange")
        else:
            st.badge("no problems found", icon=":material/check:", color="green")
        if counts[Severity.INFO]:
            st.badge(plural(counts[Severity.INFO], "note"), icon=":material/info:", color="blue")


frame()
