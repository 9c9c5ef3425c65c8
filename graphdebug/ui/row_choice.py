"""Tables in which a line is chosen by a click anywhere in it, and which show a choice made elsewhere."""

from typing import Final, Literal

import streamlit as st

ROW_MODES: Final[tuple[Literal["single-row"], Literal["single-cell"]]] = ("single-row", "single-cell")
"""What a table's ``selection_mode`` must be."""


def mark_row(key: str, row: int | None) -> None:
    """Make the table ``key`` show line ``row`` as the chosen one. Call it before the table is drawn."""
    st.session_state[key] = {"selection": {"rows": [] if row is None else [row], "columns": [], "cells": []}}


def chosen_row(key: str, marked: int | None) -> int | None:
    """Return the line that was just clicked in the table ``key``, in which ``marked`` was the chosen one before."""
    selection = st.session_state[key].selection
    clicked = [*(row for row, _ in selection.cells), *(row for row in selection.rows if row != marked)]
    return clicked[0] if clicked else None
