"""A drop zone that streams files to the server's upload routes, with progress and cancel.

Streamlit's own uploader keeps whole files in the server's memory; this one never does (see ``graphdebug.api.uploads``).
"""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent


def drop_zone(*, key: str, on_dropped: Callable[[str], None]) -> None:
    """Show the drop zone; ``on_dropped`` gets the id of the job that opens what was just dropped.

    It is called before the page runs again: a run may be broken off before it comes here, and nothing must be lost.
    """

    def dropped() -> None:
        found = st.session_state[key].get("dropped")
        if found:
            on_dropped(str(found["job"]))

    component = st.components.v2.component(
        "graphdebug.drop_zone",
        html=(_HERE / "drop_zone.html").read_text(),
        css=(_HERE / "drop_zone.css").read_text(),
        js=(_HERE / "drop_zone.js").read_text(),
    )
    component(key=key, on_dropped_change=dropped)
