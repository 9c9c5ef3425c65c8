"""The pages of the app, in the order of a debugging session."""

from pathlib import Path

import streamlit as st

_FOLDER = Path(__file__).resolve().parents[2] / "pages"
_PAGES = {
    "open": ("Open", ":material/folder_open:"),
    "graph": ("Graph", ":material/account_tree:"),
    "tensors": ("Tensors", ":material/data_array:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "check": ("Deployment check", ":material/fact_check:"),
    "benchmark": ("Benchmark", ":material/speed:"),
    "side_by_side": ("Side by side", ":material/splitscreen_vertical_add:"),
    "edit": ("Edit", ":material/edit:"),
    "cut": ("Cut", ":material/content_cut:"),
    "reports": ("Reports", ":material/lab_profile:"),
    "diagnostics": ("Diagnostics", ":material/monitor_heart:"),
}


def page(name: str) -> "st.Page":
    """Return one page by its file's name."""
    title, icon = _PAGES[name]
    return st.Page(_FOLDER / f"{name}.py", title=title, icon=icon, url_path=name, default=name == "open")


def available() -> list[str]:
    """Return the names of the pages that are there."""
    return [name for name in _PAGES if (_FOLDER / f"{name}.py").is_file()]
