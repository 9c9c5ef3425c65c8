"""``graphdebug serve``: the browser app, with a model open in it."""

import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode

import click

from graphdebug.cli.console import CommandError, plain
from graphdebug.runtime import trust

_ROOT = Path(__file__).resolve().parents[2]
_FIRST_PORT = 8501
_PORTS_TRIED = 50
_STARTS_WITHIN = 120.0
_ANY_ADDRESS = ("0.0.0.0", "::")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@click.command(short_help="Start the browser app.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option(
    "--port", type=click.IntRange(1, 65535), help=f"Port to listen on (default: the first free from {_FIRST_PORT})."
)
@click.option("--host", default="localhost", show_default=True, help="Address to listen on; 0.0.0.0 for the network.")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in a browser.")
@click.option(
    "--allow-code",
    is_flag=True,
    help="Let the pages run code that is named in them: PyTorch modules, other interpreters, libraries of operators. "
    "Whoever reaches the pages can then run anything on this machine.",
)
def serve(model: Path | None, port: int | None, host: str, open_browser: bool, allow_code: bool) -> int:
    """Start the browser app, with MODEL open in it, and print its address. Ctrl-C ends it."""
    app = _ROOT / "app.py"
    if not app.is_file():
        raise CommandError("The pages do not come with the installed package: run `graphdebug serve` from a checkout.")
    port = _free_port(host) if port is None else _checked_port(host, port)
    query = f"?{urlencode({'model': _open(model)})}" if model else ""
    trust.allow_code(allow_code)
    server = subprocess.Popen(_command(app, host, port), cwd=_ROOT)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    shown = "localhost" if host in _ANY_ADDRESS else host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
    try:
        _wait_until_ready(f"{address}_stcore/health", server)
        click.echo(f"graphdebug is at {address}{query}")
        if open_browser:
            click.launch(address + query)
        return max(server.wait(), 0)
    except KeyboardInterrupt:  # the terminal sent it to the server, too
        return 0
    finally:
        _stop(server)


def _open(model: Path) -> str:
    """Register a model in the workspace and return its id there."""
    from graphdebug.jobs import service
    from graphdebug.workspace.disk import WorkspaceError
    from graphdebug.workspace.store import open_workspace

    try:
        workspace = open_workspace()
        job = service.wait(workspace, service.open_path(workspace, model))
    except (WorkspaceError, TimeoutError) as error:
        raise CommandError(str(error)) from error
    failure = job.failure if job is not None else None
    if failure is not None:
        raise CommandError(failure.message, failure.detail)
    if job is None or job.model_id is None:
        raise CommandError(f"{model} was taken out of the workspace while it was being opened: try again.")
    return job.model_id


def _command(app: Path, host: str, port: int) -> list[str]:
    options = [("server.port", str(port)), ("server.address", host), ("logger.hideWelcomeMessage", "true")]
    if host not in _LOOPBACK:
        options += [("server.allowedHosts", name) for name in _own_names(host)]
    return [sys.executable, "-m", "streamlit", "run", str(app), *(f"--{key}={value}" for key, value in options)]


def _own_names(host: str) -> list[str]:
    """Return this machine's names and addresses, so that no name that somebody else points here is answered to."""
    import psutil

    families = (socket.AF_INET, socket.AF_INET6)
    addresses = [
        entry.address for entries in psutil.net_if_addrs().values() for entry in entries if entry.family in families
    ]
    names = ["localhost", "127.0.0.1", "[::1]", socket.gethostname(), socket.getfqdn(), host]
    names += [f"[{address.partition('%')[0]}]" if ":" in address else address for address in addresses]
    return list(dict.fromkeys(names))


def _free_port(host: str) -> int:
    for port in range(_FIRST_PORT, _FIRST_PORT + _PORTS_TRIED):
        if _is_free(host, port):
            return port
    raise CommandError(
        f"Ports {_FIRST_PORT} to {_FIRST_PORT + _PORTS_TRIED - 1} are all taken: choose one with --port."
    )


def _checked_port(host: str, port: int) -> int:
    if not _is_free(host, port):
        raise CommandError(f"Port {port} is taken: choose another with --port, or leave it out.")
    return port


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CommandError(f"--host {plain(host)} is no address of this machine: {error.strerror}.") from error
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def _wait_until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers; raise when it ends or stays silent."""
    deadline = time.monotonic() + _STARTS_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.1)
    if server.poll() is None:
        raise CommandError(f"The app did not answer within {_STARTS_WITHIN:.0f} seconds; what it printed may say why.")
    if server.returncode > 0:
        raise CommandError("The app did not start; what it printed above says why.")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server, kindly at first."""
    if server.poll() is None:
        server.terminate()
    try:
        server.wait(5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
