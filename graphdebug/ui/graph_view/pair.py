"""Two graph views side by side (``js/pair.js``): the open model's on the left, another one's on the right."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import streamlit as st

from graphdebug.ui import state
from graphdebug.ui.graph_view.component import (
    Overlay,
    component,
    drawn,
    hear,
    overlay_data,
    shown_model,
    take_choice,
    view_data,
)
from graphdebug.workspace.entries import ModelEntry

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
    beside = {**shown_model(right), "select": _chosen_beside(left, right), "overlay": overlay_data(overlays[1])}
    takers = {
        "choice": lambda told: take_choice(left.id, told, _chosen_on_the_left),
        "right": _chosen_on_the_right,
        "drawn": drawn,
    }
    component("pair", "graph_view.css", "pair.css")(
        key=key,
        data={
            "sides": [
                {"name": left.name, "view": view_data(left, overlays[0])},
                {"name": right.name, "view": beside},
            ],
            "colors": dict(colors),
        },
        on_told_change=lambda: hear(key, takers),
        height="content",
    )


def choose_beside(left: ModelEntry, right: ModelEntry, graph: str, node: int) -> None:
    """Choose a node that is only on the right."""
    known: dict[tuple[str, str], dict[str, str]] = st.session_state.setdefault(_SELECT, {})
    known[left.id, right.id] = {"seq": uuid4().hex[:8], "graph": graph, "id": f"n:{node}"}
    state.set_parameters(other_node=str(node))


def _chosen_on_the_left() -> None:
    if state.choice() is not None:
        state.set_parameters(other_node=None)


def _chosen_on_the_right(told: Mapping[str, Any]) -> None:
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
