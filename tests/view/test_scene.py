"""Scenes: small ones to the letter, and what must hold for every model there is."""

from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx.backend.test
import pytest
from onnx import TensorProto, helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.records import Finding, Severity
from graphdebug.view.contents import contents
from graphdebug.view.scene import (
    MANY_BOXES,
    RIGHT,
    Kind,
    box_of,
    default_expanded,
    group_nodes,
    neighbourhood,
    reveal,
    scene,
)
from tests.onnx_models import cases
from tests.view.drawings import chain_model, check_scene, model_of
from tests.view.test_contents import if_model


def ids(model: Model, graph: str = "", **options: object) -> list[str]:
    return [box.id for box in scene(model, graph, **options).boxes]  # type: ignore[arg-type]


def two_groups() -> Model:
    return chain_model(["/a/Relu", "/a/Relu_1", "/b/Relu", "/b/Relu_1", "tail"])


def test_a_small_scene_to_the_letter() -> None:
    shown = scene(two_groups(), "", expanded=frozenset({"s:a"}))
    check_scene(shown)
    assert [(b.id, b.kind, b.parent, b.count, b.op, b.label) for b in shown.boxes] == [
        ("i:x", Kind.INPUT, -1, 1, "Input", "x"),
        ("n:4", Kind.NODE, -1, 1, "Relu", "tail"),
        ("s:a", Kind.FRAME, -1, 2, "", "a"),
        ("n:0", Kind.NODE, 2, 1, "Relu", ""),
        ("n:1", Kind.NODE, 2, 1, "Relu", "Relu_1"),
        ("s:b", Kind.GROUP, -1, 2, "", "b"),
        ("o:v5", Kind.OUTPUT, -1, 1, "Output", "v5"),
    ]
    name = [box.id for box in shown.boxes]
    assert {(name[e.tail], name[e.head], e.value, e.label) for e in shown.edges} == {
        ("i:x", "n:0", "x", "float 1×n"),
        ("n:0", "n:1", "v1", ""),
        ("n:1", "s:b", "v2", ""),
        ("s:b", "n:4", "v4", ""),
        ("n:4", "o:v5", "v5", "float 1×n"),
    }
    assert shown.expanded == ("s:a",)
    assert (shown.nodes, shown.flat, shown.direction, shown.trail) == (5, False, "down", ())


def test_a_chain_is_one_straight_line_through_frames() -> None:
    for direction, across in (("down", 0), (RIGHT, 1)):
        shown = scene(two_groups(), "", frozenset({"s:a", "s:b"}), direction=direction)
        check_scene(shown)
        places = {round(float(point[across]), 3) for edge in shown.edges for point in edge.points}
        assert len(places) == 1


def test_flat_has_no_groups_and_unknown_groups_are_ignored() -> None:
    assert ids(two_groups(), flat=True) == ["i:x", "n:0", "n:1", "n:2", "n:3", "n:4", "o:v5"]
    assert ids(two_groups(), expanded=frozenset({"s:nope", "", "n:0"})) == ["i:x", "n:4", "s:a", "s:b", "o:v5"]


def test_values_between_the_same_boxes_are_bundled() -> None:
    nodes = [
        helper.make_node("Split", ["x"], ["p", "q"], name="split"),
        helper.make_node("Sum", ["p", "q", "p"], ["y"], name="sum"),
    ]
    edges = scene(model_of(nodes), "").edges
    assert [(edge.value, edge.count, edge.label) for edge in edges] == [
        ("x", 1, "float 1×n"),
        ("p", 2, "2 values"),
        ("y", 1, "float 1×n"),
    ]


def test_small_graphs_open_whole_and_large_ones_on_a_useful_level() -> None:
    assert default_expanded(two_groups(), "") == {"s:a", "s:b"}
    names = [f"/enc/layer.{i}/part.{j}/Relu{k}" for i in range(30) for j in range(3) for k in range(4)]
    model = chain_model([*names, "/head/a", "/head/b"])
    opened = {group.removeprefix("s:enc/") for group in default_expanded(model, "")}
    first = {f"layer.0/part.{part}" for part in range(3)}
    assert opened == {"s:enc", "s:head", "~x0..359", "layer.0"} | first
    assert len(scene(model, "").boxes) == 24  # 12 nodes, 7 frames, the rest of the row, head's two nodes, both ends
    flat = chain_model([f"node{i}" for i in range(400)])
    assert 12 <= len(scene(flat, "").boxes) <= MANY_BOXES


def test_what_to_expand_to_see_a_box() -> None:
    model = chain_model(["/a/b/x", "/a/b/y", "/a/c/x", "/a/c/y", "/d/x", "/d/y", "z"])
    assert reveal(model, "", "n:0") == {"s:a", "s:a/b"}
    assert reveal(model, "", "s:a/b") == {"s:a"}
    for nothing in ("n:6", "s:a", "i:x", "o:v7", "n:99", "n:-1", "n:²", "n:" + "9" * 5000, "", "s:", "v:x"):
        assert reveal(model, "", nothing) == frozenset()
    assert "n:0" in ids(model, expanded=reveal(model, "", "n:0"))
    assert group_nodes(model, "", "s:a") == (0, 1, 2, 3)
    with pytest.raises(KeyError):
        group_nodes(model, "", "s:nope")


def test_folded_constants_are_seen_at_their_consumer() -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], value_float=2.0, name="/far/Constant"),
        helper.make_node("Mul", ["x", "c"], ["m"], name="/a/Mul"),
        helper.make_node("Neg", ["m"], ["y"], name="/a/Neg"),
    ]
    model = model_of([*nodes, helper.make_node("Neg", ["y"], ["z"])])
    assert box_of(model, "", 0) == "n:1"
    assert reveal(model, "", "n:0") == {"s:a"}
    finding = Finding(Severity.WARNING, "x", "x", node=0)
    assert [b.severity for b in scene(model, "", findings=[finding]).boxes if b.id == "n:1"] == [2]


def test_severities_go_to_the_box_that_shows_the_place() -> None:
    findings = [
        Finding(Severity.INFO, "a", "a", node=0),
        Finding(Severity.ERROR, "b", "b", node=1),
        Finding(Severity.WARNING, "c", "c", tensor="v3"),
        Finding(Severity.ERROR, "d", "d", tensor="x"),
        Finding(Severity.ERROR, "e", "e", graph="0.body", node=4),
        Finding(Severity.ERROR, "f", "f"),
        Finding(Severity.ERROR, "g", "g", node=10**9),
    ]
    model = two_groups()
    collapsed = {box.id: box.severity for box in scene(model, "", frozenset(), findings=findings).boxes}
    assert collapsed == {"i:x": 3, "n:4": 0, "s:a": 3, "s:b": 2, "o:v5": 0}
    opened = {box.id: box.severity for box in scene(model, "", findings=findings).boxes}
    assert (opened["s:a"], opened["n:0"], opened["n:1"], opened["n:2"]) == (0, 1, 3, 2)


def test_nested_graphs_and_functions_are_levels_of_their_own() -> None:
    model = if_model()
    main = scene(model, "")
    assert main.children == {"n:2": ["2.else_branch", "2.then_branch"]}
    inner = scene(model, "2.then_branch")
    check_scene(inner)
    assert inner.trail == ("",)
    assert {box.id: box.chips for box in inner.boxes if box.kind == Kind.INPUT} == {
        "i:h": "captured",
        "i:nowhere": "missing",
    }
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("com.x", "F", ["a"], ["b"], body, [helper.make_opsetid("", 20)])
    called = model_of([helper.make_node("F", ["x"], ["y"], domain="com.x")], functions=[function])
    assert scene(called, "").children == {"n:0": ["fn:com.x:F:"]}
    assert scene(called, "fn:com.x:F:").trail == ("",)
    assert ids(called, "fn:com.x:F:") == ["i:a", "n:0", "o:b"]
    with pytest.raises(KeyError):
        scene(called, "7.body")


def test_cut_edges_become_stubs_that_say_where_they_go() -> None:
    names = [f"n{i}" for i in range(80)]
    nodes = [helper.make_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"], name=n) for i, n in enumerate(names)]
    nodes += [helper.make_node("Add", ["v80", "v2"], ["y"], name="far")]
    shown = scene(model_of(nodes), "", flat=True)
    check_scene(shown)
    stubs = [box for box in shown.boxes if box.kind == Kind.STUB]
    assert [(stub.id, stub.label) for stub in stubs] == [("t:0>n:80", "→ far"), ("t:1>n:1", "← n1")]
    name = [box.id for box in shown.boxes]
    lines = {(name[edge.tail], name[edge.head], edge.value) for edge in shown.edges}
    assert {("n:1", "t:0>n:80", "v2"), ("t:1>n:1", "n:80", "v2")} <= lines
    assert ("n:1", "n:80", "v2") not in lines


def test_the_neighbourhood_of_a_node() -> None:
    model = two_groups()
    assert [box.id for box in neighbourhood(model, "", [2], 0).boxes] == ["n:2"]
    near = neighbourhood(model, "", [0], 1)
    check_scene(near)
    assert [box.id for box in near.boxes] == ["n:0", "n:1", "i:x"]
    assert len(neighbourhood(model, "", [2], 99).boxes) == 7


def test_cycles_self_loops_and_nothing_at_all() -> None:
    loop = [
        helper.make_node("Add", ["x", "b"], ["a"], name="/g/Add"),
        helper.make_node("Neg", ["a"], ["b"], name="/h/Neg"),
        helper.make_node("Neg", ["a"], ["b2"], name="/g/Neg"),
        helper.make_node("Sum", ["b2", "y"], ["y"], name="/h/Sum"),
    ]
    model = model_of(loop)
    for options in ({"flat": True}, {"expanded": frozenset()}, {}, {"direction": RIGHT}):
        shown = scene(model, "", **options)  # type: ignore[arg-type]
        check_scene(shown)
    assert any(edge.tail == edge.head for edge in scene(model, "", flat=True).edges)
    empty = scene(model_of([], inputs=[], outputs=[]), "")
    check_scene(empty)
    assert (empty.boxes, empty.edges) == ([], [])


def test_a_model_that_goes_away_is_forgotten() -> None:
    model = two_groups()
    first = contents(model, "")
    assert contents(model, "") is first
    assert contents(two_groups(), "") is not first


def unlike_models() -> Iterator[Model]:
    """Models of onnx.backend.test, one of each structure: those with the same ops and links are drawn alike."""
    protos = [case.model for case in cases()]
    data = Path(onnx.backend.test.__file__).parent / "data"
    protos += [onnx.load(path, load_external_data=False) for path in sorted(data.rglob("*.onnx"))]
    assert len(protos) > 2000
    seen: set[str] = set()
    for proto in protos:
        nodes = proto.graph.node
        links = [(n.op_type, n.domain, n.input, n.output, [a.name for a in n.attribute]) for n in nodes]
        nested = [a.g for n in nodes for a in n.attribute if a.HasField("g")]
        structure = repr((links, [value.name for value in proto.graph.input], nested, proto.functions))
        if structure not in seen:
            seen.add(structure)
            yield Model(proto, Path("model.onnx"))


def every_way_to_draw(model: Model, graph: str) -> None:
    groups = frozenset(contents(model, graph).groups)
    check_scene(scene(model, graph))
    check_scene(scene(model, graph, flat=True, direction=RIGHT))
    if groups:
        check_scene(scene(model, graph, frozenset()))
        check_scene(scene(model, graph, groups))
        check_scene(scene(model, graph, groups, direction=RIGHT))


@pytest.mark.slow
def test_all_graphs_of_all_models_of_onnx() -> None:
    drawn = 0
    for model in unlike_models():
        for graph in model.graphs:
            every_way_to_draw(model, graph)
            drawn += 1
    assert drawn > 500


def test_all_graphs_of_the_samples(samples: Path) -> None:
    for path in sorted(samples.glob("*.onnx")):
        model = open_model(path)
        for graph in model.graphs:
            every_way_to_draw(model, graph)


HOSTILE = ["<script>alert(1)</script>", "a\0b\n", "\u202e" * 500, "/" * 300, "%,~", '"];}', "\\", "a" * 100_000]


def test_hostile_names_and_sizes_draw() -> None:
    names = [
        "<script>alert(1)</script>",
        "a\0b",
        "\ud800".encode("utf-8", "replace").decode(),
        "\u202e" * 500,
        "/" * 300,
        "%,~",
    ]
    nodes = [
        helper.make_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"], name=name) for i, name in enumerate(names)
    ]
    model = model_of(nodes, outputs=[f"v{len(names)}"])
    huge = model.proto.graph.value_info.add(name="v1")
    huge.type.tensor_type.elem_type = TensorProto.FLOAT
    for _ in range(1000):
        huge.type.tensor_type.shape.dim.add(dim_value=2**62)
    shown = scene(model, "")
    check_scene(shown)
    assert max(box.width for box in shown.boxes if box.kind == Kind.NODE) <= 240
    assert max(len(edge.label) for edge in shown.edges) <= 40
