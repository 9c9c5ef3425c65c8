"""``graphdebug diff``: exit codes, words and JSON."""

import json
from pathlib import Path

import jsonschema

from graphdebug.diff.records import ModelDiff
from graphdebug.model.record_json import json_schema
from tests.cli.conftest import Run


def test_exit_codes_words_and_json(run: Run, samples: Path, tmp_path: Path) -> None:
    same = run("diff", samples / "mlp.onnx", samples / "mlp.onnx")
    assert (same.returncode, same.stdout, same.stderr) == (0, "Nothing differs.\n", "")
    two = (samples / "resnet_dynamo.onnx", samples / "resnet_torchscript.onnx")
    words, data = run("diff", *two), run("diff", *two, "--json")
    assert words.returncode == data.returncode == 1
    assert (
        "Opset ai.onnx: '20' → '18'." in words.stdout and "21 nodes that are the same have other names" in words.stdout
    )
    found = json.loads(data.stdout)
    jsonschema.validate(found, json_schema(ModelDiff))
    assert found["version"] == 1 and found["left"] == "resnet_dynamo.onnx"
    assert words.stdout.splitlines()[: len(found["sentences"])] == found["sentences"]


def test_what_cannot_be_read(run: Run, samples: Path, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_text("no model")
    done = run("diff", samples / "mlp.onnx", tmp_path / "no.onnx")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "no.onnx" in done.stderr
    assert run("diff", samples / "mlp.onnx").returncode == 2
