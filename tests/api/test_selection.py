"""What the graph view asks about boxes and cuts, on a model whose names are hostile."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.model.opening import open_job
from graphdebug.model.records import OpenRequest
from graphdebug.workspace.store import Workspace

HOSTILE = '"],<img src=x>\u202e,&ids=%5B%5D'


@pytest.fixture
def client(workspace: Workspace, tmp_path: Path) -> Iterator[TestClient]:
    """A model of two scopes, ``m``; a constant is folded into the node that takes it."""
    nodes = [
        helper.make_node("Relu", ["x"], [HOSTILE], "/a/relu"),
        helper.make_node("Constant", [], ["two"], "/b/two", value=numpy_helper.from_array(np.float32(2))),
        helper.make_node("Mul", [HOSTILE, "two"], ["doubled"], "/b/mul"),
        helper.make_node("Neg", ["doubled"], ["y"], "/b/neg"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
    path, made = tmp_path / "m.onnx", tmp_path / "made"
    made.mkdir()
    graph = helper.make_graph(nodes, "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    workspace.add_model("m", open_job(OpenRequest(str(path)), made, lambda share, message: None), made, path)
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501") as client:
        yield client


def ask(client: TestClient, route: str, status: int = 200, **fields: object) -> Any:
    form = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    headers = {"X-Graphdebug": "1", "Origin": "http://localhost:8501"}
    answer = client.post(f"/graphdebug/models/m/{route}", data=form, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_boxes_tell_their_names_and_what_crosses_their_border(client: TestClient) -> None:
    found = ask(client, "selection", ids=["n:3", "s:b", f"v:{HOSTILE}", "n:77", "n:x"])
    assert found["names"] == ["/b/neg", "b", HOSTILE]
    assert found["entering"] == [HOSTILE, HOSTILE]
    assert found["leaving"] == ["y", HOSTILE]


def test_a_part_says_where_it_is_drawn(client: TestClient) -> None:
    found = ask(client, "part", **{"from": [HOSTILE], "to": ["y"]})
    assert found["nodes"] == [2, 3]  # the constant has no box of its own
    assert found["groups"] == {"s:b": 2}
    assert found["places"]["y"] == ["n:3", "s:b"]
    assert found["places"][HOSTILE][0] == "n:0"
    assert ask(client, "part", **{"from": [], "to": ["x"]})["places"] == {"x": ["i:x", "o:x"]}
    assert ask(client, "part", **{"from": ["two"], "to": []})["places"]["two"] == ["n:2", "s:b"]


def test_a_cut_at_nothing_holds_nothing(client: TestClient) -> None:
    assert ask(client, "part", **{"from": [], "to": []})["nodes"] == []
    assert ask(client, "part", **{"from": [], "to": ["nowhere"]})["nodes"] == []


@pytest.mark.parametrize("ids", ["{", "7", '["a", 7]', '{"a": 1}', "null"])
def test_what_is_no_list_of_names_is_refused(client: TestClient, ids: str) -> None:
    assert "JSON array" in ask(client, "selection", 400, ids=ids)["error"]


def test_what_is_not_there_or_too_long_is_refused(client: TestClient) -> None:
    ask(client, "selection", 404, graph="9.then", ids=["n:0"])
    ask(client, "part", 404, graph="fn:no", **{"from": ["x"]})
    ask(client, "selection", 413, ids=["n:1" * 1_500_000])
    headers = {"Origin": "http://localhost:8501"}
    assert client.post("/graphdebug/models/m/part", data={"to": "[]"}, headers=headers).status_code == 403
