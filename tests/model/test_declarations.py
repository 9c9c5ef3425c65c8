"""What a model declares of itself: each finding has its place, and the checker does not say it again without one."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from graphdebug.model.check import findings
from graphdebug.model.document import Model
from graphdebug.model.records import Finding, Severity
from graphdebug.model.shapes import infer
from tests.model.small_models import floats, model_proto

FUNCTION = "fn:local:F:"


def sound() -> onnx.ModelProto:
    body = [helper.make_node("Relu", ["a"], ["b"])]
    function = helper.make_function("local", "F", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    nodes = [helper.make_node("Add", ["x", "w"], ["h"]), helper.make_node("F", ["h"], ["y"], domain="local")]
    weight = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    return model_proto(nodes, [floats("x", 1)], [floats("y", 1)], [weight], [function])


def check(change: Callable[[onnx.ModelProto], object]) -> list[Finding]:
    """Return what is wrong with the model after ``change``, but for what follows from it elsewhere."""
    proto = sound()
    change(proto)
    model = Model(proto, Path("m.onnx"))
    inference = infer(model)
    found = findings(model, inference.types, inference.complaints)
    return [each for each in found if each.severity is not Severity.INFO and each.code != "shape-conflict"]


def a_type(**kind: onnx.TypeProto) -> Callable[[onnx.ModelProto], object]:
    return lambda proto: proto.graph.input[0].type.CopyFrom(onnx.TypeProto(**kind))


def sparse_out_of_range(proto: onnx.ModelProto) -> None:
    values = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    indices = helper.make_tensor("s_indices", TensorProto.INT64, [1], [9])
    proto.graph.sparse_initializer.add(values=values, indices=indices, dims=[5])


@pytest.mark.parametrize(
    ("change", "code", "severity", "graph", "tensor"),
    [
        (lambda p: p.graph.input[0].ClearField("type"), "untyped-value", "error", "", "x"),
        (lambda p: p.graph.input[0].type.tensor_type.ClearField("elem_type"), "untyped-value", "error", "", "x"),
        (a_type(sequence_type=onnx.TypeProto.Sequence()), "untyped-value", "error", "", "x"),
        (a_type(map_type=onnx.TypeProto.Map(key_type=7)), "untyped-value", "error", "", "x"),
        (lambda p: p.graph.output[0].ClearField("type"), "untyped-value", "warning", "", "y"),
        (lambda p: p.graph.input[0].type.tensor_type.ClearField("shape"), "shapeless-value", "warning", "", "x"),
        (lambda p: p.graph.output.add(type=p.graph.output[0].type), "nameless-value", "error", "", None),
        (lambda p: p.graph.ClearField("name"), "nameless-graph", "warning", "", None),
        (lambda p: p.graph.initializer.add(data_type=1, dims=[0]), "nameless-value", "error", "", None),
        (lambda p: p.graph.initializer[0].int64_data.append(1), "bad-tensor", "error", "", "w"),
        (sparse_out_of_range, "onnx-checker", "error", "", "s"),
        (lambda p: [p.metadata_props.add(key="k", value=v) for v in "ab"], "duplicate-metadata", "warning", "", None),
        (lambda p: p.functions.append(p.functions[0]), "duplicate-function", "error", FUNCTION, None),
        (lambda p: p.functions[0].attribute.extend("aa"), "duplicate-attribute", "warning", FUNCTION, None),
    ],
)
def test_one_finding_with_its_place(
    change: Callable[[onnx.ModelProto], object], code: str, severity: str, graph: str, tensor: str | None
) -> None:
    (found,) = check(change)
    assert (found.code, str(found.severity), found.graph, found.tensor) == (code, severity, graph, tensor)
    assert found.message.endswith(".")
    assert "Field '" not in found.message


def test_a_sound_model_has_none() -> None:
    assert check(lambda proto: None) == []


def test_initializers_that_are_no_inputs_of_an_old_model() -> None:
    codes = {each.code: each.tensor for each in check(lambda proto: setattr(proto, "ir_version", 3))}
    assert codes == {"initializer-no-input": "w", "ir-version": None}


def test_a_function_without_a_name() -> None:
    codes = {each.code: each.graph for each in check(lambda proto: proto.functions[0].ClearField("name"))}
    assert codes["nameless-function"] == "fn:local::"
