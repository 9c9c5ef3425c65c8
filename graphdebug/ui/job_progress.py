"""Progress of running jobs with a way to cancel, polled only while something runs."""

from datetime import UTC, datetime

import streamlit as st

from graphdebug.jobs import service
from graphdebug.ui.state import workspace
from graphdebug.ui.words import plain
from graphdebug.view.labels import shortened
from graphdebug.workspace.entries import JobEntry, JobState

_POLL_SECONDS = 0.7
_MOMENT = 3  # seconds
_TITLE = {"sidebar": 34, "page": 60}
"""Letters of a job's title that fit in one line."""
_VERBS = {
    "bench": "Measuring",
    "boundary": "Recording",
    "check": "Checking",
    "deploy": "Checking",
    "diff": "Comparing",
    "edit": "Editing",
    "engine": "TensorRT:",
    "open": "Opening",
    "run": "Running",
    "compare": "Comparing",
    "measure": "Measuring",
    "simplify": "Simplifying",
    "split": "Splitting",
}


def sidebar_jobs() -> None:
    """Show what runs now. When the last job ends the whole page runs again, so that it shows the result."""
    jobs = workspace().active_jobs()
    if jobs:
        _polled_jobs(tuple(job.id for job in jobs))


@st.fragment(run_every=_POLL_SECONDS)
def _polled_jobs(known: tuple[str, ...]) -> None:
    jobs = workspace().active_jobs()
    if {job.id for job in jobs} != set(known):
        st.rerun()
    for job in jobs:
        if job.kind != "check" or _lasts(job):
            _bar(job, "sidebar")


def _lasts(job: JobEntry) -> bool:
    """Say whether a job has run for a while: what is over in a moment is no news."""
    return (datetime.now(UTC) - job.created).total_seconds() > _MOMENT


def follow(job_id: str) -> None:
    """Show one job's progress in the page; the whole page runs again when it is over."""
    job = workspace().job(job_id)
    if job is not None and job.state.active:
        _followed(job_id)


@st.fragment(run_every=0.3)
def _followed(job_id: str) -> None:
    job = workspace().job(job_id)
    if job is None or not job.state.active:
        st.rerun()
    _bar(job, "page")
    for blocker in service.blockers(workspace(), job):
        _bar(blocker, "page")


def failure(job: JobEntry) -> None:
    """Show how a job failed: its sentence, and the detail for those who want it."""
    if job.failure is None:
        return
    show = st.info if job.failure.kind == "cancelled" else st.error
    show(plain(job.failure.message), icon=":material/block:" if job.failure.kind == "cancelled" else ":material/error:")
    if job.failure.detail:
        with st.expander("Details"):
            st.code(job.failure.detail, language=None)


def _bar(job: JobEntry, place: str) -> None:
    with (
        st.container(border=True, gap="small"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        verb = "Waiting" if job.state == "queued" else _VERBS.get(job.kind, job.kind)
        text = f"**{verb}** {plain(shortened(job.title, _TITLE[place]))}"
        if says := _standing(job):
            text += f"  \n:small[{plain(shortened(says, 2 * _TITLE[place]))}]"
        st.progress(job.progress or 0.0, text)
        if st.button("Cancel", icon=":material/close:", key=f"cancel-{place}-{job.id}", type="tertiary"):
            service.cancel(workspace(), job.id)


def _standing(job: JobEntry) -> str:
    """Return what a job does or waits for, in a few words."""
    if workspace().cancel_asked(job.id):
        return f"asked process {job.process}, which runs it, to stop"
    if job.state is not JobState.QUEUED:
        return job.message
    running = service.blockers(workspace(), job)
    titles = "; ".join(other.title for other in running)
    return f"until a place is free. Now runs: {titles}" if running else "until a place is free"
