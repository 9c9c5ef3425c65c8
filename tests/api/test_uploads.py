"""Uploads over HTTP: streamed, bounded, guarded, and gone without a trace when they fail."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.jobs import service
from graphdebug.model.document import open_model
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.registry import backend
from graphdebug.workspace import intake
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import Workspace

OURS = {"X-Graphdebug": "1"}


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501", headers=OURS) as client:
        yield client


def begin(client: TestClient) -> str:
    answer = client.post("/graphdebug/uploads")
    assert answer.status_code == 201
    return str(answer.json()["id"])


def stored(workspace: Workspace) -> list[Path]:
    return [path for path in (workspace.root / "quarantine").rglob("*") if path.is_file()]


def test_a_dropped_model_is_opened_and_taken_in(client: TestClient, workspace: Workspace, samples: Path) -> None:
    data = (samples / "mlp.onnx").read_bytes()
    upload = begin(client)
    assert client.put(f"/graphdebug/uploads/{upload}/my%20mlp.onnx", content=data).json() == {"bytes": len(data)}
    job = client.post(f"/graphdebug/uploads/{upload}/open").json()["job"]
    service.wait(workspace, job, 60)
    state = client.get(f"/graphdebug/jobs/{job}").json()
    assert (state["state"], state["failure"]) == ("done", None)
    assert state["model"] == hashlib.sha256(data).hexdigest()[:16]
    entry = workspace.model(state["model"])
    assert entry is not None
    assert (entry.name, entry.record.summary.nodes > 0) == ("my mlp.onnx", True)
    assert client.get(f"/graphdebug/models/{entry.id}/file").content == data
    assert stored(workspace) == []


def split_model(*locations: str) -> bytes:
    """Return a model that adds up one weight of two floats from each file."""
    weights = []
    for number, location in enumerate(locations):
        weight = onnx.TensorProto(name=f"w{number}", data_type=onnx.TensorProto.FLOAT, dims=[2], data_location=1)
        weight.external_data.add(key="location", value=location)
        weights.append(weight)
    x, y = (helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [2]) for name in "xy")
    node = helper.make_node("Sum", ["x", *(weight.name for weight in weights)], ["y"])
    graph = helper.make_graph([node], "g", [x], [y], weights)
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    data: bytes = model.SerializeToString()
    return data


def opened(client: TestClient, workspace: Workspace, files: dict[str, bytes]) -> ModelEntry:
    """Drop files and return the model that came of them."""
    upload = begin(client)
    for name, data in files.items():
        assert client.put(f"/graphdebug/uploads/{upload}/{name}", content=data).status_code == 201
    job = client.post(f"/graphdebug/uploads/{upload}/open").json()["job"]
    service.wait(workspace, job, 60)
    state = client.get(f"/graphdebug/jobs/{job}").json()
    assert (state["state"], state["failure"]) == ("done", None)
    entry = workspace.model(state["model"])
    assert entry is not None
    return entry


def codes(entry: ModelEntry) -> set[str]:
    return {finding.code for finding in entry.record.findings}


def test_loose_files_go_where_the_model_looks_for_them(client: TestClient, workspace: Workspace) -> None:
    """Two files in two folders, and one beside the model."""
    model = split_model("weights/a.bin", "more/deep/b.bin", "c.bin")
    data = {name: np.full(2, value, np.float32).tobytes() for value, name in enumerate(["a.bin", "b.bin", "c.bin"])}
    entry = opened(client, workspace, {"m.onnx": model, **data})
    assert codes(entry) == set()
    assert entry.record.files == ("m.onnx", "weights/a.bin", "more/deep/b.bin", "c.bin")
    folder = Path(entry.location.path).parent
    assert (folder / "weights" / "a.bin").read_bytes() == data["a.bin"]
    assert (folder / "more" / "deep" / "b.bin").read_bytes() == data["b.bin"]
    session = backend("onnxruntime").prepare(open_model(entry.location), Mode.PLAIN)
    assert session.infer({"x": np.ones(2, np.float32)}, ["y"])["y"].tolist() == [4.0, 4.0]


def test_files_of_the_same_name_are_not_guessed_at(client: TestClient, workspace: Workspace) -> None:
    entry = opened(client, workspace, {"m.onnx": split_model("one/w.bin", "two/w.bin"), "w.bin": bytes(8)})
    (found,) = [each for each in entry.record.findings if each.code == "external-data-ambiguous"]
    assert "'one/w.bin', 'two/w.bin'" in found.message
    assert ".zip" in found.message
    assert sorted(path.name for path in Path(entry.location.path).parent.rglob("*")) == ["m.onnx", "w.bin"]


def test_two_dropped_files_of_the_same_name_are_refused(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client)
    assert client.put(f"/graphdebug/uploads/{upload}/w.bin", content=b"1").status_code == 201
    answer = client.put(f"/graphdebug/uploads/{upload}/w.bin", content=b"2")
    assert answer.status_code == 400
    assert "Two files called w.bin" in answer.json()["error"]


@pytest.mark.parametrize(
    "location", ["../a.bin", "/tmp/a.bin", "x/../../a.bin", "C:/a.bin", "m.onnx/a.bin", "x" * 300 + "/a.bin"]
)
def test_no_file_leaves_the_models_folder(client: TestClient, workspace: Workspace, location: str) -> None:
    entry = opened(client, workspace, {"m.onnx": split_model(location), "a.bin": bytes(8)})
    assert codes(entry) & {"external-data-escapes", "external-data-missing"}
    assert sorted(path.name for path in Path(entry.location.path).parent.rglob("*")) == ["a.bin", "m.onnx"]


def test_a_model_opened_in_place_is_left_as_it_is(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(split_model("weights/a.bin"))
    (tmp_path / "a.bin").write_bytes(bytes(8))
    service.wait(workspace, service.open_path(workspace, tmp_path / "m.onnx"), 60)
    assert (tmp_path / "a.bin").is_file()
    assert not (tmp_path / "weights").exists()


def test_a_file_that_is_no_model_gets_one_sentence(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client)
    client.put(f"/graphdebug/uploads/{upload}/picture.onnx", content=b"\x89PNG\r\n\x1a\n" + bytes(100))
    job = client.post(f"/graphdebug/uploads/{upload}/open").json()["job"]
    service.wait(workspace, job, 60)
    state = client.get(f"/graphdebug/jobs/{job}").json()
    assert state["state"] == "failed"
    assert "picture.onnx" in state["failure"]["message"]
    assert "Traceback" not in state["failure"]["message"]
    assert workspace.models() == []
    assert stored(workspace) == []


def test_a_file_over_the_limit_is_refused_by_its_announced_size(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake.Incoming.__init__, "__defaults__", (1000,))
    upload = begin(client)
    answer = client.put(f"/graphdebug/uploads/{upload}/m.onnx", content=bytes(1001))
    assert answer.status_code == 413
    assert "larger than an upload may be" in answer.json()["error"]
    assert stored(workspace) == []


def test_a_file_over_the_limit_is_refused_while_it_streams(
    client: TestClient, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake.Incoming.__init__, "__defaults__", (3_000_000,))
    upload = begin(client)
    chunks = (bytes(500_000) for _ in range(8))  # a generator: no Content-Length
    assert client.put(f"/graphdebug/uploads/{upload}/m.onnx", content=chunks).status_code == 413
    assert stored(workspace) == []


def test_a_connection_that_breaks_off_leaves_nothing(workspace: Workspace, client: TestClient) -> None:
    upload = begin(client)
    parts = [
        {"type": "http.request", "body": bytes(3 << 20), "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[dict[str, object]] = []

    async def receive() -> dict[str, object]:
        return parts.pop(0)

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"/graphdebug/uploads/{upload}/m.onnx",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"x-graphdebug", b"1"), (b"content-length", str(9 << 20).encode())],
    }
    asyncio.run(Starlette(routes=routes())(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 499
    assert stored(workspace) == []


def test_an_upload_can_be_forgotten(client: TestClient, workspace: Workspace) -> None:
    upload = begin(client)
    client.put(f"/graphdebug/uploads/{upload}/m.onnx", content=b"x")
    assert client.delete(f"/graphdebug/uploads/{upload}").status_code == 204
    assert list((workspace.root / "quarantine").iterdir()) == []
    assert client.put(f"/graphdebug/uploads/{upload}/m.onnx", content=b"x").status_code == 404


@pytest.mark.parametrize("name", ["..%2Fx.onnx", "a%2Fb.onnx", "%2Fetc%2Fx", "..", "a%00b", "x%5Cy.onnx", "n" * 300])
def test_a_name_that_is_a_path_is_refused(client: TestClient, workspace: Workspace, name: str) -> None:
    upload = begin(client)
    assert client.put(f"/graphdebug/uploads/{upload}/{name}", content=b"x").status_code in (400, 404, 405)
    assert stored(workspace) == []


@pytest.mark.parametrize("upload", ["..", "1-2-0123456789abcdef", "%2E%2E", "1-2-../../jobs"])
def test_an_upload_that_is_not_there_is_not_found(client: TestClient, upload: str) -> None:
    assert client.put(f"/graphdebug/uploads/{upload}/m.onnx", content=b"x").status_code in (404, 405)
