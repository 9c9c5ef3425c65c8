"""What stands beside the graph before anything is chosen: the model's ends, what is wrong with it, what to do next."""

import streamlit as st

from graphdebug.model.records import Finding, Severity, ValueInfo
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import state
from graphdebug.ui.graph_view.component import is_drawn
from graphdebug.ui.navigation import page
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import breakable, plain, plural
from graphdebug.view.labels import type_label
from graphdebug.workspace.entries import ModelEntry

_MOST = 6
_OPS_AT_ONCE = 8
_SIGNS = {
    Severity.ERROR: ":red[:material/error:]",
    Severity.WARNING: ":orange[:material/warning:]",
    Severity.INFO: ":blue[:material/info:]",
}


def nothing_chosen(entry: ModelEntry) -> None:
    """Fill the panel while nothing is chosen in the graph."""
    summary = entry.record.summary
    st.subheader(breakable(entry.name), anchor=False)
    st.markdown(
        "**Click** a node, an edge or a group to read everything about it.  \n"
        "**Double click** a group to open it, **Shift-click** to select several. "
        ":gray-badge[/] searches, :gray-badge[f] fits, :gray-badge[?] lists all keys."
    )
    if not state.parameter("graph"):
        _ends("Inputs", summary.inputs)
        _ends("Outputs", summary.outputs)
    _operators(summary.ops)
    _findings([found for found in entry.record.findings if found.node is not None or found.tensor])
    st.markdown("**Next**")
    with st.container(gap="xsmall"):
        st.page_link(page("tensors"), label="Run it and look at any tensor", icon=":material/data_array:")
        st.page_link(page("compare"), label="Compare two ways to run it", icon=":material/compare_arrows:")
        st.page_link(page("benchmark"), label="Measure how fast it runs", icon=":material/speed:")


def tap_hint() -> None:
    """Lead to the run once something is tapped."""
    tapped = len(state.picked_tensors())
    if tapped:
        st.page_link(page("tensors"), label=f"Run with {plural(tapped, 'tap')}", icon=":material/arrow_forward:")


def _ends(title: str, values: tuple[ValueInfo, ...]) -> None:
    """List where values come in or go out; a click shows the place."""
    if not values:
        return
    st.markdown(f"**{title}**")
    with st.container(gap=None, key=f"sentences-{title}"):
        for position, value in enumerate(values[:_MOST]):
            st.button(
                f"{breakable(value.name)} :primary[{plain(type_label(value.type))}]",
                key=f"end-{title}-{position}",
                type="tertiary",
                on_click=state.choose,
                args=(MAIN_GRAPH,),
                kwargs={"value": value.name},
            )
        if len(values) > _MOST:
            st.caption(f"and {len(values) - _MOST} more")


def _operators(ops: tuple[tuple[str, int], ...]) -> None:
    """List the operators: after the graph, so that the browser loads what tables need before the first click."""
    if ops and is_drawn():
        table = {"operator": [op for op, _ in ops], "nodes": [nodes for _, nodes in ops]}
        st.dataframe(table, hide_index=True, height=table_height(len(ops), _OPS_AT_ONCE))


def _findings(findings: list[Finding]) -> None:
    """List the worst findings that have a place in a graph; a click shows it."""
    if not findings:
        return
    bad = any(finding.severity != Severity.INFO for finding in findings)
    st.markdown("**Problems**" if bad else "**Notes**")
    with st.container(gap=None, key="sentences-findings"):
        for position, finding in enumerate(findings[:_MOST]):
            st.button(
                f"{_SIGNS[finding.severity]} {plain(finding.message[:200])}",
                key=f"finding-{position}",
                type="tertiary",
                on_click=state.choose,
                args=(finding.graph,),
                kwargs={"value": finding.tensor} if finding.node is None else {"node": finding.node},
            )
        if len(findings) > _MOST:
            st.page_link(page("open"), label=f"All {len(findings):,} are on Open", icon=":material/arrow_forward:")
