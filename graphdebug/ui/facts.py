"""Small grids of named numbers."""

from collections.abc import Mapping
from html import escape

import streamlit as st

_GRID = "display:grid;grid-template-columns:repeat(auto-fill,minmax(6.4rem,1fr));gap:.55rem .9rem"
_NAME = "font-size:.8rem;opacity:.65;white-space:nowrap"
_VALUE = "overflow-wrap:anywhere;font-variant-numeric:tabular-nums"


def fact_grid(facts: Mapping[str, str]) -> None:
    """Show names with their values, as many in a row as there is room for. Both may be foreign text."""
    cells = (
        f'<div><div style="{_NAME}">{escape(name)}</div><div style="{_VALUE}">{escape(value)}</div></div>'
        for name, value in facts.items()
    )
    st.html(f'<div style="{_GRID}">{"".join(cells)}</div>')


def number(value: float | None, form: str = ".4g") -> str:
    """Return a number as text; a dash where there is none."""
    return "–" if value is None else format(value, form)
