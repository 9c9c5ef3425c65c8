"""``graphdebug extract``: by values, by scope and around a node; what it writes and what it refuses."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import onnxruntime
from onnx import numpy_helper

from tests.cli.conftest import Run


def run_model(path: Path, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def ends(path: Path) -> tuple[list[str], list[str]]:
    graph = onnx.load(path).graph
    return [entry.name for entry in graph.input], [entry.name for entry in graph.output]


def test_a_part_by_values_with_its_recipe_and_script(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "branching_blocks.onnx"
    before = model.read_bytes()
    cut = ("--inputs", "/block1/out", "--output", "/block3/out")
    done = run("extract", model, *cut, "-o", "part.onnx", "--recipe", "cut.json", "--script", "cut.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert "part.onnx written: " in done.stdout and model.read_bytes() == before
    assert ends(tmp_path / "part.onnx") == (["/block1/out"], ["/block3/out"])
    onnx.checker.check_model(tmp_path / "part.onnx", full_check=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.json", "cut.py", "part.onnx"]
    recipe = json.loads((tmp_path / "cut.json").read_text())
    assert recipe["operations"][0]["operation"] == "extract-part"
    assert recipe["operations"][0]["inputs"][0]["node"]["place"]["count"]
    again = run("edit", model, "--recipe", "cut.json", "-o", "again.onnx")
    assert again.returncode == 0
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "part.onnx").read_bytes()
    subprocess.run([sys.executable, tmp_path / "cut.py", model, tmp_path / "script.onnx"], check=True)
    feeds = {"/block1/out": np.random.default_rng(0).random(shape_of(tmp_path / "part.onnx")).astype(np.float32)}
    found = [run_model(tmp_path / name, feeds)["/block3/out"] for name in ("part.onnx", "script.onnx")]
    np.testing.assert_array_equal(*found)


def shape_of(path: Path) -> list[int]:
    return [dim.dim_value or 1 for dim in onnx.load(path).graph.input[0].type.tensor_type.shape.dim]


def test_what_is_missing_is_said_in_one_sentence(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "if_captures.onnx"
    done = run("extract", model, "--inputs", "nowhere", "-o", "part.onnx")
    assert done.returncode == 2 and "There is no value called 'nowhere'" in done.stderr
    model = samples / "branching_blocks.onnx"
    done = run("extract", model, "--input", "/block2/out", "--outputs", "/block4/conv_out,/join/out", "-o", "part.onnx")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "the inputs do not suffice. Add" in done.stderr
    for wrong in (("--scope", "a", "--node", "b"), (), ("--inputs", "x", "--type", "x")):
        assert run("extract", model, *wrong, "-o", "part.onnx").returncode == 2
    assert run("extract", model, "--inputs", "/block1/out", "-o", model).returncode == 2
    assert not list(tmp_path.iterdir())


def test_a_scope_and_what_lies_around_a_node(run: Run, samples: Path, tmp_path: Path) -> None:
    model = samples / "transformer_dynamo.onnx"
    done = run("extract", model, "--scope", "layers.1", "-o", "scope.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    onnx.checker.check_model(tmp_path / "scope.onnx", full_check=True)
    done = run("extract", model, "--scope", "layer.1", "-o", "none.onnx")
    assert done.returncode == 2 and "there are 'layers.1'" in done.stderr
    names = [node.name for node in onnx.load(model).graph.node]
    done = run("extract", model, "--node", names[10], "--hops", "2", "-o", "around.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    part = [node.name for node in onnx.load(tmp_path / "around.onnx").graph.node]
    assert names[10] in part and len(part) < len(names)
    done = run("extract", model, "--node", "nobody", "-o", "none.onnx")
    assert done.returncode == 2 and "No node is called 'nobody'" in done.stderr


def test_only_weights_of_the_part_go_to_another_folder(run: Run, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    proto = onnx.parser.parse_model("""<ir_version: 8, opset_import: ["" : 17]>
    main (float[1,200] x) => (float[1,200] y) <float[1,200] a> { a = MatMul(x, u) y = MatMul(a, v) }""")
    rng = np.random.default_rng(0)
    for name in ("u", "v"):
        proto.graph.initializer.append(numpy_helper.from_array(rng.random((200, 200), np.float32), name))
    onnx.save(proto, home / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    cut = ("--inputs", "a", "--output", "y")
    done = run("extract", home / "m.onnx", *cut, "-o", home / "part.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in home.iterdir()) == ["m.onnx", "part.onnx", "w.bin"]
    (away := tmp_path / "away").mkdir()
    done = run("extract", home / "m.onnx", *cut, "-o", away / "part.onnx", "--script", away / "cut.py")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in away.iterdir()) == ["cut.py", "part.onnx", "part.onnx.data"]
    assert (away / "part.onnx.data").stat().st_size < (home / "w.bin").stat().st_size * 0.6
    (again := tmp_path / "again").mkdir()
    subprocess.run([sys.executable, away / "cut.py", home / "m.onnx", again / "part.onnx"], check=True)
    assert (again / "part.onnx.data").read_bytes() == (away / "part.onnx.data").read_bytes()
    feeds = {"a": rng.random((1, 200), np.float32)}
    found = [run_model(folder / "part.onnx", feeds)["y"] for folder in (home, away, again)]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_body_is_found_by_the_name_and_a_type_is_given(run: Run, tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17, "my" : 1]>
    main (float[2] x, bool go) => (float[2] y) {
        h = my.Op(x)
        y = If(go) <
            then_branch = then () => (float[2] t) { a = Add(h, h) t = Exp(a) },
            else_branch = otherwise () => (float[2] s) { s = Neg(h) }
        >
    }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    done = run("extract", "m.onnx", "--inputs", "h", "--outputs", "a", "-o", "part.onnx")
    assert done.returncode == 2 and "The type of 'h' is not known" in done.stderr
    given = ("--type", "h=float32:2")
    done = run("extract", "m.onnx", "--inputs", "h", "--outputs", "a", *given, "-o", "part.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    np.testing.assert_array_equal(run_model(tmp_path / "part.onnx", {"h": np.ones(2, np.float32)})["a"], [2, 2])
    done = run("extract", "m.onnx", "--graph", "1.else_branch", "--inputs", "h", *given, "-o", "else.onnx")
    assert ends(tmp_path / "else.onnx") == (["h"], ["s"])


def test_types_are_learned_from_one_run(run: Run, tmp_path: Path) -> None:
    text = """<ir_version: 8, opset_import: ["" : 17]>
    main (float[8] x, int64[m] s) => (float[8] y) {
        r = Reshape(x, s) t = Neg(r) k = Constant <value_ints = [8]> () y = Reshape(t, k)
    }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "m.onnx")
    np.savez(tmp_path / "feeds.npz", x=np.arange(8, dtype=np.float32), s=np.array([2, 4]))
    cut = ("extract", "m.onnx", "--inputs", "r", "--outputs", "t", "-o", "part.onnx")
    done = run(*cut)
    assert done.returncode == 2 and "The type of 'r' is not known" in done.stderr
    done = run(*cut, "--learn", "--feeds", "feeds.npz")
    assert (done.returncode, done.stderr) == (0, "")
    part = onnx.load(tmp_path / "part.onnx")
    onnx.checker.check_model(part)
    assert [len(each.type.tensor_type.shape.dim) for each in (*part.graph.input, *part.graph.output)] == [2, 2]
    np.testing.assert_array_equal(
        run_model(tmp_path / "part.onnx", {"r": np.ones((3, 5), np.float32)})["t"], -np.ones((3, 5))
    )
