"""What a comparison's form offers can be told apart, and recorded tensors bring the inputs that they were made from."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from graphdebug.jobs import service
from graphdebug.model.records import ModelLocation
from graphdebug.runtime import trust
from graphdebug.runtime.requests import RunRequest
from graphdebug.ui.compare_setup import distinct
from graphdebug.workspace.entries import JobState
from graphdebug.workspace.store import Workspace

RUN = "graphdebug.runtime.run:run_job"


def test_entries_of_one_name_get_labels_of_their_own() -> None:
    noon, later = datetime(2026, 1, 1, 12, tzinfo=UTC), datetime(2026, 1, 1, 12, 0, 1, tzinfo=UTC)
    labels = distinct({"1": ("a", noon), "2": ("b", noon), "3": ("b", later), "4": ("c", noon), "5": ("c", noon)})
    assert labels["1"] == "a"
    assert len(set(labels.values())) == 5
    assert all(labels[key].startswith(name) for key, name in {"2": "b, ", "3": "b, ", "4": "c, ", "5": "c, "}.items())


def form_app(model_id: str, run: str) -> None:
    import streamlit as st

    from graphdebug.ui import state
    from graphdebug.ui.compare_setup import compare_setup

    entry = state.workspace().model(model_id)
    assert entry is not None
    if run and "compare:start" not in st.session_state:
        st.session_state["compare:with-run"] = run
    compare_setup(entry)


@pytest.fixture
def opened(workspace: Workspace, samples: Path) -> str:
    job = service.wait(workspace, service.open_path(workspace, samples / "line.onnx"))
    assert job is not None
    assert job.model_id is not None
    return job.model_id


def test_a_saved_run_is_compared_with_another_one(workspace: Workspace, samples: Path, opened: str) -> None:
    request = RunRequest(ModelLocation(str(samples / "line.onnx")))
    runs = [service.submit(workspace, "run", RUN, request, model_id=opened, title="a run") for _ in range(2)]
    for run in runs:
        job = service.wait(workspace, run)
        assert job is not None
        assert job.state is JobState.DONE
    app = AppTest.from_function(form_app, args=(opened, runs[0]), default_timeout=30).run()
    assert not app.exception
    chosen = [box.value for box in app.selectbox if box.label == "Run"]
    assert chosen == runs
    app.run()
    assert [box.value for box in app.selectbox if box.label == "Run"] == runs, "labels that do not change with time"
    assert not app.warning
    next(box for box in app.selectbox if box.label == "Candidate").select("model").run()
    assert "The other side is fed with the same inputs." in [caption.value for caption in app.caption]


def test_an_archive_is_a_side(workspace: Workspace, opened: str, tmp_path: Path) -> None:
    app = AppTest.from_function(form_app, args=(opened, ""), default_timeout=30).run()
    next(box for box in app.selectbox if box.label == "Reference").select("file").run()
    assert not app.exception
    assert app.button[-1].disabled  # no file yet
    np.savez(tmp_path / "out.npz", y=np.zeros(2, np.float32))
    app.file_uploader[0].set_value(("out.npz", (tmp_path / "out.npz").read_bytes(), "application/zip")).run()
    assert not app.exception
    assert not app.button[-1].disabled


def test_where_code_is_not_allowed_the_form_of_pytorch_says_so(
    workspace: Workspace, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(trust.VARIABLE, "0")
    app = AppTest.from_function(form_app, args=(opened, ""), default_timeout=30).run()
    next(button for button in app.button if button.label == "PyTorch vs ONNX Runtime").click().run()
    assert not app.exception
    assert any("graphdebug serve --allow-code" in caption.value for caption in app.caption)
    assert all(field.disabled for field in app.text_input if field.label in ("Module", "Folder"))
    assert app.button[-1].disabled
    next(box for box in app.checkbox if box.label == "Convert this model").check().run()
    assert not app.button[-1].disabled, "the converter runs no code that is named here"


def test_the_form_of_pytorch_asks_for_a_network(
    workspace: Workspace, opened: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(trust.VARIABLE, "1")
    app = AppTest.from_function(form_app, args=(opened, ""), default_timeout=30).run()
    next(button for button in app.button if button.label == "PyTorch vs ONNX Runtime").click().run()
    assert any("needs to know what to run" in caption.value for caption in app.caption)
    assert app.button[-1].disabled
    next(field for field in app.text_input if field.label == "Module").input("networks:small").run()
    assert not app.exception
    assert not app.button[-1].disabled
    written = '{"size": 6, "bias": false}'
    next(field for field in app.text_input if field.label == "Arguments").input(written).run()
    assert any(f"torch:module=networks:small,args={written}" in caption.value for caption in app.caption)
    next(field for field in app.text_input if field.label == "Folder").input("/a,device=cuda").run()
    assert any("No comma may stand before" in caption.value for caption in app.caption)
