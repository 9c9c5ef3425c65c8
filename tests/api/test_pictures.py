"""Saving the graph as a file through the route that the graph view asks."""

import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.model.opening import open_job
from graphdebug.model.records import OpenRequest
from graphdebug.workspace.store import Workspace

HEADERS = {"X-Graphdebug": "1"}


@pytest.fixture
def client(workspace: Workspace, samples: Path, tmp_path: Path) -> Iterator[TestClient]:
    (made := tmp_path / "made").mkdir()
    record = open_job(OpenRequest(str(samples / "branching_blocks.onnx")), made, lambda *_: None)
    workspace.add_model("m", record, made, samples / "branching_blocks.onnx")
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501", headers=HEADERS) as client:
        yield client


def test_each_format_comes_as_a_download(client: TestClient) -> None:
    answers = {
        kind: client.post("/graphdebug/models/m/picture", data={"format": kind, "flat": "1"})
        for kind in ("svg", "png", "dot", "json")
    }
    for kind, answer in answers.items():
        assert answer.status_code == 200
        assert f"branching_blocks.{kind}" in answer.headers["content-disposition"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    ET.fromstring(answers["svg"].content)
    assert Image.open(io.BytesIO(answers["png"].content)).size[1] > 300
    assert answers["dot"].text.count("->") == len(json.loads(answers["json"].content)["edges"])


def test_only_what_is_next_to_a_selection(client: TestClient) -> None:
    asked = {"format": "json", "ids": json.dumps(["n:3", "v:unknown"])}
    boxes = {box["id"] for box in client.post("/graphdebug/models/m/picture", data=asked).json()["boxes"]}
    assert "n:3" in boxes and 2 <= len(boxes) <= 4


def test_the_colours_that_are_shown_are_saved_with_their_legend(client: TestClient) -> None:
    overlay = {"title": "Latency", "legend": [["slow", "#ff0000"], ["no time", ""]], "colors": {"#ff0000": ["n:0"]}}
    asked = {"format": "svg", "flat": "1", "theme": "dark", "overlay": json.dumps(overlay)}
    text = client.post("/graphdebug/models/m/picture", data=asked).text
    assert text.count('fill="#ff0000"') == 3  # the box, its strip, the legend
    assert "Latency" in text and ">no time<" in text


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"format": "exe"}, "can be saved as svg, png, dot, json"),
        ({"format": "svg", "ids": "n:1"}, "JSON list"),
        ({"format": "svg", "ids": '["v:x"]'}, "Select nodes or groups first"),
        ({"format": "svg", "graph": "nowhere"}, "no graph at 'nowhere'"),
        ({"format": "svg", "expanded": "s:nowhere"}, "No one group"),
        ({"format": "svg", "theme": "sepia"}, "light or dark"),
        ({"format": "svg", "overlay": "[]"}, "overlay is JSON"),
    ],
)
def test_what_makes_no_sense_is_said(client: TestClient, asked: dict[str, str], said: str) -> None:
    answer = client.post("/graphdebug/models/m/picture", data=asked)
    assert answer.status_code in (400, 422)
    assert said in answer.json()["error"]


def test_no_temporary_file_is_left(client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "made"))
    before = set((tmp_path / "made").iterdir())
    client.post("/graphdebug/models/m/picture", data={"format": "svg"})
    client.post("/graphdebug/models/m/picture", data={"format": "svg", "graph": "nowhere"})
    assert set((tmp_path / "made").iterdir()) == before
