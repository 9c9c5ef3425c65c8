"""Constants worked out for shape inference, against what onnx says the operators give."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx.backend.test.case.test_case import TestCase

from graphdebug.model.folding import _OPERATORS, LARGEST, evaluate, fold
from graphdebug.model.records import ValueType
from tests.model.small_models import floats, model_proto


def test_every_operator_gives_what_onnx_says(backend_cases: list[TestCase]) -> None:
    """Over onnx's own test cases; what an operator does not give here is left to others, never given wrong."""
    agreed: set[str] = set()
    for case in backend_cases:
        nodes = case.model.graph.node
        if len(nodes) != 1 or (nodes[0].op_type not in _OPERATORS and nodes[0].op_type not in ("Shape", "Size")):
            continue
        for inputs, outputs in case.data_sets:
            if not all(isinstance(value, np.ndarray) for value in (*inputs, *outputs)):
                continue
            names = [info.name for info in case.model.graph.input]
            known = dict(zip(names, inputs, strict=True))
            types = {name: ValueType("float", value.shape) for name, value in known.items()}
            given = evaluate(nodes[0], known, types)
            if given is not None:
                assert given.shape == outputs[0].shape, case.name
                np.testing.assert_allclose(given, outputs[0], rtol=1e-6, err_msg=case.name)
                assert given.dtype == outputs[0].dtype, case.name
                agreed.add(nodes[0].op_type)
    assert agreed >= set(_OPERATORS) - {"Identity", "Cast"}  # onnx has these for other element types only


def test_casting_between_the_types_that_shapes_are_computed_in() -> None:
    known = {"x": np.array([2.7, -2.7, 0.0], np.float32)}
    for to, expected in ((7, [2, -2, 0]), (9, [True, True, False]), (11, np.float64(known["x"]).tolist())):
        result = evaluate(helper.make_node("Cast", ["x"], ["y"], to=to), known, {})
        assert result is not None
        assert result.tolist() == expected


def test_the_expand_pattern_of_pytorch_becomes_a_constant() -> None:
    """Where(Equal(Reshape(target), Mul(ConstantOfShape(rank), -1)), ones, target), as torch.onnx writes expand."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "zero"], ["batch"]),
        helper.make_node("Unsqueeze", ["batch", "axis"], ["batch1"]),
        helper.make_node("Concat", ["batch1", "seven"], ["target"], axis=0),
        helper.make_node("ConstantOfShape", ["two"], ["ones"], value=helper.make_tensor("", 7, [1], [1])),
        helper.make_node("Mul", ["ones", "minus"], ["minuses"]),
        helper.make_node("Equal", ["target", "minuses"], ["open"]),
        helper.make_node("Where", ["open", "ones", "target"], ["dims"]),
        helper.make_node("Expand", ["x", "dims"], ["y"]),
    ]
    constants = {"zero": 0, "axis": [0], "seven": [7], "two": [2], "minus": -1}
    initializers = [numpy_helper.from_array(np.array(value, np.int64), name) for name, value in constants.items()]
    graph = model_proto(nodes, [floats("x", 5, 1)], [floats("y")], initializers).graph
    known: dict[str, np.ndarray] = {}
    assert fold(graph, {"x": ValueType("float", ("n", 1))}, known) == 2  # what does not hang on the batch
    assert fold(graph, {"x": ValueType("float", (5, 1))}, known) == 6
    assert known["dims"].tolist() == [5, 7]
    assert [node.op_type for node in graph.node][-2:] == ["Constant", "Expand"]
    assert fold(graph, {"x": ValueType("float", (5, 1))}, known) == 0


@pytest.mark.parametrize(
    "node",
    [
        helper.make_node("ConstantOfShape", ["huge"], ["y"]),
        helper.make_node("ConstantOfShape", ["minus"], ["y"]),
        helper.make_node("Expand", ["one", "huge"], ["y"]),
        helper.make_node("Range", ["zero", "big", "one"], ["y"]),
        helper.make_node("Range", ["zero", "big", "zero"], ["y"]),
        helper.make_node("Div", ["one", "zero"], ["y"]),
        helper.make_node("Reshape", ["one", "huge"], ["y"]),
        helper.make_node("Concat", ["many"] * 100, ["y"], axis=0),
        helper.make_node("Mul", ["many", "column"], ["y"]),
        helper.make_node("Gather", ["many", "big"], ["y"]),
        helper.make_node("Slice", ["many", "one", "one", "big"], ["y"]),
        helper.make_node("Cast", ["one"], ["y"], to=8),
        helper.make_node("Concat", ["one"], ["y"]),
        helper.make_node("Constant", [], ["y"]),
        helper.make_node("Constant", [], ["y"], value_string="x"),
        helper.make_node("Shape", [], ["y"]),
        helper.make_node("Add", ["one"], ["y"]),
        helper.make_node("Add", ["", "one"], ["y"]),
        helper.make_node("Transpose", ["one"], ["y"], perm="x"),
    ],
)
def test_what_is_too_large_or_wrong_is_left_alone(node: onnx.NodeProto) -> None:
    known = {
        "zero": np.array(0),
        "one": np.array([1]),
        "minus": np.array([-1]),
        "big": np.array(10**15),
        "huge": np.array([10**6, 10**6]),
        "many": np.arange(LARGEST),
        "column": np.arange(LARGEST)[:, None],
    }
    assert evaluate(node, known, {}) is None
