"""The graph view's routes on models made here: scenes, search, details, weights, and what hostile names do to them."""

import json
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api import graph
from graphdebug.api.routes import routes
from graphdebug.model.opening import open_job
from graphdebug.model.records import OpenRequest
from graphdebug.workspace.store import Workspace

HOSTILE = "<img src=x onerror=alert(1)>\u202e,a%2Fb"


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501") as client:
        yield client


@pytest.fixture
def add(workspace: Workspace, tmp_path: Path) -> Callable[[onnx.ModelProto, str], str]:
    """Take a model into the workspace the way opening it does; returns the address of its routes."""

    def take(model: onnx.ModelProto, name: str) -> str:
        path, made = tmp_path / f"{name}.onnx", tmp_path / f"made-{name}"
        made.mkdir()
        onnx.save(model, path)
        record = open_job(OpenRequest(str(path)), made, lambda share, message: None)
        workspace.add_model(name, record, made, path)
        return f"/graphdebug/models/{name}"

    return take


def model_of(
    nodes: list[onnx.NodeProto], weights: Sequence[onnx.TensorProto] = (), dims: Sequence[Any] = (2, 3)
) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, dims) for name in "xy")
    graph = helper.make_graph(nodes, "g", [x], [y], list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def blocks(count: int, length: int) -> onnx.ModelProto:
    """A chain of ``count`` scopes of ``length`` nodes each, named as exporters name them."""
    nodes, value = [], "x"
    for block in range(count):
        for step in range(length):
            last = block == count - 1 and step == length - 1
            made = "y" if last else f"/layers.{block}/act{step}/Relu_output_0"
            nodes.append(helper.make_node("Relu", [value], [made], f"/layers.{block}/act{step}/Relu"))
            value = made
    return model_of(nodes)


def captured_if() -> onnx.ModelProto:
    """An If whose branches use an outer weight, an outer value and a graph input."""
    cond = numpy_helper.from_array(np.array(True), "cond")
    weight = numpy_helper.from_array(np.ones((2, 3), np.float32), "w")
    out = helper.make_tensor_value_info("b", TensorProto.FLOAT, [2, 3])
    then = helper.make_graph([helper.make_node("Mul", ["h", "w"], ["b"], "inner")], "then", [], [out])
    other = helper.make_graph([helper.make_node("Add", ["h", "x"], ["b"])], "else", [], [out])
    nodes = [
        helper.make_node("Relu", ["x"], ["h"], "outer"),
        helper.make_node("If", ["cond"], ["y"], "choose", then_branch=then, else_branch=other),
    ]
    return model_of(nodes, [cond, weight])


def unpacked(body: bytes) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Read a packed scene as docs/architecture.md describes it."""
    assert body[:4] == b"GDS1"
    (length,) = struct.unpack_from("<I", body, 4)
    header = json.loads(body[8 : 8 + length])
    start = -(-(8 + length) // 8) * 8
    sections = {
        name: np.frombuffer(body, "<" + dtype, count, start + offset)
        for name, (dtype, offset, count) in header["sections"].items()
    }
    return header, sections


def ids(client: TestClient, address: str, **query: str) -> list[str]:
    answer = client.get(f"{address}/scene", params={"graph": "", **query})
    assert answer.status_code == 200, answer.text
    header, sections = unpacked(answer.content)
    return [header["strings"][i] for i in sections["box_id"]]


def test_a_scene_holds_the_visible_boxes(client: TestClient, add: Any) -> None:
    address = add(blocks(3, 4), "blocks")
    assert {"n:0", "n:11", "i:x", "o:y", "s:layers.1"} <= set(ids(client, address))
    collapsed = ids(client, address, expanded="")
    assert sorted(collapsed) == ["i:x", "o:y", "s:layers.0", "s:layers.1", "s:layers.2"]
    one = ids(client, address, expanded="s:layers.1")
    assert {"n:4", "n:7"} <= set(one) and "n:0" not in one
    assert not any(each.startswith("s:") for each in ids(client, address, flat="1"))
    assert set(ids(client, address, expanded="*")) == set(ids(client, address))


@pytest.mark.parametrize("thing", ["n:5", "v:/layers.1/act1/Relu_output_0"])
def test_what_is_to_be_seen_is_revealed(client: TestClient, add: Any, thing: str) -> None:
    shown = ids(client, add(blocks(3, 4), "blocks"), expanded="", reveal=thing)
    assert "n:5" in shown and "n:0" not in shown


def test_the_direction_turns_the_scene(client: TestClient, add: Any) -> None:
    address = add(blocks(2, 10), "blocks")
    sizes = {}
    for direction in ("down", "right"):
        answer = client.get(f"{address}/scene", params={"flat": "1", "direction": direction})
        sizes[direction] = unpacked(answer.content)[0]["meta"]["size"]
    assert sizes["down"][1] > sizes["down"][0]
    assert sizes["right"][0] > sizes["right"][1]


def test_a_scene_is_compressed_and_not_sent_twice(client: TestClient, add: Any) -> None:
    address = f"{add(blocks(3, 4), 'blocks')}/scene"
    packed = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    plain = client.get(address, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content
    again = client.get(address, headers={"If-None-Match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_scene_asked_for_twice_at_once_is_made_once(
    client: TestClient, add: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = add(blocks(4, 3), "twice")
    made, both_ask = list[graph.SceneQuestion](), threading.Event()
    make = graph.packed_scene

    def slow(model: Any, findings: Any, wanted: graph.SceneQuestion) -> bytes:
        made.append(wanted)
        assert both_ask.wait(20)
        return make(model, findings, wanted)

    monkeypatch.setattr(graph, "packed_scene", slow)
    with ThreadPoolExecutor(2) as pool:
        answers = [pool.submit(client.get, f"{address}/scene") for _ in range(2)]
        assert client.get(f"{address}/search?q=relu").status_code == 200  # answered while the scene is being made
        both_ask.set()
        first, second = (answer.result() for answer in answers)
    assert first.content == second.content
    assert len(made) == 1


def test_very_many_groups_are_posted(client: TestClient, add: Any) -> None:
    address = f"{add(blocks(3, 4), 'blocks')}/scene"
    form = {"graph": "", "expanded": ",".join(["s:layers.1", *(f"s:none{i}" for i in range(5000))])}
    assert client.post(address, data=form).status_code == 403
    answer = client.post(address, data=form, headers={"X-Graphdebug": "1"})
    header, _ = unpacked(answer.content)
    assert header["meta"]["expanded"] == ["s:layers.1"]
    assert client.post(address, content=b"a" * (5 << 20), headers={"X-Graphdebug": "1"}).status_code == 413


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("none/scene", 404),
        ("m/scene?graph=9.then_branch", 404),
        ("m/scene?graph=fn:a:b:", 404),
        ("m/scene?graph=../..", 404),
        ("m/scene?graph=0.", 404),
        ("m/scene?direction=up", 400),
        ("m/details?id=n:99", 404),
        ("m/details?id=n:-1", 404),
        ("m/details?id=n:99999999999999999999", 404),
        ("m/details?id=n:²", 404),
        ("m/details?id=v:nowhere", 404),
        ("m/details?id=s:nowhere", 404),
        ("m/details?id=", 404),
        ("m/details?graph=x&id=n:0", 404),
        ("m/search?graph=nowhere&q=a", 404),
        ("m/search?q=a&skip=-1", 400),
        ("m/highlight?graph=nowhere&q=a", 404),
        ("m/highlight?q=from:nobody", 400),
        ("m/initializer?name=nowhere", 404),
        ("m/initializer?name=w&slice=1,x", 400),
    ],
)
def test_errors_are_one_sentence(client: TestClient, add: Any, path: str, status: int) -> None:
    add(captured_if(), "m")
    answer = client.get(f"/graphdebug/models/{path}")
    assert answer.status_code == status
    assert answer.json()["error"].endswith(".")


def test_a_model_that_is_gone_is_said(client: TestClient, add: Any, tmp_path: Path) -> None:
    add(captured_if(), "m")
    for file in [tmp_path / "m.onnx", *(tmp_path / "workspace").rglob("skeleton.onnx")]:
        file.unlink()
    answer = client.get("/graphdebug/models/m/scene")
    assert answer.status_code == 404
    assert "cannot be read" in answer.json()["error"]


def test_search_says_how_to_get_there(client: TestClient, add: Any) -> None:
    address = add(blocks(3, 4), "blocks")
    found = client.get(f"{address}/search", params={"q": "op:relu layers.2"}).json()
    assert found["total"] == 4
    assert found["hits"][0]["groups"] == ["s:layers.2"]
    assert found["suggestions"] == []


def test_a_search_helps_itself(client: TestClient, add: Any) -> None:
    address = f"{add(blocks(3, 20), 'm')}/search"
    nothing = client.get(address, params={"q": ""}).json()
    assert (nothing["total"], nothing["suggestions"][0]["text"]) == (0, "op:")
    assert client.get(address, params={"q": "op:re"}).json()["suggestions"][0]["text"] == "op:Relu"
    wrong = client.get(address, params={"q": "dtype:"})
    assert (wrong.status_code, wrong.json()["total"]) == (200, 0)
    assert wrong.json()["problem"].startswith("Write what to look for after dtype:")
    rest = client.get(address, params={"q": "op:Relu", "skip": "50"}).json()
    assert (rest["total"], [hit["id"] for hit in rest["hits"]]) == (60, [f"n:{node}" for node in range(50, 60)])


def test_a_highlight_names_boxes(client: TestClient, add: Any) -> None:
    found = client.get(f"{add(blocks(3, 4), 'm')}/highlight", params={"q": "from:n:7 hops:2"}).json()
    assert found["title"] == "Downstream of /layers.1/act3/Relu, 2 steps"
    assert found["boxes"] == ["n:7", "n:8", "n:9"]
    assert found["inside"] == {"s:layers.1": 1, "s:layers.2": 2}


def test_details_of_a_node(client: TestClient, add: Any) -> None:
    conv = helper.make_node("Conv", ["x", "w", ""], ["y"], "stem", kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    weight = numpy_helper.from_array(np.zeros((4, 3, 3, 3), np.float32), "w")
    model = model_of([conv], [weight], ["N", 3, 8, 8])
    found = client.get(f"{add(model, 'm')}/details", params={"id": "n:0"}).json()
    assert (found["kind"], found["op"], found["name"]) == ("node", "Conv", "stem")
    assert found["documentation"]["since_version"] == 11
    shown = {each["name"]: (each["text"], each["is_default"]) for each in found["attributes"]}
    assert shown["kernel_shape"] == ("[3, 3]", False)
    assert shown["auto_pad"] == ("NOTSET", True)
    assert [(each["slot"], each["role"], each["presence"]) for each in found["inputs"]] == [
        ("X", "input", "required"),
        ("W", "initializer", "required"),
        ("B", "absent", "optional"),
    ]
    assert [each["presence"] for each in found["documentation"]["attributes"]] == ["optional"] * 6
    assert found["inputs"][1]["type"] == {"dtype": "float", "shape": [4, 3, 3, 3], "kind": "tensor"}
    assert found["inputs"][0]["type"]["shape"] == ["N", 3, 8, 8]
    assert found["outputs"][0]["is_output"]


def test_details_follow_a_value_into_the_graph_around(client: TestClient, add: Any) -> None:
    address = f"{add(captured_if(), 'm')}/details"
    inner = client.get(address, params={"graph": "1.then_branch", "id": "n:0"}).json()
    h, w = inner["inputs"]
    assert (h["role"], h["graph"], h["producer"]["id"]) == ("outer", "", "n:0")
    assert (w["role"], w["graph"]) == ("initializer", "")
    outer = client.get(address, params={"id": "v:h"}).json()["value"]
    assert [each["id"] for each in outer["consumers"]] == ["n:1"]
    choose = client.get(address, params={"id": "n:1"}).json()
    assert sorted(choose["children"]) == [["else_branch", "1.else_branch"], ["then_branch", "1.then_branch"]]


def test_details_of_a_group(client: TestClient, add: Any) -> None:
    found = client.get(f"{add(blocks(3, 4), 'm')}/details", params={"id": "s:layers.1"}).json()
    assert (found["kind"], found["nodes"], found["ops"]) == ("group", 4, [["Relu", 4]])
    assert [each["name"] for each in found["inputs"]] == ["/layers.0/act3/Relu_output_0"]
    assert [each["name"] for each in found["outputs"]] == ["/layers.1/act3/Relu_output_0"]
    assert [each["id"] for each in found["outputs"][0]["consumers"]] == ["n:8"]


def test_names_are_data(client: TestClient, add: Any) -> None:
    nodes = [
        helper.make_node("Relu", ["x"], [HOSTILE], f"/{HOSTILE}/a/Relu"),
        helper.make_node("Custom", [HOSTILE], ["y"], f"/{HOSTILE}/b/Relu", domain=HOSTILE, **{HOSTILE: HOSTILE}),
    ]
    address = add(model_of(nodes), "m")
    found = client.get(f"{address}/details", params={"id": "n:1"})
    assert found.headers["content-type"] == "application/json"
    assert found.json()["inputs"][0]["name"] == HOSTILE
    assert found.json()["attributes"][0] == {"name": HOSTILE, "type": "string", "text": HOSTILE, "is_default": False}
    value = client.get(f"{address}/details", params={"id": f"v:{HOSTILE}"}).json()["value"]
    assert value["producer"]["id"] == "n:0"
    groups = [each for each in ids(client, address) if each.startswith("s:")]
    for group in groups:
        assert client.get(f"{address}/details", params={"id": group}).json()["nodes"] == 2
        assert "n:0" in ids(client, address, expanded=group)


def test_an_initializer_is_measured_and_sliced(client: TestClient, add: Any) -> None:
    values = np.random.default_rng(0).normal(size=(3, 2, 70, 5)).astype(np.float32)
    values[1, 0, 0, 0] = np.nan
    weight = numpy_helper.from_array(values, "w")
    address = f"{add(model_of([helper.make_node('Add', ['x', 'w'], ['y'])], [weight]), 'm')}/initializer"
    found = client.get(address, params={"name": "w", "slice": "1,0"}).json()
    finite = values[np.isfinite(values)].astype(np.float64)
    assert found["statistics"]["nans"] == 1
    assert found["statistics"]["mean"] == pytest.approx(finite.mean())
    assert found["statistics"]["std"] == pytest.approx(finite.std())
    assert sum(found["statistics"]["histogram"]) == values.size - 1
    window = np.array(found["window"], dtype=np.float64)
    assert window.shape == (64, 5)
    assert np.isnan(window[0, 0])
    np.testing.assert_array_equal(window[1:], values[1, 0, 1:64])
    np.testing.assert_allclose(found["first"], values.reshape(-1)[:16])
    far = client.get(address, params={"name": "w", "slice": "99,99,99"}).json()
    assert far["at"] == [2, 1]


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (np.array(7, np.int64), [7]),
        (np.zeros((0, 3), np.float32), []),
        (np.array([True, False]), [True, False]),
        (np.array(["a", "b"], dtype=object), ["a", "b"]),
        (np.array([1 + 2j], np.complex64), ["(1+2j)"]),
    ],
)
def test_any_initializer_can_be_shown(client: TestClient, add: Any, values: Any, first: list[Any]) -> None:
    address = add(model_of([helper.make_node("Relu", ["x"], ["y"])], [numpy_helper.from_array(values, "w")]), "m")
    answer = client.get(f"{address}/initializer", params={"name": "w"})
    assert answer.status_code == 200
    assert answer.json()["first"] == first


def test_an_initializer_that_lies_about_its_place_is_an_error(client: TestClient, add: Any) -> None:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    weight.external_data.add(key="location", value="../../etc/passwd")
    address = add(model_of([helper.make_node("Relu", ["x"], ["y"])], [weight]), "m")
    answer = client.get(f"{address}/initializer", params={"name": "w"})
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_modules_are_served_and_nothing_else(client: TestClient) -> None:
    from graphdebug.api.static import module_path

    address = "/" + module_path("graph_view/js/view.js")
    answer = client.get(address)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get(address.replace("view.js", "scene.js")).status_code == 200
    stale = client.get("/graphdebug/static/0000/graph_view/js/view.js")
    assert stale.headers["cache-control"] == "no-store"
    for name in ("state.py", "graph_view/graph_view.css", "../api/graph.py", "%2e%2e/api/graph.py", "graph_view/js/"):
        assert client.get(address.replace("graph_view/js/view.js", name)).status_code == 404
