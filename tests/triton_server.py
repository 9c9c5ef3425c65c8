"""A real Triton server for tests, where there is one: that of nvidia-pytriton's wheel, which has the Python backend.

``GRAPHDEBUG_TRITON`` names the environment that it is installed in; without it, ``.triton`` beside the repository's
``.venv`` is looked for (``.ci/triton`` makes it). Its Python is that of the tests, and must have a shared libpython.
"""

import os
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 60
"""Seconds until the server must have loaded its models."""


@dataclass(frozen=True)
class Server:
    """Where a server listens, and what it printed so far."""

    http: str
    grpc: str
    log: Path


def packages() -> Path | None:
    """Return the site-packages with the server; None where there is none."""
    environment = Path(os.environ.get("GRAPHDEBUG_TRITON") or ROOT / ".triton")
    found = sorted(environment.glob("lib/python3*/site-packages/pytriton/tritonserver/bin/tritonserver"))
    return found[0].parents[3] if found else None


@contextmanager
def serving(repository: Path, scratch: Path) -> Iterator[Server]:
    """Run a server on a model repository; it is ready, though models may have failed to load (its log says so)."""
    site = packages()
    assert site is not None
    home = site / "pytriton" / "tritonserver"
    version = site.parent.name.removeprefix("python")
    backend = scratch / "backends" / "python"
    backend.mkdir(parents=True)
    for path in (home / "backends" / "python").iterdir():
        (backend / path.name).symlink_to(path)
    # What it runs looks neither into PYTHONPATH nor into an environment: a server has its packages in its own Python.
    for path in repository.rglob("model.py"):
        path.write_text(f"import sys\n\nsys.path.insert(0, {str(site)!r})\n{path.read_text()}")
    stub = "triton_python_backend_stub"
    (backend / stub).write_bytes((home / "python_backend_stubs" / version / stub).read_bytes())
    (backend / stub).chmod(0o755)
    ports = _free_ports(2)
    libraries = [site / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR") or ""]
    command = [
        home / "bin" / "tritonserver",
        f"--model-repository={repository}",
        f"--backend-directory={backend.parent}",
        *("--http-address=127.0.0.1", "--grpc-address=127.0.0.1", "--allow-metrics=false", "--exit-on-error=false"),
        *(f"--http-port={ports[0]}", f"--grpc-port={ports[1]}"),
    ]
    log = scratch / "server.log"
    environment = {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)), "OMP_NUM_THREADS": "1"}
    with (
        log.open("wb") as output,
        subprocess.Popen(list(map(str, command)), stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            _wait(process, f"http://127.0.0.1:{ports[0]}/v2/health/live", log)
            yield Server(f"127.0.0.1:{ports[0]}", f"127.0.0.1:{ports[1]}", log)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(process: "subprocess.Popen[bytes]", address: str, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and process.poll() is None:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(address, timeout=2) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise AssertionError(f"the server did not come up:\n{log.read_text(errors='replace')[-3000:]}")
