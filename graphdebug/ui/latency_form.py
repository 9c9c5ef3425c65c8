"""Measuring how long an engine takes for each node: what was measured, and a form to measure again."""

import streamlit as st

from graphdebug.jobs import service
from graphdebug.runtime.backend import BackendSpec
from graphdebug.runtime.latency_records import LATENCY_JOB, LIMITS, LatencyRequest, LatencyResult
from graphdebug.runtime.requests import FeedSpec
from graphdebug.ui import state
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.last_feeds import remembered_feeds
from graphdebug.ui.results import latency_result
from graphdebug.ui.words import plain, plural
from graphdebug.view.coloring import seconds_text
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

_LEVELS = {"all": "All, as deployed", "extended": "Extended", "basic": "Basic", "disable": "None, node by node"}


def latency_form(entry: ModelEntry, name: str, job: JobEntry | None) -> None:
    """Say what ``job`` measured, show how far it is, and offer to measure; ``name`` is what is coloured by then."""
    if job is not None:
        follow(job.id)
        failure(job)
        if job.state is JobState.DONE:
            _said(entry, job)
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    level = left.selectbox(
        "Optimisation",
        list(_LEVELS),
        format_func=_LEVELS.__getitem__,
        key="latency:level",
        help="Optimised, nodes are fused: one of them then has the time of all. Without, each has its own.",
    )
    provider = right.text_input("Provider", "cpu", key="latency:provider", help="cpu, cuda, tensorrt, openvino…")
    busy = job is not None and job.state.active
    if st.button("Measure", icon=":material/timer:", disabled=busy, key="latency:measure", width="stretch"):
        _start(entry, name, level, provider.strip())
    st.caption("Inputs are those of the last run, else made up.")


def _start(entry: ModelEntry, name: str, level: str, provider: str) -> None:
    if any(letter in provider for letter in ",=:"):
        st.error("A provider is one word, such as cpu or cuda.")
        return
    chosen = {"opt": (level, "all"), "provider": (provider or "cpu", "cpu")}
    options = tuple((key, value) for key, (value, usual) in chosen.items() if value != usual)
    spec = str(BackendSpec("onnxruntime", options))
    title = f"{entry.name} on {provider or 'cpu'}, optimisation {level}"
    start_measuring(entry, spec, remembered_feeds(entry.id), title, name)


def start_measuring(entry: ModelEntry, spec: str, feeds: FeedSpec, title: str, name: str) -> None:
    """Measure the open model on ``spec`` in the background, and colour the graph by what comes of it (``name``)."""
    request = LatencyRequest(entry.location, spec, feeds)
    try:
        job_id = service.submit(
            state.workspace(), "measure", LATENCY_JOB, request, model_id=entry.id, title=title, limits=LIMITS
        )
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return
    state.set_parameters(color=f"{name}:{job_id}")
    st.rerun()


def _said(entry: ModelEntry, job: JobEntry) -> None:
    try:
        result = latency_result(entry, job.id)
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return
    st.caption(plain(_facts(result)))


def _facts(result: LatencyResult) -> str:
    """Say what was measured: the level, the median of a run, and what share of it nodes of the model account for."""
    timed = sum(time.seconds for time in result.graphs.get("", {}).values())
    added = sum(each.seconds for each in result.added)
    ran = ", ".join(
        result.environment[key] for key in ("backend", "providers", "precision") if key in result.environment
    )
    level = f"; optimisation {result.level}" if result.level else ""
    text = (
        f"{ran}{level}. One run takes {seconds_text(result.seconds)} "
        f"(median of {plural(result.repetitions, 'run')}), {seconds_text(timed)} of it in nodes of the model"
    )
    if result.added:
        nodes = plural(sum(each.nodes for each in result.added), "node")
        text += f", {seconds_text(added)} in {nodes} that the engine added"
    return f"{text}; the rest is the engine's own and the profiler's."
