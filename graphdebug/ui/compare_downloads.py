"""A comparison as files to hand over: HTML, JSON and CSV, each made when its button is pressed."""

from collections.abc import Callable
from pathlib import PurePath

import streamlit as st

from graphdebug.compare.records import CompareResult
from graphdebug.model.record_json import to_json
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.report.csv import to_csv
from graphdebug.report.html import to_html
from graphdebug.report.picture import draw
from graphdebug.ui import state
from graphdebug.workspace.entries import JobEntry, ModelEntry


def downloads(entry: ModelEntry, job: JobEntry, result: CompareResult) -> None:
    """Offer the three reports of a comparison, under the tolerances it is shown with.

    The HTML one has a picture of what is selected in the graph, else of the first bad tensor.
    """
    selected = state.selection(MAIN_GRAPH) if result.request.reference.model == entry.location else ()
    made: dict[str, tuple[str, Callable[[], str]]] = {
        "html": ("text/html", lambda: to_html(result, draw(result, selected=selected, spare=True))),
        "json": ("application/json", lambda: to_json(result)),
        "csv": ("text/csv", lambda: to_csv(result)),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(":material/download: **Report**", width="content")
        for ending, (mime, make) in made.items():
            st.download_button(
                ending.upper(),
                _encoded(make),
                report_name(entry, job, ending),
                mime,
                on_click="ignore",
                key=f"compare:download:{ending}",
            )


def _encoded(make: Callable[[], str]) -> Callable[[], bytes]:
    """Put off making a report until its button is pressed."""
    return lambda: make().encode(errors="replace")


def report_name(entry: ModelEntry, job: JobEntry, ending: str, what: str = "compare") -> str:
    """Return the file's name, such as ``model-compare-2026-11-21.html``."""
    stem = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in PurePath(entry.name).stem)
    return f"{stem[:60] or 'model'}-{what}-{job.created:%Y-%m-%d}.{ending}"
