"""What a run found: the first NaN, the table of all tensors, and the graph coloured by it."""

import pandas as pd
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.units import size_text
from graphdebug.runtime.requests import RunResult, TensorRow
from graphdebug.ui import state
from graphdebug.ui.graph_view import Overlay, Shade, overlay_of_nodes
from graphdebug.ui.row_choice import ROW_MODES, chosen_row, mark_row
from graphdebug.ui.state import Choice
from graphdebug.ui.table_height import table_height
from graphdebug.ui.tables import left_out_columns, left_out_table, run_columns, run_table
from graphdebug.ui.words import plain, plural
from graphdebug.view.coloring import NONFINITE
from graphdebug.workspace.entries import JobEntry, ModelEntry


def nonfinite_overlay(entry: ModelEntry, result: RunResult) -> Overlay | None:
    """Return the graph's colours for a run: the nodes that made NaN or infinity; None when none did."""
    shades: dict[int, Shade] = {}
    for row in reversed(result.rows):
        if row.node is not None and (said := _nonfinite(row)):
            weight = 2.0 if row.name == result.first_nonfinite else 1.0
            shades[row.node] = Shade(NONFINITE, f"{row.name}: {said}", weight)
    if not shades:
        return None
    legend = (("NaN or infinity", NONFINITE),)
    return overlay_of_nodes(model_of(entry), MAIN_GRAPH, shades, "Not finite", legend)


def run_headline(result: RunResult) -> None:
    """Say how the run went: the first tensor with NaN or infinity, else that there is none."""
    first = next((row for row in result.rows if row.name == result.first_nonfinite), None)
    if first is not None:
        op = f" ({plain(first.op)})" if first.op else ""
        st.error(
            f"First NaN or infinity in topological order: **{plain(first.name)}**{op}, {_nonfinite(first)}.",
            icon=":material/warning:",
        )
        st.button(
            "Show in graph", icon=":material/my_location:", on_click=state.choose, args=(MAIN_GRAPH, None, first.name)
        )
    else:
        st.success(f"{plural(len(result.rows), 'tensor')}, no NaN, no infinity.", icon=":material/check:")
    ran = " · ".join(
        f"{plain(key)} {plain(value)}" for key, value in result.environment.items() if value and key != "spec"
    )
    st.caption(f"{result.seconds:.2f} s · {ran}")


def run_table_view(job: JobEntry, result: RunResult, focus: str | None) -> None:
    """Show all tensors with their statistics; selecting a line chooses the tensor."""
    key = f"run:table:{job.id}"

    def choose() -> None:
        at = chosen_row(key, marked)
        if at is not None:
            state.choose(MAIN_GRAPH, value=result.rows[at].name)

    _download_bar(job)
    marked = next((at for at, row in enumerate(result.rows) if row.name == focus), None)
    mark_row(key, marked)
    table = _table(job.id, result)
    st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(result.rows), 7),
        column_config=run_columns(table),
        on_select=choose,
        selection_mode=ROW_MODES,
        placeholder="–",
        key=key,
    )
    if result.untapped:
        with st.expander(f"{plural(len(result.untapped), 'tensor')} not recorded"):
            left_out = left_out_table(list(result.untapped), list(result.untapped.values()))
            st.dataframe(left_out, hide_index=True, height=240, column_config=left_out_columns(left_out))


def focus_of(result: RunResult, choice: Choice | None) -> TensorRow | None:
    """Return the tensor to show: the chosen one, a chosen node's first, else the first NaN, else an output."""
    if choice is not None and choice.graph == MAIN_GRAPH:
        for row in result.rows:
            if row.name == choice.value or (choice.node is not None and row.node == choice.node):
                return row
    fallback = result.first_nonfinite or (result.rows[-1].name if result.rows else None)
    return next((row for row in result.rows if row.name == fallback), None)


def _download_bar(job: JobEntry) -> None:
    files = {"tensors.npz": "All tensors", "feeds.npz": "Inputs"}
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        for name, label in files.items():
            path = job.folder / name
            if path.is_file():
                st.link_button(
                    f"{label} · {size_text(path.stat().st_size)}",
                    f"graphdebug/jobs/{job.id}/files/{name}",
                    help=f"Download `{name}`",
                    icon=":material/download:",
                )
        _other_forms(job)
        if st.button("Compare with…", icon=":material/compare_arrows:", help="Compare this run with another one."):
            st.session_state["compare:with-run"] = job.id
            state.go("compare", comparison=None)


def _other_forms(job: JobEntry) -> None:
    """Offer what was recorded as other programs take it."""
    base = f"graphdebug/jobs/{job.id}/tensors"
    with st.popover("Other formats", icon=":material/output:", help="For other programs"):
        st.markdown("**Polygraphy**")
        with st.container(horizontal=True, gap="xsmall"):
            st.link_button("Tensors · .json", f"{base}/polygraphy", icon=":material/download:")
            st.link_button("Inputs · .json", f"{base}/polygraphy?part=inputs.json", icon=":material/download:")
        st.caption("For `polygraphy run --load-outputs` and `--load-inputs`.")
        st.markdown("**NumPy and ONNX**")
        with st.container(horizontal=True, gap="xsmall"):
            st.link_button("Folder of .npy · .zip", f"{base}/npy", icon=":material/download:")
            st.link_button("ONNX test data · .zip", f"{base}/onnx", icon=":material/download:")
        st.caption("Test data needs all outputs of the model recorded.")


def _nonfinite(row: TensorRow) -> str:
    """Return ``3 NaN from [0, 1], 1 infinite from [2]`` in plain words; empty when all is finite."""
    statistics = row.statistics
    if statistics is None:
        return ""
    counts = ((statistics.nans, "NaN", statistics.first_nan), (statistics.infs, "infinite", statistics.first_inf))
    return ", ".join(f"{count:,} {word} from {list(first or ())}" for count, word, first in counts if count)


@st.cache_resource(max_entries=8, show_spinner=False)
def _table(job_id: str, _result: RunResult) -> pd.DataFrame:
    return run_table(_result.rows)
