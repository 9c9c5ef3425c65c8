"""What one does with an edited model: load and run it, hold it against the original, take it away."""

import streamlit as st

from graphdebug.compare.records import CompareRequest, Side
from graphdebug.model.records import Finding, Severity
from graphdebug.runtime.requests import RunRequest
from graphdebug.ui import state
from graphdebug.ui.job_page import start_job
from graphdebug.ui.last_feeds import feeds_to_run
from graphdebug.ui.words import plain, plural
from graphdebug.workspace.entries import ModelEntry

_SPEC = "onnxruntime"
_MOST_SAID = 4


def outcome_bar(entry: ModelEntry) -> None:
    """Offer ways on with a draft, in one click each."""
    source = state.workspace().model(entry.source)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Run", icon=":material/play_arrow:", help="Load it in ONNX Runtime and run it once"):
            request = RunRequest(entry.location, _SPEC, feeds_to_run(entry), None, "plain")
            start_job("run", request, entry, f"outputs of {entry.name} on ONNX Runtime", "tensors")
        if source is not None:
            if st.button(
                "Before / after",
                icon=":material/compare_arrows:",
                help="Run the original and the edited model on the same inputs and compare every tensor they share",
            ):
                sides = Side(_SPEC, source.location), Side(_SPEC, entry.location)
                compare = CompareRequest(*sides, feeds=feeds_to_run(entry))
                start_job("compare", compare, entry, f"{source.name} before / after editing", "compare")
            if st.button("Side by side", icon=":material/splitscreen_vertical_add:", help="What was changed, marked"):
                state.go("side_by_side", other=source.id)
        downloads(entry)


def downloads(entry: ModelEntry) -> None:
    """Offer the edited model, the recipe and the script; of a broken model, say so first."""
    broken = [finding for finding in entry.record.findings if finding.severity is Severity.ERROR]
    address = f"graphdebug/models/{entry.id}"
    with st.popover("Download", icon=":material/download:"):
        if broken:
            _warn(broken)
        st.link_button(
            "The broken model all the same" if broken else "Edited model", f"{address}/file", icon=":material/download:"
        )
        st.link_button("Recipe: the changes, to be replayed", f"{address}/recipe", icon=":material/receipt_long:")
        st.link_button("Script: the same in plain Python", f"{address}/script", icon=":material/code:")
        st.link_button(
            "Repository for a Triton server · .zip",
            f"{address}/triton",
            icon=":material/dns:",
            help="`config.pbtxt` and the model, for the server's ONNX Runtime. `graphdebug triton-repository` has "
            "batches, instances and warm-up.",
        )


def _warn(broken: list[Finding]) -> None:
    st.warning(f"This model is broken: {plural(len(broken), 'error')}.", icon=":material/error:")
    for finding in broken[:_MOST_SAID]:
        st.caption(plain(finding.message))
