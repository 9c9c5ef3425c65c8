"""Splits written down: the parts chain to what the whole computes, bit for bit, here and by the runner alone."""

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.edit.changing import SetOperator
from graphdebug.edit.operation import edited
from graphdebug.extract.errors import ExtractError
from graphdebug.extract.flow import Flow
from graphdebug.extract.records import SPLIT_JOB, Manifest, SplitRequest, SplitResult
from graphdebug.extract.split import split_job
from graphdebug.jobs import service
from graphdebug.model.document import open_model
from graphdebug.model.record_json import from_json, json_schema
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec
from graphdebug.workspace.store import Workspace
from tests.extract.random_graphs import random_model
from tests.model.small_models import floats, model_proto

DOCS = Path(__file__).parents[2] / "docs"


def split(path: Path, folder: Path, **how: object) -> SplitResult:
    """Split a model into ``folder/parts``."""
    folder.mkdir(exist_ok=True)
    return split_job(SplitRequest(ModelLocation(str(path)), **how), folder, lambda share, said: None)


def run_alone(parts: Path, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the runner as somebody does who has nothing of graphdebug."""
    words = [sys.executable, "-I", "run.py", *map(str, arguments)]
    return subprocess.run(words, cwd=parts, capture_output=True, text=True, timeout=60)


def test_parts_chain_to_the_whole_and_the_runner_does_so_too(samples: Path, tmp_path: Path) -> None:
    whole = samples / "branching_blocks.onnx"
    done = split(whole, tmp_path, at=("/block1/out", "/block3/out"), feeds=FeedSpec(dims={"batch": 3}))
    assert done.proven is True
    assert [trial.backend for trial in done.trials] == ["onnxruntime:opt=disable", "onnxruntime"]
    assert done.files[:5] == ("manifest.json", "run.py", "01_block1_out.onnx", "02_block3_out.onnx", "03_y.onnx")
    parts = tmp_path / "parts"
    text = (parts / "manifest.json").read_text()
    assert from_json(text, Manifest) == done.manifest
    jsonschema.validate(json.loads(text), json_schema(Manifest))
    ran = run_alone(parts, "feeds.npz", tmp_path / "out.npz", "--check", whole)
    assert (ran.returncode, ran.stdout) == (0, "'y': largest difference 0\n"), ran.stderr
    assert np.load(tmp_path / "out.npz")["y"].shape == (3, 8, 24, 24)


def test_the_runner_says_what_differs_and_what_is_missing(samples: Path, tmp_path: Path) -> None:
    split(samples / "branching_blocks.onnx", tmp_path, parts=2)
    parts = tmp_path / "parts"
    last = onnx.load(parts / "02_part.onnx")
    bias = next(tensor for tensor in last.graph.initializer if tensor.name == "block4.bias")
    bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 1, "block4.bias"))
    onnx.save(last, parts / "02_part.onnx")
    ran = run_alone(parts, "feeds.npz", "out.npz", "--check", samples / "branching_blocks.onnx")
    assert ran.returncode == 1 and "'y': largest difference 1" in ran.stdout
    np.savez(parts / "other.npz", picture=np.zeros(3))
    ran = run_alone(parts, "other.npz", "out.npz")
    assert ran.returncode == 1 and ran.stderr.endswith("has no array for the input 'image'.\n")


@pytest.mark.parametrize(
    "name", ["if_captures", "loop_newton", "local_function", "quantize_dequantize", "resnet_dynamo"]
)
def test_samples_with_bodies_functions_and_quantisation(name: str, samples: Path, tmp_path: Path) -> None:
    done = split(samples / f"{name}.onnx", tmp_path, parts=2)
    assert done.proven is True and len(done.manifest.parts) == 2


def test_by_scope_at_every_depth(samples: Path, tmp_path: Path) -> None:
    for depth in (1, 2):
        done = split(samples / "transformer_dynamo.onnx", tmp_path / str(depth), depth=depth)
        assert done.proven is True and len(done.manifest.parts) > 5


@pytest.mark.parametrize("seed", range(16))
def test_random_graphs_chain_bit_for_bit(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    model = random_model(seed, tmp_path / "m.onnx", rng.choice([8, 25]))
    flow = Flow.of(model)
    inner = [name for name in flow.made if flow.index.users(name)]
    feeds = FeedSpec(seed, {"n": 3})
    if inner:
        at = tuple(rng.sample(inner, rng.randint(1, min(4, len(inner)))))
        done = split(model.path, tmp_path / "at", at=at, feeds=feeds)
        assert done.proven, done.trials[0]
        assert {output.name for output in done.trials[0].outputs} == set(flow.index.outputs)
    count = min(len(flow.nodes), 4)
    assert count < 2 or split(model.path, tmp_path / "parts", parts=count, feeds=feeds).proven


def test_weights_stay_in_files_beside_the_parts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    weights = [numpy_helper.from_array(np.full((64, 64), at, np.float32), f"w{at}") for at in range(3)]
    nodes = [helper.make_node("MatMul", [f"v{at}", f"w{at}"], [f"v{at + 1}"]) for at in range(3)]
    proto = model_proto(nodes, [floats("v0", "n", 64)], [floats("v3", "n", 64)], weights)
    onnx.save(proto, source / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    done = split(source / "m.onnx", tmp_path, at=("v1", "v2"))
    assert done.proven is True and "m.data" in done.files
    part = onnx.load(tmp_path / "parts" / "02_v2.onnx", load_external_data=False)
    assert [tensor.name for tensor in part.graph.initializer] == ["w1"]
    shutil.rmtree(source)
    ran = run_alone(tmp_path / "parts", "feeds.npz", "out.npz")
    assert ran.returncode == 0, ran.stderr


def test_an_edited_model(tmp_path: Path) -> None:
    weight = numpy_helper.from_array(np.full((64, 64), 0.01, np.float32), "w")
    nodes = [helper.make_node("MatMul", [f"v{at}", "w"], [f"v{at + 1}"]) for at in range(2)]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("v0", "n", 64)], [floats("v2", "n", 64)], [weight]).SerializeToString())
    skeleton = tmp_path / "skeleton.onnx"
    after = edited(open_model(path), SetOperator(node="MatMul_1", op="Add")).model
    skeleton.write_bytes(after.proto.SerializeToString())
    request = SplitRequest(ModelLocation(str(path), str(skeleton)), at=("v1",), feeds=FeedSpec(dims={"n": 64}))
    assert split_job(request, tmp_path, lambda share, said: None).proven is True
    part = onnx.load(tmp_path / "parts" / "02_v2.onnx")
    assert [node.op_type for node in part.graph.node] == ["Add"]
    assert numpy_helper.to_array(part.graph.initializer[0])[63, 63] == np.float32(0.01)


def test_types_that_nothing_tells_are_learned_from_a_run(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Grid", ["x"], ["half"], domain="local"),
        helper.make_node("Sin", ["half"], ["y"]),
    ]
    body = [helper.make_node("Reshape", ["a", "shape"], ["b"]), helper.make_node("Shape", ["a"], ["shape"])][::-1]
    function = helper.make_function("local", "Grid", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    proto = model_proto(
        nodes, [floats("x", 2, "n")], [helper.make_tensor_value_info("y", 1, None)], functions=[function]
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    done = split(path, tmp_path / "job", at=("half",), feeds=FeedSpec(dims={"n": 5}))
    assert done.proven is True
    assert done.manifest.parts[1].inputs[0].type.dtype == "float"


@pytest.mark.parametrize("kind", ["sequence", "bfloat16"])
def test_values_that_numpy_has_no_type_for_pass_from_part_to_part(kind: str, tmp_path: Path) -> None:
    if kind == "sequence":
        pair = ("SequenceConstruct", ["x", "x"], {}), ("ConcatFromSequence", ["middle"], {"axis": 0})
    else:
        pair = ("Cast", ["x"], {"to": onnx.TensorProto.BFLOAT16}), ("Cast", ["middle"], {"to": onnx.TensorProto.FLOAT})
    (first, taken, given), (last, passed, more) = pair
    nodes = [helper.make_node(first, taken, ["middle"], **given), helper.make_node(last, passed, ["y"], **more)]
    output = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("x", 4)], [output]).SerializeToString())
    done = split(path, tmp_path / "job", at=("middle",))
    assert done.proven is True
    ran = run_alone(tmp_path / "job" / "parts", "feeds.npz", "out.npz", "--check", path)
    assert ran.returncode == 0, ran.stderr


def test_a_model_that_never_does_the_same_twice(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sin", ["x"], ["s"]),
        helper.make_node("RandomUniformLike", ["s"], ["r"]),
        helper.make_node("Add", ["r", "s"], ["y"]),
    ]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("x", 30)], [floats("y", 30)]).SerializeToString())
    done = split(path, tmp_path / "job", at=("s",))
    assert done.proven is False
    assert done.trials[0].outputs[0].largest > 0
    assert done.notes == ("'RandomUniformLike_1' draws random numbers, other ones in the parts than in the whole.",)


def test_half_precision_that_the_engine_keeps_in_more_digits(tmp_path: Path) -> None:
    half = onnx.TensorProto.FLOAT16
    nodes = [helper.make_node("Mul", [f"v{at}", "w"], [f"v{at + 1}"]) for at in range(6)]
    ends = [helper.make_tensor_value_info(name, half, [100]) for name in ("v0", "v6")]
    weight = numpy_helper.from_array(np.float16([1.1]), "w")
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, ends[:1], ends[1:], [weight]).SerializeToString())
    done = split(path, tmp_path / "job", at=("v3",))
    assert done.proven is False
    assert done.trials[0].outputs[0].largest is not None and done.trials[0].outputs[0].largest > 0
    assert done.notes[0].startswith("Half precision passes from part to part ('v3')")


def test_a_proof_that_cannot_run(tmp_path: Path) -> None:
    nodes = [helper.make_node("Sin", ["x"], ["s"]), helper.make_node("Unheard", ["s"], ["y"], domain="local")]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("x", 3)], [floats("y", 3)]).SerializeToString())
    with pytest.raises(ExtractError, match=r"Unheard.* The proof needs a run: split without"):
        split(path, tmp_path / "job", at=("s",))
    assert len(split(path, tmp_path / "again", at=("s",), proof=False).manifest.parts) == 2


def test_names_that_are_no_file_names(tmp_path: Path) -> None:
    hostile = "../../etc/passwd\n"
    nodes = [helper.make_node("Sin", ["../x"], [hostile]), helper.make_node("Cos", [hostile], ["CON: *"])]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("../x", 3)], [floats("CON: *", 3)]).SerializeToString())
    done = split(path, tmp_path / "job", at=(hostile,))
    assert done.files[2:4] == ("01_etc_passwd.onnx", "02_CON.onnx")
    ran = run_alone(tmp_path / "job" / "parts", "feeds.npz", "out.npz", "--check", path)
    assert ran.returncode == 0, ran.stderr


def test_without_a_proof_nothing_runs(samples: Path, tmp_path: Path) -> None:
    done = split(samples / "branching_blocks.onnx", tmp_path, parts=2, proof=False)
    assert done.proven is None and done.trials == () and "feeds.npz" not in done.files


def test_one_way_at_a_time(samples: Path, tmp_path: Path) -> None:
    for how in ({}, {"parts": 2, "at": ("/block1/out",)}):
        with pytest.raises(ExtractError, match="one way to split"):
            split(samples / "branching_blocks.onnx", tmp_path, **how)


def test_as_a_job_of_the_workspace(workspace: Workspace, samples: Path) -> None:
    request = SplitRequest(ModelLocation(str(samples / "branching_blocks.onnx")), parts=3)
    job = service.submit(workspace, "split", SPLIT_JOB, request)
    ended = service.wait(workspace, job, 60)
    assert ended is not None and ended.state == "done", ended
    done = service.result(workspace, job, SplitResult)
    assert done.proven and all((workspace.job_folder(job) / "parts" / name).is_file() for name in done.files)


def test_the_schema_in_the_docs_is_that_of_the_code() -> None:
    said = "python -m graphdebug.extract.manifest > docs/split-schema.json"
    assert json.loads((DOCS / "split-schema.json").read_text()) == json.loads(json.dumps(json_schema(Manifest))), said
