"""What a cut takes, which sets of values would make up for what it lacks, and how it is said."""

from pathlib import Path

import onnx
import onnx.parser
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from graphdebug.model.cutting import Cut, cut, explain, sufficient
from graphdebug.model.document import Model

LADDER = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[8] x, float[8] z) => (float[8] y)
<float[8] w = {1,1,1,1,1,1,1,1}, float[8] a, float[8] b, float[8] c, float[8] d> {
    a = Relu(x)
    b = Sigmoid(a)
    c = Mul(a, w)
    d = Tanh(c)
    y = Add(b, d)
    side = Neg(z)
}
"""

BODIES = """
<ir_version: 8, opset_import: ["" : 17]>
main (float[8] x, bool go) => (float[8] y)
<float[8] w = {1,1,1,1,1,1,1,1}> {
    one = Constant <value_float = 1.0> ()
    h = Relu(x)
    y = If(go) <
        then_branch = then () => (float[8] t) { p = Mul(h, w) q = Add(p, one) t = Exp(q) },
        else_branch = otherwise () => (float[8] t) { t = Neg(x) }
    >
}
"""


def model(text: str) -> Model:
    return Model(onnx.parser.parse_model(text), Path("m.onnx"))


def of_ladder(starts: str, ends: str) -> Cut:
    return cut(model(LADDER), "", starts.split(), ends.split())


def test_a_part_takes_all_ways_and_says_what_else_it_needs() -> None:
    whole = of_ladder("a", "y")
    assert (whole.nodes, whole.needs, whole.unused, whole.initializers) == ((1, 2, 3, 4), (), (), ("w",))
    one_way = of_ladder("c", "y")
    assert (one_way.nodes, one_way.needs) == ((0, 1, 3, 4), ("x",))
    assert of_ladder("b z", "d").unused == ("b", "z")


def test_without_ends_it_goes_on_to_the_outputs_and_without_starts_back_to_the_inputs() -> None:
    assert of_ladder("c", "").ends == ("y",)
    assert of_ladder("c", "").nodes == of_ladder("c", "y").nodes
    assert (of_ladder("", "d").starts, of_ladder("", "d").nodes) == (("x",), (0, 2, 3))
    assert of_ladder("z", "").ends == ()
    assert of_ladder("", "") == Cut("", (), ())


def test_ends_that_are_special() -> None:
    found = of_ladder("a a x", "a c w c y")
    assert (found.starts, found.ends) == (("a", "x"), ("a", "c", "w", "y"))
    assert (found.passed_ends, found.constant_ends, found.inner_ends) == (("a",), ("w",), ("c",))
    assert found.unused == ("x",)
    assert of_ladder("nowhere", "missing").needs == ("missing",)
    assert of_ladder("w a", "c").initializers == ()


def test_what_a_nested_graph_uses_counts() -> None:
    found = cut(model(BODIES), "", ["h"], ["y"])
    assert (found.nodes, found.needs, found.initializers) == ((0, 2), ("x", "go"), ("w",))


def test_a_part_of_a_body_brings_constants_from_around_it_and_names_what_it_captures() -> None:
    found = cut(model(BODIES), "2.then_branch", ["p"], ["t"])
    assert (found.nodes, found.needs, found.initializers) == ((1, 2), (), ("one",))
    whole = cut(model(BODIES), "2.then_branch", [], ["t"])
    assert (whole.starts, whole.needs, whole.initializers) == ((), ("h",), ("one", "w"))
    assert explain(model(BODIES), whole)[0].endswith("takes 'h' from the graph around it.")
    assert cut(model(BODIES), "2.then_branch", ["h"], ["t"]).needs == ()


def test_what_would_suffice_is_smallest_and_leaves_the_starts_their_use() -> None:
    ladder = model(LADDER)
    assert sufficient(ladder, of_ladder("c", "y"), ladder.types) == (("b",), ("x",))
    assert sufficient(ladder, of_ladder("a", "y"), ladder.types) == ()
    assert sufficient(ladder, of_ladder("z", "d"), ladder.types) == (("c",), ("x",))
    assert sufficient(ladder, of_ladder("c", "c x"), ladder.types) == (("x",),)
    assert sufficient(ladder, of_ladder("nowhere", "missing"), ladder.types) == ()


def test_values_without_a_type_are_named_only_where_nothing_else_would_do() -> None:
    untyped = model(LADDER)
    del untyped.proto.graph.value_info[:]
    assert sufficient(untyped, of_ladder("c", "y"), untyped.types) == (("x",),)
    for entry in untyped.proto.graph.input:
        entry.ClearField("type")
    bare = Model(untyped.proto, untyped.path)
    assert sufficient(bare, of_ladder("c", "y"), bare.types) == (("b",), ("x",))


def test_each_case_is_one_sentence() -> None:
    ladder = model(LADDER)
    assert explain(ladder, of_ladder("a", "y")) == ()
    said = explain(ladder, of_ladder("c z", "c d y w"))
    assert [sentence.split("'")[1] for sentence in said] == ["x", "z", "d", "w", "c"]
    assert "Nothing in the model makes 'missing'" in explain(ladder, of_ladder("a", "missing"))[0]
    assert "'side' is not known" in explain(ladder, cut(ladder, "", ["side"], ["side"]))[-1]
    assert "say where the part ends" in explain(ladder, of_ladder("z", ""))[-1]
    many = helper.make_graph([helper.make_node("Sum", [f"x{at}" for at in range(9)], ["y"])], "g", [], [])
    assert (
        "and 3 more"
        in explain(Model(helper.make_model(many), Path("m")), Cut("", (), (), unused=tuple("abcdefghi")))[0]
    )


@given(st.data())
def test_what_is_said_to_suffice_does_and_no_less_would(data: st.DataObject) -> None:
    names = ["x0", "x1", "x2"]
    nodes = []
    for at in range(data.draw(st.integers(1, 12))):
        taken = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3))
        made = [f"v{at}", f"u{at}"][: data.draw(st.integers(1, 2))]
        nodes.append(helper.make_node("Any", taken, made, domain="test"))
        names += made
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names]
    graph = helper.make_graph(nodes, "g", infos[:3], [], value_info=infos[3:])
    whole = Model(helper.make_model(graph), Path("m.onnx"))
    starts, ends = (data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=3)) for _ in range(2))
    found = cut(whole, "", starts, ends)
    sets = sufficient(whole, found, whole.types)
    assert bool(sets) == bool(found.needs)
    for added in sets:
        assert cut(whole, "", [*starts, *added], ends).needs == ()
        assert not set(added) & set(found.unused)
        for one in added:  # each of them is needed
            assert cut(whole, "", [*starts, *(name for name in added if name != one)], ends).needs
