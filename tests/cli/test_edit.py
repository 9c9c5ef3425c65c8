"""``graphdebug edit`` on the sample models, and what it refuses."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import external_data_helper

from tests.cli.conftest import Run

NEG = '{"operation": "insert-node", "value": "/act1/out", "op": "Neg", "name": "minus"}'


def write(path: Path, *operations: str) -> Path:
    path.write_text(f'{{"version": 1, "operations": [{", ".join(operations)}]}}')
    return path


def test_a_recipe_changes_the_numbers_and_leaves_the_model_alone(run: Run, samples: Path, tmp_path: Path) -> None:
    before = (samples / "mlp.onnx").read_bytes()
    recipe = write(tmp_path / "r.json", NEG, NEG.replace("minus", "again"))
    more = '{"operation": "delete-node", "node": "again"}'
    done = run("edit", samples / "mlp.onnx", "--recipe", recipe, "--operation", more, "-o", "edited.onnx", "--check")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Insert Neg after '/act1/out'" in done.stdout and "no problems found" in done.stdout
    assert done.stdout.endswith("edited.onnx written.\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["edited.onnx", "r.json"]
    assert (samples / "mlp.onnx").read_bytes() == before
    assert [node.name for node in onnx.load(tmp_path / "edited.onnx").graph.node].count("minus") == 1
    feeds = {"features": np.ones((1, 16), np.float32)}
    old, new = (
        onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)[0]
        for path in (samples / "mlp.onnx", tmp_path / "edited.onnx")
    )
    assert not np.allclose(old, new)


def test_an_empty_recipe_copies_byte_for_byte(run: Run, samples: Path, tmp_path: Path) -> None:
    done = run("edit", samples / "resnet_dynamo.onnx", "--recipe", write(tmp_path / "r.json"), "-o", "same.onnx")
    assert done.returncode == 0
    assert (tmp_path / "same.onnx").read_bytes() == (samples / "resnet_dynamo.onnx").read_bytes()


def test_external_data_goes_along_only_to_another_folder(run: Run, samples: Path, tmp_path: Path) -> None:
    proto = onnx.load(samples / "mlp.onnx")
    external_data_helper.convert_model_to_external_data(proto, location="w.bin", size_threshold=0)
    home = tmp_path / "home"
    home.mkdir()
    onnx.save(proto, home / "m.onnx")
    (tmp_path / "away").mkdir()
    for folder in ("home", "away"):
        done = run("edit", home / "m.onnx", "--operation", NEG, "-o", tmp_path / folder / "out.onnx")
        assert (done.returncode, done.stderr) == (0, "")
        assert (tmp_path / folder / "w.bin").read_bytes() == (home / "w.bin").read_bytes()
        onnx.checker.check_model(tmp_path / folder / "out.onnx", full_check=True)
    assert sorted(path.name for path in home.iterdir()) == ["m.onnx", "out.onnx", "w.bin"]
    for target in ("m.onnx", "w.bin"):
        kept = (home / target).read_bytes()
        done = run("edit", home / "m.onnx", "--operation", NEG, "-o", home / target)
        assert done.returncode == 2 and "is a file of the model" in done.stderr
        assert (home / target).read_bytes() == kept
    (tmp_path / "away" / "w.bin").write_text("somebody else's")
    done = run("edit", home / "m.onnx", "--operation", NEG, "-o", tmp_path / "away" / "new.onnx")
    assert done.returncode == 2 and "is in the way" in done.stderr
    assert sorted(path.name for path in (tmp_path / "away").iterdir()) == ["out.onnx", "w.bin"]


def test_large_new_values_come_from_beside_the_recipe_and_go_beside_the_result(run: Run, tmp_path: Path) -> None:
    old, new = np.zeros((600, 600), np.float32), np.eye(600, dtype=np.float32)
    info = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("MatMul", ["x", "w"], ["p"]), onnx.helper.make_node("Add", ["p", "b"], ["y"])],
        "one",
        [info("x", onnx.TensorProto.FLOAT, [1, 600])],
        [info("y", onnx.TensorProto.FLOAT, [1, 600])],
        [onnx.numpy_helper.from_array(old, "w"), onnx.numpy_helper.from_array(old[0], "b")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)], ir_version=10)
    (tmp_path / "away").mkdir()
    np.save(tmp_path / "new.npy", new)
    recipe = write(tmp_path / "r.json", '{"operation": "set-values", "initializer": "w", "file": "new.npy"}')
    for external in (False, True):
        onnx.save(model, tmp_path / "m.onnx", save_as_external_data=external, location="w.bin")
        done = run("edit", tmp_path / "m.onnx", "--recipe", recipe, "-o", tmp_path / "away" / "out.onnx")
        assert (done.returncode, done.stderr) == (0, "")
        session = onnxruntime.InferenceSession(tmp_path / "away" / "out.onnx", providers=["CPUExecutionProvider"])
        feeds = {"x": np.arange(600, dtype=np.float32).reshape(1, 600)}
        assert np.array_equal(session.run(None, feeds)[0], feeds["x"])
        files = {path.suffix for path in (tmp_path / "away").iterdir()}
        assert files == ({".onnx", ".data", ".bin"} if external else {".onnx"})


def test_a_broken_result_is_written_only_when_that_is_asked_for(run: Run, samples: Path, tmp_path: Path) -> None:
    cast = {
        "operation": "insert-node",
        "value": "/fc1/out",
        "op": "Cast",
        "attributes": [{"name": "to", "type": "int", "value": 10}],
    }
    command = ("edit", samples / "mlp.onnx", "--operation", json.dumps(cast), "-o", "out.onnx")
    done = run(*command)
    assert done.returncode == 2
    assert "error that the edit brought" in done.stderr or "errors that the edit brought" in done.stderr
    assert "float16" in done.stderr and "--broken" in done.stderr
    assert not list(tmp_path.iterdir())
    assert run(*command, "--dry-run").returncode == 2
    done = run(*command, "--broken")
    assert done.returncode == 0 and (tmp_path / "out.onnx").is_file()


def test_what_was_broken_before_is_no_reason_to_refuse(run: Run, samples: Path, tmp_path: Path) -> None:
    name = onnx.load(samples / "broken.onnx").graph.node[0].output[0]
    operation = {"operation": "insert-node", "value": name, "op": "Identity"}
    done = run("edit", samples / "broken.onnx", "--operation", json.dumps(operation), "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "nothing to do"),
        (["--operation", NEG], "Say with -o"),
        (["--operation", NEG, "-o", "nowhere/x.onnx"], "no folder"),
        (["--operation", "nonsense", "--dry-run"], "This is no operation"),
        (["--operation", '{"operation": "delete-node", "node": "nix"}', "--dry-run"], "Operation 1 .* no node 'nix'"),
        (["--recipe", "r.json", "--dry-run"], "This is no recipe"),
        (["--recipe", "nix.json", "--dry-run"], "does not exist"),
    ],
)
def test_what_cannot_be_is_said(run: Run, samples: Path, tmp_path: Path, options: list[str], said: str) -> None:
    (tmp_path / "r.json").write_text("[]")
    done = run("edit", samples / "mlp.onnx", *options)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
    assert re.search(said, done.stderr), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["r.json"]


def test_a_script_does_the_same_without_graphdebug(run: Run, samples: Path, tmp_path: Path) -> None:
    out, script = tmp_path / "edited.onnx", tmp_path / "edit.py"
    done = run("edit", samples / "mlp.onnx", "--operation", NEG, "-o", out, "--script", script)
    assert (done.returncode, done.stderr) == (0, "")
    subprocess.run([sys.executable, "-I", script, samples / "mlp.onnx", tmp_path / "again.onnx"], check=True)
    assert run("diff", tmp_path / "again.onnx", out).returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.onnx", "edit.py", "edited.onnx"]
    done = run("edit", samples / "mlp.onnx", "--operation", NEG, "-o", out, "--script", out)
    assert done.returncode == 2 and "write the script elsewhere" in done.stderr
