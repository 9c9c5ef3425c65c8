"""``graphdebug inspect`` on the sample models."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_overview(run: Run, samples: Path) -> None:
    done = run("inspect", samples / "mlp.onnx")
    assert done.returncode == 0
    assert done.stderr == ""
    for text in ("mlp.onnx", "IR 10, opset ai.onnx 20", "Gemm 3, Relu 2, Softmax 1", "features  float[batch, 16]"):
        assert text in done.stdout
    assert "1.93 k parameters" in done.stdout  # 16·32 + 32 + 32·32 + 32 + 32·10 + 10


def test_nested_graphs_and_functions_are_listed(run: Run, samples: Path) -> None:
    assert "then_branch" in run("inspect", samples / "if_captures.onnx").stdout
    assert "SoftGate" in run("inspect", samples / "local_function.onnx").stdout


def test_json_is_all_there_is_on_stdout(run: Run, samples: Path) -> None:
    done = run("inspect", samples / "branching_blocks.onnx", "--json")
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["version"] == 1
    assert found["model"] == str(samples / "branching_blocks.onnx")
    assert found["summary"]["nodes"] == 10
    assert dict(found["summary"]["ops"]) == {"Conv": 5, "Relu": 4, "Add": 1}
    assert found["summary"]["inputs"] == [
        {"name": "image", "type": {"dtype": "float", "shape": ["batch", 3, 24, 24], "kind": "tensor"}}
    ]
    assert {"findings", "files", "seconds"} <= found.keys()


def test_a_broken_model_is_shown_with_its_findings(run: Run, samples: Path) -> None:
    done = run("inspect", samples / "broken.onnx")
    assert done.returncode == 0
    assert done.stdout.index("  error  ") < done.stdout.index("  info  ")
    found = json.loads(run("inspect", samples / "broken.onnx", "--json").stdout)
    errors = {finding["code"] for finding in found["findings"] if finding["severity"] == "error"}
    assert len(errors) >= 8
    assert {"graph-cycle", "dangling-input", "unknown-op", "dims-mismatch"} <= errors


@pytest.mark.parametrize(
    "name", ["line", "resnet_dynamo", "transformer_torchscript", "quantize_dequantize", "loop_newton"]
)
def test_sound_models_have_no_errors(run: Run, samples: Path, name: str) -> None:
    found = json.loads(run("inspect", samples / f"{name}.onnx", "--json").stdout)
    assert [finding for finding in found["findings"] if finding["severity"] != "info"] == []
