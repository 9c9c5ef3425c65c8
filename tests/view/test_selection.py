"""What boxes stand for: nodes, and what crosses their border."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from graphdebug.model.document import Model
from graphdebug.view.selection import border, nodes_of


def ladder() -> Model:
    """``x → Relu → a``; ``a → Sigmoid → b`` and ``a · w → c → d`` join in ``y``; ``z`` makes ``side``, not taken."""
    nodes = [
        helper.make_node("Relu", ["x"], ["a"], "/stem/relu"),
        helper.make_node("Sigmoid", ["a"], ["b"], "/left/sigmoid"),
        helper.make_node("Mul", ["a", "w"], ["c"], "/right/mul"),
        helper.make_node("Tanh", ["c"], ["d"], "/right/tanh"),
        helper.make_node("Add", ["b", "d"], ["y"], "/join"),
        helper.make_node("Neg", ["z"], ["side"], "/alone"),
    ]
    x, z, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xzy")
    weights = [numpy_helper.from_array(np.ones(8, np.float32), "w")]
    return Model(helper.make_model(helper.make_graph(nodes, "g", [x, z], [y], weights)), Path("m.onnx"))


def test_boxes_stand_for_nodes() -> None:
    assert nodes_of(ladder(), "", ["s:right", "n:0", "n:99", "n:x", "s:nowhere", "v:a", "i:x"]) == (0, 2, 3)


def test_what_crosses_the_border_of_nodes() -> None:
    index = ladder().graphs[""]
    around = border(index, {2, 3})
    assert (around.entering, around.leaving) == (("a",), ("d",))
    assert border(index, {5}).leaving == ("side",)
    assert border(index, {0, 1, 2, 3, 4}).leaving == ("y",)
    assert border(index, {0, 1}).leaving == ("a", "b")


def test_what_a_nested_graph_uses_counts() -> None:
    out = helper.make_tensor_value_info("t", TensorProto.FLOAT, [8])
    then = helper.make_graph([helper.make_node("Add", ["h", "h"], ["t"])], "then", [], [out])
    other = helper.make_graph([helper.make_node("Neg", ["x"], ["t"])], "else", [], [out])
    nodes = [
        helper.make_node("Relu", ["x"], ["h"]),
        helper.make_node("If", ["go"], ["y"], then_branch=then, else_branch=other),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
    go = helper.make_tensor_value_info("go", TensorProto.BOOL, [])
    index = Model(helper.make_model(helper.make_graph(nodes, "g", [x, go], [y])), Path("m.onnx")).graphs[""]
    assert set(border(index, {1}).entering) == {"go", "h", "x"}
    assert border(index, {0}).leaving == ("h",)
