"""The table of runs and comparisons, and what can be done with the selected ones."""

import pandas as pd
import streamlit as st

from graphdebug.jobs import service
from graphdebug.model.units import size_text
from graphdebug.ui import state
from graphdebug.ui.job_progress import failure
from graphdebug.ui.words import ago, plain, plural
from graphdebug.view.coloring import seconds_text
from graphdebug.view.labels import shortened
from graphdebug.workspace.entries import JobEntry, JobState

_TEXT = 260
"""Pixels of titles and of results."""
_ONE_LINE, _FOUR_LINES = 36, 120
"""Letters of a text that have room in one line, and in four."""
_TALL = 84
"""Pixels of four lines. Texts wrap in lines of more than 64, otherwise what has no room is cut off."""
_KINDS = {
    **state.RESULTS,
    "measure": "measurement",
    "engine": "TensorRT engine",
    "split": "split",
    "boundary": "boundary data",
}
_PAGES = {"run": "tensors", "compare": "compare", "bench": "benchmark"}
LISTED = tuple(_KINDS)
"""Kinds of jobs that are results."""
_STATES = {
    JobState.QUEUED: "⏳ waiting",
    JobState.RUNNING: "⏳ running",
    JobState.DONE: "✓ done",
    JobState.FAILED: "✗ failed",
    JobState.CANCELLED: "– cancelled",
}


def results_list(jobs: list[JobEntry]) -> None:
    """Show all results, newest first; actions for the selected ones below."""
    if not jobs:
        st.info("Nothing yet: what is started on Tensors, Compare and Benchmark is kept here.")
        return
    only_open = state.current_model() is not None and st.toggle("Only the open model", key="reports-only-open")
    shown = [job for job in jobs if not only_open or job.model_id == state.parameter("model")]
    table = _table(shown)
    picked = st.dataframe(
        table,
        hide_index=True,
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key="reports-table",
        column_config={
            "title": st.column_config.TextColumn(width=_TEXT),
            "result": st.column_config.TextColumn(width=_TEXT),
        },
        row_height=_TALL if any(len(text) > _ONE_LINE for text in (*table["title"], *table["result"])) else None,
    )
    for row, _ in picked.selection.cells:
        _reopen(shown[row])
    chosen = [shown[row] for row in picked.selection.rows if row < len(shown)]
    if not chosen:
        st.caption(
            f"{plural(len(shown), 'result')}, {size_text(sum(job.bytes for job in shown))}. "
            "Click a result to open it; tick results to download or delete them."
        )
        return
    with st.container(horizontal=True):
        if st.button("Delete…", icon=":material/delete:"):
            _confirm_delete(chosen)
    if len(chosen) == 1:
        _detail(chosen[0])


def verdict(job: JobEntry) -> str:
    """Return what came out of a job, in one sentence; empty while nothing did."""
    facts = job.summary
    if job.failure is not None:
        return job.failure.message
    if job.kind == "compare":
        return str(facts.get("sentence", ""))
    if job.kind == "run" and facts:
        bad = facts.get("first_nonfinite")
        tail = f"first NaN or Inf in {bad}" if bad else "all finite"
        return f"{plural(int(facts.get('tensors') or 0), 'tensor')}, {tail}"
    if job.kind == "measure" and facts:
        how = f"optimisation {facts['level']}, " if facts.get("level") else ""
        run, nodes = seconds_text(float(facts.get("seconds") or 0)), plural(int(facts.get("nodes") or 0), "node")
        return f"{run} a run, {how}{nodes} with a time of their own"
    if job.kind in ("bench", "engine") and facts:
        return str(facts.get("sentence", ""))
    if job.kind == "split" and facts:
        proven = facts.get("proven")
        said = "not proven" if proven is None else "proven to chain" if proven else "together they give something else"
        return f"{plural(int(facts.get('parts') or 0), 'part')}, {said}"
    if job.kind == "boundary" and facts:
        ways = [plural(int(facts.get(side) or 0), "tensor") for side in ("inputs", "outputs")]
        same = "the same" if facts.get("same") else "something else"
        return f"{ways[0]} in, {ways[1]} out; alone, the part gives {same}"
    return job.message


def _table(jobs: list[JobEntry]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "kind": [_KINDS[job.kind] for job in jobs],
            "state": [_STATES[job.state] for job in jobs],
            "when": [ago(job.created) for job in jobs],
            "title": [shortened(job.title, _FOUR_LINES) for job in jobs],
            "result": [shortened(verdict(job), _FOUR_LINES) for job in jobs],
            "size": [size_text(job.bytes) for job in jobs],
        }
    )


def _reopen(job: JobEntry) -> None:
    """Go to the page that shows this result, or how it failed. Does not return."""
    if job.model_id:
        state.open_model(job.model_id)
    if job.kind == "measure":
        state.go("graph", color=f"latency:{job.id}")
    if job.kind == "engine":
        state.go("graph", color=f"support:{job.id}")
    if job.kind not in state.RESULTS:
        state.go("cut")
    state.set_result(job.kind, job.id)
    state.go(_PAGES[job.kind])


def _detail(job: JobEntry) -> None:
    st.caption(f"{plain(job.title)}  \n{plain(verdict(job))}")
    failure(job)
    files = sorted(path for path in job.folder.glob("*") if path.is_file()) if job.folder.is_dir() else []
    if files:
        st.caption("Files")
        with st.container(horizontal=True):
            for path in files:
                label = f"{plain(path.name)} · {size_text(path.stat().st_size)}"
                st.link_button(label, f"graphdebug/jobs/{job.id}/files/{path.name}", icon=":material/download:")
            if job.kind in ("split", "boundary"):
                st.link_button("All parts · .zip", f"graphdebug/jobs/{job.id}/parts", icon=":material/download:")


@st.dialog("Delete results?")
def _confirm_delete(jobs: list[JobEntry]) -> None:
    st.markdown(f"{plural(len(jobs), 'result')}, {size_text(sum(job.bytes for job in jobs))}. This cannot be undone.")
    if st.button("Delete", type="primary", icon=":material/delete:"):
        for job in jobs:
            service.delete(state.workspace(), job.id)
            if job.kind in state.RESULTS and state.result_id(job.kind) == job.id:
                state.set_result(job.kind, None)
        st.rerun()
