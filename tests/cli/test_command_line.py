"""Help, errors and interruption: what all commands have in common."""

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import psutil
import pytest
from onnx import parser

from tests.cli.conftest import COMMAND, ROOT, Run

HEAVY = ("onnx", "onnxruntime", "numpy", "torch", "sqlalchemy", "streamlit", "jinja2", "msgspec")


def one_sentence(stderr: str) -> str:
    """Return the error, having made sure that it is one line."""
    assert stderr.startswith("Error: ")
    assert stderr.count("\n") == 1
    return stderr


def test_help_lists_the_commands(run: Run) -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(f"\n  {name} " in done.stdout for name in ("inspect", "tensors", "compare", "serve"))


def test_nothing_heavy_is_imported_to_parse_a_command() -> None:
    code = f"import sys, graphdebug.cli; print([name for name in {HEAVY} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_parent_of_a_job_stays_light(samples: Path) -> None:
    code = f"""
import sys
from graphdebug.cli import _run
code = _run(["inspect", {str(samples / "mlp.onnx")!r}])
print([name for name in {tuple(set(HEAVY) - {"msgspec"})} if name in sys.modules], code)"""
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[] 0"


def test_version(run: Run) -> None:
    assert run("--version").stdout.startswith("graphdebug 0.")


@pytest.mark.parametrize("arguments", [("nonsense",), ("inspect",), ("inspect", "nowhere.onnx"), ("tensors", "--frob")])
def test_wrong_usage_is_one_sentence(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "--help" in one_sentence(done.stderr)
    assert done.stdout == ""


def test_a_file_that_is_no_model(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("just some notes")
    for command in (
        ("inspect",),
        ("tensors", "-o", "o.npz"),
        ("compare", "--reference", "reference", "--candidate", "reference"),
    ):
        done = run(command[0], "notes.txt", *command[1:])
        assert done.returncode == 2
        assert "notes.txt" in one_sentence(done.stderr)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.txt"]


def test_an_unforeseen_error_is_no_verdict(tmp_path: Path) -> None:
    code = f"""
import sys
from graphdebug.cli import main
sys.modules["graphdebug.cli.inspect"].run_job = lambda *_: 1 / 0
main(["inspect", {str(ROOT / "sample_models/mlp.onnx")!r}])"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2
    assert "ZeroDivisionError" in one_sentence(done.stderr)


def test_traceback_shows_where_an_error_came_from(run: Run, samples: Path) -> None:
    arguments = ("tensors", samples / "broken.onnx", "-o", "o.npz")
    assert "Traceback" not in run(*arguments).stderr
    assert "Traceback" in run("--traceback", *arguments).stderr


def test_names_cannot_steer_the_terminal(run: Run, tmp_path: Path) -> None:
    model = parser.parse_model(
        '<ir_version: 10, opset_import: ["": 20]> g (float[2] x) => (float[2] y) { y = Relu(x) }'
    )
    evil = "\x1b]0;owned\x07\x1b[2J\r\nname"
    model.graph.name = model.producer_name = model.graph.input[0].name = model.graph.node[0].input[0] = evil
    onnx.save(model, tmp_path / "evil.onnx")
    for arguments in (("inspect", "evil.onnx"), ("tensors", "evil.onnx", "--all", "-o", "o.npz")):
        done = run(*arguments)
        assert done.returncode == 0
        assert "owned" in done.stdout
        assert not set(done.stdout + done.stderr) & {"\x1b", "\x07", "\r"}


def endless_model(path: Path) -> None:
    """Write a model whose Loop runs practically for ever."""
    model = parser.parse_model("""
        <ir_version: 10, opset_import: ["" : 20]>
        endless (float[1] x) => (float[1] y) <int64 trips = {1000000000000000}, bool yes = {1}> {
          y = Loop (trips, yes, x) <body = step (int64 i, bool on, float[1] v) => (bool go, float[1] w) {
            go = Identity(on)
            w = Add(v, v)
          }>
        }""")
    onnx.save(model, path)


@pytest.mark.parametrize(("sent", "code", "said"), [(signal.SIGINT, 130, b"Interrupted."), (signal.SIGTERM, 143, b"")])
def test_interrupting_ends_the_worker_and_leaves_nothing(tmp_path: Path, sent: int, code: int, said: bytes) -> None:
    endless_model(tmp_path / "endless.onnx")
    command = [*COMMAND, "tensors", "endless.onnx", "-o", "o.npz"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        workers = wait_for_busy_child(process.pid)
        process.send_signal(sent)
        _, stderr = process.communicate(timeout=30)
    finally:
        process.kill()  # a test that fails leaves nothing running; the worker goes with its parent
    assert process.returncode == code
    assert stderr.strip() == said
    psutil.wait_procs(workers, timeout=10)
    assert not any(worker.is_running() for worker in workers)
    assert [path.name for path in tmp_path.iterdir()] == ["endless.onnx"]


def wait_for_busy_child(pid: int) -> list[psutil.Process]:
    """Wait until a child of ``pid`` has used a second of processor time; it is in the loop then."""
    for _ in range(600):
        children = psutil.Process(pid).children(recursive=True)
        if any(child.cpu_times().user > 1 for child in children):
            return children
        time.sleep(0.05)
    raise AssertionError("no worker became busy")


def test_progress_shows_at_a_terminal_only(run: Run, samples: Path, tmp_path: Path) -> None:
    assert run("tensors", samples / "mlp.onnx", "-o", tmp_path / "o.npz").stderr == ""
    master, terminal = pty.openpty()
    command = [*COMMAND, "tensors", str(samples / "mlp.onnx"), "-o", str(tmp_path / "o.npz")]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=terminal)
    os.close(terminal)
    shown = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0
    assert "\r\x1b[K" in shown
    assert shown.endswith("\r\x1b[K")
    assert any(char.isalpha() for char in shown.replace("\x1b[K", ""))


def test_closing_the_pipe_early_is_no_error(samples: Path) -> None:
    command = f"{sys.executable} -m graphdebug inspect {samples / 'transformer_dynamo.onnx'} --json | head -c 1"
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0
    assert done.stderr == ""


def test_a_closed_pipe_does_not_change_the_verdict(samples: Path, tmp_path: Path) -> None:
    recorded = tmp_path / "recorded.npz"
    sides = f"--reference onnxruntime --candidate file:path={recorded}"
    for value, code in ((1, 0), (2, 1)):
        subprocess.run(
            [*COMMAND, "tensors", samples / "line.onnx", "--all", "--seed", str(value), "-o", recorded],
            cwd=ROOT,
            check=True,
        )
        command = f"{sys.executable} -m graphdebug compare {samples / 'line.onnx'} {sides} --seed 1 > >(exec true)"
        done = subprocess.run(["bash", "-c", f"{command}; exit $?"], cwd=ROOT, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (code, "")


def test_dim_is_checked_before_anything_runs(run: Run, samples: Path) -> None:
    for text in ("batch", "batch=", "batch=-1", "=3", "batch=1.5"):
        done = run("tensors", samples / "mlp.onnx", "--dim", text, "-o", "o.npz")
        assert done.returncode == 2
        assert text in one_sentence(done.stderr)
    done = run("tensors", samples / "mlp.onnx", "--dim", "batch=1", "--dim", "batch=2", "-o", "o.npz")
    assert "two lengths" in one_sentence(done.stderr)


def test_module_and_script_agree(run: Run) -> None:
    script = Path(sys.executable).parent / "graphdebug"
    if not script.is_file():
        pytest.skip("graphdebug is not installed into this environment")
    found = subprocess.run([str(script), "--version"], capture_output=True, text=True, check=True)
    assert found.stdout == run("--version").stdout
