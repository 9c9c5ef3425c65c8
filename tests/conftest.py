"""What all rooms' tests share: a workspace of their own, the real app on a free port, a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from graphdebug.workspace.store import Workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Playwright

settings.register_profile("graphdebug", deadline=None)  # timings are never asserted: a busy machine is no fault
settings.load_profile("graphdebug")

ROOT = Path(__file__).resolve().parent.parent
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_SERVER_STARTS_WITHIN = 90.0

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # started in the background: what tests start would ignore it, too
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the house's own checks first; all that drives a browser is marked so."""
    for item in items:
        if item.path.parent.name == "browser":
            item.add_marker(pytest.mark.browser)
    items.sort(key=lambda item: item.path.name != "test_house.py")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace, which is also the one that the code under test finds by itself."""
    root = tmp_path / "workspace"
    monkeypatch.setenv("GRAPHDEBUG_HOME", str(root))
    return Workspace(root)


@pytest.fixture(scope="session")
def samples() -> Path:
    """The folder of the sample models."""
    return ROOT / "sample_models"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the real app, running on a free port with an empty workspace (``http://localhost:NNNNN``)."""
    with running_app(tmp_path_factory.mktemp("server"), {"GRAPHDEBUG_ALLOW_CODE": "0"}) as address:
        yield address


@contextmanager
def running_app(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run the real app with its workspace and its log in ``folder``; yields its address."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "GRAPHDEBUG_HOME": str(folder / "workspace"), **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            address = f"http://localhost:{port}"
            _wait_for(f"{address}/_stcore/health", process, log)
            yield address
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            shutil.rmtree(folder / "workspace", ignore_errors=True)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers; fail with its log when it does not."""
    deadline = time.monotonic() + _SERVER_STARTS_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"The app did not start:\n{log.read_text(errors='replace')[-4000:]}")


@pytest.fixture(scope="session")
def playwright() -> Iterator["Playwright"]:
    """Playwright, which drives browsers; tests that need it are skipped where it cannot start."""
    from playwright.sync_api import sync_playwright

    manager = sync_playwright()
    try:
        started = manager.start()
    except Exception as error:  # it has no better type; its Node.js misses a library
        pytest.skip(f"Playwright does not start ({error}): `make test` installs what it misses")
    yield started
    started.stop()


@pytest.fixture(scope="session")
def chromium(playwright: "Playwright") -> str:
    """The path of the system's Chromium, else of Playwright's; tests that need one are skipped where there is none."""
    installed = filter(None, map(shutil.which, _CHROMIUMS))
    found = next(filter(_runs, (*installed, playwright.chromium.executable_path)), None)
    if found is None:
        pytest.skip("no Chromium on this machine: `make test` installs it, or `apt-get install chromium`")
    return found


def _runs(program: str) -> bool:
    """Return whether a browser is there and one: on Ubuntu it may be a script that asks for a snap to be installed."""
    return (
        Path(program).is_file()
        and subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="session")
def browser(playwright: "Playwright", chromium: str) -> Iterator["Browser"]:
    """A headless Chromium, driven by Playwright."""
    launched = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
    yield launched
    launched.close()


@pytest.fixture(scope="session")
def context(browser: "Browser") -> Iterator["BrowserContext"]:
    """What tabs share: above all a cache, so that the app's code is loaded and compiled once."""
    shared = browser.new_context(viewport={"width": 1600, "height": 1000}, accept_downloads=True)
    yield shared
    shared.close()


@pytest.fixture
def page(context: "BrowserContext") -> Iterator["Page"]:
    """A fresh tab of 1600 × 1000 pixels: nothing is kept from one tab to another (cookies and such are not used)."""
    tab = context.new_page()
    yield tab
    tab.close()
