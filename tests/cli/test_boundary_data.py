"""``graphdebug extract --data``: a part with what goes in and comes out of it in a run of the whole."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from tests.cli.conftest import Run
from tests.model.small_models import floats, model_proto


def test_a_scope_with_its_data(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "transformer_dynamo.onnx"
    done = run("extract", model, "--scope", "layers.1", "-o", "layer.onnx", "--data", "data", "--seed", "4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(
        "data written: the part, what goes into it and comes out of it in a run of the whole.\n"
    )
    data = tmp_path / "data"
    inputs = [value.name for value in onnx.load(data / "layer.onnx").graph.input]
    assert sorted(np.load(data / "feeds.npz").files) == sorted(inputs)
    assert len(list((data / "test_data_set_0").glob("input_*.pb"))) == len(inputs)
    assert (data / "layer.onnx").read_bytes() == (tmp_path / "layer.onnx").read_bytes()
    expected = dict(np.load(data / "expected.npz"))
    done = run(
        "tensors", "layer.onnx", "--feeds", data / "feeds.npz", "--backend", "onnxruntime:opt=disable", "-o", "o.npz"
    )
    assert done.returncode == 0, done.stderr
    found = np.load(tmp_path / "o.npz")
    assert all(np.array_equal(found[name], value) for name, value in expected.items())


def test_a_part_that_draws_random_numbers_gives_something_else(run: Run, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Sin", ["v"], ["x"]),
        helper.make_node("RandomUniformLike", ["x"], ["r"]),
        helper.make_node("Add", ["r", "x"], ["y"]),
    ]
    onnx.save(model_proto(nodes, [floats("v", 30)], [floats("y", 30)]), tmp_path / "m.onnx")
    done = run("extract", "m.onnx", "--inputs", "x", "--outputs", "y", "-o", "part.onnx", "--data", "data")
    assert done.returncode == 1 and "y: the part alone gives something else (largest difference" in done.stdout


def test_what_cannot_be_recorded(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "branching_blocks.onnx"
    cut = ("--inputs", "/block1/out", "-o", "part.onnx", "--data")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    done = run("extract", model, *cut, "full")
    assert done.returncode == 2 and "full is there already" in done.stderr
    assert not (tmp_path / "part.onnx").exists()
    done = run("extract", model, *cut, "data", "--dim", "batches=2")
    assert done.returncode == 2 and "batches" in done.stderr and not (tmp_path / "data").exists()
