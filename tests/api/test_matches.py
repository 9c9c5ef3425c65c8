"""Two models side by side, as the browser asks for them; names are hostile."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.model.opening import open_job
from graphdebug.model.records import OpenRequest
from graphdebug.workspace.store import Workspace

HOSTILE = "/b/<img src=x>\u202e,%"


def proto(edited: bool) -> onnx.ModelProto:
    """Two scopes of three nodes, then an If; edited: one op is another, also in a branch, a node is new in front."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
    chosen = helper.make_tensor_value_info("chosen", TensorProto.BOOL, [])

    def branch(op: str) -> onnx.GraphProto:
        made = helper.make_tensor_value_info(op, TensorProto.FLOAT, [8])
        return helper.make_graph([helper.make_node(op, ["b2"], [op], f"in_{op}")], op, [], [made])

    nodes, value = list[onnx.NodeProto](), "x"
    for scope in "ab":
        for step in range(3):
            op = "Sigmoid" if edited and (scope, step) == ("b", 1) else "Relu"
            name = HOSTILE if (scope, step) == ("b", 1) else f"/{scope}/step{step}/{op}"
            nodes.append(helper.make_node(op, [value], [f"{scope}{step}"], name))
            value = f"{scope}{step}"
    nodes.append(
        helper.make_node(
            "If", ["chosen"], ["y"], "if", then_branch=branch("Neg"), else_branch=branch("Abs" if edited else "Exp")
        )
    )
    if edited:
        nodes.insert(0, helper.make_node("Tanh", ["x"], ["t"], "new"))
        nodes[1].input[0] = "t"
    return helper.make_model(
        helper.make_graph(nodes, "g", [x, chosen], [y]), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
    )


@pytest.fixture
def client(workspace: Workspace, tmp_path: Path) -> Iterator[TestClient]:
    for name, edited in (("before", False), ("after", True)):
        path, made = tmp_path / f"{name}.onnx", tmp_path / name
        made.mkdir()
        onnx.save(proto(edited), path)
        workspace.add_model(name, open_job(OpenRequest(str(path)), made, lambda share, message: None), made, path)
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501") as client:
        yield client


def ask(client: TestClient, status: int = 200, **query: str) -> Any:
    answer = client.get("/graphdebug/models/before/matches", params={"other": "after", **query})
    assert answer.status_code == status, answer.text
    return answer.json()


def test_it_says_what_differs_and_which_is_which(client: TestClient) -> None:
    found = ask(client)
    assert found["sentence"] == "3 of 8 nodes differ: 2 changed, 1 only right."
    assert found["counts"] == {"changed": 2, "only right": 1}
    assert found["total"] == 3
    assert found["runs"] == [[0, 1, 7]]
    assert found["others"] == [[["i:x"], ["i:x"]], [["i:chosen"], ["i:chosen"]], [["o:y"], ["o:y"]]]
    new, changed, branch = found["differences"]
    assert (new["kind"], new["left"], new["right"], new["ops"]) == ("only right", [], ["n:0"], "Tanh")
    assert (changed["left"], changed["right"], changed["ops"]) == (["n:4"], ["n:5"], "Relu → Sigmoid")
    assert changed["what"] == ["op: Relu → Sigmoid"]
    assert "\u202e" not in changed["name"]
    assert branch["what"] == ["attribute else_branch: graph of Exp → graph of Abs"]


def test_nested_graphs_are_those_of_the_counterpart(client: TestClient) -> None:
    same = ask(client, graph="6.then_branch")
    assert (same["graph"], same["other_graph"], same["total"]) == ("6.then_branch", "7.then_branch", 0)
    other = ask(client, graph="7.else_branch", side="right")
    assert (other["graph"], other["other_graph"]) == ("6.else_branch", "7.else_branch")
    assert [each["ops"] for each in other["differences"]] == ["Exp → Abs"]


def test_several_nodes_that_became_one_are_counted(client: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    def model(ops: list[str]) -> onnx.ModelProto:
        x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
        names = ["x", *(f"v{step}" for step in range(len(ops) - 1)), "y"]
        nodes = [helper.make_node(op, [names[at]], [names[at + 1]], f"n{at}") for at, op in enumerate(ops)]
        return helper.make_model(helper.make_graph(nodes, "g", [x], [y]), ir_version=10)

    for name, ops in (("three", ["Abs", "Abs", "Neg"]), ("one", ["Mish"])):
        path, made = tmp_path / f"{name}.onnx", tmp_path / name
        made.mkdir()
        onnx.save(model(ops), path)
        workspace.add_model(name, open_job(OpenRequest(str(path)), made, lambda share, message: None), made, path)
    found = client.get("/graphdebug/models/three/matches", params={"other": "one"}).json()
    assert [(each["kind"], each["ops"]) for each in found["differences"]] == [("fused", "Abs×2 + Neg → Mish")]
    assert [["n:0", "n:1", "n:2"], ["n:0"]] in found["others"]


def test_what_is_not_there_is_said(client: TestClient) -> None:
    assert "no graph" in ask(client, 404, graph="3.nothing")["error"]
    assert "not in the workspace" in ask(client, 404, other="gone")["error"]
