"""What is wrong with a model, worst first, each with its place and a way to it in the graph."""

import pandas as pd
import streamlit as st

from graphdebug.model.records import Finding, ModelRecord, Severity
from graphdebug.ui import state
from graphdebug.ui.navigation import available
from graphdebug.ui.words import plain, plural

_SHOWN = 6
_SIGNS = {
    Severity.ERROR: (":material/error:", "red", "error"),
    Severity.WARNING: (":material/warning:", "orange", "warning"),
    Severity.INFO: (":material/info:", "blue", "note"),
}


def findings_list(record: ModelRecord) -> None:
    """Show all findings of a model, the first few of each severity in full and the rest as a table."""
    titles = {graph.path: graph.title for graph in record.summary.graphs}
    for severity, (icon, color, noun) in _SIGNS.items():
        findings = [finding for finding in record.findings if finding.severity == severity]
        if not findings:
            continue
        with st.expander(f":{color}[{icon} **{plural(len(findings), noun)}**]", expanded=severity == Severity.ERROR):
            for position, finding in enumerate(findings[:_SHOWN]):
                _finding(finding, titles, key=f"finding-{severity}-{position}")
            if len(findings) > _SHOWN:
                _rest(findings[_SHOWN:], titles, key=f"findings-{severity}-{state.parameter('model')}")


def _rest(findings: list[Finding], titles: dict[str, str], key: str) -> None:
    """Show further findings as a table; selecting one leads to its place."""
    st.caption(f"and {len(findings):,} more; select one to see it in the graph")
    picked = st.dataframe(
        _table(findings, titles), hide_index=True, on_select="rerun", selection_mode="single-row", key=key
    )
    for row in picked.selection.rows:
        if _locatable(findings[row]):
            show_in_graph(findings[row])


def _locatable(finding: Finding) -> bool:
    return "graph" in available() and (finding.node is not None or finding.tensor is not None)


def place(finding: Finding, titles: dict[str, str]) -> str:
    """Return where a finding is, in words: ``node 12 of main graph, tensor x``."""
    graph = titles.get(finding.graph, finding.graph)
    parts = [
        f"node {finding.node}" if finding.node is not None else "",
        f"tensor {finding.tensor}" if finding.tensor else "",
    ]
    inside = ", ".join(part for part in parts if part)
    nested = f" in {graph}" if finding.graph else ""
    return f"{inside}{nested}" if inside else graph if nested else "the model"


def _finding(finding: Finding, titles: dict[str, str], key: str) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            f"{plain(finding.message)}  \n:gray[:small[{plain(place(finding, titles))} · {plain(finding.code)}]]"
        )
        if _locatable(finding) and st.button("Show in graph", key=key, type="tertiary", icon=":material/my_location:"):
            show_in_graph(finding)


def show_in_graph(finding: Finding) -> None:
    """Choose a finding's place and go to the Graph page. Does not return."""
    if finding.node is not None:
        state.choose(finding.graph, node=finding.node)
    else:
        state.choose(finding.graph, value=finding.tensor)
    state.go("graph")


def _table(findings: list[Finding], titles: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "problem": [finding.message for finding in findings],
            "place": [place(finding, titles) for finding in findings],
            "code": [finding.code for finding in findings],
        }
    )
