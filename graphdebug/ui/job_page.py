"""What Tensors, Compare and Benchmark have in common: each shows the job of its kind that the URL names, and starts
new ones.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from graphdebug.bench.records import BENCH_JOB
from graphdebug.compare.records import COMPARE_JOB
from graphdebug.jobs import service
from graphdebug.ui import state
from graphdebug.ui.empty_state import no_model
from graphdebug.ui.results import is_of_earlier_state
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, ModelEntry

_CALLS = {"run": "graphdebug.runtime.run:run_job", "compare": COMPARE_JOB, "bench": BENCH_JOB}


def job_page(kind: str, purpose: str, page: Callable[[ModelEntry, JobEntry | None], object]) -> None:
    """Draw ``page`` with the open model and the job of this ``kind`` that is open, None when there is none.

    A job brings its model: a link to it opens both. ``purpose`` is said while no model is open.
    """
    wanted = state.result_id(kind)
    job = state.workspace().job(wanted) if wanted else None
    if job is not None and job.kind != kind:
        job = None
    if job is not None and job.model_id and job.model_id != state.parameter("model"):
        state.open_model(job.model_id)
        state.set_result(kind, job.id)
    entry = state.current_model()
    if entry is None:
        no_model(purpose)
        return
    if wanted and job is None:
        st.warning(
            f"The {state.RESULTS[kind]} of this link is not in the workspace any more.", icon=":material/link_off:"
        )
    if job is not None and is_of_earlier_state(entry, job):
        st.info(
            f"The model was edited since: this {state.RESULTS[kind]} is of how it was, the graph of how it is now.",
            icon=":material/history:",
        )
    page(entry, job)


def start_job(kind: str, request: Any, entry: ModelEntry, title: str, page: str | None = None) -> None:
    """Start a run, a comparison or a benchmark of the open model and open it, on another ``page`` if one is named.

    Does not return, unless the job could not be recorded.
    """
    try:
        job_id = service.submit(state.workspace(), kind, _CALLS[kind], request, model_id=entry.id, title=title)
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return
    state.set_result(kind, job_id)
    if page is not None:
        state.go(page)
    st.rerun()
