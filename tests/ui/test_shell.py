"""The frame and the pages Open, Reports and Diagnostics, driven without a browser."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from graphdebug.jobs import service
from graphdebug.model.records import OpenRequest, ValueType
from graphdebug.runtime.events import Failure
from graphdebug.ui import words
from graphdebug.workspace.entries import JobState, ModelEntry
from graphdebug.workspace.store import Workspace

MAIN = Path(__file__).resolve().parents[2] / "graphdebug" / "ui" / "main.py"


@pytest.fixture
def app(workspace: Workspace) -> AppTest:
    return AppTest.from_file(str(MAIN), default_timeout=30)


def opened(workspace: Workspace, path: Path) -> ModelEntry:
    job = service.wait(workspace, service.open_path(workspace, path), 60)
    assert job is not None and job.model_id is not None, job
    entry = workspace.model(job.model_id)
    assert entry is not None
    return entry


def texts(app: AppTest) -> str:
    elements = (*app.title, *app.subheader, *app.markdown, *app.caption, *app.error, *app.warning, *app.info)
    return "\n".join(str(element.value) for element in elements)


def page(app: AppTest, name: str) -> AppTest:
    return app.switch_page(str(MAIN.parents[2] / "pages" / f"{name}.py"))


def test_an_empty_workspace_offers_ways_to_open(app: AppTest) -> None:
    app.run()
    assert not app.exception
    assert [title.value for title in app.title] == ["Open a model"]
    assert any("Four blocks" in button.label for button in app.button)


def test_a_link_opens_a_model_in_a_fresh_session(app: AppTest, workspace: Workspace, samples: Path) -> None:
    entry = opened(workspace, samples / "mlp.onnx")
    app.query_params["model"] = entry.id
    app.run()
    assert not app.exception
    assert [title.value for title in app.title] == [words.plain("mlp.onnx")]
    assert {metric.label: metric.value for metric in app.metric}["Nodes"] == str(entry.record.summary.nodes)


def test_a_link_to_a_deleted_model_says_so(app: AppTest) -> None:
    app.query_params["model"] = "gone"
    app.run()
    assert not app.exception
    assert "not in the workspace any more" in texts(app)


def test_a_broken_model_leads_with_its_errors(app: AppTest, workspace: Workspace, samples: Path) -> None:
    entry = opened(workspace, samples / "broken.onnx")
    app.query_params["model"] = entry.id
    app.run()
    assert not app.exception
    first = next(finding for finding in entry.record.findings if finding.severity == "error")
    assert words.plain(first.message) in texts(app)
    assert any(button.label == "Show in graph" for button in app.button)


def test_a_model_that_changed_on_disk_is_pointed_out(
    app: AppTest, workspace: Workspace, samples: Path, tmp_path: Path
) -> None:
    path = tmp_path / "line.onnx"
    path.write_bytes((samples / "line.onnx").read_bytes())
    app.query_params["model"] = opened(workspace, path).id
    path.write_bytes(b"something else")
    app.run()
    assert "changed or moved" in texts(app)


def test_a_workspace_that_cannot_be_made_is_said_in_a_sentence(
    app: AppTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("GRAPHDEBUG_HOME", str(tmp_path / "file" / "home"))
    app.run()
    assert not app.exception
    assert "Opening the workspace at" in app.error[0].value


def test_a_sample_opens_at_a_click(app: AppTest, workspace: Workspace) -> None:
    app.run()
    next(button for button in app.button if button.key == "sample-line.onnx").click().run()
    (job,) = workspace.jobs("open")
    service.wait(workspace, job.id, 60)
    app.run()
    assert not app.exception
    assert [title.value for title in app.title] == [words.plain("line.onnx")]


def test_reports_tell_what_came_of_each_job(app: AppTest, workspace: Workspace) -> None:
    bad = workspace.add_job("run", "c", OpenRequest("m"), title="first")
    workspace.update_job(bad.id, state=JobState.FAILED, failure=Failure("signal", "Ended by SIGFPE.", signal="SIGFPE"))
    good = workspace.add_job("compare", "c", OpenRequest("m"), title="second")
    workspace.update_job(good.id, state=JobState.DONE, summary={"outcome": "match", "sentence": "All tensors match."})
    app.run()
    page(app, "reports").run()
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["result"]) == ["All tensors match.", "Ended by SIGFPE."]
    assert list(table["state"]) == ["✓ done", "✗ failed"]


def test_diagnostics_name_versions_and_backends(app: AppTest) -> None:
    app.run()
    page(app, "diagnostics").run()
    assert not app.exception
    report = app.code[-1].value
    for word in ("Python", "onnxruntime: ", "onnxruntime:provider=cpu: yes", "memory of one worker"):
        assert word in report


def test_a_name_cannot_look_like_another_one() -> None:
    assert words.plain("\u202egnp\u202c x") == "gnp x"


MARKDOWN_SIGNS = set("`*_[]<>#|$~:")


@given(st.text())
def test_foreign_text_never_becomes_markdown(text: str) -> None:
    escaped = words.plain(text)
    assert "\n" not in escaped
    before = ""
    for character in escaped:
        if character in MARKDOWN_SIGNS:
            assert before == "\\"
            before = ""
        else:
            before = "" if before == "\\" else character


def test_shapes_types_and_times() -> None:
    assert words.shape(ValueType("float", ("batch", 3, None))) == "batch × 3 × ?"
    assert words.shape(ValueType("float", ())) == "scalar"
    assert words.shape(ValueType("float", None)) == "unknown rank"
    assert words.dtype(ValueType("float", None, "sequence")) == "sequence of float"
    now = datetime(2026, 1, 2, 12, tzinfo=UTC)
    for seconds, text in {5: "just now", 150: "2 min ago", 7300: "2 h ago"}.items():
        assert words.ago(now - timedelta(seconds=seconds), now) == text


def test_the_samples_catalog_is_complete(samples: Path) -> None:
    entries = msgspec.json.decode((samples / "catalog.json").read_bytes())
    assert all((samples / entry["file"]).is_file() for entry in entries)
