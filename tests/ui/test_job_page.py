"""The frame of Tensors and Compare: a link to a job opens its model, too, and says when the job is gone."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from graphdebug.api import editing
from graphdebug.api.models import model_of
from graphdebug.edit.changing import RenameNode
from graphdebug.jobs import service
from graphdebug.model.records import OpenRequest
from graphdebug.runtime.requests import RunRequest
from graphdebug.ui import state
from graphdebug.workspace.entries import JobState
from graphdebug.workspace.store import Workspace

RUN = "graphdebug.runtime.run:run_job"


def page_app(kind: str) -> None:
    import streamlit as st

    from graphdebug.ui import state
    from graphdebug.ui.job_page import job_page

    state.restore()
    job_page(kind, "What it is for.", lambda entry, job: st.text(f"{entry.id} {job and job.id}"))


@pytest.mark.parametrize(
    ("kind", "parameter", "other"),
    [("run", "run", "compare"), ("compare", "comparison", "run"), ("bench", "benchmark", "run")],
    ids=["run", "compare", "bench"],
)
def test_a_link_to_a_job_opens_it_with_its_model(
    workspace: Workspace, samples: Path, monkeypatch: pytest.MonkeyPatch, kind: str, parameter: str, other: str
) -> None:
    monkeypatch.setattr(state, "_went_back_or_forth", lambda: True)  # every address of this test is gone to
    opened = service.wait(workspace, service.open_path(workspace, samples / "line.onnx"), 60)
    assert opened is not None and opened.model_id is not None
    job = workspace.add_job(kind, "graphdebug.x:y", OpenRequest("m"), model_id=opened.model_id)
    app = AppTest.from_function(page_app, args=(kind,), default_timeout=30)
    app.query_params[parameter] = job.id
    app.run()
    assert not app.exception and not app.warning
    assert [text.value for text in app.text] == [f"{opened.model_id} {job.id}"]
    assert opened.model_id in app.query_params["model"]

    for gone in ("0" * 16, workspace.add_job(other, "graphdebug.x:y", OpenRequest("m")).id):
        app.query_params[parameter] = gone
        app.run()
        assert [text.value for text in app.text] == [f"{opened.model_id} None"]
        assert parameter in app.warning[0].value

    app.query_params.clear()
    app.query_params["model"] = "0" * 16
    app.run()
    assert "What it is for." in app.info[0].value


def test_what_ran_before_an_edit_says_so_until_it_is_undone(workspace: Workspace, samples: Path) -> None:
    opened = service.wait(workspace, service.open_path(workspace, samples / "line.onnx"), 60)
    assert opened is not None and opened.model_id is not None
    source = workspace.model(opened.model_id)
    assert source is not None
    draft = editing.draft_of(workspace, source)
    request = RunRequest(draft.location)
    job = service.wait(workspace, service.submit(workspace, "run", RUN, request, model_id=draft.id), 60)
    assert job is not None and job.failure is None

    def says() -> list[str]:
        app = AppTest.from_function(page_app, args=("run",), default_timeout=30)
        app.query_params["run"] = job.id
        app.run()
        assert not app.exception
        return [info.value for info in app.info]

    assert says() == []
    editing.apply(workspace, draft.id, RenameNode(node=model_of(draft).graphs[""].names[0], name="another"))
    (sentence,) = says()
    assert "edited since" in sentence
    editing.go_to(workspace, draft.id, 0)
    assert says() == []


def follow_app(job_id: str) -> None:
    from graphdebug.ui.job_progress import follow

    follow(job_id)


def bars(app: AppTest) -> list[str]:
    return [element.proto.text for element in app.get("progress")]


def test_a_waiting_job_says_for_what_and_lets_it_be_cancelled(workspace: Workspace) -> None:
    running = workspace.add_job("compare", "graphdebug.x:y", OpenRequest("m"), title="slow_one")
    waiting = workspace.add_job("run", "graphdebug.x:y", OpenRequest("m"), title="next")
    app = AppTest.from_function(follow_app, args=(waiting.id,), default_timeout=30).run()
    assert not app.exception
    assert len(bars(app)) == 1 and "until a place is free" in bars(app)[0]
    workspace.update_job(running.id, state=JobState.RUNNING)
    app.run()
    own, other = bars(app)
    assert "**Waiting** next" in own and "slow\\_one" in own
    assert "**Comparing** slow\\_one" in other
    app.button(key=f"cancel-page-{running.id}").click().run()
    assert workspace.cancel_asked(running.id) and not workspace.cancel_asked(waiting.id)
    app.run()
    assert f"asked process {running.process}" in bars(app)[1]
