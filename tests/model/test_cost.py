"""Multiply-accumulates of whole models: branches, loops, calls of functions."""

from collections.abc import Sequence
from pathlib import Path

import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper

from graphdebug.model.cost import Cost, cost
from graphdebug.model.document import Model
from graphdebug.model.opening import open_job
from graphdebug.model.records import ModelRecord, OpenRequest
from graphdebug.model.shapes import infer_types
from tests.model.small_models import floats, model_proto

X, W = floats("x", 2, 8), floats("w", 8, 8)
FLAG = helper.make_tensor_value_info("flag", TensorProto.BOOL, [])
PRODUCT = 2 * 8 * 8


def counted(proto: onnx.ModelProto, ones: Sequence[str] = ()) -> Cost:
    model = Model(proto, Path("m.onnx"))
    return cost(model, infer_types(model), ones)


def products(count: int, first: str = "x", last: str = "t") -> list[onnx.NodeProto]:
    """Return a chain of products with ``w``."""
    names = [first, *(f"{last}_{step}" for step in range(count - 1)), last]
    return [helper.make_node("MatMul", [names[step], "w"], [names[step + 1]]) for step in range(count)]


def branch(nodes: list[onnx.NodeProto]) -> onnx.GraphProto:
    return helper.make_graph(nodes, "branch", [], [floats("t", 2, 8)])


def test_the_costliest_branch_of_an_if_is_counted() -> None:
    node = helper.make_node("If", ["flag"], ["y"], then_branch=branch(products(1)), else_branch=branch(products(3)))
    proto = model_proto([node, *products(1, "y", "z")], [X, W, FLAG], [floats("z", 2, 8)])
    assert counted(proto) == Cost(macs=4 * PRODUCT, choices=1)


def loop_body(condition: Sequence[onnx.NodeProto], carried: onnx.ValueInfoProto) -> onnx.GraphProto:
    inputs = [
        helper.make_tensor_value_info("step", TensorProto.INT64, []),
        helper.make_tensor_value_info("going", TensorProto.BOOL, []),
        carried,
    ]
    outputs = [helper.make_tensor_value_info("go_on", TensorProto.BOOL, []), floats("t", 2, 8)]
    return helper.make_graph([*condition, *products(1, "c")], "body", inputs, outputs)


def looped(limit: Sequence[onnx.NodeProto], condition: onnx.NodeProto, inputs: Sequence[str]) -> onnx.ModelProto:
    node = helper.make_node("Loop", inputs, ["y"], body=loop_body([condition], floats("c", 2, 8)))
    number = helper.make_tensor_value_info("n", TensorProto.INT64, [])
    return model_proto([*limit, node], [X, W, FLAG, number], [floats("y", 2, 8)])


SEVEN = helper.make_node("Constant", [], ["seven"], value_int=7)
COPIED = helper.make_node("Identity", ["seven"], ["limit"])
TRUE = helper.make_node("Constant", [], ["true"], value=helper.make_tensor("v", TensorProto.BOOL, [], [True]))
PASSED = helper.make_node("Identity", ["going"], ["go_on"])
ALWAYS = helper.make_node("Identity", ["true"], ["go_on"])
DECIDED = helper.make_node("Not", ["going"], ["go_on"])


@pytest.mark.parametrize(
    ("limit", "condition", "inputs", "expected"),
    [
        ([SEVEN], PASSED, ["seven", "", "x"], Cost(7 * PRODUCT)),
        ([SEVEN, COPIED, TRUE], ALWAYS, ["limit", "true", "x"], Cost(7 * PRODUCT)),
        ([SEVEN], DECIDED, ["seven", "", "x"], Cost(PRODUCT, open_loops=1)),
        ([SEVEN], PASSED, ["seven", "flag", "x"], Cost(PRODUCT, open_loops=1)),
        ([], PASSED, ["n", "", "x"], Cost(PRODUCT, open_loops=1)),
        ([], PASSED, ["", "", "x"], Cost(PRODUCT, open_loops=1)),
    ],
)
def test_a_loop_counts_as_often_as_it_surely_runs(
    limit: list[onnx.NodeProto], condition: onnx.NodeProto, inputs: list[str], expected: Cost
) -> None:
    assert counted(looped(limit, condition, inputs)) == expected


@pytest.mark.parametrize(("length", "axis", "expected"), [(5, 0, 5), (5, 1, 5), ("steps", 0, 1)])
def test_a_scan_counts_as_often_as_its_input_is_long(length: int | str, axis: int, expected: int) -> None:
    """The body's inputs have no types of their own: they follow from what is scanned."""
    untyped = [onnx.ValueInfoProto(name=name) for name in ("state", "row")]
    results = [onnx.ValueInfoProto(name=name) for name in ("next", "t")]
    nodes = [helper.make_node("Identity", ["state"], ["next"]), *products(1, "row")]
    body = helper.make_graph(nodes, "body", untyped, results)
    node = helper.make_node("Scan", ["x", "rows"], ["last", "y"], body=body, num_scan_inputs=1, scan_input_axes=[axis])
    rows = floats("rows", *((length, 2, 8) if axis == 0 else (2, length, 8)))
    proto = model_proto([node], [X, W, rows], [floats("last", 2, 8), floats("y", length, 2, 8)])
    assert counted(proto, ("steps",)) == Cost(expected * PRODUCT)


def test_loops_within_loops_multiply() -> None:
    inner = helper.make_node("Loop", ["seven", "", "c"], ["t"], body=renamed_body())
    body = loop_body([PASSED], floats("c", 2, 8))
    del body.node[1:]
    body.node.append(inner)
    node = helper.make_node("Loop", ["seven", "", "x"], ["y"], body=body)
    assert counted(model_proto([SEVEN, node], [X, W], [floats("y", 2, 8)])) == Cost(49 * PRODUCT)


def renamed_body() -> onnx.GraphProto:
    """Return the body of a loop in a loop, whose names are its own."""
    body = loop_body([PASSED], floats("c", 2, 8))
    for names in (field for node in body.node for field in (node.input, node.output)):
        names[:] = [name if name == "w" else f"inner_{name}" for name in names]
    for value in (*body.input, *body.output):
        value.name = f"inner_{value.name}"
    return body


def transposing() -> list[onnx.FunctionProto]:
    """Return Inner, a Gemm that takes ``transA`` from its call, and Outer, which calls it twice."""
    gemm = helper.make_node("Gemm", ["a", "b"], ["c"])
    gemm.attribute.append(AttributeProto(name="transA", ref_attr_name="turned", type=AttributeProto.INT))
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    inner = helper.make_function("local", "Inner", ["a", "b"], ["c"], [gemm], imports, ["turned"])
    calls = [
        helper.make_node("Inner", ["a", "b"], ["once"], domain="local", turned=1),
        helper.make_node("Inner", ["once", "b"], ["c"], domain="local", turned=0),
    ]
    return [inner, helper.make_function("local", "Outer", ["a", "b"], ["c"], calls, imports)]


def test_a_call_counts_its_function_with_the_types_of_the_call() -> None:
    """Outer on [8, n] and [8, 8]: an [n, 8] product of inner length 8, twice; each call has its own n."""
    nodes = [
        helper.make_node("Outer", ["p", "w"], ["y"], domain="local"),
        helper.make_node("Outer", ["q", "w"], ["z"], domain="local"),
    ]
    inputs = [floats("p", 8, 3), floats("q", 8, 50), W]
    proto = model_proto(nodes, inputs, [floats("y", 3, 8), floats("z", 50, 8)], functions=transposing())
    assert counted(proto) == Cost(2 * (3 + 50) * 8 * 8)


def test_functions_that_cannot_be_written_out_are_unknown() -> None:
    endless = helper.make_function(
        "local",
        "F",
        ["x", "w"],
        ["t"],
        [*products(1, last="u"), helper.make_node("F", ["u", "w"], ["t"], domain="local")],
        [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)],
    )
    call = helper.make_node("F", ["x", "w"], ["y"], domain="local")
    assert counted(model_proto([call], [X, W], [floats("y", 2, 8)], functions=[endless])) == Cost(unknown=1)


def test_the_summary_says_how_it_counted(tmp_path: Path) -> None:
    proto = looped([], PASSED, ["n", "", "x"])
    proto.graph.node.extend(products(1, "q", "r"))
    proto.graph.input.append(floats("q", "batch", 8))
    proto.graph.node.append(helper.make_node("MatMul", ["mystery", "w"], ["s"]))
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    record: ModelRecord = open_job(OpenRequest(str(tmp_path / "m.onnx")), tmp_path, lambda share, what: None)
    assert record.summary.macs == PRODUCT + 64
    assert record.summary.macs_at_least
    assert record.summary.macs_notes == (
        "Symbolic dimensions are taken as 1 (batch): longer inputs cost more.",
        "Of 1 loop, one iteration is counted: the file does not say how many there are.",
        "1 node of unknown shape is not counted.",
    )
