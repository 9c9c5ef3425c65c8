"""A user's own data of nodes: files kept in the model's folder of the workspace, under their content's digest."""

import re
import shutil
from pathlib import Path

import streamlit as st

from graphdebug.api.models import model_of
from graphdebug.model.units import size_text
from graphdebug.ui.feed_files import Upload, keep_below
from graphdebug.ui.words import plain, plural
from graphdebug.view.node_data import NodeData
from graphdebug.view.node_data_file import LARGEST, NodeDataError, read_node_data
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry

_FOLDER = "node_data"
_DIGEST = re.compile(r"[0-9a-f]{16}")
_KEPT = 16
"""Files of one model: when there are more, the oldest go."""
_SAID = 6
"""Sets of data of a file that are named below it."""
_PROBLEM = "color:file:problem"


def data_files(entry: ModelEntry) -> list[Path]:
    """Return the model's data files, the newest first. The name of a file's folder is its digest."""
    folder = entry.folder / _FOLDER
    places = (each for each in folder.iterdir() if _DIGEST.fullmatch(each.name)) if folder.is_dir() else ()
    found = [path for place in places for path in place.iterdir() if path.suffix != ".part"]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)


def sets_in(entry: ModelEntry, path: Path, graph: str) -> tuple[list[NodeData], str]:
    """Return the sets of data in a file for a graph, and what is wrong with it."""
    return _sets(str(path), entry.id, graph, entry)


@st.cache_resource(max_entries=8, show_spinner=False)
def _sets(path: str, model_id: str, graph: str, _entry: ModelEntry) -> tuple[list[NodeData], str]:
    file = Path(path)
    try:
        if file.stat().st_size > LARGEST:
            return [], f"{file.name} is larger than {size_text(LARGEST)}."
        return read_node_data(file.read_bytes(), file.name, model_of(_entry).graphs[graph]), ""
    except NodeDataError as error:
        return [], str(error)
    except OSError as error:
        return [], f"{file.name} cannot be read: {error.strerror}."


def data_file_form(entry: ModelEntry, graph: str) -> None:
    """Take files in, say what was read, and let one remove them."""
    st.caption("Your own data: a CSV with a column “node”, JSON, or node data of Model Explorer.")
    round_ = st.session_state.setdefault("color:file:round", 0)
    key = f"color:file:{entry.id}:{round_}"  # a new one once a file is kept: then it stands below
    st.file_uploader(
        ".csv or .json",
        type=["csv", "tsv", "json"],
        key=key,
        on_change=_take,
        args=(entry, key),
        max_upload_size=LARGEST >> 20,
        label_visibility="collapsed",
    )
    if problem := st.session_state.pop(_PROBLEM, ""):
        st.error(plain(problem))
    for path in data_files(entry):
        sets, problem = sets_in(entry, path, graph)
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(f"**{plain(path.name)}**  \n{_said(sets)}" if sets else f":orange[{plain(problem)}]")
            st.button(
                "Remove",
                icon=":material/close:",
                type="tertiary",
                key=f"color:remove:{path.parent.name}",
                on_click=shutil.rmtree,
                args=(path.parent, True),
            )


def _said(sets: list[NodeData]) -> str:
    lines = []
    for each in sets[:_SAID]:
        left = f", {each.unknown:,} of its names are not in this graph" if each.unknown else ""
        lines.append(f"{plain(each.title)}: {plural(len(each.values), 'node')}{left}")
    return "  \n".join([*lines, f"and {len(sets) - _SAID} more"] if len(sets) > _SAID else lines)


def _take(entry: ModelEntry, key: str) -> None:
    """Keep what was dropped, before the page runs again."""
    upload: Upload | None = st.session_state[key]
    if upload is None:
        return
    try:
        keep_below(entry.folder / _FOLDER, upload).touch()  # the newest now, also when it was there before
        for old in data_files(entry)[_KEPT:]:
            shutil.rmtree(old.parent, ignore_errors=True)
    except WorkspaceError as error:
        st.session_state[_PROBLEM] = str(error)
    st.session_state["color:file:round"] += 1
