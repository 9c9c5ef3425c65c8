"""What each tool that simplifies would make of the model, to choose one by."""

import pandas as pd
import streamlit as st

from graphdebug.compare.simplifiers import SIMPLIFIERS_JOB, TOOLS, Simplified, SimplifiersRequest, SimplifiersResult
from graphdebug.jobs import service
from graphdebug.ui import state
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.last_feeds import feeds_to_run
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobState, ModelEntry

_KIND = "simplify"
_MOST_OPS = 6


def simplifiers_view(entry: ModelEntry, largest: int) -> None:
    """Offer to try every tool, and show what came of it."""
    workspace = state.workspace()
    jobs = workspace.jobs(_KIND, entry.id, limit=1)
    if st.button(f"Try {' and '.join(TOOLS)}", icon=":material/compare:", disabled=bool(jobs) and jobs[0].state.active):
        request = SimplifiersRequest(entry.location, largest, feeds_to_run(entry))
        try:
            for old in jobs:
                service.delete(workspace, old.id)
            service.submit(workspace, _KIND, SIMPLIFIERS_JOB, request, model_id=entry.id, title=entry.name)
        except WorkspaceError as error:
            st.error(plain(str(error)))
            return
        st.rerun()
    if not jobs:
        return
    follow(jobs[0].id)
    failure(jobs[0])
    if jobs[0].state is JobState.DONE:
        try:
            _shown(service.result(workspace, jobs[0].id, SimplifiersResult))
        except WorkspaceError as error:
            st.error(plain(str(error)))


def _shown(result: SimplifiersResult) -> None:
    st.dataframe(
        pd.DataFrame(
            {
                "tool": [f"{each.tool} {each.version}" for each in result.tools],
                "nodes": [f"{result.nodes:,} → {each.nodes:,}" if each.nodes else "–" for each in result.tools],
                "seconds": [each.seconds or None for each in result.tools],
                "gone": [_ops(each) for each in result.tools],
            }
        ),
        hide_index=True,
        height=table_height(len(result.tools)),
        column_config={"seconds": st.column_config.NumberColumn(format="%.2f")},
    )
    for each in result.tools:
        said = each.error or (each.verdict.sentence if each.verdict else "")
        st.caption(f"**{plain(each.tool)}**: {plain(said)}")


def _ops(each: Simplified) -> str:
    """Return what went, and what came: ``12 Identity, 4 Constant; +2 Conv``."""
    gone = [f"{count:,} {op}" for op, count in each.gone if count > 0]
    came = [f"+{-count:,} {op}" for op, count in each.gone if count < 0]
    more = ["…"] if len(gone) > _MOST_OPS else []
    return "; ".join(filter(None, [", ".join([*gone[:_MOST_OPS], *more]), ", ".join(came[:_MOST_OPS])]))
