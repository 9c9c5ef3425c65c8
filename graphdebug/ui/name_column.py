"""Columns of names in tables: of a long name one reads the end, by which names of a model differ.

A table draws at most the first ``width / 4`` letters of a text, in one line, and cuts what has no room. So names longer
than that lose their middle here, long ones stand to the right, and the whole ones have a column of their own, to be
searched, sorted and copied.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import streamlit as st

from graphdebug.view.labels import shortened

FULL = "full name"
_LEAST_LETTER, _USUAL_LETTER = 4, 7
"""Pixels of a letter: the least that a table reckons with, and about what one takes."""


def name_cells(names: Sequence[str], width: int) -> list[str]:
    """Return the names as a column of so many pixels can draw them."""
    return [shortened(name, width // _LEAST_LETTER) for name in names]


def full_names(names: Sequence[str], width: int) -> dict[str, list[str]]:
    """Return a column with the whole names when ``name_cells`` are not whole; else none."""
    return {FULL: list(names)} if any(len(name) > width // _LEAST_LETTER for name in names) else {}


def name_column(label: str, cells: Iterable[str], width: int, *, pinned: bool = False) -> Any:
    """Return the configuration of a column of ``name_cells``."""
    long = any(len(cell) > width // _USUAL_LETTER for cell in cells)
    return st.column_config.TextColumn(label, width=width, pinned=pinned, alignment="right" if long else "left")
