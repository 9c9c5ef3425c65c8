"""``graphdebug serve``: the app comes up with the model, answers, and goes away without leaving anything."""

import json
import os
import select
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest

from graphdebug.workspace.store import Workspace
from tests.cli.conftest import COMMAND, ROOT, Run


@contextmanager
def serving(home: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run ``graphdebug serve`` and give it with the address that it prints."""
    environment = {**os.environ, "GRAPHDEBUG_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [*COMMAND, "serve", *map(str, arguments)]
    process = subprocess.Popen(command, cwd=home.parent, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        ready, _, _ = select.select([process.stdout], [], [], 120)
        line = process.stdout.readline() if ready else ""
        assert line.startswith("graphdebug is at http://"), line
        yield process, line.removeprefix("graphdebug is at ").strip()
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(30)
        process.stdout.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_model_is_served_and_everything_ends_together(samples: Path, tmp_path: Path, ending: signal.Signals) -> None:
    home, port = tmp_path / "home", free_port()
    with serving(home, samples / "mlp.onnx", "--port", port) as (process, address):
        parts = urlsplit(address)
        assert parts.netloc == f"localhost:{port}"
        with urllib.request.urlopen(f"http://{parts.netloc}/_stcore/health", timeout=10) as answer:
            assert answer.status == 200
        (model_id,) = parse_qs(parts.query)["model"]
        entry = Workspace(home).model(model_id)
        assert entry is not None
        assert entry.name == "mlp.onnx"
        assert entry.in_place
        started = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(ending)
        assert process.wait(30) == 0
        _, alive = psutil.wait_procs(started, timeout=15)
        assert started
        assert not alive


def test_a_taken_port_is_said_so(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", port)
    assert done.returncode == 2
    assert done.stderr == f"Error: Port {port} is taken: choose another with --port, or leave it out.\n"


def test_an_address_of_another_machine(run: Run) -> None:
    done = run("serve", "--host", "no.such.host.invalid")
    assert done.returncode == 2
    assert "no.such.host.invalid" in done.stderr
    assert done.stderr.count("\n") == 1


def test_what_is_no_model_is_not_served(run: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.onnx").write_text("just some notes")
    done = run("serve", "notes.onnx")
    assert done.returncode == 2
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_on_the_network_it_answers_to_its_own_names_only(tmp_path: Path) -> None:
    port = free_port()
    with serving(tmp_path / "home", "--host", "0.0.0.0", "--port", port) as (_, address):
        assert address == f"http://localhost:{port}/"
        assert status(port, socket.gethostname()) != 403
        assert status(port, "rebound.example.com") == 403


def status(port: int, host: str) -> int:
    """Ask one of our routes under a host name and return the status."""
    url = f"http://127.0.0.1:{port}/graphdebug/jobs/none"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        json.loads(error.read())
        return error.code
