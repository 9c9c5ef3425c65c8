"""Which values marks are on, read from what exporters leave behind; tests/bridge reads those of real exports."""

import onnx
import pytest
from onnx import helper

from graphdebug.model.index import Graphs
from graphdebug.model.marks import has_mark, marks, without_mark
from graphdebug.model.refs import TensorRef

RULE = "pkg.onnxscript.rewriter.rule_name"


def node(
    op: str,
    inputs: str,
    outputs: str,
    trace: str = "",
    name: str = "",
    fx: str = "",
    rule: str = "",
    **attributes: object,
) -> onnx.NodeProto:
    made = helper.make_node(op, inputs.split(), outputs.split(), name, **attributes)
    said = {"pkg.torch.onnx.stack_trace": trace, "pkg.torch.onnx.name_scopes": repr(["", fx]) if fx else "", RULE: rule}
    for key, value in said.items():
        if value:
            made.metadata_props.add(key=key, value=value)
    return made


def found(*nodes: onnx.NodeProto, outputs: str = "y") -> dict[str, list[str]]:
    values = [onnx.ValueInfoProto(name=name) for name in outputs.split()]
    graph = helper.make_graph(nodes, "g", [onnx.ValueInfoProto(name="x")], values)
    return {mark: [ref.name for ref in refs] for mark, refs in marks(Graphs(helper.make_model(graph))).items()}


def mark(name: str, operation: str = "op") -> str:
    return f'File "net.py", line 3, in forward\n  y = f(x)\ngraphdebug.mark: {name} is {operation}\n'


def test_the_result_is_what_leaves_the_nodes_of_one_operation() -> None:
    nodes = [
        node("Constant", "", "shape", mark("m"), value_ints=[1]),
        node("Reshape", "x shape", "a", mark("m")),
        node("Relu", "a", "b", mark("m")),
        node("Reshape", "b shape", "y"),
    ]
    assert found(*nodes) == {"m": ["b"]}
    assert has_mark(nodes[1]) and not has_mark(nodes[3])
    assert found(node("Relu", "x", "y", mark("m"))) == {"m": ["y"]}


def test_of_several_that_leave_the_one_that_is_called_as_the_operation() -> None:
    nodes = [
        node("Shape", "x", "val_0", mark("m"), fx="add"),
        node("Add", "x x", "add", mark("m"), fx="add"),
        node("Reshape", "add val_0", "y"),
    ]
    assert found(*nodes) == {"m": ["add"]}
    nodes[1].output[0] = nodes[2].input[0] = "renamed"
    assert found(*nodes) == {"m": ["val_0", "renamed"]}


def test_a_merged_node_need_not_make_what_was_marked() -> None:
    gemm = node("Gemm", "x x", "add", mark("m", "matmul"), fx="matmul", rule="MatMulAddToGemm")
    assert found(gemm, node("Relu", "add", "y")) == {"m": []}
    convolution = node("Conv", "x x", "bn", mark("m", "batch_norm_1"), fx="other", rule="FuseBatchNormIntoConv")
    assert found(convolution, node("Relu", "bn", "y")) == {"m": ["bn"]}
    same = node("Conv", "x x", "conv2d", mark("m", "conv2d"), fx="conv2d", rule="RemoveOptionalBiasFromConv")
    assert found(same, node("Relu", "conv2d", "y")) == {"m": ["conv2d"]}


def test_one_of_several_outputs() -> None:
    def top(name: str, outputs: str, which: int) -> dict[str, list[str]]:
        return found(node("TopK", "x x", outputs, mark("m", f"topk[{which}]"), name), node("Relu", "i", "y"))

    assert top("node_topk__1", "v i", 1) == {"m": ["i"]}
    assert top("node_topk__1", "i", 1) == {"m": []}  # the indices are not made any more, these are the values
    assert top("node_topk__1", "i", 0) == {"m": ["i"]}
    parts = [node("Squeeze", "x", f"p{at}", mark("m", "unbind[1]"), f"node_unbind__{at}") for at in (0, 1)]
    assert found(*parts, node("Add", "p0 p1", "y")) == {"m": ["p1"]}
    assert found(node("ReduceMax", "x", "y", mark("m", "max_1[1]"), "node_max_1__0")) == {"m": []}


def test_names_of_traced_exports_also_where_the_identity_went() -> None:
    named = "/a/graphdebug.mark.after.a-1/Identity"
    assert found(node("Identity", "x", "y", name=named)) == {"after.a-1": ["y"]}
    assert found(node("Add", "x x", f"{named}_2_output_0"), node("Relu", f"{named}_2_output_0", "y")) == {
        "after.a-1": [f"{named}_2_output_0"]
    }
    assert found(node("Relu", "x", "y", name=named)) == {}
    assert without_mark(("a", "graphdebug.mark.after")) == ("a",) == without_mark(("a",))


def test_nested_graphs_and_several_at_once() -> None:
    body = helper.make_graph([node("Relu", "x", "r", mark("in"))], "b", [], [onnx.ValueInfoProto(name="r")])
    choose = node("If", "c", "y", then_branch=body, else_branch=body)
    model = helper.make_model(helper.make_graph([choose], "g", [], [onnx.ValueInfoProto(name="y")]))
    assert set(marks(Graphs(model))["in"]) == {TensorRef("0.then_branch", "r"), TensorRef("0.else_branch", "r")}
    twice = mark("one") + "graphdebug.mark: two is op\n"
    assert found(node("Relu", "x", "y", twice)) == {"one": ["y"], "two": ["y"]}


@pytest.mark.parametrize(
    "trace",
    [
        "graphdebug.mark",
        "graphdebug.mark: a b is op",
        "graphdebug.mark: m is op[99999999999999]",
        "graphdebug.mark: m is ",
        " graphdebug.mark: m is op",
        "graphdebug.mark: " + "m" * 100_000,
    ],
)
def test_hostile_traces_are_no_marks(trace: str) -> None:
    assert found(node("Relu", "x", "y", trace)) == {}
    assert found(node("Identity", "x", "", name="graphdebug.mark.m/Identity")) == {}
