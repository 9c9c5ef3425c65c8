"""Uploads over HTTP: streamed, bounded, guarded, and gone without a trace when they fail."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.jobs import service
from graphdebug.workspace import intake
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
