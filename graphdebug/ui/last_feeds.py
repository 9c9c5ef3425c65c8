"""What a model is fed when nothing else is asked for: what it was fed last, else what suits its inputs."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.bench.records import BenchRequest
from graphdebug.compare.records import CompareRequest
from graphdebug.runtime.feeds import suggest
from graphdebug.runtime.requests import FeedSpec, InputFeed, RunRequest
from graphdebug.ui import state
from graphdebug.ui.feeds_form import feeds_form
from graphdebug.ui.results import bench_request, compare_request, run_request
from graphdebug.workspace.entries import JobEntry, ModelEntry

_FEEDS = "graphdebug.feeds"
_REQUESTS: Mapping[str, Callable[[JobEntry], RunRequest | CompareRequest | BenchRequest | None]] = {
    "run": run_request,
    "compare": compare_request,
    "bench": bench_request,
}


@st.cache_resource(max_entries=8, show_spinner=False)
def usual_feeds(model_id: str, _entry: ModelEntry) -> Mapping[str, InputFeed]:
    """Return how inputs of a model are fed when nothing else is asked for, where that is not the default."""
    return suggest(model_of(_entry))


def remembered_feeds(model_id: str) -> FeedSpec:
    """Return what the model was fed last: in this session, else in its newest run, comparison or benchmark.

    Files that were deleted meanwhile are left out.
    """
    known: dict[str, FeedSpec] = st.session_state.setdefault(_FEEDS, {})
    if model_id not in known:
        asked = (_asked(job) for job in state.workspace().jobs(tuple(_REQUESTS), model_id))
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


def ask_feeds(entry: ModelEntry, key: str) -> FeedSpec:
    """Ask what a model is fed with, and remember it; ``key`` tells one form from others."""
    inputs = entry.record.summary.inputs
    if not inputs:
        st.caption("This model takes no inputs.")
        return FeedSpec()
    usual, known = usual_feeds(entry.id, entry), remembered_feeds(entry.id)
    feeds = feeds_form(state.workspace(), inputs, known, f"{key}:feeds:{entry.id}", usual)
    remember_feeds(entry.id, feeds)
    return feeds


def feeds_to_run(entry: ModelEntry) -> FeedSpec:
    """Return what the model, or the one it was made from, was fed last, else what suits its inputs."""
    for model_id in (entry.id, entry.source):
        if (known := remembered_feeds(model_id)) != FeedSpec():
            return known
    names = {value.name for value in entry.record.summary.inputs}
    usual = {name: feed for name, feed in usual_feeds(entry.id, entry).items() if name in names}
    return replace(FeedSpec(), inputs=usual)


def _asked(job: JobEntry) -> RunRequest | CompareRequest | BenchRequest | None:
    return _REQUESTS[job.kind](job)
