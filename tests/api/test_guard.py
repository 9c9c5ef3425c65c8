"""Foreign pages can neither reach the routes by another host name nor change anything through a visitor's browser."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.workspace.store import Workspace


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501") as client:
        yield client


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8501", "127.0.0.1:9", "[::1]:8501", "LOCALHOST", "localhost."]
)
def test_this_machine_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/graphdebug/jobs/none", headers={"Host": host}).status_code == 404


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "", "[", "evil.example:8501", "localhost@evil"],
)
def test_other_host_names_are_not(client: TestClient, host: str) -> None:
    answer = client.get("/graphdebug/jobs/none", headers={"Host": host})
    assert answer.status_code == 403
    assert "does not answer to the host name" in answer.json()["error"]


def test_hosts_can_be_named(workspace: Workspace) -> None:
    with TestClient(Starlette(routes=routes(["gpu.lan", "*.lab.example"]))) as client:
        for host, status in {"gpu.lan": 404, "a.lab.example": 404, "lab.example": 403, "localhost": 403}.items():
            assert client.get("/graphdebug/jobs/none", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Graphdebug": "0"},
        {"X-Graphdebug": "1", "Origin": "http://evil.example"},
        {"X-Graphdebug": "1", "Origin": "null"},
        {"X-Graphdebug": "1", "Origin": "http://localhost:9999"},
        {"X-Graphdebug": "1", "Sec-Fetch-Site": "cross-site"},
        {"X-Graphdebug": "1", "Sec-Fetch-Site": "same-site"},
    ],
)
def test_changes_need_our_header_and_our_origin(client: TestClient, headers: dict[str, str]) -> None:
    assert client.post("/graphdebug/uploads", headers=headers).status_code == 403


@pytest.mark.parametrize("more", [{}, {"Origin": "http://localhost:8501", "Sec-Fetch-Site": "same-origin"}])
def test_our_own_page_may_change(client: TestClient, more: dict[str, str]) -> None:
    assert client.post("/graphdebug/uploads", headers={"X-Graphdebug": "1", **more}).status_code == 201


def test_the_app_can_be_served_below_a_path(workspace: Workspace) -> None:
    with TestClient(Starlette(routes=routes(["*"], "/tools/"))) as client:
        assert client.get("/tools/graphdebug/jobs/none").status_code == 404
        assert client.get("/tools/graphdebug/jobs/none").json()["error"].startswith("This job is not in the workspace")
