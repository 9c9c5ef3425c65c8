"""A drop zone that streams files to the server's upload routes, with progress and cancel.

Streamlit's own uploader keeps whole files in the server's memory; this one never does (see ``graphdebug.api.uploads``).
"""

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent


def drop_zone(*, key: str) -> str | None:
    """Show the drop zone; return the id of the job that opens what was just dropped, None when nothing was."""
    component = st.components.v2.component(
        "graphdebug.drop_zone",
        html=(_HERE / "drop_zone.html").read_text(),
        css=(_HERE / "drop_zone.css").read_text(),
        js=(_HERE / "drop_zone.js").read_text(),
    )
    dropped = component(key=key, on_dropped_change=lambda: None).dropped
    return str(dropped["job"]) if dropped else None
