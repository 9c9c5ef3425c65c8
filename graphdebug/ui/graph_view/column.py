"""The graph as every working page shows it: at the same place, with the same choice, expansion and zoom."""

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from graphdebug.ui.coloring import chosen_overlay
from graphdebug.ui.graph_view.component import Action, Overlay, graph_view
from graphdebug.ui.selected import tap
from graphdebug.ui.state import Choice
from graphdebug.workspace.entries import ModelEntry


def graph_and_panel() -> tuple[DeltaGenerator, DeltaGenerator]:
    """Return the two columns of a working page: the graph's (see ``graph_column``) and the panel's."""
    graph, panel = st.columns([3, 2], gap="medium")
    return graph, panel


def graph_column(
    entry: ModelEntry,
    key: str,
    overlay: Overlay | None = None,
    *,
    height: int | None = None,
    on_choice: Callable[[], None] | None = None,
    actions: Sequence[Action] = (),
) -> Choice | None:
    """Show the graph of ``entry`` in the column one is in, and return what is chosen.

    It is coloured by what the user chose for all pages; as long as nothing is chosen, by the page's ``overlay``.

    ``actions`` are what this page can do with what is selected, beside what every page can.

    Call it inside the first column of ``graph_and_panel``, in the same fragment as the panel that follows the choice:
    then a click in the graph runs only that fragment.
    """
    with st.container(key=f"graph_place_{key}"):  # style.css knows it by this name
        return graph_view(
            entry,
            key=f"graph_{key}",
            overlay=chosen_overlay(entry, overlay),
            height=height,
            on_choice=on_choice,
            actions=(_tap(entry), *actions),
        )


def _tap(entry: ModelEntry) -> Action:
    help_ = "Pick the tensors that these nodes make for a run"
    return Action("tap", "Tap", help_, lambda ids: tap(entry, ids), key="t", main_only=True)
