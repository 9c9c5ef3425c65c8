"""Each rule has a model that provokes it; its remedy, where there is one, ends it and leaves the numbers alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.deploy.check import check
from graphdebug.deploy.remedies import operations
from graphdebug.deploy.targets import parse_target
from graphdebug.edit.operation import edited
from graphdebug.model.document import Model
from graphdebug.model.records import Severity
from graphdebug.model.shapes import infer_types

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
value = helper.make_tensor_value_info


def made(nodes, inputs, outputs, constants=(), opset=17, ir=8, functions=(), domains=()):
    graph = helper.make_graph(nodes, "g", inputs, outputs, [numpy_helper.from_array(a, n) for n, a in constants])
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, ir_version=ir, opset_imports=imports, functions=functions)


def node(op, inputs, outputs, name="it", **attributes):
    return helper.make_node(op, inputs, outputs, name, **attributes)


def one(op, dtype=FLOAT, shape=(2, 3), opset=17, ir=8, out=None, **attributes):
    """Return a model of one node with one input."""
    inputs, outputs = [value("x", dtype, shape)], [value("y", out or dtype, None)]
    return made([node(op, ["x"], ["y"], **attributes)], inputs, outputs, opset=opset, ir=ir)


def sum_of_squares():
    body = [helper.make_node("Mul", ["a", "a"], ["b"])]
    function = helper.make_function("acme", "Square", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    call = node("Square", ["x"], ["y"], domain="acme")
    return made(
        [call], [value("x", FLOAT, (2, 3))], [value("y", FLOAT, (2, 3))], functions=[function], domains=["acme"]
    )


def computed_axes():
    nodes = [node("Neg", ["minus"], ["axes"], "neg"), node("Unsqueeze", ["x", "axes"], ["y"])]
    return made(nodes, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, None)], [("minus", np.array([-1]))])


def unnamed():
    nodes = [node("Relu", ["x"], ["a"], ""), node("Neg", ["a"], ["y"], "")]
    return made(nodes, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, (2, 3))])


def twins():
    nodes = [node("Relu", ["x"], ["a"]), node("Neg", ["a"], ["y"])]
    return made(nodes, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, (2, 3))])


def large_constant():
    stored = numpy_helper.from_array(np.ones((600, 500), np.float32))
    nodes = [helper.make_node("Constant", [], ["c"], "const", value=stored), node("MatMul", ["x", "c"], ["y"])]
    return made(nodes, [value("x", FLOAT, (2, 600))], [value("y", FLOAT, (2, 500))])


def gathered(index):
    nodes = [node("Gather", ["x", "i"], ["y"])]
    return made(nodes, [value("x", FLOAT, (2, 3))], [value("y", FLOAT, None)], [("i", np.array([index]))])


def zero_point():
    constants = [("s", np.array(0.1, np.float32)), ("z", np.array(3, np.int8))]
    nodes = [node("QuantizeLinear", ["x", "s", "z"], ["y"])]
    return made(nodes, [value("x", FLOAT, (2, 3))], [value("y", TensorProto.INT8, (2, 3))], constants)


def pooled():
    nodes = [node("MaxPool", ["x"], ["y", "i"], kernel_shape=[2, 2])]
    outputs = [value("y", FLOAT, None), value("i", INT64, None)]
    return made(nodes, [value("x", FLOAT, (1, 1, 4, 4))], outputs)


def custom():
    nodes = [node("Fuse", ["x"], ["y"], domain="acme")]
    return made(nodes, [value("x", FLOAT, (2,))], [value("y", FLOAT, (2,))], domains=["acme"])


def branches():
    arms = [
        helper.make_graph([helper.make_node(op, ["x"], [op])], op, [], [value(op, FLOAT, (2,))])
        for op in ("Abs", "Neg")
    ]
    nodes = [node("If", ["c"], ["y"], then_branch=arms[0], else_branch=arms[1])]
    return made(nodes, [value("c", TensorProto.BOOL, ()), value("x", FLOAT, (2,))], [value("y", FLOAT, (2,))])


def double_weight():
    nodes = [node("Add", ["x", "w"], ["y"])]
    inputs, outputs = [value("x", TensorProto.DOUBLE, (2,))], [value("y", TensorProto.DOUBLE, (2,))]
    return made(nodes, inputs, outputs, [("w", np.ones(2))])


ORT, OLD_ORT, CUDA = "onnxruntime:version=1.31", "onnxruntime:version=1.17", "onnxruntime:version=1.17,provider=cuda"
TRT8, TRT10, TRT11 = "tensorrt:version=8.6", "tensorrt:version=10.15", "tensorrt:version=11.5"
HALF11 = f"{TRT11},precision=fp16"

CASES = [
    ("opset-too-new", lambda: one("Relu", opset=21), OLD_ORT, True),
    ("opset-too-new", lambda: one("Relu", opset=18), TRT8, True),
    ("opset-too-old", lambda: one("Relu", opset=8), TRT10, True),
    ("opset-not-known", lambda: one("Relu", opset=20), "tensorrt:version=10.9", True),
    ("ir-too-new", lambda: one("Relu", ir=10), OLD_ORT, True),
    ("function-call", sum_of_squares, TRT8, True),
    ("input-not-constant", computed_axes, TRT10, True),
    ("unnamed-node", unnamed, ORT, True),
    ("large-constant", large_constant, ORT, True),
    ("precision-not-in-file", lambda: one("Sigmoid"), HALF11, True),
    ("precision-not-in-file", lambda: one("Relu"), f"{TRT11},precision=int8", False),
    ("precision-unsupported", lambda: one("Relu"), f"{TRT8},precision=bf16", False),
    ("duplicate-node-name", twins, ORT, False),
    ("operator-unsupported", lambda: one("Det", shape=(3, 3)), TRT10, False),
    ("operator-not-known", lambda: one("IsInf", out=TensorProto.BOOL), TRT8, False),
    ("operator-unsupported", lambda: one("NotThere"), ORT, False),
    ("type-unsupported", lambda: one("Ceil", TensorProto.INT32), ORT, False),
    ("type-unsupported", lambda: one("Identity", TensorProto.STRING), TRT10, False),
    ("type-unsupported", lambda: one("Identity", TensorProto.BFLOAT16), TRT8, False),
    ("type-not-listed", lambda: one("Sigmoid", INT64), TRT10, False),
    ("float16-in-float32", lambda: one("Sinh", TensorProto.FLOAT16), ORT, False),
    ("custom-operator", custom, ORT, False),
    ("plugin-needed", custom, TRT10, False),
    ("runs-on-cpu", lambda: one("Det", shape=(3, 3)), CUDA, False),
    ("runs-beside-tensorrt", lambda: one("Det", shape=(3, 3)), "onnxruntime:version=1.20,provider=tensorrt", False),
    ("provider-not-known", lambda: one("Relu"), "onnxruntime:version=1.20,provider=openvino", False),
    ("release-not-known", lambda: one("Relu"), "onnxruntime:version=1.99", False),
    ("int64-narrowed", lambda: gathered(1), TRT8, False),
    ("int64-clamped", lambda: gathered(1 << 40), TRT8, False),
    ("double-narrowed", double_weight, TRT10, False),
    ("use-unsupported", zero_point, TRT10, False),
    ("use-unsupported", pooled, TRT10, False),
    ("control-flow", branches, TRT10, False),
    ("profile-needed", lambda: one("Relu", shape=("batch", 3)), TRT10, False),
    ("rank-not-known", lambda: one("Relu", shape=None), TRT10, False),
    ("too-many-dims", lambda: one("Relu", shape=(1,) * 9), TRT10, False),
    ("data-dependent-shape", lambda: one("NonZero", out=INT64), TRT10, False),
]


def opened(proto: onnx.ModelProto, folder: Path) -> Model:
    path = folder / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    values = folder / "values"
    values.mkdir(exist_ok=True)
    model = Model(proto, path, values=values)
    return model.with_types(infer_types(model))


def ran(proto: onnx.ModelProto) -> list[np.ndarray]:
    session = ort.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    feeds = {}
    for each in session.get_inputs():
        shape = [dim if isinstance(dim, int) else 2 for dim in each.shape]
        feeds[each.name] = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    return session.run(None, feeds)


@pytest.mark.parametrize(("rule", "make", "target", "helps"), CASES, ids=[f"{c[0]}-{c[2]}" for c in CASES])
def test_a_rule_is_provoked_and_its_remedy_ends_it(
    rule: str, make: Callable[[], onnx.ModelProto], target: str, helps: bool, tmp_path: Path
) -> None:
    proto = make()
    model = opened(proto, tmp_path)
    found = [each for each in check(model, parse_target(target)).findings if each.rule == rule]
    assert found, [each.rule for each in check(model, parse_target(target)).findings]
    assert any(each.remedy for each in found) is helps
    if not helps:
        return
    after = edited(model, *operations(found)).model
    after = after.with_types(infer_types(after))
    assert not [each for each in check(after, parse_target(target)).findings if each.rule == rule]
    tolerance = 2e-3 if rule == "precision-not-in-file" else 0
    for left, right in zip(ran(proto), ran(after.proto), strict=True):
        np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("target", [ORT, OLD_ORT, TRT8, TRT10, TRT11])
def test_a_plain_model_has_nothing_in_its_way(target: str, tmp_path: Path) -> None:
    found = check(opened(one("Relu", opset=13), tmp_path), parse_target(target)).findings
    assert [each for each in found if each.severity is not Severity.INFO] == []


def test_remedies_of_many_unnamed_nodes_hold_together(tmp_path: Path) -> None:
    """The name of an unnamed node counts positions: what moves them comes last."""
    stored = [numpy_helper.from_array(np.full((600, 500), at, np.float32)) for at in range(3)]
    nodes = [helper.make_node("Constant", [], [f"c{at}"], value=tensor) for at, tensor in enumerate(stored)]
    nodes.append(helper.make_node("Sum", ["x", "c0", "c1", "c2"], ["y"]))
    model = opened(made(nodes, [value("x", FLOAT, (600, 500))], [value("y", FLOAT, (600, 500))]), tmp_path)
    found = [each for each in check(model, parse_target(ORT)).findings if each.rule == "large-constant"]
    assert len(found) == 3
    after = edited(model, *operations(found)).model
    assert [each.op_type for each in after.proto.graph.node] == ["Sum"]
    np.testing.assert_array_equal(ran(model.proto)[0], ran(after.proto)[0])


def test_hostile_names_stay_words(tmp_path: Path) -> None:
    evil = "<script>\x1b[2J\n" + "a" * 5000
    nodes = [node("Fuse", ["x"], ["y"], evil, domain=evil)]
    model = opened(made(nodes, [value("x", FLOAT, (evil, 2))], [value("y", FLOAT, (2,))], domains=[evil]), tmp_path)
    for target in (ORT, TRT10):
        for each in check(model, parse_target(target)).findings:
            assert each.message.isprintable()
            assert len(each.message) < 600
