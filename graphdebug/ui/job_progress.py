"""Progress of running jobs with a way to cancel, polled only while something runs."""

import streamlit as st

from graphdebug.jobs import service
from graphdebug.ui.state import workspace
from graphdebug.ui.words import plain
from graphdebug.workspace.entries import JobEntry

_POLL_SECONDS = 0.7
_VERBS = {"open": "Opening", "run": "Running", "compare": "Comparing"}


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
        _bar(job, "sidebar")


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
    else:
        _bar(job, "page")


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
        text = f"**{verb}** {plain(_shortened(job.title))}"
        if job.message:
            text += f"  \n:small[{plain(_shortened(job.message, 60))}]"
        st.progress(job.progress or 0.0, text)
        if st.button("Cancel", icon=":material/close:", key=f"cancel-{place}-{job.id}", type="tertiary"):
            service.cancel(job.id)


def _shortened(text: str, length: int = 34) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"
