"""A user's data of nodes: kept with the model, whatever the files are called."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from graphdebug.model.opening import open_job
from graphdebug.model.records import ModelLocation, OpenRequest
from graphdebug.ui.data_files import data_files, sets_in
from graphdebug.ui.feed_files import keep_below
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry


def upload(name: str, text: str) -> io.BytesIO:
    file = io.BytesIO(text.encode())
    file.name = name
    return file


@pytest.fixture
def entry(samples: Path, tmp_path: Path) -> ModelEntry:
    (made := tmp_path / "made").mkdir()
    record = open_job(OpenRequest(str(samples / "line.onnx")), made, lambda *_: None)
    now, location = datetime.now(UTC), ModelLocation(str(samples / "line.onnx"))
    return ModelEntry(str(tmp_path), "line.onnx", location, tmp_path / "model", True, 0, record, now, now)


def test_files_stay_under_their_content(entry: ModelEntry) -> None:
    assert data_files(entry) == []
    folder = entry.folder / "node_data"
    first = keep_below(folder, upload("a.csv", "node,cost\nn:0,1\n"))  # type: ignore[arg-type]
    again = keep_below(folder, upload("a.csv", "node,cost\nn:0,1\n"))  # type: ignore[arg-type]
    other = keep_below(folder, upload("a.csv", "node,cost\nn:0,2\n"))  # type: ignore[arg-type]
    assert first == again != other
    assert set(data_files(entry)) == {first, other}
    sets, problem = sets_in(entry, first, "")
    assert ([each.title for each in sets], problem) == (["cost"], "")


def test_a_hostile_name_leads_nowhere_else(entry: ModelEntry) -> None:
    folder = entry.folder / "node_data"
    with pytest.raises(WorkspaceError, match="not a plain file name"):
        keep_below(folder, upload("../../../evil.csv", "node,cost\nn:0,1\n"))  # type: ignore[arg-type]
    kept = keep_below(folder, upload("<b>.csv", "node,cost\nnowhere,1\n"))  # type: ignore[arg-type]
    (folder / "not a digest").mkdir()
    (folder / "not a digest" / "x.csv").touch()
    assert data_files(entry) == [kept]
    assert "names no node of this graph" in sets_in(entry, kept, "")[1]
