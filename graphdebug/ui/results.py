"""Results of finished jobs as pages use them: read once, kept for a while."""

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec
import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.bench.records import BenchRequest, BenchResult
from graphdebug.compare.judge import rethreshold
from graphdebug.compare.records import CompareRequest, CompareResult, Row, Tolerance
from graphdebug.jobs import service
from graphdebug.model.document import NotAModel
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.engine_records import EngineResult
from graphdebug.runtime.latency_records import LatencyResult
from graphdebug.runtime.requests import RunRequest, RunResult, TensorRow
from graphdebug.ui import state
from graphdebug.workspace import drafts
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

T = TypeVar("T")
R = TypeVar("R", Row, TensorRow)
_KEPT = 8


Asked = tuple[tuple[str, Tolerance], ...]
"""Tolerances by dtype."""


def run_result(entry: ModelEntry, job_id: str) -> RunResult:
    """Return the result of a run, its rows at the nodes of ``entry`` as it is now: it may have been edited since.

    Raises:
        WorkspaceError: there is none.
    """
    return _run_result(state.workspace().root, job_id, (entry.id, entry.revision), entry)


def compare_result(entry: ModelEntry, job_id: str, tolerances: Asked | None) -> CompareResult:
    """Return the result of a comparison, judged again under ``tolerances`` (None: as it was run).

    Its rows are at the nodes of ``entry`` as it is now: the reference may be another model.

    Raises:
        WorkspaceError: there is none.
    """
    return _compare_result(state.workspace().root, job_id, tolerances, (entry.id, entry.revision), entry)


def latency_result(entry: ModelEntry, job_id: str) -> LatencyResult:
    """Return the result of a measurement.

    Raises:
        WorkspaceError: there is none, or it is one of the model before it was edited: nodes are numbered anew.
    """
    job = state.workspace().job(job_id)
    if job is not None and is_of_earlier_state(entry, job):
        raise WorkspaceError("This was measured before the model was edited: measure it again.")
    return _latency_result(state.workspace().root, job_id)


def engine_result(entry: ModelEntry, job_id: str) -> EngineResult:
    """Return what TensorRT said of the model.

    Raises:
        WorkspaceError: there is nothing, or it is of the model before it was edited: nodes are numbered anew.
    """
    job = state.workspace().job(job_id)
    if job is not None and is_of_earlier_state(entry, job):
        raise WorkspaceError("TensorRT was asked before the model was edited: ask it again.")
    return _engine_result(state.workspace().root, job_id)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _engine_result(root: Path, job_id: str) -> EngineResult:
    return service.result(state.workspace(), job_id, EngineResult)


def is_of_earlier_state(entry: ModelEntry, job: JobEntry) -> bool:
    """Say whether a job of the model ``entry`` is about what the model was before it was edited."""
    if job.model_id != entry.id or not entry.source:
        return False
    try:
        return job.draft_state != _draft_state((entry.id, entry.revision), entry)
    except WorkspaceError:  # `entry` itself is of long ago
        return True


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _draft_state(state_of_model: tuple[str, int], _entry: ModelEntry) -> str:
    return drafts.state_of(_entry)


def bench_result(job_id: str) -> BenchResult:
    """Return what a benchmark measured.

    Raises:
        WorkspaceError: there is nothing.
    """
    return _bench_result(state.workspace().root, job_id)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _bench_result(root: Path, job_id: str) -> BenchResult:
    return service.result(state.workspace(), job_id, BenchResult)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _run_result(root: Path, job_id: str, state_of_model: tuple[str, int], _entry: ModelEntry) -> RunResult:
    result = service.result(state.workspace(), job_id, RunResult)
    return replace(result, rows=_placed(result.rows, _entry))


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _compare_result(
    root: Path, job_id: str, tolerances: Asked | None, state_of_model: tuple[str, int], _entry: ModelEntry
) -> CompareResult:
    if tolerances is not None:
        return rethreshold(_compare_result(root, job_id, None, state_of_model, _entry), dict(tolerances))
    result = service.result(state.workspace(), job_id, CompareResult)
    return replace(result, rows=_placed(result.rows, _entry))


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _latency_result(root: Path, job_id: str) -> LatencyResult:
    return service.result(state.workspace(), job_id, LatencyResult)


def _placed(rows: tuple[R, ...], entry: ModelEntry) -> tuple[R, ...]:
    """Return rows with the node of ``entry``'s main graph that makes their tensor; None where none does."""
    try:
        producer = model_of(entry).graphs[MAIN_GRAPH].producer
    except (NotAModel, OSError):  # its file is gone: there is no graph to show
        return rows
    return tuple(row if row.node == (node := producer.get(row.name)) else replace(row, node=node) for row in rows)


def finished(kind: str, model_id: str | None = None, limit: int | None = None) -> list[JobEntry]:
    """Return the finished jobs of a kind, the newest first, of one model or all; at most ``limit`` of them."""
    return state.workspace().jobs(kind, model_id, state=JobState.DONE, limit=limit)


def run_request(job: JobEntry) -> RunRequest | None:
    """Return what a run was asked; None when another version of graphdebug wrote it."""
    return _request(job, RunRequest)


def compare_request(job: JobEntry) -> CompareRequest | None:
    """Return what a comparison was asked; None when another version of graphdebug wrote it."""
    return _request(job, CompareRequest)


def bench_request(job: JobEntry) -> BenchRequest | None:
    """Return what a benchmark was asked; None when another version of graphdebug wrote it."""
    return _request(job, BenchRequest)


def _request(job: JobEntry, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(job.request, type=kind)
    except msgspec.MsgspecError:
        return None
