"""The index of a graph, on sound and on broken ones."""

from collections.abc import Callable, Sequence

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from graphdebug.model.document import Model
from graphdebug.model.index import CALLED_FUNCTION, Graphs, index_graph
from graphdebug.model.refs import child_path, function_path, parent_path
from tests.model.small_models import floats, model_proto


def relu(source: str, target: str, **options: str) -> onnx.NodeProto:
    return helper.make_node("Relu", [source], [target], **options)


def test_who_makes_and_who_uses(opened: Callable[..., Model]) -> None:
    nodes = [
        relu("x", "a", name="first"),
        helper.make_node("Add", ["a", "w"], ["b"]),
        helper.make_node("Split", ["b"], ["c", "", "d"]),
        helper.make_node("Sum", ["a", "", "a"], ["e"]),
    ]
    weight = helper.make_tensor("w", 1, [1], [1.0])
    model = opened(nodes, [floats("x", 1), floats("w", 1)], [floats("c", 1), floats("e", 1)], [weight])
    index = model.graphs[""]
    assert index.names == ["first", "Add_1", "Split_2", "Sum_3"]
    assert index.producer == {"a": 0, "b": 1, "c": 2, "d": 2, "e": 3}
    assert index.consumers == {"x": [(0, 0)], "a": [(1, 0), (3, 0), (3, 2)], "w": [(1, 1)], "b": [(2, 0)]}
    assert (index.inputs, index.defaults, index.outputs) == (["x"], ["w"], ["c", "e"])
    assert list(index.initializers) == ["w"]
    assert [index.is_used(name) for name in ("a", "w", "c", "d")] == [True, True, True, False]
    assert [index.defines(name) for name in ("x", "w", "d", "", "q")] == [True, True, True, False, False]


def nested_model() -> onnx.ModelProto:
    """Return an If whose else branch holds a Loop that uses the main graph's values; the inner ``a`` shadows it."""
    body = model_proto(
        [helper.make_node("Add", ["i", "deep"], ["s"])], [floats("i")], [floats("s"), floats("outer")]
    ).graph
    inner = [helper.make_node("Loop", ["n"], ["l"], body=body)]
    then_branch = model_proto([relu("x", "a"), relu("a", "t")], [], [floats("t")]).graph
    else_branch = model_proto(inner, [], [floats("l")]).graph
    nodes = [
        relu("x", "a"),
        relu("a", "deep"),
        relu("a", "outer"),
        helper.make_node("If", ["c"], ["y"], name="choose", then_branch=then_branch, else_branch=else_branch),
    ]
    return model_proto(nodes, [floats("x"), floats("c"), floats("n")], [floats("y")])


def test_nested_graphs_and_what_they_capture(opened: Callable[..., Model]) -> None:
    model = opened(nested_model())
    assert list(model.graphs) == ["", "3.else_branch", "3.else_branch/0.body", "3.then_branch"]
    index = model.graphs[""]
    assert index.children == {3: [("else_branch", "3.else_branch"), ("then_branch", "3.then_branch")]}
    assert index.captured == {"n": [3], "deep": [3], "outer": [3], "x": [3]}
    assert model.graphs["3.else_branch"].captured == {"deep": [0], "outer": [0]}
    assert model.graphs["3.else_branch"].outer == ["n", "deep", "outer"]
    assert model.graphs["3.else_branch/0.body"].outer == ["deep", "outer"]
    assert model.graphs["3.then_branch"].outer == ["x"]
    assert model.graphs["3.else_branch"].title == "choose · else_branch"


def test_an_order_respects_what_nested_graphs_capture(opened: Callable[..., Model]) -> None:
    proto = nested_model()
    proto.graph.node.insert(0, proto.graph.node.pop(3))
    index = opened(proto).graphs[""]
    assert index.order == [1, 2, 3, 0]
    assert index.stuck == frozenset()


def test_a_call_has_the_function_among_its_children(opened: Callable[..., Model]) -> None:
    body = helper.make_node("If", ["c"], ["b"], then_branch=nested_model().graph)
    functions = [
        helper.make_function("local", "F", ["c"], ["b"], [body], []),
        helper.make_function("local", "F", ["c"], ["b"], [body], [], overload="two"),
        helper.make_function("ai.onnx", "Plain", ["c"], ["b"], [body], []),
    ]
    nodes = [
        helper.make_node("F", ["x"], ["a"], domain="local"),
        helper.make_node("F", ["x"], ["b"], domain="local", overload="two"),
        helper.make_node("Plain", ["x"], ["y"]),
        helper.make_node("F", ["x"], ["d"], domain="elsewhere"),
    ]
    model = opened(nodes, [floats("x")], [floats("y")], functions=functions)
    paths = [function_path("local", "F"), function_path("local", "F", "two"), function_path("ai.onnx", "Plain")]
    assert model.graphs[""].children == {i: [(CALLED_FUNCTION, path)] for i, path in enumerate(paths)}
    assert set(paths) < set(model.graphs)
    assert "fn:local:F:/0.then_branch/3.else_branch/0.body" in set(model.graphs)
    assert model.graphs[paths[0]].inputs == ["c"]
    assert model.graphs[paths[0]].title == "local::F"


def test_there_is_no_graph_at_a_wrong_path(opened: Callable[..., Model]) -> None:
    model = opened(nested_model())
    for path in (
        "0.body",
        "3.nope",
        "99.x",
        "fn:a:b:",
        "fn:a:b:/0.x",
        "/",
        "x",
        "3.else_branch/",
        "3",
        "3.else_branch/7.y",
    ):
        with pytest.raises(KeyError):
            model.graphs[path]
        assert path not in model.graphs


@given(st.lists(st.text(max_size=8), min_size=3, max_size=3), st.integers(0, 99), st.text(max_size=8))
def test_paths_stay_unambiguous_whatever_the_names(names: list[str], node: int, attribute: str) -> None:
    path = function_path(*names)
    assert path.count(":") == 3
    assert parent_path(path) is None
    assert parent_path(child_path(path, node, attribute)) == path
    assert parent_path(child_path("", node, attribute)) == ""


def test_hostile_attribute_and_function_names_have_paths(opened: Callable[..., Model]) -> None:
    inner = model_proto([relu("x", "y")], [], [floats("y")]).graph
    function = helper.make_function(
        "a/b:c", "F%/..", [], ["y"], [helper.make_node("If", [], ["y"], **{"x/y.z": inner})], []
    )
    node = helper.make_node("F%/..", [], ["y"], domain="a/b:c")
    model = opened([node], [], [floats("y")], functions=[function])
    paths = list(model.graphs)
    assert len(paths) == 3
    assert [len(model.graphs[path].nodes) for path in paths] == [1, 1, 1]
    assert model.graphs[paths[2]].names == ["Relu_0"]


def test_broken_graphs_index_fine(opened: Callable[..., Model]) -> None:
    cyclic = [
        helper.make_node("Add", ["x", "c"], ["a"]),
        relu("a", "b"),
        relu("b", "c"),
        relu("x", "free"),
        relu("c", "y"),
    ]
    index = opened(cyclic, [floats("x")], [floats("y")]).graphs[""]
    assert index.order == [3, 0, 1, 2, 4]
    assert index.stuck == {0, 1, 2, 4}
    twice = [relu("x", "a"), relu("a", "a"), relu("a", "a"), relu("nowhere", "b")]
    index = opened(twice, [floats("x"), floats("x")], [floats("a"), floats("a")]).graphs[""]
    assert index.producer == {"a": 0, "b": 3}
    assert index.outer == ["nowhere"]
    assert sorted(index.order) == [0, 1, 2, 3]


@given(st.lists(st.lists(st.integers(0, 11), max_size=3), min_size=1, max_size=12))
def test_an_order_is_topological_whenever_there_is_one(needs: Sequence[Sequence[int]]) -> None:
    """Node i makes value i; compare with the definition: repeatedly take what has all it needs."""
    nodes = [helper.make_node("Op", [str(need) for need in before], [str(i)]) for i, before in enumerate(needs)]
    index = index_graph("", "", model_proto(nodes, [], []).graph, {})
    runnable: set[int] = set()
    while True:
        more = {
            i
            for i, before in enumerate(needs)
            if i not in runnable and all(need in runnable or need >= len(needs) for need in before)
        }
        if not more:
            break
        runnable |= more
    assert index.stuck == set(range(len(needs))) - runnable
    place = {node: position for position, node in enumerate(index.order)}
    assert sorted(place) == list(range(len(needs)))
    for node in runnable:
        assert all(place[need] < place[node] for need in needs[node] if need < len(needs))
    if index.order != list(range(len(needs))):
        assert any(need >= node for node, before in enumerate(needs) for need in before if need < len(needs))


def test_graph_lists_are_numbered() -> None:
    node = onnx.NodeProto(op_type="Many")
    graphs = [model_proto([relu("x", "y")], [], []).graph] * 2
    node.attribute.add(name="bodies", type=onnx.AttributeProto.GRAPHS).graphs.extend(graphs)
    assert list(Graphs(model_proto([node], [], []))) == ["", "0.bodies[0]", "0.bodies[1]"]
