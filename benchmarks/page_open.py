"""Seconds from opening the page to a drawn graph: graphdebug beside Netron, in one run and one Chromium.

Three figures a model, the median of `--repeat` rounds taken in turn so that drift hits both alike:

* *Netron*: its own server, from the request to the first boxes without the spinner (the whole graph, as it draws it);
* *graphdebug cold*: a new server process and an empty browser profile, from the request to the drawn opening level;
* *graphdebug warm*: the same server, another fresh browser context.

A bare Streamlit page is timed in the same way; it is the floor that any Streamlit app stands on.

Usage: python benchmarks/page_open.py MODEL.onnx … [--netron-python PATH] [--repeat 3] [--limit 120]
`--netron-python` is an interpreter that has `netron`; without it only graphdebug is timed.
"""

import argparse
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Error, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NETRON = """
import netron, sys, time
netron.start(sys.argv[1], ("127.0.0.1", int(sys.argv[2])), browse=False)
time.sleep(9999)
"""
NETRON_STATE = (
    "[document.querySelectorAll('.node').length, document.body ? document.body.className : '',"
    " (document.getElementById('message-text') || {}).innerText || '']"
)
GRAPH_DRAWN = "[data-state=ready]"
HEADLESS = ["--server.headless", "true", "--browser.gatherUsageStats", "false"]
HELLO = "import streamlit as st\nst.write('drawn')\n"


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextlib.contextmanager
def server(command: list[str], health: str, env: dict[str, str] | None = None) -> Iterator[None]:
    """Run a server until the block ends; returns when `health` answers."""
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **(env or {})}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(health, timeout=2).read()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise RuntimeError(f"no answer from {' '.join(command)}") from None
                time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


def seconds_to(browser: Browser, url: str, selector: str, limit: float) -> float | None:
    """Open `url` in a fresh context and return the seconds until `selector` is there; None past `limit`."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    page = context.new_page()
    start = time.perf_counter()
    try:
        page.goto(url, wait_until="commit")
        page.wait_for_selector(selector, state="attached", timeout=limit * 1000)
        return time.perf_counter() - start
    except Error:
        return None
    finally:
        context.close()


def netron_seconds(browser: Browser, python: str, model: Path, limit: float) -> float | None:
    """Time Netron on `model`: boxes on the page and the spinner gone."""
    port = free_port()
    with server([python, "-c", NETRON, str(model), str(port)], f"http://127.0.0.1:{port}/"):
        context = browser.new_context(viewport={"width": 1600, "height": 1000}, bypass_csp=True)
        page = context.new_page()
        cdp = context.new_cdp_session(page)  # the page forbids eval; the debugging protocol does not ask it
        start = time.perf_counter()
        page.goto(f"http://127.0.0.1:{port}/", wait_until="commit")
        try:
            while (passed := time.perf_counter() - start) < limit:
                answer = cdp.send("Runtime.evaluate", {"expression": NETRON_STATE, "returnByValue": True})
                nodes, shown, message = answer["result"].get("value") or [0, "spinner", ""]
                if "notification" in shown and "cookies" in message:
                    click = "document.getElementById('message-button').click()"
                    cdp.send("Runtime.evaluate", {"expression": click})
                elif nodes and "default" in shown and "spinner" not in shown:
                    return passed
                time.sleep(0.05)
            return None
        finally:
            context.close()


def graphdebug_seconds(browser: Browser, model: Path, limit: float) -> tuple[float | None, float | None]:
    """Time graphdebug on `model`: (cold, warm)."""
    with tempfile.TemporaryDirectory() as home:
        env = {"GRAPHDEBUG_HOME": home}
        port = free_port()
        opened = subprocess.run(
            [sys.executable, "-c", REGISTER, str(model)], cwd=ROOT, env={**os.environ, **env}, capture_output=True
        )
        model_id = opened.stdout.decode().strip().splitlines()[-1]
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        with server(command, f"http://127.0.0.1:{port}/_stcore/health", env):
            url = f"http://127.0.0.1:{port}/graph?model={model_id}"
            return (
                seconds_to(browser, url, GRAPH_DRAWN, limit),
                seconds_to(browser, url, GRAPH_DRAWN, limit),
            )


REGISTER = """
import sys
from pathlib import Path
from graphdebug.jobs import service
from graphdebug.workspace.store import open_workspace
workspace = open_workspace()
job = service.wait(workspace, service.open_path(workspace, Path(sys.argv[1])))
print(job.model_id)
"""


def bare_streamlit_seconds(browser: Browser, limit: float) -> float | None:
    """Time a Streamlit page that says one word."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "hello.py").write_text(HELLO)
        port = free_port()
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            f"{folder}/hello.py",
            "--server.port",
            str(port),
            *HEADLESS,
        ]
        with server(command, f"http://127.0.0.1:{port}/_stcore/health"):
            return seconds_to(browser, f"http://127.0.0.1:{port}/", "text=drawn", limit)


def shown(values: list[float | None], limit: float) -> str:
    """Return the median as text; a round that never drew counts as the limit."""
    middle = statistics.median(limit if value is None else value for value in values)
    return f"never (> {limit:.0f} s)" if middle >= limit else f"{middle:.2f} s"


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--netron-python", default="")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120)
    args = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        bare = [bare_streamlit_seconds(browser, args.limit) for _ in range(args.repeat)]
        print(f"bare Streamlit page: {shown(bare, args.limit)}\n")
        print("| model | Netron | graphdebug cold | graphdebug warm |\n|---|---|---|---|")
        for model in args.models:
            netron: list[float | None] = []
            cold: list[float | None] = []
            warm: list[float | None] = []
            for _ in range(args.repeat):
                if args.netron_python and netron[-1:] != [None]:  # once it never drew, it is not asked again
                    netron.append(netron_seconds(browser, args.netron_python, model, args.limit))
                first, second = graphdebug_seconds(browser, model, args.limit)
                cold.append(first)
                warm.append(second)
            other = shown(netron, args.limit) if netron else "–"
            print(f"| {model.stem} | {other} | {shown(cold, args.limit)} | {shown(warm, args.limit)} |", flush=True)


if __name__ == "__main__":
    main()
