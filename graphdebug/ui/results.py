"""Results of finished jobs as pages use them: read once, kept for a while. And what was fed last."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import streamlit as st

from graphdebug.compare.judge import rethreshold
from graphdebug.compare.records import CompareRequest, CompareResult, Tolerance
from graphdebug.jobs import service
from graphdebug.runtime.latency import LatencyResult
from graphdebug.runtime.requests import FeedSpec, RunRequest, RunResult
from graphdebug.ui import state
from graphdebug.workspace.entries import JobEntry, JobState

T = TypeVar("T")
_FEEDS = "graphdebug.feeds"
_KEPT = 8


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def run_result(root: Path, job_id: str) -> RunResult:
    """Return the result of a run in the workspace at ``root``. Raises WorkspaceError when there is none."""
    return service.result(state.workspace(), job_id, RunResult)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def compare_result(root: Path, job_id: str, tolerances: tuple[tuple[str, Tolerance], ...] | None) -> CompareResult:
    """Return the result of a comparison, judged again under ``tolerances`` (None: as it was run)."""
    if tolerances is None:
        return service.result(state.workspace(), job_id, CompareResult)
    return rethreshold(compare_result(root, job_id, None), dict(tolerances))


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def latency_result(root: Path, job_id: str) -> LatencyResult:
    """Return the result of a measurement. Raises WorkspaceError when there is none."""
    return service.result(state.workspace(), job_id, LatencyResult)


def finished(kind: str, model_id: str | None = None, limit: int | None = None) -> list[JobEntry]:
    """Return the finished jobs of a kind, the newest first, of one model or all; at most ``limit`` of them."""
    return state.workspace().jobs(kind, model_id, state=JobState.DONE, limit=limit)


def run_request(job: JobEntry) -> RunRequest | None:
    """Return what a run was asked; None when another version of graphdebug wrote it."""
    return _request(job, RunRequest)


def compare_request(job: JobEntry) -> CompareRequest | None:
    """Return what a comparison was asked; None when another version of graphdebug wrote it."""
    return _request(job, CompareRequest)


def remembered_feeds(model_id: str) -> FeedSpec:
    """Return what the model was fed last: in this session, else in its newest run or comparison.

    Files that were deleted meanwhile are left out.
    """
    known: dict[str, FeedSpec] = st.session_state.setdefault(_FEEDS, {})
    if model_id not in known:
        asked = (_asked(job) for job in state.workspace().jobs(("run", "compare"), model_id))
        known[model_id] = next((request.feeds for request in asked if request is not None), FeedSpec())
    return _with_files_that_are_there(known[model_id])


def _with_files_that_are_there(feeds: FeedSpec) -> FeedSpec:
    inputs = {
        name: replace(feed, path="") if feed.path and not Path(feed.path).exists() else feed
        for name, feed in feeds.inputs.items()
    }
    dataset = feeds.dataset if feeds.dataset and Path(feeds.dataset).exists() else ""
    return replace(feeds, inputs=inputs, dataset=dataset)


def remember_feeds(model_id: str, feeds: FeedSpec) -> None:
    """Keep ``feeds`` for this session, so that another page starts from them."""
    st.session_state.setdefault(_FEEDS, {})[model_id] = feeds


def _asked(job: JobEntry) -> RunRequest | CompareRequest | None:
    return run_request(job) if job.kind == "run" else compare_request(job)


def _request(job: JobEntry, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(job.request, type=kind)
    except msgspec.MsgspecError:
        return None
