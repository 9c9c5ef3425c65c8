"""Every operation has a form that can be drawn and makes the operation, whatever is chosen in the graph."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from graphdebug.api.models import model_of
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.operation import edited
from graphdebug.edit.operations import OPERATIONS
from graphdebug.edit.wiring import RenameValue
from graphdebug.jobs import service
from graphdebug.model.save import save
from graphdebug.workspace.store import Workspace

NODE, VALUE, NOTHING = {"node": "1"}, {"value": "/block1/out"}, dict[str, str]()


def body() -> None:
    import streamlit as st

    from graphdebug.ui import state
    from graphdebug.ui.edit_form import edit_form

    state.restore()
    entry = state.current_model()
    assert entry is not None
    if st.session_state.get("selected"):
        state.set_selection(["n:1", "n:2"])
    edit_form(entry, state.choice())


@pytest.fixture
def model_id(workspace: Workspace, samples: Path) -> str:
    """Return the id of a model in the workspace."""
    service.wait(workspace, service.open_path(workspace, samples / "branching_blocks.onnx"))
    return workspace.models()[0].id


@pytest.mark.parametrize("chosen", [NODE, VALUE, NOTHING], ids=["node", "value", "nothing"])
def test_all_that_is_offered_can_be_drawn(model_id: str, chosen: dict[str, str]) -> None:
    app = AppTest.from_function(body, default_timeout=60)
    for name, value in {"model": model_id, **chosen}.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    titles = app.selectbox[0].options
    assert len(titles) > 10
    for title in titles:
        app.selectbox[0].set_value(title).run()
        assert not app.exception, (title, app.exception)
        assert [button for button in app.button if button.label == "Apply"], title


def test_every_operation_is_offered_for_something(model_id: str) -> None:
    offered = set()
    for chosen in (NODE, VALUE, NOTHING):
        app = AppTest.from_function(body, default_timeout=60)
        for name, value in {"model": model_id, **chosen}.items():
            app.query_params[name] = value
        app.run()
        offered.update(title.replace(" ", "").lower() for title in app.selectbox[0].options)
    assert {kind.__name__.lower() for kind in OPERATIONS} == offered


def test_a_part_is_put_back_by_a_form(model_id: str, workspace: Workspace, tmp_path: Path) -> None:
    """Its ends are called the same here, or chosen."""
    [entry] = workspace.models()
    model = model_of(entry)
    part = edited(model, ExtractPart(inputs=("/block1/out",), outputs=("/block2/out",))).model
    part = edited(part, RenameValue(value="/block2/out", name="result")).model
    save(part, tmp_path / "part.onnx")
    service.wait(workspace, service.open_path(workspace, tmp_path / "part.onnx"))
    app = AppTest.from_function(body, default_timeout=60)
    app.query_params["model"] = model_id
    app.run()
    app.selectbox[0].set_value("Put back").run()
    next(each for each in app.selectbox if each.label == "Model").set_value("part.onnx").run()
    assert not app.exception
    ends = {each.label: each for each in app.selectbox}
    next(each for label, each in ends.items() if "result" in label).set_value("/block2/out").run()
    next(button for button in app.button if button.label == "Apply").click().run()
    assert not app.exception
    draft = next(each for each in workspace.models() if each.source)
    assert model_of(draft).graphs[""].producer.keys() == model.graphs[""].producer.keys()
