"""The graph view's ES modules, run by node on scenes packed by the Python side."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from onnx import TensorProto, helper

from graphdebug.model.document import Model
from graphdebug.view.pack import pack
from graphdebug.view.scene import Scene, scene

HERE = Path(__file__).parent
MODULES = HERE.parents[1] / "graphdebug" / "ui" / "graph_view" / "js"
HOSTILE = "/layers.1/<b>x</b>\u202e\n/Relu"


def model() -> Model:
    """Three scopes in a chain, each with a branch that joins, and a name nobody should have."""
    nodes, value = [], "x"
    for layer in range(3):
        path = f"/layers.{layer}"
        nodes += [
            helper.make_node("Relu", [value], [f"{path}/a"], f"{path}/left/Relu"),
            helper.make_node("Sigmoid", [value], [f"{path}/b"], HOSTILE if layer == 1 else f"{path}/right/Sigmoid"),
            helper.make_node("Add", [f"{path}/a", f"{path}/b"], [f"{path}/c"], f"{path}/Add"),
        ]
        value = f"{path}/c"
    nodes.append(helper.make_node("Tanh", [value], ["y"], "tail"))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8]) for name in "xy")
    return Model(helper.make_model(helper.make_graph(nodes, "g", [x], [y])), Path("m.onnx"))


def empty() -> Scene:
    return scene(Model(helper.make_model(helper.make_graph([], "g", [], [])), Path("e.onnx")), "")


def test_the_modules(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    for module in MODULES.glob("*.js"):
        shutil.copy(module, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    down = scene(model(), "")
    (tmp_path / "down.scene").write_bytes(pack(down))
    (tmp_path / "closed.scene").write_bytes(pack(scene(model(), "", frozenset())))
    (tmp_path / "right.scene").write_bytes(pack(scene(model(), "", direction="right")))
    (tmp_path / "empty.scene").write_bytes(pack(empty()))
    expected = {
        "boxes": [
            {"id": box.id, "op": box.op, "kind": box.kind, "rect": [box.x, box.y, box.width, box.height]}
            for box in down.boxes
        ],
        "ends": [[edge.tail, edge.head] for edge in down.edges],
        "hostile": "n:4",
    }
    (tmp_path / "expected.json").write_text(json.dumps(expected))
    ran = subprocess.run(
        [node, "--test", *map(str, sorted((HERE / "js").glob("*.test.mjs")))],
        env={**os.environ, "MODULES": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]


def test_the_modules_never_write_html() -> None:
    for module in MODULES.glob("*.js"):
        text = module.read_text()
        for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"):
            assert danger not in text, f"{module.name} uses {danger}"
