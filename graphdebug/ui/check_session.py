"""Deployment checks of the open model: started, found again, repeated after an edit."""

from collections.abc import Sequence

import streamlit as st

from graphdebug.deploy.records import CHECK_JOB, DeployRequest, DeployResult
from graphdebug.jobs import service
from graphdebug.ui import state
from graphdebug.ui.results import is_of_earlier_state
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

KIND = "deploy"
_AGAIN = "graphdebug.check.again"
_LOOKED_AT = 8
"""As many of the newest checks of a model may be of it as it is now."""


def last_check(entry: ModelEntry) -> JobEntry | None:
    """Return the newest check of the open model as it is now; None when there is none."""
    jobs = state.workspace().jobs(KIND, entry.id, limit=_LOOKED_AT)
    return next((job for job in jobs if not is_of_earlier_state(entry, job)), None)


def start_check(entry: ModelEntry, targets: Sequence[str]) -> JobEntry | None:
    """Start a check of the open model; None (and it is said) when it cannot be recorded."""
    workspace = state.workspace()
    request = DeployRequest(entry.location, tuple(targets))
    title = f"{entry.name} for {', '.join(targets)}"
    try:
        job_id = service.submit(workspace, KIND, CHECK_JOB, request, model_id=entry.id, title=title)
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return None
    st.session_state[_AGAIN] = tuple(targets)
    return workspace.job(job_id)


def check_again(entry: ModelEntry) -> JobEntry | None:
    """Check for the same targets once more when the model was edited since; None when nothing was checked yet."""
    targets = st.session_state.get(_AGAIN)
    edits = state.workspace().jobs("edit", entry.id, limit=1)
    if not targets or not entry.source or (edits and edits[0].state.active):
        return None
    return start_check(entry, targets)


def outcome_of(job: JobEntry) -> DeployResult | None:
    """Return what a finished check found."""
    if job.state is not JobState.DONE:
        return None
    try:
        return _read(state.workspace().root, job.id)
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return None


@st.cache_resource(max_entries=4, show_spinner=False)
def _read(root: object, job_id: str) -> DeployResult:
    return service.result(state.workspace(), job_id, DeployResult)
