"""A part with its place in the whole: what goes into it and comes out of it when the whole model runs."""

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from graphdebug.edit.extraction import ExtractPart
from graphdebug.extract.records import BOUNDARY_JOB, BoundaryRequest, BoundaryResult
from graphdebug.jobs import service
from graphdebug.model.cutting import Cut
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import state
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.last_feeds import ask_feeds
from graphdebug.ui.part_files import archive, differences
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobState, ModelEntry

_KIND = "boundary"


def boundary_form(entry: ModelEntry, found: Cut, part: Callable[[], ExtractPart]) -> None:
    """Offer to record a part's boundary, and show what was recorded last."""
    jobs = state.workspace().jobs(_KIND, entry.id, limit=1)
    with st.expander("Boundary data", icon=":material/dataset:", expanded=bool(jobs)):
        if found.graph != MAIN_GRAPH:
            st.caption("Only values of the main graph can be recorded: a body runs many times, or not at all.")
            return
        st.caption(
            "Runs the whole model once and keeps what goes into the part and comes out of it, as .npz and as a test "
            "data set of ONNX: with them the part can be debugged alone, on another machine or engine."
        )
        with st.expander("Feeds of the whole model"):
            feeds = ask_feeds(entry, "boundary")
        if st.button("Record it", icon=":material/fiber_manual_record:"):
            request = BoundaryRequest(entry.location, part(), feeds, name=f"{Path(entry.name).stem}.part.onnx")
            try:
                service.submit(state.workspace(), _KIND, BOUNDARY_JOB, request, model_id=entry.id, title=entry.name)
            except WorkspaceError as error:
                st.error(plain(str(error)))
                return
            st.rerun()
        if not jobs:
            return
        follow(jobs[0].id)
        failure(jobs[0])
        if jobs[0].state is JobState.DONE:
            result = service.result(state.workspace(), jobs[0].id, BoundaryResult)
            ways = [", ".join(value.name for value in side) for side in (result.inputs, result.outputs)]
            st.caption(
                f"Recorded last, {plain(jobs[0].title)}: from {plain(ways[0] or 'nothing')} to {plain(ways[1])}."
            )
            differences(result.differences, "Alone, the part gives bit for bit what was recorded.")
            for note in result.notes:
                st.caption(plain(note))
            archive(jobs[0])
