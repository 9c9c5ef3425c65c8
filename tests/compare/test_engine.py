"""Whole comparisons on ONNX Runtime and the reference evaluator: small models, real sessions."""

import msgspec
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.compare.engine import ROWS_FILE, compare_job
from graphdebug.compare.records import CompareRequest, Row, Side, Status, Tolerance
from graphdebug.compare.sides import CompareError
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec, InputFeed
from tests.compare import faulty_models

OFF, ALL = "onnxruntime:opt=disable", "onnxruntime:opt=all"


def compare(folder, reference, candidate=None, *, specs=(OFF, ALL), **options):
    locations = ModelLocation(str(reference)), ModelLocation(str(candidate or reference))
    sides = [Side(spec, location) for spec, location in zip(specs, locations, strict=True)]
    return compare_job(CompareRequest(*sides, **options), folder, lambda fraction, message: None)


def one_node(path, op, inputs, outputs, weights=(), **attributes):
    """Write a model of one node; inputs and outputs are (name, element type, shape)."""
    node = helper.make_node(
        op, [name for name, *_ in inputs] + [w.name for w in weights], [o[0] for o in outputs], **attributes
    )
    values = [[helper.make_tensor_value_info(*value) for value in side] for side in (inputs, outputs)]
    graph = helper.make_graph([node], "one", *values, list(weights))
    onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def rows_by_name(result):
    return {row.name: row for row in result.rows}


@pytest.fixture
def net(tmp_path):
    return faulty_models.write(tmp_path / "net.onnx")


def test_a_healthy_model_matches(tmp_path, net):
    result = compare(tmp_path, net, feeds=FeedSpec(dims={"n": 3}))
    assert result.verdict.outcome == "match" and result.verdict.matched == 9
    assert [row.name for row in result.rows] == ["c1", "r1", "c2", "r2", "sum", "pool", "flat", "scores", "y"]
    row = result.rows[2]
    assert (row.node, row.op, row.scope) == (2, "Conv", "block")
    assert row.reference_type.shape == (3, 8, 12, 12) and row.reference_type.dtype == "float"
    assert result.rows[-1].is_output and result.rows[-1].metrics.argmax_agreement == 1.0
    assert result.reference["spec"] == OFF and "backend" in result.candidate


@pytest.mark.parametrize("fault", faulty_models.FAULTS)
@pytest.mark.parametrize("spec", [OFF, ALL])
def test_the_verdict_names_the_first_tensor_of_a_fault(tmp_path, net, fault, spec):
    edit, guilty = faulty_models.FAULTS[fault]
    broken = faulty_models.write(tmp_path / "broken.onnx", edit)
    result = compare(tmp_path, net, broken, specs=(OFF, spec))
    assert result.verdict.outcome == "differ"
    assert result.verdict.first == guilty, result.verdict.sentence
    assert guilty in result.verdict.sentence


def test_rows_on_disk_are_those_of_the_result(tmp_path, net):
    result = compare(tmp_path, net)
    lines = (tmp_path / ROWS_FILE).read_bytes().splitlines()
    assert sorted((msgspec.json.decode(line, type=Row) for line in lines), key=lambda row: row.position) == list(
        result.rows
    )


def test_chunks_under_a_small_budget_give_the_same_rows(tmp_path, net):
    whole = compare(tmp_path, net)
    chunked = compare(tmp_path, net, budget=10_000)
    assert chunked.rows == whole.rows and chunked.observer == whole.observer


def test_only_the_chosen_tensors_are_compared(tmp_path, net):
    result = compare(tmp_path, net, tensors=("sum", "c2"))
    assert [(row.name, row.position) for row in result.rows] == [("c2", 2), ("sum", 4)]
    assert {effect.output for effect in result.observer} == {"y"}


def test_as_deployed_says_what_was_fused_away(tmp_path, net):
    result = compare(tmp_path, net, mode="deployed")
    reasons = {row.name: row.reason for row in result.rows if row.status is Status.NOT_COMPARED}
    assert "c1" in reasons and "fused away in the candidate" in reasons["c1"]
    assert rows_by_name(result)["y"].status is Status.MATCH
    assert all(effect.identical for effect in result.observer)


def test_the_observer_effect_is_measured_on_both_sides(tmp_path, net):
    result = compare(tmp_path, net)
    assert {(effect.side, effect.output) for effect in result.observer} == {("reference", "y"), ("candidate", "y")}
    assert next(effect for effect in result.observer if effect.side == "reference").identical


def test_against_the_reference_evaluator(tmp_path, net):
    result = compare(tmp_path, net, specs=("reference", OFF))
    assert result.verdict.outcome == "match", result.verdict.sentence
    assert result.verdict.matched == 9


def test_against_recorded_tensors(tmp_path, net):
    from onnxruntime import InferenceSession

    from graphdebug.compare.sides import feeds_for, open_sides

    request = CompareRequest(Side(OFF, ModelLocation(str(net))), Side(OFF, ModelLocation(str(net))))
    feeds = feeds_for(open_sides(request), request)
    output = InferenceSession(net).run(["y"], feeds)[0]
    np.savez(tmp_path / "out.npz", y=output, stranger=np.zeros(3))
    for sides in (
        (Side(OFF, ModelLocation(str(net))), Side(f"file:path={tmp_path / 'out.npz'}")),
        (Side(f"file:path={tmp_path / 'out.npz'}"), Side(OFF, ModelLocation(str(net)))),
    ):
        result = compare_job(CompareRequest(*sides), tmp_path, lambda *_: None)
        rows = rows_by_name(result)
        assert rows["y"].status is Status.MATCH and rows["y"].op == "Softmax"
        assert rows["c1"].status is Status.NOT_COMPARED
        recorded = "candidate" if sides[1].model is None else "reference"
        assert rows["c1"].reason == f"missing in the {recorded}"
        assert rows["stranger"].reason == f"missing in the {'reference' if recorded == 'candidate' else 'candidate'}"
        assert {effect.output for effect in result.observer} == {"y"}


def test_two_recordings_without_a_model(tmp_path):
    np.savez(tmp_path / "a.npz", **{f"t{i}": np.full(4, i, np.float32) for i in range(40)})
    np.savez(tmp_path / "b.npz", **{f"t{i}": np.full(4, i + (i == 33), np.float32) for i in range(40)})
    sides = [Side(f"file:path={tmp_path / name}") for name in ("a.npz", "b.npz")]
    result = compare_job(CompareRequest(*sides), tmp_path, lambda *_: None)
    assert (result.verdict.matched, result.verdict.differing, result.verdict.first) == (39, 1, "t33")
    assert result.observer == ()


def test_another_output_name_is_missing_on_both_sides(tmp_path, net):
    def rename(model):
        for node in model.graph.node:
            node.output[:] = ["renamed" if name == "c2" else name for name in node.output]
            node.input[:] = ["renamed" if name == "c2" else name for name in node.input]

    other = faulty_models.write(tmp_path / "other.onnx", rename)
    rows = rows_by_name(compare(tmp_path, net, other))
    assert rows["c2"].reason == "missing in the candidate"
    assert rows["renamed"].reason == "missing in the reference"
    assert rows["y"].status is Status.MATCH


def test_nothing_compared_is_not_a_pass(tmp_path, net):
    result = compare(tmp_path, net, tensors=("no such tensor",))
    assert result.verdict.outcome == "nothing compared" and "Nothing was compared" in result.verdict.sentence


def test_nan_on_one_side_is_never_a_match(tmp_path, net):
    broken = faulty_models.write(tmp_path / "broken.onnx", faulty_models.shift("b1", float("nan")))
    result = compare(tmp_path, net, broken)
    rows = rows_by_name(result)
    assert rows["c1"].status is Status.NOT_COMPARED and rows["c1"].reason.startswith("non-finite on one side")
    assert result.verdict.outcome == "differ" and result.verdict.first == "c1"
    assert "NaN or infinite on one side only, first c1" in result.verdict.sentence


def test_nan_on_both_sides_is_equal_but_said(tmp_path):
    broken = faulty_models.write(tmp_path / "broken.onnx", faulty_models.shift("b1", float("nan")))
    result = compare(tmp_path, broken, specs=(OFF, OFF))
    assert result.verdict.outcome == "match" and "NaN or infinite on both sides" in result.verdict.sentence
    assert rows_by_name(result)["c1"].metrics.nonfinite == 144


def test_different_shapes(tmp_path, net):
    def widen(model):
        faulty_models.attribute("/block/Conv", "pads", [2, 2, 2, 2])(model)
        del model.graph.node[4:]
        del model.graph.output[:]
        model.graph.output.append(helper.make_tensor_value_info("r2", TensorProto.FLOAT, None))

    rows = rows_by_name(compare(tmp_path, net, faulty_models.write(tmp_path / "other.onnx", widen)))
    assert rows["c2"].reason == "shape differs: 1×8×12×12 and 1×8×14×14"
    assert rows["c2"].metrics is None and rows["c2"].candidate_type.shape == (1, 8, 14, 14)


def test_inputs_that_differ_are_named(tmp_path, net):
    def rename(model):
        model.graph.input[0].name = model.graph.node[0].input[0] = "image"

    with pytest.raises(CompareError, match=r"has an input '(x|image)'"):
        compare(tmp_path, net, faulty_models.write(tmp_path / "other.onnx", rename))

    def reshape(model):
        model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 9

    with pytest.raises(CompareError, match=r"Input 'x' has shape \[n, 3, 12, 12\] .* \[n, 3, 12, 9\]"):
        compare(tmp_path, net, faulty_models.write(tmp_path / "other.onnx", reshape))


def test_a_side_that_runs_needs_a_model(tmp_path, net):
    request = CompareRequest(Side(OFF, ModelLocation(str(net))), Side(ALL))
    with pytest.raises(CompareError, match="The candidate has no model"):
        compare_job(request, tmp_path, lambda *_: None)


def test_a_float16_tensor_gets_float16_tolerance(tmp_path, net):
    def halve(model):
        cast = helper.make_node("Cast", ["c1"], ["c1_half"], to=TensorProto.FLOAT16)
        back = helper.make_node("Cast", ["c1_half"], ["c1_back"], to=TensorProto.FLOAT)
        model.graph.node[1].input[0] = "c1_back"
        model.graph.node.insert(1, cast)
        model.graph.node.insert(2, back)

    rows = rows_by_name(compare(tmp_path, faulty_models.write(tmp_path / "half.onnx", halve)))
    assert rows["c1_half"].tolerance == Tolerance(1e-2, 1e-2)
    assert rows["c1_back"].tolerance == Tolerance(3e-4, 3e-4)


def test_strings_are_equal_or_not(tmp_path):
    text = one_node(
        tmp_path / "text.onnx", "Identity", [("s", TensorProto.STRING, [2])], [("t", TensorProto.STRING, [2])]
    )
    row = compare(tmp_path, text).rows[0]
    assert (row.status, row.metrics, row.share_outside) == (Status.MATCH, None, 0.0)


def test_a_sequence_is_not_compared_but_breaks_nothing(tmp_path):
    model = one_node(
        tmp_path / "m.onnx", "SplitToSequence", [("x", TensorProto.FLOAT, [4, 2])], [("s", TensorProto.FLOAT, None)]
    )
    proto = onnx.load(model)
    proto.graph.output[0].type.CopyFrom(
        helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, None))
    )
    onnx.save(proto, model)
    result = compare(tmp_path, model)
    assert result.verdict.outcome == "nothing compared" and "sequence" in result.rows[0].reason
    assert "sequence" in result.verdict.sentence


def test_an_empty_tensor_is_not_compared(tmp_path):
    model = one_node(
        tmp_path / "m.onnx", "Relu", [("x", TensorProto.FLOAT, ["n", 2])], [("y", TensorProto.FLOAT, ["n", 2])]
    )
    assert compare(tmp_path, model, feeds=FeedSpec(dims={"n": 0})).rows[0].reason == "empty"


def test_feeds_reach_both_sides_by_name(tmp_path):
    def model(name, order):
        inputs = [helper.make_tensor_value_info(value, TensorProto.FLOAT, [8]) for value in order]
        output = helper.make_tensor_value_info("d", TensorProto.FLOAT, [8])
        graph = helper.make_graph([helper.make_node("Sub", ["a", "b"], ["d"])], "g", inputs, [output])
        path = tmp_path / name
        onnx.save(helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)]), path)
        return path

    result = compare(tmp_path, model("ab.onnx", "ab"), model("ba.onnx", "ba"))
    assert result.verdict.sentence.startswith("All compared tensors are identical")
    feeds = FeedSpec(inputs={"a": InputFeed("constant", value=5.0), "b": InputFeed("constant", value=2.0)})
    row = compare(tmp_path, tmp_path / "ab.onnx", feeds=feeds).rows[0]
    assert row.metrics.reference_rms == 3.0


def test_hostile_names_pass_through(tmp_path):
    name = "<script>alert(1)</script>\n=cmd|' /C calc'!A0"
    weights = [numpy_helper.from_array(np.ones(3, np.float32), "w")]
    model = one_node(
        tmp_path / "m.onnx", "Add", [("x", TensorProto.FLOAT, [3])], [(name, TensorProto.FLOAT, [3])], weights
    )
    result = compare(tmp_path, model)
    assert result.rows[0].name == name and result.verdict.matched == 1
