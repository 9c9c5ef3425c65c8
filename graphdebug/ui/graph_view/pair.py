"""Two graph views side by side (``js/pair.js``): the open model's on the left, another one's on the right."""

from collections.abc import Mapping
from uuid import uuid4

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.graph_view.component import Overlay, component, drawn, hear, overlay_data, view_data
from graphdebug.workspace.entries import ModelEntry

_HEARD = "graphdebug.pair.heard"
_SELECT = "graphdebug.pair.select"


def pair_view(
    left: ModelEntry, right: ModelEntry, *, key: str, overlays: tuple[Overlay, Overlay], colors: Mapping[str, str]
) -> None:
    """Show two graphs beside each other; what is chosen on the left is the app's choice.

    A node that is only on the right is kept in the URL (``other_node``).

    Args:
        left: the open model.
        right: the other model.
        key: the widget's key.
        overlays: colours laid over the boxes of the left and of the right.
        colors: kind of difference → colour, for the list.
    """
    beside = {"model": right.id, "select": _chosen_beside(left, right), "overlay": overlay_data(overlays[1])}
    component("pair", "graph_view.css", "pair.css")(
        key=key,
        data={
            "sides": [
                {"name": left.name, "view": view_data(left.id, overlays[0])},
                {"name": right.name, "view": beside},
            ],
            "colors": dict(colors),
        },
        on_choice_change=lambda: hear(key, left.id, _chosen_on_the_left),
        on_drawn_change=drawn,
        on_right_change=lambda: _hear_right(key),
        height="content",
    )


def _chosen_on_the_left() -> None:
    if state.choice() is not None:
        state.set_parameters(other_node=None)


def _hear_right(key: str) -> None:
    told = st.session_state[key].get("right")
    if told and told["number"] > st.session_state.get(_HEARD, 0):
        st.session_state[_HEARD] = told["number"]
        kind, _, name = str(told["id"]).partition(":")
        state.set_parameters(other_node=name if kind == "n" and name.isdecimal() else None)


def _chosen_beside(left: ModelEntry, right: ModelEntry) -> dict[str, str]:
    """Return what the link says to be chosen on the right; the same as long as the two are open.

    From then on the browser knows it: it is the counterpart of what is chosen on the left.
    """
    known: dict[tuple[str, str], dict[str, str]] = st.session_state.setdefault(_SELECT, {})
    node = state.parameter("other_node") or ""
    chosen = f"n:{node}" if node.isdecimal() else ""
    return known.setdefault((left.id, right.id), {"seq": uuid4().hex[:8], "graph": "", "id": chosen})
