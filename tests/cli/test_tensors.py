"""``graphdebug tensors`` on the sample models; numbers against numpy."""

import json
import os
from pathlib import Path

import numpy as np

from tests.cli.conftest import Run


def test_outputs_by_default(run: Run, samples: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.float32([1, 2, -3]))
    done = run("tensors", samples / "line.onnx", "--feeds", "in.npz", "--dim", "N=3", "-o", "out.npz")
    assert done.returncode == 0
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert found["y"].tolist() == [3, 5, -5]
        assert "ax" not in found
    assert "All values are finite." in done.stdout


def test_named_tensors_and_all(run: Run, samples: Path, tmp_path: Path) -> None:
    arguments = ("tensors", samples / "mlp.onnx", "--seed", 3, "--dim", "batch=5")
    assert run(*arguments, "--tensor", "/fc1/out", "--tensor", "/act2/out", "-o", "two.npz").returncode == 0
    assert run(*arguments, "--all", "-o", "all.npz").returncode == 0
    with np.load(tmp_path / "two.npz") as two, np.load(tmp_path / "all.npz") as everything:
        assert set(two) == {"/fc1/out", "/act2/out"}
        assert set(two) < set(everything)
        assert two["/fc1/out"].shape == (5, 32)
        np.testing.assert_array_equal(two["/fc1/out"], everything["/fc1/out"])
        np.testing.assert_array_equal(np.maximum(everything["/fc1/out"], 0), everything["/act1/out"])


def test_the_result_replaces_no_device_and_no_link(run: Run, samples: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    done = run("tensors", samples / "asinh.onnx", "-o", "pipe")
    assert done.returncode == 2
    assert "name a file" in done.stderr
    assert (tmp_path / "pipe").is_fifo()
    (tmp_path / "link.npz").symlink_to("there.npz")
    assert run("tensors", samples / "asinh.onnx", "-o", "link.npz").returncode == 0
    assert (tmp_path / "link.npz").is_symlink()
    assert (tmp_path / "there.npz").is_file()


def test_json_statistics(run: Run, samples: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.float32([1, 2, -3]))
    done = run("tensors", samples / "line.onnx", "--feeds", "in.npz", "--all", "-o", "out.npz", "--json")
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["version"] == 1
    row = next(row for row in found["rows"] if row["name"] == "ax")
    assert row["op"] == "Mul"
    assert row["type"]["shape"] == [3]
    statistics = row["statistics"]
    assert (statistics["minimum"], statistics["maximum"], statistics["mean"], statistics["zeros"]) == (-6, 4, 0, 0)
    assert np.isclose(statistics["std"], np.std([2, 4, -6]))


def test_the_first_overflow_is_pointed_at(run: Run, samples: Path) -> None:
    done = run("tensors", samples / "float16_overflow.onnx", "--dim", "tokens=8", "--all", "-o", "out.npz")
    assert done.stdout.startswith("First NaN or Inf in topological order: /attention/products, made by MatMul.\n")


def test_another_backend(run: Run, samples: Path, tmp_path: Path) -> None:
    for backend in ("onnxruntime:opt=disable", "reference"):
        name = f"{backend.partition(':')[0]}.npz"
        done = run("tensors", samples / "if_captures.onnx", "--dim", "N=4", "--all", "--backend", backend, "-o", name)
        assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "onnxruntime.npz") as a, np.load(tmp_path / "reference.npz") as b:
        np.testing.assert_allclose(a["y"], b["y"], rtol=1e-5)


def test_errors_leave_no_file(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "mlp.onnx"
    for arguments, said in (
        ((model, "--tensor", "nowhere", "-o", "o.npz"), "nowhere"),
        ((model, "--backend", "nonsense", "-o", "o.npz"), "nonsense"),
        ((model, "--backend", "onnxruntime:opt=some", "-o", "o.npz"), "some"),
        ((model, "--all", "--tensor", "/fc1/out", "-o", "o.npz"), "--all"),
        ((model, "-o", "missing/o.npz"), "missing"),
        ((samples / "broken.onnx", "-o", "o.npz"), "produced_by_nobody"),
    ):
        done = run("tensors", *arguments)
        assert done.returncode == 2
        assert said in done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_formats_of_other_programs_are_written_and_compared_with(run: Run, samples: Path, tmp_path: Path) -> None:
    arguments = ("tensors", samples / "mlp.onnx", "--seed", 3, "--dim", "batch=5")
    assert run(*arguments, "--all", "-o", "out.json", "--save-inputs", "in.json").returncode == 0
    assert run(*arguments, "-o", "data", "--format", "onnx", "--save-inputs", "in.npz").returncode == 0
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["input_0.pb", "output_0.pb"]
    for recorded, feeds in (("out.json", "in.json"), ("data", "in.npz")):
        done = run(
            *("compare", samples / "mlp.onnx", "--reference", f"file:path={recorded}", "--candidate", "onnxruntime"),
            *("--feeds", feeds),
        )
        assert done.returncode == 0
        assert "All compared tensors are identical" in done.stdout
    again = run(*arguments, "-o", "data", "--format", "npy")
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
