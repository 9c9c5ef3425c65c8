"""The graph as every working page shows it: at the same place, with the same choice, expansion and zoom."""

from collections.abc import Callable

import streamlit as st

from graphdebug.ui.graph_view.component import Overlay, graph_view
from graphdebug.ui.state import Choice
from graphdebug.workspace.entries import ModelEntry

# The panel may be longer than the window; the graph then stays in sight. A graph needs the page's whole width.
_STYLE = """<style>
@media (min-width: 640px) {{
  [data-testid="stColumn"]:has(.st-key-{key}) {{ position: sticky; top: 1.2rem; align-self: flex-start; }}
}}
.stMainBlockContainer {{ padding-left: 2rem; padding-right: 2rem; }}
</style>"""


def graph_column(
    entry: ModelEntry,
    key: str,
    overlay: Overlay | None = None,
    *,
    height: int | None = None,
    on_choice: Callable[[], None] | None = None,
) -> Choice | None:
    """Show the graph of ``entry`` in the column one is in, and return what is chosen.

    Call it inside ``with st.columns(…)[0]``, in the same fragment as the panel that follows the choice: then a click in
    the graph runs only that fragment.
    """
    place = f"graph_place_{key}"
    st.html(_STYLE.format(key=place))
    with st.container(key=place):
        return graph_view(entry.id, key=f"graph_{key}", overlay=overlay, height=height, on_choice=on_choice)
