"""``graphdebug engine`` and benchmarks on TensorRT, with the stand-in of `tests/runtime` in TensorRT's place."""

import json
import re
import sys
from pathlib import Path

import onnx
import pytest

from graphdebug.model.engine_layers import onnx_nodes
from tests.cli.conftest import Run
from tests.runtime import small_models as models
from tests.runtime.tensorrt_standin import interpreter


@pytest.fixture(scope="module")
def tensorrt(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"tensorrt:python={interpreter(tmp_path_factory.mktemp('interpreters'), '11.4.0.106')}"


def test_an_engine_s_layers_are_kept(run: Run, tensorrt: str, tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    done = run("engine", path, "--backend", tensorrt, "--dim", "batch=3", "-o", "layers.onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert "takes the whole model" in done.stdout and "profile: x 3x64" in done.stdout
    layers = onnx.load(tmp_path / "layers.onnx").graph.node
    assert [onnx_nodes(node) for node in layers] == [("MatMul_0",), ("Add_1",), ("Relu_2",)]


def test_what_is_not_taken_is_exit_code_2_with_its_place(run: Run, tensorrt: str, tmp_path: Path) -> None:
    nodes = [onnx.helper.make_node("Relu", ["x"], ["a"]), onnx.helper.make_node("Nope", ["a"], ["y"], "bad\x1b[31m")]
    ends = [models.value("x", shape=(2,)), models.value("y", shape=(2,))]
    path = models.write(tmp_path / "m.onnx", nodes, ends[:1], ends[1:], opset=17)
    done = run("engine", path, "--backend", tensorrt)
    assert done.returncode == 2 and "does not take 1 node of the model" in done.stdout
    assert "(Nope): In node 1" in done.stdout and "\x1b[31m" not in done.stdout
    told = json.loads(run("engine", path, "--backend", tensorrt, "--support", "--json").stdout)
    assert (told["version"], told["support"]["supported"], told["environment"]) == (1, False, {})
    assert told["support"]["subgraphs"] == [
        {"nodes": [0], "supported": True},
        {"nodes": [1], "supported": False},
    ]


def test_without_tensorrt_it_is_one_sentence(run: Run, samples: Path) -> None:
    for spec, said in (
        (f"tensorrt:python={sys.executable}", "pip install tensorrt"),
        ("tensorrt:precision=int4", "precision=stored"),
        ("tensorrt:precision=fp4", "precision=stored"),
        ("reference", "Engines are built by tensorrt, not by reference."),
    ):
        done = run("engine", samples / "mlp.onnx", "--backend", spec)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_a_benchmark_tells_what_the_device_did_and_layers_at_their_nodes(
    run: Run, tensorrt: str, tmp_path: Path
) -> None:
    path = models.chain(tmp_path / "m.onnx")
    given = ("--backend", tensorrt, "--iterations", 4, "--rounds", 2, "--warmup", 1)
    done = run("bench", path, *given, "--streams", "1,2", "--json", "--profile", "--trace", "t.json")
    assert done.stderr == "" and done.returncode == 0
    first, second = json.loads(done.stdout)["measurements"]
    assert {name: told["count"] for name, told in first["phases"].items()} == dict.fromkeys(
        ("enqueue", "compute", "copy_in", "copy_out"), 4
    )
    assert first["latency"]["count"] == 4 and second["latency"]["count"] == 8
    assert first["phases"]["compute"]["median"] <= first["latency"]["median"]
    told = run("bench", path, *given).stdout
    assert re.search(r"of a run, enqueue \S+ .s, copy in \S+ .s, compute \S+ .s, copy out \S+ .s", told), told
    events = json.loads((tmp_path / "t.json").read_text())["traceEvents"]
    layers = [event for event in events if event["cat"] == "Node" and event["args"]["run"] == 1]
    assert [(event["name"], event["args"]["node"], event["dur"]) for event in layers] == [
        ("MatMul_0", 0, 250),
        ("Add_1", 1, 250),
        ("Relu_2", 2, 250),
    ]
