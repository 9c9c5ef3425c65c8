"""By what the graph can be coloured, by name in the link: what the model says, jobs found, and a user's files say.

A name is ``macs``, ``error:JOB`` (of a finished job) or ``file:DIGEST:NUMBER`` (a set of data in a file).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from graphdebug.api.models import model_of
from graphdebug.compare.records import Side
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.report.outcomes import (
    added_error_of,
    error_of,
    finiteness_of,
    latency_of,
    magnitude_of,
    provider_in,
    provider_of,
    status_of,
    support_of,
)
from graphdebug.ui import state
from graphdebug.ui.data_files import data_files, sets_in
from graphdebug.ui.results import (
    compare_result,
    engine_result,
    finished,
    is_of_earlier_state,
    latency_result,
    run_result,
)
from graphdebug.view.node_data import SOURCES, NodeData, findings_of
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

AUTOMATIC, OPERATORS, FINDINGS, FILE = "", "op", "findings", "file"
_JOBS = 12
"""As many of the newest jobs can be chosen."""


@dataclass(frozen=True, slots=True)
class OfJob:
    """Data that a job of a ``kind`` found, of a graph by its path: of ``every_graph``, or only of the main one."""

    title: str
    kind: str
    read: Callable[[ModelEntry, str, GraphIndex], NodeData]
    every_graph: bool = False


def _errors(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return error_of(compare_result(entry, job_id, None).rows)


def _added_errors(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return added_error_of(compare_result(entry, job_id, None).rows, index)


def _statuses(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return status_of(compare_result(entry, job_id, None).rows)


def _finiteness(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return finiteness_of(run_result(entry, job_id).rows)


def _magnitudes(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return magnitude_of(run_result(entry, job_id).rows)


def _latencies(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return latency_of(latency_result(entry, job_id), index.path, index)


def _providers(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return provider_of(latency_result(entry, job_id), index.path, index)


def _providers_of_run(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    result = run_result(_unedited(entry, job_id), job_id)
    return provider_in(result.providers, result.environment, index)


def _providers_of_reference(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    result = compare_result(_unedited(entry, job_id), job_id, None)
    providers = result.reference_providers if _is_of(entry, result.request.reference) else {}
    return provider_in(providers, result.reference, index)


def _providers_of_candidate(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    result = compare_result(_unedited(entry, job_id), job_id, None)
    providers = result.candidate_providers if _is_of(entry, result.request.candidate) else {}
    return provider_in(providers, result.candidate, index)


def _unedited(entry: ModelEntry, job_id: str) -> ModelEntry:
    """Return ``entry`` if a job knows its nodes by the numbers that they have now.

    Raises:
        WorkspaceError: the job is of the model before it was edited.
    """
    job = state.workspace().job(job_id)
    if job is not None and is_of_earlier_state(entry, job):
        raise WorkspaceError("This was run before the model was edited: run it again.")
    return entry


def _is_of(entry: ModelEntry, side: Side) -> bool:
    return side.model is not None and side.model.path == entry.location.path


def _support(entry: ModelEntry, job_id: str, index: GraphIndex) -> NodeData:
    return support_of(engine_result(entry, job_id).support)


OF_JOBS: Mapping[str, OfJob] = {
    "error": OfJob("Error, accumulated", "compare", _errors),
    "added": OfJob("Error, added (estimated)", "compare", _added_errors),
    "status": OfJob("Match or differ", "compare", _statuses),
    "finite": OfJob("NaN and infinity", "run", _finiteness),
    "magnitude": OfJob("Largest magnitude", "run", _magnitudes),
    "support": OfJob("What TensorRT takes", "engine", _support),
    "ran": OfJob("Execution provider, of a run", "run", _providers_of_run, every_graph=True),
    "ran_reference": OfJob("Execution provider, reference", "compare", _providers_of_reference, every_graph=True),
    "ran_candidate": OfJob("Execution provider, candidate", "compare", _providers_of_candidate, every_graph=True),
    "latency": OfJob("Latency", "measure", _latencies, every_graph=True),
    "provider": OfJob("Execution provider, measured", "measure", _providers, every_graph=True),
}
"""Name in a link → what it is."""
MEASURED = "measure"


def offered(entry: ModelEntry, graph: str) -> Mapping[str, str]:
    """Return what can be chosen: name (of what jobs found, without the job) → title. Jobs are measured on demand."""
    found = {AUTOMATIC: "Automatic", OPERATORS: "Kind of operator"}
    found |= {name: title for name, (title, _) in SOURCES.items()} | {FINDINGS: "Findings"}
    there = {kind for kind in ("run", "compare", "engine") if finished(kind, entry.id, 1)} | {MEASURED}
    found |= {name: source.title for name, source in OF_JOBS.items() if source.kind in there}
    for path in data_files(entry):
        sets, _ = sets_in(entry, path, graph)
        found |= {f"{FILE}:{path.parent.name}:{at}": f"{each.title} ({path.name})" for at, each in enumerate(sets)}
    return found


def jobs_of(entry: ModelEntry, name: str, chosen: str) -> list[JobEntry]:
    """Return the jobs that can say something of ``name``, the newest first, and the ``chosen`` one wherever it is."""
    kind = OF_JOBS[name].kind
    jobs = finished(kind, entry.id, _JOBS)
    for wanted in (chosen, state.result_id(kind) if kind in state.RESULTS else None):
        job = state.workspace().job(wanted) if wanted and wanted not in (each.id for each in jobs) else None
        if job is not None and (job.kind, job.model_id) == (kind, entry.id):
            jobs.append(job)
    return jobs


def usual_job(entry: ModelEntry, name: str) -> str:
    """Return the job to begin with: the open one, else the newest; nothing when there is none."""
    kind = OF_JOBS[name].kind
    opened = state.workspace().job(state.result_id(kind) or "") if kind in state.RESULTS else None
    if opened is not None and opened.state is JobState.DONE and opened.model_id == entry.id:
        return opened.id
    newest = finished(kind, entry.id, 1)
    return newest[0].id if newest else ""


def is_there(entry: ModelEntry, name: str) -> bool:
    """Say whether what data is read from is (still) in the workspace: a file, or a job that is done."""
    kind, _, which = name.partition(":")
    if kind == FILE:
        return any(path.parent.name == which.partition(":")[0] for path in data_files(entry))
    job = state.workspace().job(which) if kind in OF_JOBS else None
    return kind not in OF_JOBS or (job is not None and job.state is JobState.DONE)


def node_data(entry: ModelEntry, graph: str, name: str) -> NodeData | None:
    """Return the data called ``name``; None when there is none of this graph.

    Raises:
        WorkspaceError: the job is gone, or not done.
        KeyError: there is no such data, or no such graph.
    """
    model = model_of(entry)
    kind, _, which = name.partition(":")
    if kind == FINDINGS:
        return findings_of(model, graph, entry.record.findings)
    if kind == FILE:
        digest, _, number = which.partition(":")
        path = next((each for each in data_files(entry) if each.parent.name == digest), None)
        sets = sets_in(entry, path, graph)[0] if path else []
        return sets[int(number)] if number.isdecimal() and int(number) < len(sets) else None
    if kind in OF_JOBS:
        source = OF_JOBS[kind]
        if not which or not (source.every_graph or graph == MAIN_GRAPH):
            return None
        return source.read(entry, which, model.graphs[graph])
    return SOURCES[name][1](model, graph)
