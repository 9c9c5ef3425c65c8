"""Search: what is found, in which order, and how to get there."""

from onnx import helper

from graphdebug.model.document import Model
from graphdebug.view.search import LIMIT, search
from tests.view.drawings import chain_model, model_of
from tests.view.test_contents import if_model


def net() -> Model:
    nodes = [
        helper.make_node("Constant", [], ["two"], value_float=2.0, name="/enc/Two"),
        helper.make_node("Conv", ["x", "two"], ["features"], name="/enc/conv1/Conv"),
        helper.make_node("Relu", ["features"], ["r"], name="/enc/conv1/Relu"),
        helper.make_node("Add", ["r", "r"], ["conv"], name="/enc/Add"),
        helper.make_node("ConvTranspose", ["conv", "two"], ["y"], name="/dec/Up"),
    ]
    return model_of(nodes)


def found(text: str) -> list[tuple[str, str]]:
    return [(hit.kind, hit.title) for hit in search(net(), "", text).hits]


def test_exact_matches_come_first_then_beginnings_then_the_rest() -> None:
    assert found("CONV") == [
        ("node", "/enc/conv1/Conv"),  # the op
        ("value", "conv"),
        ("group", "conv1"),
        ("node", "/dec/Up"),  # an op that begins so
        ("node", "/enc/Two"),  # only the scope of its box contains it
        ("node", "/enc/conv1/Relu"),
    ]


def test_words_must_all_match_and_fields_narrow() -> None:
    assert found("relu conv1") == [("node", "/enc/conv1/Relu")]
    assert found("op:conv") == [("node", "/enc/conv1/Conv"), ("node", "/dec/Up")]
    assert found("tensor:feat") == [("value", "features")]
    assert found("scope:enc op:add") == [("node", "/enc/Add")]
    assert found("name:x") == [("input", "x")]
    assert found("y") == [("output", "y")]
    assert found("nothing-like-this") == found("") == found("  ") == []
    assert found("op:") == found("weird:conv") == []


def test_a_hit_tells_what_to_expand_and_where_a_folded_constant_is() -> None:
    [hit] = search(net(), "", "op:Relu").hits
    assert (hit.id, hit.graph, hit.groups, hit.subtitle) == ("n:2", "", ("s:enc/conv1", "s:enc"), "Relu · enc/conv1")
    [hit] = search(net(), "", "op:constant").hits
    assert (hit.id, hit.subtitle) == ("n:1", "Constant · in /enc/conv1/Conv")
    [hit, *_] = search(net(), "", "name:conv1 scope:enc/conv1").hits
    assert (hit.kind, hit.id, hit.groups, hit.subtitle) == ("group", "s:enc/conv1", ("s:enc",), "2 nodes")


def test_hits_are_limited_and_counted() -> None:
    model = chain_model([f"relu{i}" for i in range(200)])
    hits = search(model, "", "op:relu")
    assert (len(hits.hits), hits.total) == (LIMIT, 200)
    assert hits.hits[0].id == "n:0"
    assert len(search(model, "", "relu", limit=3).hits) == 3


def test_nested_graphs_are_searched_by_themselves() -> None:
    model = if_model()
    assert [hit.id for hit in search(model, "2.then_branch", "op:sum").hits] == ["n:0"]
    assert search(model, "", "op:sum").total == 0
