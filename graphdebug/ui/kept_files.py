"""Fields that ask for files which the workspace keeps: what they give back is a path that a worker can read."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from graphdebug.ui.feed_files import Upload, keep, keep_data_set
from graphdebug.ui.words import plain
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.store import Workspace


def ask_for_file(workspace: Workspace, types: list[str], before: str, key: str) -> str:
    """Ask for one file of one of ``types`` and return its path: of the file used ``before`` when no new one is given.

    Empty when there is neither, when the file was taken out again, or when the workspace does not keep it any more.
    """
    label = " or ".join(f".{each}" for each in types)
    given = st.file_uploader(label, type=types, key=key, on_change=_forget, args=(key,), label_visibility="collapsed")
    uploads = [given] if given is not None else []
    return _path(lambda: keep(workspace, uploads[0]), uploads, before, key)


def ask_for_data_set(workspace: Workspace, before: str, key: str) -> str:
    """Ask for a data set and return the path of its .npz or folder, as ``ask_for_file`` does."""
    uploads = st.file_uploader(
        "One .npz, Polygraphy's .json, a zipped test_data_set folder, or its .pb files",
        type=["npz", "json", "zip", "pb"],
        accept_multiple_files=True,
        key=key,
        on_change=_forget,
        args=(key,),
    )
    return _path(lambda: keep_data_set(workspace, uploads), uploads, before, key)


def short_name(path: str) -> str:
    """Return a file's name, its middle left out when it is long."""
    name = Path(path).name
    return name if len(name) <= 32 else f"{name[:15]}…{name[-15:]}"


def _path(store: Callable[[], Path], uploads: Sequence[Upload], before: str, key: str) -> str:
    forgotten = st.session_state.pop(f"{key}:forget", False)
    if uploads:
        try:
            return str(store())
        except WorkspaceError as error:
            st.error(plain(str(error)))
            return ""
    if forgotten or not before or not Path(before).exists():
        return ""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"Using {plain(short_name(before))}", width="content")
        st.button("Stop using it", type="tertiary", key=f"{key}:stop", on_click=_forget, args=(key,))
    return before


def _forget(key: str) -> None:
    """Note that the files changed: when they were taken out, what was used before is not wanted any more either."""
    st.session_state[f"{key}:forget"] = True
