"""A comparison as files to hand over: HTML, JSON and CSV, each made when its button is pressed."""

from collections.abc import Callable
from pathlib import PurePath

import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.compare.records import CompareResult
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.report.csv import to_csv
from graphdebug.report.html import to_html
from graphdebug.report.json import to_json
from graphdebug.ui.error_scale import step
from graphdebug.view.scene import neighbourhood
from graphdebug.view.svg import svg
from graphdebug.workspace.entries import JobEntry, ModelEntry

_HOPS = 2


def downloads(entry: ModelEntry, job: JobEntry, result: CompareResult) -> None:
    """Offer the three reports of a comparison, under the tolerances it is shown with."""
    made: dict[str, tuple[str, Callable[[], str]]] = {
        "html": ("text/html", lambda: to_html(result, picture(entry, result))),
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


def report_name(entry: ModelEntry, job: JobEntry, ending: str) -> str:
    """Return the file's name, such as ``model-compare-2026-11-21.html``."""
    stem = "".join(letter if letter.isalnum() or letter in "._-" else "_" for letter in PurePath(entry.name).stem)
    return f"{stem[:60] or 'model'}-compare-{job.created:%Y-%m-%d}.{ending}"


def picture(entry: ModelEntry, result: CompareResult) -> str:
    """Return the graph around the first bad tensor as SVG, coloured by error; empty when there is none."""
    first = next((row for row in result.rows if row.name == result.verdict.first), None)
    model = model_of(entry)
    if first is None or first.node is None or first.node >= len(model.graphs[MAIN_GRAPH].nodes):
        return ""
    colors = {f"n:{row.node}": step(row).color for row in reversed(result.rows) if row.node is not None}
    return svg(neighbourhood(model, MAIN_GRAPH, first.node, _HOPS), colors)
