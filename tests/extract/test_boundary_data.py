"""Parts with the data of their place in the whole: they give alone what was recorded there."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.targets import Body, NodeTarget, ValueTarget
from graphdebug.extract.boundary_data import boundary_job
from graphdebug.extract.errors import ExtractError
from graphdebug.extract.records import BOUNDARY_JOB, BoundaryRequest, BoundaryResult
from graphdebug.jobs import service
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.feeds import make_feeds
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.taps import model_inputs
from graphdebug.workspace.store import Workspace
from tests.model.small_models import floats, model_proto


def record(path: Path, folder: Path, inputs: tuple, outputs: tuple, **more: object) -> BoundaryResult:
    """Record a part below ``folder/parts``."""
    request = BoundaryRequest(ModelLocation(str(path)), ExtractPart(inputs=inputs, outputs=outputs), **more)
    return boundary_job(request, folder, lambda share, said: None)


def test_a_part_gives_alone_what_was_recorded(samples: Path, tmp_path: Path) -> None:
    whole = samples / "branching_blocks.onnx"
    ends = ("/join/out", "/block2/out")
    done = record(whole, tmp_path, ("/block1/out",), ends, feeds=FeedSpec(seed=3, dims={"batch": 2}))
    assert [(each.name, each.same) for each in done.differences] == [(name, True) for name in ends]
    assert [value.type.shape for value in done.inputs] == [(2, 8, 24, 24)]
    parts = tmp_path / "parts"
    assert done.files[0] == "part.onnx" and "test_data_set_0/output_1.pb" in done.files
    fed, expected = np.load(parts / "feeds.npz"), np.load(parts / "expected.npz")
    tensors = [onnx.TensorProto.FromString((parts / f"test_data_set_0/output_{at}.pb").read_bytes()) for at in (0, 1)]
    assert [tensor.name for tensor in tensors] == list(ends)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(parts / "part.onnx", options)
    assert [output.name for output in session.get_outputs()] == list(ends)
    for name, value, tensor in zip(ends, session.run(ends, {"/block1/out": fed["/block1/out"]}), tensors, strict=True):
        assert np.array_equal(value, expected[name]) and np.array_equal(value, numpy_helper.to_array(tensor))
    assert np.array_equal(expected["/block2/out"], _run_whole(whole, "/block2/out", 3))


def _run_whole(path: Path, name: str, seed: int) -> np.ndarray:
    """Return a tensor of the whole model in a run of our own."""
    model = open_model(path)
    session = backend("onnxruntime:opt=disable").prepare(model, Mode.ISOLATED, [name])
    found: np.ndarray = session.infer(make_feeds(model_inputs(model), FeedSpec(seed, {"batch": 2})), [name])[name]
    return found


def test_as_a_data_set_of_a_run_of_the_part(samples: Path, tmp_path: Path) -> None:
    whole = samples / "transformer_dynamo.onnx"
    names = open_model(whole).graphs[""].outputs
    record(whole, tmp_path, (), tuple(names), name="encoder.onnx")
    again = tmp_path / "again"
    again.mkdir()
    parts = tmp_path / "parts"
    done = record(
        parts / "encoder.onnx", again, (), tuple(names), feeds=FeedSpec(dataset=str(parts / "test_data_set_0"))
    )
    ours, theirs = np.load(parts / "expected.npz"), np.load(again / "parts" / "expected.npz")
    assert all(np.array_equal(ours[name], theirs[name]) for name in names)
    assert all(each.same for each in done.differences)


def test_constants_bfloat16_and_untyped_values(tmp_path: Path) -> None:
    bfloat16 = onnx.TensorProto.BFLOAT16
    function = helper.make_function(
        "local",
        "Twice",
        ["a"],
        ["b"],
        [
            helper.make_node("Shape", ["a"], ["s"]),
            helper.make_node("Add", ["a", "a"], ["t"]),
            helper.make_node("Reshape", ["t", "s"], ["b"]),
        ],
        [helper.make_opsetid("", 17)],
    )
    nodes = [
        helper.make_node("Cast", ["x"], ["short"], to=bfloat16),
        helper.make_node("Cast", ["short"], ["long"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Twice", ["long"], ["twice"], domain="local"),
        helper.make_node("Mul", ["twice", "w"], ["y"]),
    ]
    weights = [numpy_helper.from_array(np.float32([2, 3]), "w")]
    path = tmp_path / "m.onnx"
    proto = model_proto(nodes, [floats("x", 2)], [floats("y", 2)], weights, [function])
    path.write_bytes(proto.SerializeToString())
    done = record(path, tmp_path, ("short", "w"), ("y", "twice"))
    assert [value.type.dtype for value in done.inputs] == ["bfloat16", "float"]
    assert all(each.same for each in done.differences)
    assert np.array_equal(np.load(tmp_path / "parts" / "feeds.npz")["w"], [2, 3])


def test_what_cannot_be_recorded(samples: Path, tmp_path: Path) -> None:
    captures = open_model(samples / "if_captures.onnx")
    path, inner = next((path, name) for path, graph in captures.graphs.items() if path for name in graph.producer)
    target = ValueTarget(name=inner, graph=_body(captures, path))
    with pytest.raises(ExtractError, match="lies in a nested graph or a function, where nothing can be tapped"):
        record(captures.path, tmp_path, (), (target,))
    nodes = [helper.make_node("SequenceConstruct", ["x"], ["s"]), helper.make_node("SequenceLength", ["s"], ["y"])]
    sequences = tmp_path / "m.onnx"
    output = helper.make_tensor_value_info("y", onnx.TensorProto.INT64, ())
    sequences.write_bytes(model_proto(nodes, [floats("x", 2)], [output]).SerializeToString())
    (tmp_path / "other").mkdir()
    with pytest.raises(ExtractError, match="'s' cannot be recorded: a sequence of 1"):
        record(sequences, tmp_path / "other", ("s",), ("y",))


def _body(model: Model, path: str) -> Body:
    """Return the target of a body of a node of the main graph."""
    node, _, attribute = path.partition(".")
    return Body(NodeTarget(name=model.graphs[""].names[int(node)]), attribute)


def test_as_a_job_of_the_workspace(workspace: Workspace, samples: Path) -> None:
    part = ExtractPart(inputs=("/block1/out",), outputs=("y",))
    request = BoundaryRequest(ModelLocation(str(samples / "branching_blocks.onnx")), part)
    job = service.submit(workspace, "boundary", BOUNDARY_JOB, request)
    ended = service.wait(workspace, job, 60)
    assert ended is not None and ended.state == "done", ended
    done = service.result(workspace, job, BoundaryResult)
    assert done.differences[0].same and (workspace.job_folder(job) / "parts" / "part.onnx").is_file()
