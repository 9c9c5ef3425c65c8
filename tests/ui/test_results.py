"""What a page remembers of earlier runs."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from graphdebug.runtime.requests import FeedSpec, InputFeed
from graphdebug.workspace.store import Workspace


def remembering_app() -> None:
    import streamlit as st

    from graphdebug.ui.last_feeds import remembered_feeds

    st.session_state["feeds"] = remembered_feeds("m")


def test_feeds_are_remembered_without_the_files_that_are_gone(workspace: Workspace, tmp_path: Path) -> None:
    kept, gone = tmp_path / "kept.npy", tmp_path / "gone.npy"
    kept.touch()
    inputs = {"a": InputFeed("file", path=str(kept)), "b": InputFeed("file", path=str(gone)), "c": InputFeed("ramp")}
    feeds = FeedSpec(3, {"n": 2}, inputs, str(gone))
    app = AppTest.from_function(remembering_app, default_timeout=30)
    app.session_state["graphdebug.feeds"] = {"m": feeds}
    app.run()
    assert not app.exception
    found = app.session_state["feeds"]
    assert found == FeedSpec(3, {"n": 2}, inputs | {"b": InputFeed("file")}, "")
