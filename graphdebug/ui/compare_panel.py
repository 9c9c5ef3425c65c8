"""What a comparison found: the verdict, the error along the graph, one tensor in detail, the table of all."""

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.compare.records import CompareResult, ObserverEffect, Row, Status, Tolerance
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.report.colors import BY_WEIGHT, excess, legend, step, worst_by_node
from graphdebug.ui import state
from graphdebug.ui.facts import fact_grid, number
from graphdebug.ui.graph_view import Overlay, Shade, overlay_of_nodes
from graphdebug.ui.plots import MEASURES, error_plot
from graphdebug.ui.row_choice import ROW_MODES, chosen_row, mark_row
from graphdebug.ui.state import Choice
from graphdebug.ui.table_height import table_height
from graphdebug.ui.tables import comparison_columns, comparison_table, left_out_columns, left_out_table
from graphdebug.ui.words import dtype, plain, plural, shape
from graphdebug.workspace.entries import JobEntry, ModelEntry

_BADGE: Mapping[Status, Literal["blue", "orange", "gray"]] = {
    Status.MATCH: "blue",
    Status.DIFFER: "orange",
    Status.NOT_COMPARED: "gray",
}
_SHOWN = {
    "match": (st.success, ":material/check_circle:"),
    "differ": (st.error, ":material/error:"),
    "nothing compared": (st.warning, ":material/help:"),
}


Version = tuple[str, tuple[tuple[str, Tolerance], ...]]
"""What a comparison's result is kept under: the job and the tolerances it was judged by."""


def error_overlay(entry: ModelEntry, job: JobEntry, result: CompareResult) -> Overlay:
    """Return the graph's colours: each node by the worst of its tensors, groups by the worst of their nodes."""
    return _overlay((*_version(job, result), entry.id, entry.revision), entry, result)


def _version(job: JobEntry, result: CompareResult) -> Version:
    return job.id, tuple(sorted(result.request.tolerances.items()))


@st.cache_resource(max_entries=8, show_spinner=False)
def _overlay(version: tuple[object, ...], _entry: ModelEntry, _result: CompareResult) -> Overlay:
    worst = worst_by_node(_result.rows)
    shades = {
        node: Shade((at := step(row)).color, _short(row), float(BY_WEIGHT.index(at))) for node, row in worst.items()
    }
    title = "Largest error in units of its tolerance"
    return overlay_of_nodes(model_of(_entry), MAIN_GRAPH, shades, title, legend(worst.values()))


def verdict_box(result: CompareResult) -> None:
    """Show the answer, with a way to the place, how much was compared, and whether looking changed the result."""
    verdict = result.verdict
    show, icon = _SHOWN[verdict.outcome]
    show(plain(verdict.sentence), icon=icon)
    counts = {
        Status.MATCH: verdict.matched,
        Status.DIFFER: verdict.differing,
        Status.NOT_COMPARED: verdict.not_compared,
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for status, count in counts.items():
            st.badge(f"{count:,} {status}", color=_BADGE[status])
        if verdict.first is not None:
            st.button(
                "Show in graph",
                icon=":material/my_location:",
                type="primary",
                on_click=state.choose,
                args=(MAIN_GRAPH, None, verdict.first),
            )
    _observer(result.observer)


def _observer(effects: Sequence[ObserverEffect]) -> None:
    if not effects:
        return
    changed = [effect for effect in effects if not effect.identical]
    if not changed:
        st.caption(
            f"Observer effect: none. With taps and without, {plural(len(effects), 'output')} bit for bit the same."
        )
        return
    with st.expander(f"Observer effect: tapping changed {len(changed)} of {plural(len(effects), 'output')}"):
        st.dataframe(
            {
                "side": [effect.side for effect in effects],
                "output": [effect.output for effect in effects],
                "identical": [effect.identical for effect in effects],
                "max abs": [effect.max_abs for effect in effects],
                "note": [effect.note for effect in effects],
            },
            hide_index=True,
            column_config={"max abs": st.column_config.NumberColumn(format="%.3g")},
        )


def plot_view(job: JobEntry, result: CompareResult, focus: str | None) -> None:
    """Show error along the topological order; a click on a point chooses the tensor."""
    measure = st.selectbox("Error shown", list(MEASURES), label_visibility="collapsed", key="compare:measure")
    key = f"compare:plot:{job.id}:{measure}"

    def choose() -> None:
        points = st.session_state[key].selection.points
        if points:
            name = points[0].get("customdata")
            state.choose(MAIN_GRAPH, value=name[0] if isinstance(name, list) else name)

    st.plotly_chart(
        error_plot(result.rows, measure, focus, height=280),
        key=key,
        on_select=choose,
        selection_mode="points",
        config={"scrollZoom": True, "displaylogo": False},
    )


def focus_of(result: CompareResult, choice: Choice | None) -> Row | None:
    """Return the row to show: the chosen tensor, a chosen node's worst one, else the first out of tolerance."""
    if choice is not None and choice.graph == MAIN_GRAPH:
        mine = [row for row in result.rows if row.name == choice.value]
        mine = mine or [row for row in result.rows if row.node is not None and row.node == choice.node]
        if mine:
            return max(mine, key=lambda row: excess(row) or 0.0)
    return next((row for row in result.rows if row.name == result.verdict.first), None)


def row_view(row: Row) -> None:
    """Show all that is known of one tensor's comparison."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(row.name)}**", width="content")
        st.badge(str(row.status), color=_BADGE[row.status])
    place = " · ".join(plain(part) for part in (row.op, row.scope, row.source, _types(row)) if part)
    st.caption("  \n".join(part for part in (place, plain(row.reason)) if part))
    fact_grid(_facts(row))


def _types(row: Row) -> str:
    """Return dtype and shape, of both sides where they are not the same."""
    sides = [f"{dtype(side)} {shape(side)}" for side in (row.reference_type, row.candidate_type) if side is not None]
    return " vs ".join(dict.fromkeys(sides))


def _facts(row: Row) -> Mapping[str, str]:
    metrics, tolerance = row.metrics, row.tolerance
    if metrics is None or tolerance is None:
        return {}
    where = f"[{', '.join(str(part) for part in metrics.worst_index)}]" if metrics.worst_index else "the scalar"
    return {
        "error ÷ tolerance": number(excess(row)),
        "max abs": number(metrics.max_abs),
        "mean abs": number(metrics.mean_abs),
        "max rel": number(metrics.max_rel),
        "RMSE": number(metrics.rmse),
        "cosine": number(metrics.cosine, ".8g"),
        "SQNR dB": number(metrics.sqnr_db, ".1f"),
        "outside": number(row.share_outside, ".3g" if row.share_outside == 0 else ".3%"),
        "worst at": where,
        "reference there": number(metrics.worst_reference, ".7g"),
        "candidate there": number(metrics.worst_candidate, ".7g"),
        "max ULP": number(metrics.max_ulp, ",.0f"),
        "argmax agrees": number(metrics.argmax_agreement, ".1%"),
        "reference RMS": number(metrics.reference_rms),
        "rtol": number(tolerance.rtol),
        "atol" if tolerance.absolute else "atol × RMS": number(tolerance.atol),
    }


def table_view(job: JobEntry, result: CompareResult, focus: str | None) -> None:
    """Show all tensors, or those of one status; selecting a line chooses the tensor."""
    statuses = [str(status) for status in Status]
    shown = st.pills("Status", statuses, selection_mode="multi", label_visibility="collapsed", key="compare:statuses")
    rows = [row for row in result.rows if not shown or str(row.status) in shown]
    key = f"compare:table:{job.id}:{'+'.join(sorted(shown))}"

    def choose() -> None:
        at = chosen_row(key, marked)
        if at is not None:
            state.choose(MAIN_GRAPH, value=rows[at].name)

    marked = next((at for at, row in enumerate(rows) if row.name == focus), None)
    mark_row(key, marked)
    table = _table(_version(job, result), tuple(shown), rows)
    st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(rows), 8),
        column_config=comparison_columns(table),
        on_select=choose,
        selection_mode=ROW_MODES,
        placeholder="–",
        key=key,
    )


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(version: Version, statuses: tuple[str, ...], _rows: Sequence[Row]) -> pd.DataFrame:
    return comparison_table(_rows)


def not_compared_view(result: CompareResult) -> None:
    """Show what was not compared, by reason."""
    left_out = [row for row in result.rows if row.status is Status.NOT_COMPARED]
    if not left_out:
        st.caption("Every tensor was compared.")
        return
    reasons = pd.DataFrame({"reason": [row.reason for row in left_out]}).value_counts().reset_index(name="tensors")
    st.dataframe(reasons, hide_index=True, height=table_height(len(reasons), 6))
    table = left_out_table(
        [row.name for row in left_out], [row.reason for row in left_out], [row.op for row in left_out]
    )
    st.dataframe(table, hide_index=True, height=table_height(len(left_out), 9), column_config=left_out_columns(table))


def _short(row: Row) -> str:
    error = excess(row)
    if error is None:
        return f"{row.status}: {row.reason}"
    return "identical" if error == 0 else f"error {error:.2g}× the tolerance"
