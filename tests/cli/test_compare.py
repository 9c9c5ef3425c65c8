"""``graphdebug compare``: exit codes, the verdict, reports."""

import csv
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.cli.conftest import Run

SIDES = ("--reference", "onnxruntime:opt=disable", "--candidate", "onnxruntime:opt=all")


@pytest.fixture
def faulty(samples: Path, tmp_path: Path) -> Path:
    """The sample with a shortcut, whose third block has one weight changed."""
    model = onnx.load(samples / "branching_blocks.onnx")
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == "block3.weight")
    values = numpy_helper.to_array(weight).copy()
    values[2, 3, 1, 1] += 0.5
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(model, tmp_path / "faulty.onnx")
    return tmp_path / "faulty.onnx"


@pytest.mark.parametrize("mode", ["isolated", "deployed"])
def test_a_healthy_model_matches(run: Run, samples: Path, mode: str) -> None:
    done = run("compare", samples / "resnet_torchscript.onnx", *SIDES, "--mode", mode, "--dim", "batch=2")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert " match, 0 differ, " in done.stdout


def test_the_verdict_comes_first_and_names_the_faulty_node(run: Run, samples: Path, faulty: Path) -> None:
    done = run("compare", samples / "branching_blocks.onnx", faulty, *SIDES)
    assert done.returncode == 1
    first_line = done.stdout.splitlines()[0]
    assert "/block3/conv_out" in first_line
    table = done.stdout.splitlines()[4:]
    assert [line.split()[0] for line in table[1:3]] == ["/block3/conv_out", "/block3/out"]


def test_a_length_that_the_candidate_fixes_is_fed_to_both(run: Run, samples: Path, tmp_path: Path) -> None:
    model = onnx.load(samples / "mlp.onnx")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 3
    onnx.save(model, tmp_path / "fixed.onnx")
    done = run("compare", samples / "mlp.onnx", "fixed.onnx", *SIDES)
    assert done.returncode == 0, done.stderr


def test_nothing_compared_is_no_pass(run: Run, samples: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", unrelated=np.zeros(3))
    done = run("compare", samples / "line.onnx", "--reference", "onnxruntime", "--candidate", "file:path=other.npz")
    assert done.returncode == 3
    assert "Nothing was compared" in done.stdout


def test_a_side_that_cannot_run(run: Run, samples: Path) -> None:
    for candidate in ("nonsense", "onnxruntime:opt=some", "file:path=nowhere.npz"):
        done = run("compare", samples / "line.onnx", "--reference", "onnxruntime", "--candidate", candidate)
        assert done.returncode == 2
        assert done.stderr.startswith("Error: ")
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
    assert run("compare", samples / "mlp.onnx", samples / "line.onnx", *SIDES).returncode == 2
    assert run("compare", samples / "broken.onnx", *SIDES).returncode == 2


def test_recorded_tensors_are_a_side(run: Run, samples: Path) -> None:
    model = samples / "mlp.onnx"
    assert run("tensors", model, "--all", "--seed", 4, "-o", "recorded.npz").returncode == 0
    sides = ("--reference", "file:path=recorded.npz", "--candidate", "onnxruntime:opt=disable")
    assert run("compare", model, *sides, "--seed", 4).returncode == 0
    assert run("compare", model, *sides, "--seed", 5).returncode == 1


def test_tolerances(run: Run, samples: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "exact.npz", ax=np.float32([2, 4]), y=np.float32([3, 5]))
    np.savez(tmp_path / "near.npz", ax=np.float32([2, 4]), y=np.float32([3.01, 5]))
    sides = ("--reference", "file:path=exact.npz", "--candidate", "file:path=near.npz")

    def code(*tolerances: object) -> int:
        return run("compare", samples / "line.onnx", *sides, *tolerances).returncode

    assert code() == 1
    assert code("--rtol", 0.01, "--atol", 0) == 0
    assert code("--rtol", 0.001) == 1
    assert code("--rtol", 0.01) == 0
    # The limit is atol · RMS(reference) = atol · √17; the error is 0.01.
    assert code("--rtol", 0, "--atol", 0.0025) == 0
    assert code("--rtol", 0, "--atol", 0.0025, "--absolute") == 1
    assert code("--rtol", 0, "--atol", 0.011, "--absolute") == 0
    assert code("--absolute") == 2


def test_reports(run: Run, samples: Path, faulty: Path, tmp_path: Path) -> None:
    targets = ("--report", "r.html", "--json", "r.json", "--csv", "r.csv")
    done = run("compare", samples / "branching_blocks.onnx", faulty, *SIDES, *targets)
    assert done.returncode == 1, done.stderr
    assert "/block3/conv_out" in done.stdout
    result = json.loads((tmp_path / "r.json").read_text())
    assert result["version"] == 1
    assert result["verdict"]["outcome"] == "differ"
    assert result["verdict"]["first"] == "/block3/conv_out"
    rows = {row["name"]: row["status"] for row in result["rows"]}
    assert rows["/shortcut/out"] == rows["/block2/out"] == "match"
    with (tmp_path / "r.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(result["rows"])
    page = (tmp_path / "r.html").read_text()
    assert "/block3/conv_out" in page
    assert "data:image/svg+xml;base64," in page  # the graph around it
    assert "<script src" not in page


@pytest.mark.parametrize("option", ["--json", "--csv"])
def test_a_report_on_stdout_is_alone_there(run: Run, samples: Path, option: str) -> None:
    done = run("compare", samples / "line.onnx", *SIDES, option, "-")
    assert done.returncode == 0
    assert done.stderr == ""
    if option == "--json":
        assert json.loads(done.stdout)["verdict"]["outcome"] == "match"
    else:
        assert [row["name"] for row in csv.DictReader(done.stdout.splitlines())] == ["ax", "y"]


@pytest.mark.parametrize("option", ["--report", "--json", "--csv"])
def test_a_missing_folder_is_noticed_before_anything_runs(run: Run, samples: Path, option: str) -> None:
    done = run("compare", samples / "broken.onnx", *SIDES, option, "nowhere/r.out")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


def test_two_reports_cannot_share_stdout(run: Run, samples: Path) -> None:
    assert run("compare", samples / "line.onnx", *SIDES, "--json", "-", "--csv", "-").returncode == 2
