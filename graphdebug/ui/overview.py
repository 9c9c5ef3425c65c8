"""What one sees at once of a model: size, types, operators, weights, nested graphs, metadata."""

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from graphdebug.model.records import GraphInfo, InitializerInfo, ModelSummary, ValueInfo
from graphdebug.model.units import size_text
from graphdebug.ui import state
from graphdebug.ui.findings_list import findings_list
from graphdebug.ui.name_column import full_names, name_cells, name_column
from graphdebug.ui.navigation import available
from graphdebug.ui.scroll import scroll_to_top
from graphdebug.ui.words import amount, dtype, plain, shape
from graphdebug.workspace import intake
from graphdebug.workspace.entries import ModelEntry

_OPS_SHOWN = 14
_NAME = 220
_WIDTHS = {name: st.column_config.TextColumn(width="small") for name in ("type", "size")}


def overview(entry: ModelEntry) -> None:
    """Show a model's overview, errors first."""
    record, summary = entry.record, entry.record.summary
    if intake.changed(entry):
        st.warning("The file was changed or moved since it was opened: open it again.", icon=":material/sync_problem:")
    _headline(summary)
    findings_list(record)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _values("Inputs", summary.inputs)
        _values("Outputs", summary.outputs)
        _graphs(summary.graphs)
    with right:
        _operators(summary)
    _weights(summary)
    _about(entry)
    scroll_to_top(entry.id)


def _headline(summary: ModelSummary) -> None:
    counted = "  \n".join(map(plain, summary.macs_notes)) or None
    least = " +" if summary.macs_at_least else ""
    opset = next((str(version) for domain, version in summary.opsets if domain in ("", "ai.onnx")), "–")
    with st.container(horizontal=True, gap="small"):
        st.metric("Nodes", f"{summary.nodes:,}", border=True)
        st.metric("Parameters", amount(summary.parameters), border=True, help=f"{summary.parameters:,}")
        st.metric("Multiply-accumulates", amount(summary.macs) + least, border=True, help=counted)
        st.metric("Size", size_text(summary.file_bytes + summary.external_bytes), border=True, help=_size_help(summary))
        st.metric(
            "Opset", opset, border=True, help="  \n".join(plain(f"{d or 'ai.onnx'} {v}") for d, v in summary.opsets)
        )
        st.metric("IR version", str(summary.ir_version or "–"), border=True)


def _size_help(summary: ModelSummary) -> str | None:
    if not summary.external_bytes:
        return None
    return f"{size_text(summary.file_bytes)} in the model file, {size_text(summary.external_bytes)} beside it"


def _values(title: str, values: tuple[ValueInfo, ...]) -> None:
    st.subheader(title)
    if not values:
        st.caption("None.")
        return
    _table(values, {"type": [dtype(value.type) for value in values], "shape": [shape(value.type) for value in values]})


def _table(named: Sequence[ValueInfo | InitializerInfo], columns: Mapping[str, Sequence[str]]) -> None:
    """Show things with their names in the first column."""
    names = [each.name for each in named]
    table = pd.DataFrame({"name": name_cells(names, _NAME), **columns, **full_names(names, _NAME)})
    shown = {"name": name_column("name", table["name"], _NAME), **_WIDTHS}
    st.dataframe(table, hide_index=True, column_config=shown)


def _operators(summary: ModelSummary) -> None:
    st.subheader("Operators")
    if not summary.ops:
        st.caption("The model has no nodes.")
        return
    shown, rest = summary.ops[:_OPS_SHOWN], summary.ops[_OPS_SHOWN:]
    names = [escape(name) for name, _ in shown]
    counts = [count for _, count in shown]
    if rest:
        names.append(f"{len(rest)} others")
        counts.append(sum(count for _, count in rest))
    bar = go.Bar(x=counts, y=names, orientation="h", text=counts, textposition="outside", cliponaxis=False)
    figure = go.Figure(bar)
    figure.update_traces(hovertemplate="%{y}: %{x}<extra></extra>", marker_cornerradius=3)
    figure.update_yaxes(autorange="reversed", automargin=True, type="category", showgrid=False)
    figure.update_xaxes(visible=False)
    figure.update_layout(height=60 + 25 * len(names), margin={"l": 0, "r": 40, "t": 4, "b": 4}, bargap=0.3)
    st.plotly_chart(figure, config={"displayModeBar": False})
    if summary.custom_domains:
        st.caption(f"Custom domains: {plain(', '.join(summary.custom_domains))}")


def _weights(summary: ModelSummary) -> None:
    if not summary.largest:
        return
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Largest initializers")
        largest = summary.largest
        columns = {
            "type": [dtype(item.type) for item in largest],
            "size": [size_text(item.bytes) for item in largest],
            "shape": [shape(item.type) for item in largest],
        }
        _table(largest, columns)
    with right:
        st.subheader("Weights by type")
        table = pd.DataFrame(summary.bytes_by_dtype, columns=["type", "elements", "size"])
        table["size"] = table["size"].map(size_text)
        numbers = {"elements": st.column_config.NumberColumn(format="localized")}
        st.dataframe(table, hide_index=True, column_config=numbers)


def _graphs(graphs: tuple[GraphInfo, ...]) -> None:
    inner = [graph for graph in graphs if graph.path]
    if not inner:
        return
    st.subheader("Nested graphs and functions")
    table = pd.DataFrame({"graph": [graph.title for graph in inner], "nodes": [graph.nodes for graph in inner]})
    # The key holds no state between models: a selection made in one would point into another.
    picked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"graphs-{state.parameter('model')}",
    )
    if picked.selection.rows and "graph" in available():
        state.choose(inner[picked.selection.rows[0]].path)
        state.go("graph")


def _about(entry: ModelEntry) -> None:
    summary = entry.record.summary
    facts = {
        "file": entry.location.path if entry.in_place else entry.name,
        "files": ", ".join(entry.record.files),
        "graph": summary.graph_name,
        "producer": summary.producer,
        "opened in": f"{entry.record.seconds:.2f} s",
        **dict(summary.metadata),
    }
    st.subheader("About")
    rows = [{"": key, "value": value} for key, value in facts.items() if value]
    st.dataframe(pd.DataFrame(rows), hide_index=True)
    if summary.doc_string:
        with st.expander("Description in the model"):
            st.text(summary.doc_string)
