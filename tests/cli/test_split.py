"""``graphdebug split``: exit codes, words, JSON and files."""

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from tests.cli.conftest import Run
from tests.model.small_models import floats, model_proto


def test_at_values_in_words_and_json(run: Run, samples: Path, tmp_path: Path) -> None:
    whole = samples / "branching_blocks.onnx"
    done = run("split", whole, "--at", "/block1/out,/block3/out", "--value", "/shortcut/out", "-o", "parts")
    assert done.returncode == 0, done.stderr
    assert "onnxruntime:opt=disable: the parts give what the whole gives, bit for bit" in done.stdout
    assert done.stdout.endswith("4 parts written to parts.\n")
    assert (tmp_path / "parts" / "run.py").is_file() and not list(tmp_path.glob(".graphdebug-*"))
    np.savez(tmp_path / "in.npz", image=np.ones((2, 3, 24, 24), np.float32))
    done = run("split", whole, "--parts", "2", "-o", "two", "--feeds", "in.npz", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["version"] == 1 and found["proven"] is True
    assert [part["file"] for part in found["manifest"]["parts"]] == ["01_part.onnx", "02_part.onnx"]
    assert np.load(tmp_path / "two" / "feeds.npz")["image"].shape == (2, 3, 24, 24)


def test_by_scope_without_proof(run: Run, samples: Path, tmp_path: Path) -> None:
    done = run("split", samples / "resnet_dynamo.onnx", "--scope", "stages.1", "--no-proof", "-o", "parts")
    assert done.returncode == 0 and "onnxruntime" not in done.stdout
    assert sorted(path.name for path in (tmp_path / "parts").glob("*.onnx")) == [
        "01_between.onnx",
        "02_stages.1.onnx",
        "03_between.onnx",
    ]


def test_parts_that_do_something_else(run: Run, tmp_path: Path) -> None:
    nodes = [helper.make_node("RandomUniformLike", ["x"], ["r"]), helper.make_node("Add", ["r", "x"], ["y"])]
    nodes.insert(0, helper.make_node("Sin", ["v"], ["x"]))
    onnx.save(model_proto(nodes, [floats("v", 30)], [floats("y", 30)]), tmp_path / "m.onnx")
    done = run("split", "m.onnx", "--at", "x", "-o", "parts")
    assert done.returncode == 1
    assert "'RandomUniformLike_1' draws random numbers" in done.stdout and "y: largest difference" in done.stdout


def test_what_cannot_be_done(run: Run, samples: Path, tmp_path: Path) -> None:
    whole = samples / "branching_blocks.onnx"
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, said in (
        (["--at", "nothing", "-o", "parts"], "'nothing' is not made in the main graph"),
        (["-o", "parts"], "in one way where to split"),
        (["--parts", "2", "--depth", "1", "-o", "parts"], "in one way where to split"),
        (["--parts", "2", "-o", "full"], "full is there already"),
    ):
        done = run("split", whole, *arguments)
        assert done.returncode == 2 and done.stderr.count("\n") == 1 and said in done.stderr, done.stderr
    assert not (tmp_path / "parts").exists()
