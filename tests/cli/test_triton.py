"""``graphdebug triton-repository`` writes what a server loads, and adds versions."""

from pathlib import Path

from tests.cli.conftest import Run


def test_a_repository_and_a_second_version(run: Run, samples: Path, tmp_path: Path) -> None:
    arguments = ("triton-repository", samples / "mlp.onnx", "-o", "repository", "--backend", "python", "--warm-up")
    done = run(*arguments, "--max-batch", 4, "--preferred", "2,4")
    assert done.returncode == 0
    folder = tmp_path / "repository" / "mlp"
    assert (folder / "1" / "model.onnx").read_bytes() == (samples / "mlp.onnx").read_bytes()
    assert "preferred_batch_size: 4" in (folder / "config.pbtxt").read_text()
    assert (folder / "warmup" / "input_0").stat().st_size == 16 * 4
    config = (folder / "config.pbtxt").read_bytes()
    again = run(*arguments)
    assert (again.returncode, "is there already" in again.stderr) == (2, True)
    assert run(*arguments, "--version", 2).returncode == 0
    assert (folder / "2" / "model.py").is_file()
    assert (folder / "config.pbtxt").read_bytes() == config
    assert run(*arguments, "--preferred", "two").returncode == 2
