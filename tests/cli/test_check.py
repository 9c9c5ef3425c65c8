"""``graphdebug check``: exit codes, JSON that fits its schema, remedies as a recipe that ``graphdebug edit`` does."""

import json
from pathlib import Path

import jsonschema
from onnx import TensorProto, helper

from graphdebug.deploy.records import DeployResult
from graphdebug.model.record_json import json_schema
from tests.cli.conftest import Run

DOCS = Path(__file__).parents[2] / "docs"


def relu(path: Path, opset: int = 17, ir: int = 8) -> Path:
    value = helper.make_tensor_value_info
    inputs, outputs = [value("x", TensorProto.FLOAT, (2, 3))], [value("y", TensorProto.FLOAT, (2, 3))]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "it")], "g", inputs, outputs)
    imports = [helper.make_opsetid("", opset)]
    path.write_bytes(helper.make_model(graph, ir_version=ir, opset_imports=imports).SerializeToString())
    return path


def test_exit_codes_say_whether_it_runs(run: Run, tmp_path: Path) -> None:
    model = relu(tmp_path / "m.onnx", opset=21, ir=10)
    assert run("check", model, "--target", "onnxruntime").returncode == 0
    refused = run("check", model, "--target", "onnxruntime", "--target", "onnxruntime:version=1.17")
    assert refused.returncode == 1
    assert "remedy: Convert to operator set 20" in refused.stdout
    wrong = run("check", model, "--target", "tpu")
    assert wrong.returncode == 2
    assert "There is no target called 'tpu'" in wrong.stderr


def test_the_recipe_of_the_remedies_is_done_by_edit(run: Run, tmp_path: Path) -> None:
    model = relu(tmp_path / "m.onnx", opset=21, ir=10)
    target = ("--target", "onnxruntime:version=1.17")
    assert run("check", model, *target, "--fix", "fix.json").returncode == 1
    edited = run("edit", model, "--recipe", "fix.json", "-o", "fixed.onnx")
    assert edited.returncode == 0, edited.stderr
    assert run("check", "fixed.onnx", *target).returncode == 0


def test_json_fits_its_schema_and_the_schema_is_the_code_s(run: Run, tmp_path: Path) -> None:
    model = relu(tmp_path / "m.onnx", opset=21)
    printed = run("check", model, "--target", "onnxruntime", "--target", "tensorrt:version=8.6", "--json")
    found = json.loads(printed.stdout)
    jsonschema.validate(found, json_schema(DeployResult))
    assert found["version"] == 1
    here, there = found["targets"]
    assert here["confirmed"]["loads"] is True
    assert there["findings"][0]["rule"] == "opset-too-new"
    assert there["findings"][0]["remedy"]["operations"] == [{"operation": "convert-opset", "version": 17}]
    said = "write docs/deployment-schema.json anew: record_json.json_schema(DeployResult)"
    assert json.loads((DOCS / "deployment-schema.json").read_text()) == json.loads(
        json.dumps(json_schema(DeployResult))
    ), said
