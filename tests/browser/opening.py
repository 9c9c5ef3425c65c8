"""Opening a model without the page that does so: by the routes that it calls. What opens models is tested by hand."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Page


def opened(server: str, file: Path) -> str:
    """Put a model into the server's workspace and return its id."""
    upload = _ask(server, "POST", "uploads")["id"]
    _ask(server, "PUT", f"uploads/{upload}/{quote(file.name)}", file.read_bytes())
    job = _ask(server, "POST", f"uploads/{upload}/open")["job"]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = _ask(server, "GET", f"jobs/{job}")
        if state["model"]:
            return str(state["model"])
        assert state["failure"] is None, state["failure"]
        time.sleep(0.02)
    raise TimeoutError(f"{file.name} is not open after a minute")


def settled(page: Page) -> None:
    """Wait until the page is drawn: while it is, what one is about to press may move away from under the pointer."""
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()
    places = "() => [...document.querySelectorAll('button, summary')].map((each) => each.getBoundingClientRect().top)"
    before = None
    while before != (now := page.evaluate(places)):
        before = now
        page.wait_for_timeout(150)


def _ask(server: str, method: str, address: str, body: bytes | None = None) -> Any:
    headers = {"X-Graphdebug": "1", "Content-Type": "application/octet-stream"}
    request = urllib.request.Request(f"{server}/graphdebug/{address}", body, headers, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
