"""Search: what is found, in which order, and how to get there."""

import gc
import weakref

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.document import Model
from graphdebug.model.records import Finding, Severity, ValueType
from graphdebug.view.completion import complete
from graphdebug.view.query import QueryError
from graphdebug.view.search import LIMIT, highlight, search
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
    assert found("weird:conv") == []
    assert search(net(), "", "weird:conv").problem.startswith("Nothing found: weird: is no filter. There are op, name")
    assert "Did you mean dtype:?" in search(net(), "", "dtpe:float").problem


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


def typed() -> Model:
    """A Conv with a weight, a Cast, a shared weight, two Transposes; types of every tensor."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], "stem", kernel_shape=[3, 3], group=1),
        helper.make_node("Cast", ["c"], ["h"], "to_half", to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["h", "scale"], ["m"], "mul_a"),
        helper.make_node("Add", ["m", "scale"], ["a"], "add_b"),
        helper.make_node("Transpose", ["a"], ["t"], "t1", perm=[0, 2, 3, 1]),
        helper.make_node("Softmax", ["t"], ["y"], "last", axis=-1),
    ]
    weights = [
        numpy_helper.from_array(np.zeros((64, 3, 3, 3), np.float32), "w"),
        numpy_helper.from_array(np.zeros((), np.float16), "scale"),
    ]
    image, half = ("batch", 64, 8, 8), "float16"
    types = {
        "x": ValueType("float", ("batch", 3, 10, 10)),
        "c": ValueType("float", image),
        **{name: ValueType(half, image) for name in ("h", "m", "a")},
        **{name: ValueType(half, ("batch", 8, 8, 64)) for name in ("t", "y")},
    }
    return model_of(nodes, initializers=weights).with_types({"": types})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("op:=Cast|Add", "to_half add_b"),
        ("kind:node -op:Conv -op:Softmax|Add", "to_half mul_a t1"),
        ("dtype:float16 op:t", "to_half t1 last"),
        ("dtype:fp32", "x stem w"),
        ("kind:value dtype:half", "h m a t"),
        ("kind:value shape:?,64,8,8", "c h m a"),
        ("kind:value shape:batch,*,64", "t"),
        ("shape:*,3,3", "w"),
        ("shape:?x8x8x64", "t1 last y"),
        ("shape:scalar", "scale"),
        ("kind:node rank:4 -shape:?,64,*", "t1 last"),
        ("params>1000", "stem"),
        ("params:1 kind:node", "mul_a add_b"),
        ("elements>=1k kind:weight", "w"),
        ("inputs>1", "stem mul_a add_b"),
        ("users>1", "scale"),
        ("attr:axis", "last"),
        ("attr:axis=-1", "last"),
        ("attr:axis=1|-1", "last"),
        ("attr:to>=10", "to_half"),
        ("attr:perm=[0, 2,3,1]", ""),
        ('attr:perm="[0, 2,3,1]"', "t1"),
        ("attr:kernel_shape=3,3", "stem"),
        ("kind:node -attr:group=1", "to_half mul_a add_b t1 last"),
        ("uses:scale", "mul_a add_b"),
        ("uses:stem", "to_half"),
        ("from:mul_a", "mul_a add_b t1 last y"),
        ("from:n:2 hops:1", "mul_a add_b"),
        ("from:n:2 hops<=1", "mul_a add_b"),
        ("to:mul_a", "x stem to_half mul_a"),
        ("from:to_half|t1 hops:1", "to_half mul_a t1 last"),
        ("-from:to_half|stem op:c", ""),
        ("from:to_half to:t1", "to_half mul_a add_b t1"),
        ("from:m to:a", "add_b"),
        ("from:x to:y op:t", "to_half t1 last"),
        ("finding:any", "mul_a add_b stem"),
        ("finding:error", "stem"),
        ("finding:unused-thing", "mul_a add_b"),
        ("scale", "scale"),
    ],
)
def test_filters(text: str, expected: str) -> None:
    findings = (
        Finding(Severity.ERROR, "bad-conv", "It is bad.", node=0),
        Finding(Severity.WARNING, "unused-thing", "It is shared.", tensor="scale"),
        Finding(Severity.ERROR, "elsewhere", "It is bad.", graph="1.body", node=1),
    )
    hits = search(typed(), "", text, findings=findings).hits
    assert sorted(hit.title for hit in hits) == sorted(expected.split())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dtype:floot16", "did you mean float16"),
        ("dtype:int4", "there are float, float16"),
        ("kind:nodes", "node, value, group"),
        ("shape:1,,2", "list of dimensions"),
        ("shape:*,*", "one \\*"),
        ("attr:axes=1", "Did you mean attr:axis"),
        ("from:nobody", "Nothing in this graph is called 'nobody'"),
        ("uses:n:99", "is called"),
        ("hops:2", "from: and to:"),
        ("from:x hops>2", "at most"),
        ("from:x hops:1e999", "at most"),
        ("attr:to>much", "takes a number"),
    ],
)
def test_a_filter_that_cannot_be_is_explained(text: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        search(typed(), "", text)


def test_weights_are_found_and_say_where_they_are_used() -> None:
    [hit] = search(typed(), "", "tensor:scale").hits
    assert (hit.kind, hit.id, hit.choice, hit.subtitle) == (
        "weight",
        "n:2",
        "v:scale",
        "float16 scalar · used by 2 nodes",
    )


def test_hits_can_be_walked_through_in_parts() -> None:
    model = chain_model([f"relu{i}" for i in range(120)])
    parts = [search(model, "", "op:relu", limit=50, skip=skip).hits for skip in (0, 50, 100)]
    assert [hit.id for part in parts for hit in part] == [f"n:{i}" for i in range(120)]


def test_what_can_be_found_does_not_keep_a_model_in_memory() -> None:
    model = chain_model(["a", "b"])
    assert search(model, "", "a").total
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_highlight_counts_what_groups_hold() -> None:
    lit = highlight(net(), "", "op:Relu|Add|ConvTranspose|Conv")
    assert set(lit.boxes) == {"n:1", "n:2", "n:3", "n:4"}
    assert lit.inside == {"s:enc": 3, "s:enc/conv1": 2}
    assert highlight(net(), "", "op:=Constant").boxes == ("n:1",)  # drawn by its user
    assert highlight(net(), "", "").boxes == ()
    both = highlight(net(), "", "name:conv1")
    assert set(both.boxes) == {"n:1", "n:2", "s:enc/conv1"}
    assert both.inside == {"s:enc": 3, "s:enc/conv1": 2}


def test_a_highlight_says_what_it_is_and_marks_the_shortest_way() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "start"),
        helper.make_node("Tanh", ["a"], ["b"], "long1"),
        helper.make_node("Neg", ["b"], ["c"], "long2"),
        helper.make_node("Sum", ["a", "c"], ["y"], "end"),
        helper.make_node("Exp", ["y"], ["z"], "after"),
    ]
    model = model_of(nodes, outputs=["y", "z"])
    lit = highlight(model, "", "from:n:0 to:n:3")
    assert (lit.title, set(lit.boxes), lit.strong) == (
        "From start to end",
        {"n:0", "n:1", "n:2", "n:3"},
        ("n:0", "n:3"),
    )
    assert highlight(model, "", "from:x to:z").strong == ("i:x", "n:0", "n:3", "n:4", "o:z")
    assert highlight(model, "", "from:end to:start").strong == ()
    titles = {text: highlight(model, "", text).title for text in ("to:n:1", "from:n:1 hops:2", "uses:a", "op:=Neg|Exp")}
    assert list(titles.values()) == ["Upstream of long1", "Downstream of long1, 2 steps", "Uses of a", "All Neg or Exp"]
    assert highlight(model, "", "op:neg  relu").title == "op:neg  relu"


def test_what_is_typed_can_be_completed() -> None:
    def texts(text: str) -> list[str]:
        return [each.text for each in complete(typed(), "", text)]

    assert texts("conv dt") == ["conv dtype:"]
    assert texts("so") == ["op:=Softmax"]
    assert texts("-op:c") == ["-op:Cast", "-op:Conv"]
    assert texts("dtype:float") == ["dtype:float16"]
    assert texts("kind:w") == ["kind:weight"]
    assert texts("attr:ax") == ["attr:axis="]
    assert texts("attr:axis=") == ["attr:axis=-1"]
    assert texts("from:mul") == ["from:mul_a"]
    assert texts("finding:w") == ["finding:warning"]
    assert texts("op:Conv ") == []
    assert "op:" in texts("") and "from:" in texts("")


def test_marks_of_the_network_s_code_are_found() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], name="first"),
        helper.make_node("Neg", ["a"], ["y"], name="last"),
    ]
    for node, text in zip(nodes, ("graphdebug.mark: after_norm is relu", "graphdebug.mark: end is neg"), strict=True):
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=text)
    model = model_of(nodes)

    def hits(text: str) -> list[tuple[str, str]]:
        return [(hit.kind, hit.title) for hit in search(model, "", text).hits]

    assert hits("mark:norm") == hits("mark:=After_Norm") == [("node", "first"), ("value", "a")]
    assert hits("mark:end") == [("node", "last"), ("output", "y")]
    assert hits("mark:=norm") == hits("mark:nothing") == []
    assert hits("-mark:end op:relu") == [("node", "first")]
    assert [each.label for each in complete(model, "", "mark:a")] == ["mark:after_norm"]
    assert search(net(), "", "mark:a").total == 0
