"""The diff of two models: what was changed by an edit is said, and nothing else; exports of one network match."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from graphdebug.diff.engine import diff
from graphdebug.diff.records import ModelDiff
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.model.document import Model, open_model
from graphdebug.model.record_json import from_json, json_schema, to_json
from graphdebug.model.shapes import infer_types
from graphdebug.view.differences import Kind
from tests.edit.running import tried
from tests.edit.test_sequences import MODELS, any_operation

SCHEMA = Path(__file__).parents[2] / "docs" / "diff-schema.json"
SAMPLES = sorted(path.name for path in (Path(__file__).parents[2] / "sample_models").glob("*.onnx"))


@pytest.fixture
def opened(samples: Path) -> Callable[..., Model]:
    """Open a sample model, changed."""

    def open_(name: str, change: Callable[[onnx.ModelProto], object] = lambda proto: None) -> Model:
        model = open_model(samples / name)
        proto = onnx.ModelProto()
        proto.CopyFrom(model.proto)
        change(proto)
        model = replace(model, proto=proto)
        return model.with_types(infer_types(model))

    return open_


def nothing_but(found: ModelDiff, *sentences: str) -> None:
    assert list(found.sentences) == list(sentences)
    assert not found.same


@pytest.mark.parametrize("sample", SAMPLES)
def test_a_model_is_the_same_as_itself(sample: str, opened: Callable[..., Model]) -> None:
    found = diff(opened(sample), opened(sample))
    assert found.same and found.sentences == ("Nothing differs.",)
    assert all(not graph.renamed for graph in found.graphs)


def test_what_a_model_says_of_itself(opened: Callable[..., Model]) -> None:
    def change(proto: onnx.ModelProto) -> None:
        proto.producer_name = "mine"
        proto.opset_import[0].version = 21
        proto.metadata_props.add(key="author", value="\x1bme")
        proto.graph.doc_string = "new"

    found = diff(opened("mlp.onnx"), opened("mlp.onnx", change))
    assert [fact.what for fact in (*found.facts, *found.graphs[0].facts)] == [
        "opset ai.onnx",
        "producer",
        "metadata author",
        "doc string",
    ]
    assert "Only the second has metadata author '�me'." in found.sentences
    assert not found.graphs[0].nodes


def test_inputs_and_outputs(opened: Callable[..., Model]) -> None:
    def change(proto: onnx.ModelProto) -> None:
        proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 4
        proto.graph.output[0].name = proto.graph.node[-1].output[0] = "p"
        proto.graph.output.add(name="/fc1/out")

    found = diff(opened("mlp.onnx"), opened("mlp.onnx", change))
    ends = {(end.role, end.left, end.right) for end in found.graphs[0].ends}
    assert ends == {("input", "features", "features"), ("output", "probabilities", "p"), ("output", "", "/fc1/out")}
    assert "Input 'features': float batch×16 → float 4×16." in found.sentences
    assert not found.graphs[0].nodes and found.graphs[0].same == 6


def test_nodes_attributes_and_wiring(opened: Callable[..., Model]) -> None:
    def change(proto: onnx.ModelProto) -> None:
        nodes = proto.graph.node
        nodes[1].op_type = "Tanh"
        nodes[5].attribute[0].i = 1
        nodes.insert(4, onnx.helper.make_node("Neg", ["/act2/out"], ["n"], "minus"))
        nodes[5].input[0] = "n"

    found = diff(opened("mlp.onnx"), opened("mlp.onnx", change))
    nodes = {(each.left or each.right)[0].name: each for each in found.graphs[0].nodes}
    assert nodes["/act1/Relu"].what == ("op: Relu → Tanh",)
    assert nodes["/softmax/Softmax"].what == ("attribute axis: default → 1",)
    assert nodes["minus"].kind is Kind.RIGHT
    assert "'minus' (Neg) is only in the second." in found.sentences
    assert set(nodes) <= {"/act1/Relu", "/softmax/Softmax", "minus"}


def test_attributes_that_read_the_same(opened: Callable[..., Model]) -> None:
    def leaky(slope: float) -> Callable[[onnx.ModelProto], None]:
        def change(proto: onnx.ModelProto) -> None:
            proto.graph.node[1].op_type = "LeakyRelu"
            proto.graph.node[1].attribute.append(onnx.helper.make_attribute("alpha", slope))

        return change

    near = float(np.nextafter(np.float32(0.3), np.float32(1)))
    found = diff(opened("mlp.onnx", leaky(0.3)), opened("mlp.onnx", leaky(near)))
    (node,) = found.graphs[0].nodes
    assert node.kind is Kind.CHANGED and node.what == ("attribute alpha: not exactly the same",)


def test_weights_are_compared_by_value_also_under_another_name(opened: Callable[..., Model]) -> None:
    def change(proto: onnx.ModelProto) -> None:
        for tensor in proto.graph.initializer:
            name = tensor.name
            if name.endswith("weight"):
                continue  # they stay in the file
            values = numpy_helper.to_array(tensor).copy()
            if name == "fc2.bias":
                values[3] += 0.5
                values[4] += 0.25
            if name == "fc3.bias":
                values = values.astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(values, f"w_{name}"))
            for node in proto.graph.node:
                node.input[:] = [f"w_{name}" if each == name else each for each in node.input]

    found = diff(opened("mlp.onnx"), opened("mlp.onnx", change))
    weights = {weight.left.name: weight for weight in found.weights if weight.left}
    assert set(weights) == {"fc2.bias", "fc3.bias"} and found.weights_same == 4
    assert (weights["fc2.bias"].differing, weights["fc2.bias"].max_abs) == (2, pytest.approx(0.5))
    assert (weights["fc3.bias"].differing, weights["fc3.bias"].max_abs) == (0, 0.0)
    assert any(
        "'fc2.bias' (float 32) → 'w_fc2.bias': 2 of 32 differ, by at most 0.5." in each for each in found.sentences
    )
    assert any("the same numbers" in each for each in found.sentences)


def test_how_a_constant_is_kept_is_no_difference(opened: Callable[..., Model]) -> None:
    helper = onnx.helper

    def constant(how: str, value: float) -> Callable[[onnx.ModelProto], None]:
        def change(proto: onnx.ModelProto) -> None:
            attribute = {"value_floats": [value] * 10, "value": helper.make_tensor("", 1, [10], [value] * 10)}
            if how == "initializer":
                proto.graph.initializer.append(helper.make_tensor("k", 1, [10], [value] * 10))
            else:
                proto.graph.node.insert(0, helper.make_node("Constant", [], ["k"], **{how: attribute[how]}))
                proto.graph.node.insert(1, helper.make_node("Identity", ["k"], ["copy"]))
            proto.graph.node[-2].input[2] = "k" if how == "initializer" else "copy"

        return change

    hows = ("initializer", "value", "value_floats")
    for left in hows:
        for right in hows:
            assert diff(opened("mlp.onnx", constant(left, 0.5)), opened("mlp.onnx", constant(right, 0.5))).same
            found = diff(opened("mlp.onnx", constant(left, 0.5)), opened("mlp.onnx", constant(right, 0.25)))
            assert [(each.differing, each.max_abs) for each in found.weights] == [(10, 0.25)]
            assert not found.graphs[0].nodes


def test_inside_branches_and_functions(opened: Callable[..., Model]) -> None:
    def branch(proto: onnx.ModelProto) -> None:
        node = next(node for node in proto.graph.node if node.op_type == "If")
        next(each for each in node.attribute if each.name == "else_branch").g.node[0].op_type = "Abs"

    found = diff(opened("if_captures.onnx"), opened("if_captures.onnx", branch))
    (graph,) = (graph for graph in found.graphs if graph.nodes)
    assert graph.left and graph.left.endswith("else_branch") and graph.nodes[0].what == ("op: Neg → Abs",)

    def function(proto: onnx.ModelProto) -> None:
        proto.functions[0].node[0].op_type = "Elu"
        proto.functions.add(name="more", domain="mine")

    found = diff(opened("local_function.onnx"), opened("local_function.onnx", function))
    assert [graph.title for graph in found.graphs if graph.differs] == ["sample.activations::SoftGate", "mine::more"]
    assert found.graphs[-1].left is None


def test_two_exports_of_one_network(opened: Callable[..., Model]) -> None:
    """Names are all different and weights apart by rounding: the nodes are the same nevertheless."""
    found = diff(opened("resnet_dynamo.onnx"), opened("resnet_torchscript.onnx"))
    (graph,) = found.graphs
    assert not graph.nodes and graph.same == graph.renamed == 21
    assert all(weight.max_abs and weight.max_abs < 1e-7 for weight in found.weights)
    assert found.weights_same > 10


def test_json_reads_back_fits_its_schema_and_is_documented(opened: Callable[..., Model]) -> None:
    for left, right in (("resnet_dynamo.onnx", "resnet_torchscript.onnx"), ("mlp.onnx", "broken.onnx")):
        found = diff(opened(left), opened(right))
        assert from_json(to_json(found), ModelDiff) == found
        jsonschema.validate(json.loads(to_json(found)), json_schema(ModelDiff))
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(json_schema(ModelDiff))), (
        "write docs/diff-schema.json anew: record_json.json_schema(ModelDiff)"
    )


def test_what_is_left_out_given_a_default_or_declared(opened: Callable[..., Model]) -> None:
    def change(proto: onnx.ModelProto) -> None:
        del proto.graph.node[2].input[2]
        proto.graph.input.append(onnx.helper.make_tensor_value_info("fc3.bias", onnx.TensorProto.FLOAT, [10]))

    found = diff(opened("mlp.onnx"), opened("mlp.onnx", change))
    (node,) = found.graphs[0].nodes
    assert node.left[0].name == "/fc2/Gemm" and node.what == ("input 2: float 32 → none",)
    assert "Input with a default 'fc3.bias' (float 10) is only in the second." in found.sentences
    types = [onnx.helper.make_tensor_value_info("/fc1/out", kind, ["batch", 32]) for kind in (1, 10)]
    two = [opened("mlp.onnx", lambda proto, kind=kind: proto.graph.value_info.append(kind)) for kind in types]
    (node,) = diff(*two).graphs[0].nodes
    assert node.what == ("type of output 0: float batch×32 → float16 batch×32",)


@pytest.mark.parametrize("path", MODELS[::2], ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_after_any_edit(path: Path) -> None:
    """Whatever was edited, also what is broken now: it can be told, and what was edited is the same as itself."""
    rng = Random(f"diff {path.parent.name} {path.stem}")
    model = open_model(path)
    for _ in range(6):
        try:
            after = tried(model, any_operation(rng, Editor(model), path.name), files=path.parent)
        except EditError:
            continue
        found = diff(model, after.model)
        assert from_json(to_json(found), ModelDiff) == found
        assert found.same == (found.sentences == ("Nothing differs.",))
        assert found.same or after.splices
        assert diff(after.model, after.model).same
        model = after.model


@pytest.mark.parametrize("kind", [np.float16, np.int64, np.complex64, np.bool_])
def test_values_of_any_type_and_those_that_are_not_finite(kind: type, opened: Callable[..., Model]) -> None:
    def weights(*values: float) -> Callable[[onnx.ModelProto], None]:
        def change(proto: onnx.ModelProto) -> None:
            array = np.array(values).astype(kind)
            proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, proto.graph.initializer[0].name))

        return change

    found = diff(opened("mlp.onnx", weights(1, 0, 1)), opened("mlp.onnx", weights(1, 1, 1)))
    assert [(weight.elements, weight.differing, weight.max_abs) for weight in found.weights] == [(3, 1, 1.0)]
    if kind is np.float16:
        nan, inf = float("nan"), float("inf")
        found = diff(opened("mlp.onnx", weights(nan, inf, 1)), opened("mlp.onnx", weights(nan, 2, 1)))
        (weight,) = found.weights
        assert (weight.differing, weight.max_abs, weight.note) == (1, 0.0, "some differ in being finite")
