"""Operations on a whole model: its header, its order, what does nothing; the numbers stay."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.backend.test.case.test_case import TestCase

from graphdebug.edit.cleaning import CleanUp, SortNodes
from graphdebug.edit.constant_folding import FoldConstants
from graphdebug.edit.conversion import ConvertOpset
from graphdebug.edit.difference import difference
from graphdebug.edit.errors import EditError
from graphdebug.edit.metadata import SetHeader, SetMetadata, StripDocs
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.precision import ConvertFloat
from graphdebug.edit.shape_writing import WriteShapes
from graphdebug.edit.stripping import StripWeights
from graphdebug.edit.undoing import done, undone
from graphdebug.model.document import Model
from graphdebug.model.value_types import stored_bytes
from tests.edit.running import outputs, sample_names, serialised, tried

Opened = Callable[[str], Model]
X = {"x": np.float32([1 / 3, -7.1])}
IDLE = """<ir_version: 9, opset_import: ["": 20, "f": 1, "unused": 3]>
    idle (bool c, float[2] x) => (float[2] y, float[2] z) <float[2] unused = {1, 2}, float[2] a> {
        a = Identity (x)
        b = Identity (a)
        d, mask = Dropout (b)
        y1 = If (c) < then_branch = t () => (float[2] p) { k = Identity (d)  p = Neg (k) }, else_branch = e () =>
            (float[2] q) { q = Abs (b)  nothing = Exp (b) } >
        y = Identity (y1)
        more = f.Used (d)
        w = Add (more, y)
        z = Dropout (w)
        dead = Exp (w)
        deader = f.Unused (dead)
    }
    <domain: "f", opset_import: ["": 20, "g": 1]> Used (g) => (h) { i = Identity (g)  h = Neg (i) }
    <domain: "f", opset_import: ["": 20, "g": 1]> Unused (g) => (h) { h = g.Neg (g) }"""


def ops(model: Model, graph: str = "") -> list[str]:
    return [node.op_type for node in model.graphs[graph].nodes]


def test_what_does_nothing_goes_and_the_numbers_stay(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(IDLE)
    after = tried(model, CleanUp())
    assert ops(after.model) == ["If", "Used", "Add"]
    assert ops(after.model, "0.then_branch") == ["Neg"] and ops(after.model, "0.else_branch") == ["Abs"]
    assert [(each.name, len(each.node)) for each in after.model.proto.functions] == [("Used", 1)]
    assert [each.domain for each in after.model.proto.opset_import] == ["", "f"]
    assert not after.model.proto.graph.initializer and not after.model.proto.graph.value_info
    assert after.notes[0] == "7 nodes that did nothing, 3 dead nodes, 1 unused function went."
    for chosen in (True, False):
        feeds = X | {"c": np.array(chosen)}
        expected = [-X["x"] if chosen else np.abs(X["x"])]
        expected.append(expected[0] - X["x"])
        assert [
            np.array_equal(one, other)
            for one, other in zip(outputs(after.model, tmp_path, feeds).values(), expected, strict=True)
        ] == [True, True]


def test_what_does_something_stays(parsed: Opened) -> None:
    text = """<ir_version: 9, opset_import: ["": 20, "f": 1]>
        busy (float[2] x) => (float[2] y, float[2] z, bool[2] mask)
        <bool train = {1}, float r = {0.5}> { y = Identity (x)  a = Dropout (x, r, train)  d, mask = Dropout (a)
        z = f.Identity (d) }
        <domain: "f", opset_import: ["": 20]> Identity (g) => (h) { h = Neg (g) }"""
    after = tried(parsed(text), CleanUp())
    assert ops(after.model) == ["Identity", "Dropout", "Dropout", "Identity"]
    assert after.notes == ("Nothing is unused.",)


@pytest.mark.parametrize("sample", sample_names())
def test_samples_keep_their_numbers(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    after = edited(model, CleanUp(), SortNodes(), StripDocs(metadata=("pkg.",))).model
    before = outputs(model, tmp_path)
    for name, found in outputs(after, tmp_path).items():
        assert np.allclose(before[name], found, rtol=1e-5, atol=1e-5, equal_nan=True)


def test_nodes_are_sorted_within_and_without(parsed: Opened) -> None:
    model = parsed(IDLE)
    for graph in (model.proto.graph, model.proto.graph.node[3].attribute[0].g, model.proto.functions[0]):
        nodes = list(graph.node)[::-1]
        del graph.node[:]
        graph.node.extend(nodes)
    after = tried(Model(model.proto, model.path), SortNodes()).model
    assert all(index.order == list(range(len(index.nodes))) for index in after.graphs.values())
    onnx.checker.check_model(edited(after, CleanUp()).model.proto)
    circle = parsed(
        '<ir_version: 9, opset_import: ["": 20]> circle (float x) => (float y) { y = Add (x, z)  z = Neg (y) }'
    )
    assert "wait for each other" in tried(circle, SortNodes()).notes[0]


def test_documentation_goes_everywhere(parsed: Opened) -> None:
    model = parsed(IDLE)
    graph = model.proto.graph
    inner = graph.node[3].attribute[0].g
    for each in (
        model.proto, graph, graph.node[0], inner, inner.node[0], graph.initializer[0], graph.input[0],
        graph.value_info[0], graph.node[3].attribute[0], model.proto.functions[0], model.proto.functions[0].node[0],
    ):  # fmt: skip
        each.doc_string = "FIND ME"
    for each in (model.proto, graph.node[1], inner.node[0]):
        for key in ("pkg.trace", "keep"):
            each.metadata_props.add(key=key, value="REMOVE")
    model = Model(model.proto, model.path)
    after = tried(model, StripDocs(metadata=("pkg.",)))
    assert b"FIND ME" not in serialised(after.model) and "smaller" in after.notes[0]
    assert [entry.key for entry in after.model.proto.graph.node[1].metadata_props] == ["keep"]
    assert len(after.model.proto.metadata_props) == 2
    assert serialised(tried(model, StripDocs()).model).count(b"REMOVE") == 6
    assert tried(after.model, StripDocs()).notes == ("There was nothing to remove.",)


def test_a_model_says_something_else_of_itself(parsed: Opened) -> None:
    operation = SetHeader(producer_name="me", model_version=7, graph_name="net", doc_string="", ir_version=11)
    proto = edited(
        parsed(IDLE), operation, SetMetadata(key="a", value="1"), SetMetadata(key="a", value="2")
    ).model.proto
    assert (proto.producer_name, proto.model_version, proto.graph.name, proto.ir_version) == ("me", 7, "net", 11)
    assert [(each.key, each.value) for each in proto.metadata_props] == [("a", "2")]
    gone = tried(Model(proto, Path("x")), SetMetadata(key="a")).model.proto
    assert not gone.metadata_props
    assert not tried(Model(proto, Path("x")), SetHeader(producer_name="")).model.proto.HasField("producer_name")
    assert operation.title == "Set producer name, model version, doc string, graph name, ir version of the model"


@pytest.mark.parametrize(
    ("operation", "sentence"),
    [
        (SetMetadata(key="none"), "metadata has no 'none'"),
        (SetMetadata(key="", value="1"), "needs a key"),
        (SetHeader(ir_version=99), "no IR version 99: give one from 1 to"),
        (StripDocs(metadata=("",)), "Say how the keys"),
    ],
)
def test_what_makes_no_sense_is_refused(operation: Operation, sentence: str, parsed: Opened) -> None:
    with pytest.raises(EditError, match=sentence):
        edited(parsed(IDLE), operation)


def test_a_difference_makes_one_model_the_other(backend_cases: list[TestCase]) -> None:
    protos = [case.model for case in backend_cases[::40]]
    for one, other in pairwise(protos):
        before, after = Model(one, Path("x")), Model(other, Path("x"))
        splices = difference(one, other)
        assert serialised(done(before, splices)) == serialised(after)
        assert serialised(undone(after, splices)) == serialised(before)
    assert difference(protos[0], protos[0]) == ()


@pytest.mark.parametrize(
    "operation",
    [CleanUp(), SortNodes(), WriteShapes(), FoldConstants(), ConvertFloat(keep_io=False), ConvertOpset(version=26)],
)
def test_every_kind_of_model_stays_valid(operation: Operation, backend_cases: list[TestCase], tmp_path: Path) -> None:
    tried_ones = 0
    for case in backend_cases[::30]:
        model = Model(case.model, tmp_path / "model.onnx", values=tmp_path)
        try:
            onnx.checker.check_model(model.proto, full_check=True)
            after = edited(model, operation)
        except (EditError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError):
            continue
        onnx.checker.check_model(after.model.proto, full_check=True)
        assert serialised(undone(after.model, after.splices)) == serialised(model)
        tried_ones += 1
    assert tried_ones > 20


@pytest.mark.parametrize("sample", sample_names())
def test_a_model_without_its_weights_still_runs(sample: str, opened: Opened, tmp_path: Path) -> None:
    model = opened(sample)
    after = tried(model, StripWeights(smallest=64))
    left = [tensor for path in after.model.graphs for tensor in after.model.graphs[path].initializers.values()]
    assert all(stored_bytes(tensor) < 64 for tensor in left)
    before, now = outputs(model, tmp_path), outputs(after.model, tmp_path)
    assert [(name, each.shape, each.dtype) for name, each in before.items()] == [
        (name, each.shape, each.dtype) for name, each in now.items()
    ]


@pytest.mark.parametrize("ir_version", [3, 9])
def test_weights_become_equal_numbers(ir_version: int, parsed: Opened, tmp_path: Path) -> None:
    text = f"""<ir_version: {ir_version}, opset_import: ["": 20]> m (float[2] x, float[300] w) => (float[300] y)
        <float[300] w = {{{", ".join(["7"] * 300)}}}, int64[1] axis = {{0}}> {{
            s = ReduceSum <keepdims = 1> (x, axis)
            y = Add (w, s)
        }}"""
    model = parsed(text)
    if ir_version == 3:
        model.proto.graph.input.append(onnx.helper.make_tensor_value_info("axis", onnx.TensorProto.INT64, [1]))
        model = Model(model.proto, model.path)
    after = tried(model, StripWeights(fill=0.5))
    if ir_version == 9:  # the default of an input stays: who feeds it should not have to know
        assert ops(after.model) == ["ReduceSum", "Add"] and "'w'" in after.notes[-1]
        return
    assert ops(after.model) == ["Constant", "ConstantOfShape", "ReduceSum", "Add"] or "ConstantOfShape" in ops(
        after.model
    )
    assert [each.name for each in after.model.proto.graph.input] == ["x", "axis"]
    assert np.array_equal(outputs(after.model, tmp_path, X)["y"], np.full(300, np.float32(0.5) + X["x"].sum()))


def test_weights_cannot_be_stripped_before_there_is_an_operator_for_it(parsed: Opened) -> None:
    with pytest.raises(EditError, match="version 8 of ONNX's operators"):
        edited(
            parsed("""<ir_version: 3, opset_import: ["": 8]> m (float[2] x) => (float[2] y) { y = Neg (x) }"""),
            StripWeights(),
        )
