"""What a graph shows: constants are folded, inputs and outputs are items, captured values come in from outside."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.document import Model
from graphdebug.view.contents import contents, is_constant
from tests.view.drawings import model_of


def links(model: Model, graph: str = "") -> set[tuple[str, str, str]]:
    known = contents(model, graph)
    return {
        (known.item_id(tail), known.item_id(head), value)
        for tail, head, value in zip(known.tails.tolist(), known.heads.tolist(), known.values, strict=True)
    }


def test_weights_constants_and_copies_of_them_are_folded_into_their_consumers() -> None:
    nodes = [
        helper.make_node("Identity", ["w"], ["w2"]),
        helper.make_node("Constant", [], ["c"], value_float=2.0),
        helper.make_node("Identity", ["c"], ["c2"]),
        helper.make_node("MatMul", ["x", "w2"], ["m"]),
        helper.make_node("Mul", ["m", "c2"], ["y"]),
    ]
    weight = numpy_helper.from_array(np.zeros((2, 3), np.float32), "w")
    model = model_of(nodes, inputs=["x", "w"], initializers=[weight])  # w is listed as an input too, as in IR 3
    known = contents(model, "")
    assert known.host == {0: 3, 1: 4, 2: 4}
    assert known.inputs == ("x",)
    assert links(model) == {("i:x", "n:3", "x"), ("n:3", "n:4", "m"), ("n:4", "o:y", "y")}


def test_a_constant_that_is_an_output_or_unused_is_drawn() -> None:
    nodes = [
        helper.make_node("Constant", [], ["y"], value_float=1.0),
        helper.make_node("Constant", [], ["unused"], value_float=1.0),
    ]
    model = model_of(nodes, inputs=[])
    assert contents(model, "").host == {}
    assert links(model) == {("n:0", "o:y", "y")}


def if_model() -> Model:
    """An If whose branch uses a value, a weight and a constant from outside, and hands a value through."""
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("b", "h")]
    branch = helper.make_graph(
        [helper.make_node("Sum", ["h", "w", "k"], ["b"]), helper.make_node("Neg", ["nowhere"], ["n"])],
        "branch",
        [],
        outputs,
    )
    nodes = [
        helper.make_node("Relu", ["x"], ["h"]),
        helper.make_node("Constant", [], ["k"], value_float=1.0),
        helper.make_node("If", ["cond"], ["y", "z"], then_branch=branch, else_branch=branch),
    ]
    weight = numpy_helper.from_array(np.zeros(1, np.float32), "w")
    return model_of(nodes, inputs=["x", "cond"], outputs=["y", "z"], initializers=[weight])


def test_captured_values_enter_nested_graphs_as_inputs_and_constants_do_not() -> None:
    model = if_model()
    assert ("n:0", "n:2", "h") in links(model)
    assert contents(model, "").host == {1: 2}
    inside = contents(model, "2.then_branch")
    assert inside.captured == {"h"}
    assert inside.missing == {"nowhere"}
    assert links(model, "2.then_branch") == {
        ("i:h", "n:0", "h"),
        ("n:0", "o:b", "b"),
        ("i:h", "o:h", "h"),
        ("i:nowhere", "n:1", "nowhere"),
    }


def test_what_nothing_makes_is_missing_and_duplicates_do_no_harm() -> None:
    nodes = [helper.make_node("Add", ["ghost", "ghost"], ["y"]), helper.make_node("Relu", ["x"], ["y"])]
    model = model_of(nodes, outputs=["y", "y", "never"])
    known = contents(model, "")
    assert known.missing == {"ghost"}
    assert known.outputs == ("y", "never")
    assert ("i:ghost", "n:0", "ghost") in links(model)


def test_constants_are_found_through_copies_only() -> None:
    nodes = [
        helper.make_node("Identity", ["b"], ["a"]),
        helper.make_node("Identity", ["a"], ["b"]),
        helper.make_node("Constant", [], ["c"], value_int=1),
        helper.make_node("Constant", [], ["d"], domain="com.example", value_int=1),
    ]
    index = model_of(nodes, outputs=["a"]).graphs[""]
    assert [is_constant(index, name) for name in ("a", "c", "d", "x", "nothing")] == [False, True, False, False, False]
