"""In what two models differ, in words: every difference is a line, and a click on a node's leads to it."""

from pathlib import Path

import msgspec
import pandas as pd
import streamlit as st

from graphdebug.diff.engine import DIFF_JOB
from graphdebug.diff.records import DiffRequest, ModelDiff
from graphdebug.diff.words import Line, lines
from graphdebug.jobs import service
from graphdebug.model.record_json import to_json
from graphdebug.ui import state
from graphdebug.ui.graph_view.pair import choose_beside
from graphdebug.ui.job_progress import failure, follow
from graphdebug.ui.row_choice import ROW_MODES, chosen_row
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import plain, plural
from graphdebug.view.differences import Kind
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, JobState, ModelEntry

_KIND = "diff"
_KEPT = 4
"""So many diffs of a model are kept: another is soon made."""
_SIGNS = {Kind.CHANGED: "≠ changed", Kind.FUSED: "⇒ fused", Kind.LEFT: "− only left", Kind.RIGHT: "+ only right"}
_MOST_LINES = 19
_TABLE = "side_by_side:differences"


def diff_view(left: ModelEntry, right: ModelEntry) -> None:
    """Show what differs; made in a worker when it is not known."""
    request = DiffRequest(left.location, right.location)
    try:
        job = _known(left, request) or _started(left, right, request)
        if job.state is not JobState.DONE:
            follow(job.id)
            failure(job)
            if not job.state.active and st.button("Try again", icon=":material/refresh:"):
                service.delete(state.workspace(), job.id)
                st.rerun(scope="fragment")
            return
        found = _result(state.workspace().root, job.id)
    except WorkspaceError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    _headline(left, right, found)
    if not found.same:
        _table(left, right, found)


@st.cache_resource(max_entries=_KEPT, show_spinner=False)
def _result(root: Path, job_id: str) -> ModelDiff:
    del root  # tells workspaces apart
    return service.result(state.workspace(), job_id, ModelDiff)


def _known(left: ModelEntry, request: DiffRequest) -> JobEntry | None:
    asked = msgspec.json.encode(request).decode()
    return next((job for job in state.workspace().jobs(_KIND, left.id) if job.request == asked), None)


def _started(left: ModelEntry, right: ModelEntry, request: DiffRequest) -> JobEntry:
    workspace = state.workspace()
    for old in workspace.jobs(_KIND, left.id)[_KEPT - 1 :]:
        service.delete(workspace, old.id)
    title = f"{left.name} and {right.name}"
    job = workspace.job(service.submit(workspace, _KIND, DIFF_JOB, request, model_id=left.id, title=title))
    assert job is not None
    return job


def _headline(left: ModelEntry, right: ModelEntry, found: ModelDiff) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        if found.same:
            st.success("**Nothing differs.**", icon=":material/check_circle:")
        else:
            st.markdown(f"**{_summary(found)}**")
        st.download_button(
            "All of it · .json",
            lambda: to_json(found),
            f"{Path(left.name).stem} to {Path(right.name).stem}.diff.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    if renamed := sum(graph.renamed for graph in found.graphs):
        st.caption(f"{plural(renamed, 'node')} that are the same have other names; that counts as no difference.")


def _summary(found: ModelDiff) -> str:
    ends = sum(len(graph.ends) for graph in found.graphs)
    facts = len(found.facts) + sum(len(graph.facts) for graph in found.graphs)
    counted = [graph for graph in found.graphs if graph.nodes or graph.left is None or graph.right is None]
    more = f" So do {plural(len(counted) - 1, 'other graph')}." if len(counted) > 1 else ""
    others = [
        f"{ends:,} among inputs and outputs" if ends else "",
        f"{len(found.weights):,} among stored values" if found.weights else "",
        f"{facts:,} in what the model says of itself" if facts else "",
    ]
    rest = ", ".join(filter(None, others))
    nodes = counted[0].sentence + more if counted else "All nodes are the same."
    alike = f"{plural(found.weights_same, 'stored tensor')} are the same."
    return plain(f"{nodes} {f'Differences {rest}. ' if rest else ''}{alike}")


def _table(left: ModelEntry, right: ModelEntry, found: ModelDiff) -> None:
    """List the differences; a node that is clicked is shown in the graphs."""
    shown = [line for line in lines(found) if line.graph is None or line.text != line.graph.sentence or _is_lone(line)]
    table = pd.DataFrame(
        {
            "what": [_what(line) for line in shown],
            "difference": [line.text for line in shown],
            "graph": [line.graph.title if line.graph else "" for line in shown],
        }
    )
    if table["graph"].replace("", "main graph").nunique() == 1:
        del table["graph"]
    st.caption("A click on a node's line shows it in the graphs.")
    st.dataframe(
        table,
        hide_index=True,
        height=table_height(len(shown), _MOST_LINES),
        on_select="rerun",
        selection_mode=ROW_MODES,
        key=_TABLE,
        column_config={
            "what": st.column_config.TextColumn("", width=110, pinned=True),
            "difference": st.column_config.TextColumn("difference", width=900),
        },
    )
    clicked = chosen_row(_TABLE, None)
    if clicked is not None:
        _show(left, right, shown[clicked])


def _is_lone(line: Line) -> bool:
    """Say whether a graph is on one side only: its sentence says that, and does not count nodes."""
    return line.graph is not None and None in (line.graph.left, line.graph.right)


def _what(line: Line) -> str:
    return _SIGNS.get(line.node.kind, "") if line.node else line.about


def _show(left: ModelEntry, right: ModelEntry, line: Line) -> None:
    """Choose a node and look at it in the graphs."""
    if line.node is None or line.graph is None:
        return
    ours, theirs = line.node.left, line.node.right
    state.choose(line.graph.left or "", node=ours[0].node if ours else None)
    if theirs and not ours:
        choose_beside(left, right, line.graph.right or "", theirs[0].node)
    state.set_parameters(words=None)
    st.rerun(scope="fragment")
