"""Search in all graphs of a model: which come first, how pages go on, where it ends."""

import pytest
from onnx import TensorProto, helper

from graphdebug.model.document import Model
from graphdebug.view import everywhere
from graphdebug.view.everywhere import search_everywhere, searched
from graphdebug.view.query import QueryError
from tests.view.drawings import model_of


def net() -> Model:
    """Two Relus in the main graph, two in a branch, three in a function; only the branch has an Exp."""

    def branch(nodes: list[str]) -> object:
        made = [
            helper.make_node(op, [f"b{i}" if i else "x"], [f"b{i + 1}"], f"inner_{op}_{i}")
            for i, op in enumerate(nodes)
        ]
        value = helper.make_tensor_value_info(f"b{len(nodes)}", TensorProto.FLOAT, None)
        return helper.make_graph(made, "branch", [], [value])

    steps = [helper.make_node("Relu", [f"s{i}"], [f"s{i + 1}"], f"step_{i}") for i in range(3)]
    function = helper.make_function("local", "Steps", ["s0"], ["s3"], steps, [helper.make_opsetid("", 21)])
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "first"),
        helper.make_node(
            "If", ["c"], ["d"], "choice", then_branch=branch(["Relu", "Relu", "Exp"]), else_branch=branch(["Tanh"])
        ),
        helper.make_node("Steps", ["a"], ["e"], "call", domain="local"),
        helper.make_node("Relu", ["e"], ["y"], "last"),
    ]
    return model_of(nodes, inputs=["x", "c"], functions=[function])


def found(model: Model, graph: str, text: str, **more: int) -> list[tuple[str, str]]:
    return [(hit.graph, hit.title) for hit in search_everywhere(model, graph, text, **more).hits]


def test_the_graph_looked_at_comes_first_then_main_nested_functions() -> None:
    model = net()
    then, body = "1.then_branch", list(model.graphs)[-1]
    main = [("", "first"), ("", "last")]
    inner = [(then, "inner_Relu_0"), (then, "inner_Relu_1")]
    steps = [(body, f"step_{i}") for i in range(3)]
    assert found(model, "", "op:Relu") == [*main, *inner, *steps]
    assert found(model, body, "op:Relu") == [*steps, *main, *inner]
    assert search_everywhere(model, then, "op:Relu").total == 7


def test_pages_go_on_across_graphs() -> None:
    model = net()
    everything = found(model, "", "op:Relu")
    pages = [found(model, "", "op:Relu", limit=3, skip=skip) for skip in (0, 3, 6, 9)]
    assert [len(page) for page in pages] == [3, 3, 1, 0]
    assert [hit for page in pages for hit in page] == everything


def test_hits_elsewhere_say_where() -> None:
    model = net()
    hits = search_everywhere(model, "", "op:Relu").hits
    assert hits[0].subtitle == "Relu"
    assert hits[2].subtitle == "in choice · then_branch · Relu"
    assert hits[-1].subtitle == "in local::Steps · Relu"
    [first, *_] = search_everywhere(model, hits[-1].graph, "first op:Relu").hits
    assert first.subtitle == "in main graph · Relu"


def test_a_place_may_be_in_another_graph_and_must_be_in_one() -> None:
    model = net()
    assert found(model, "", "op:Exp from:inner_Relu_1")[0][1] == "inner_Exp_2"
    with pytest.raises(QueryError):
        search_everywhere(model, "", "from:nowhere")


def test_where_it_ends_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = net()
    assert not search_everywhere(model, "", "op:Relu").notice
    monkeypatch.setattr(everywhere, "MOST_GRAPHS", 1)
    assert len(searched(model, "")[0]) == 2
    some = search_everywhere(model, "", "op:Relu")
    assert some.total == 2
    assert some.notice == "This graph and 1 others were searched; open one to search in it."
