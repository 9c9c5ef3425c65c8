"""Netron and Model Explorer, driven as a user would: their servers, what they draw first, and what follows a click."""

import json
import statistics
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from time import perf_counter
from urllib.parse import quote

from gestures import HEAP, SIZE, Figure, Tab, clicked, opened, seconds_to, tab
from page_open import NETRON, free_port, server
from PIL import Image
from playwright.sync_api import Browser

PACKAGES = "netron==9.3.3 ai-edge-model-explorer==0.1.34 model-explorer-onnx==0.4.2"
CLICKS = 6
_LARGEST_ANSWER = """Math.max(0, ...performance.getEntriesByType("resource")
  .filter(({ name }) => name.includes("ADDRESS")).map(({ encodedBodySize: size }) => size))"""

_NETRON_DRAWN = """(() => {
  const shown = document.body?.className ?? "spinner";
  const asked = document.getElementById("message-text")?.innerText ?? "";
  if (shown.includes("notification") && asked.includes("cookies")) document.getElementById("message-button").click();
  return document.querySelectorAll(".node").length > 0 && shown.includes("default") && !shown.includes("spinner");
})()"""
_NETRON_NODES = """[...document.querySelectorAll(".node")].map((node) => node.getBoundingClientRect())
  .filter(({ left, right, top, bottom }) => top > 60 && bottom < 900 && left > 0 && right < 1560)
  .map(({ x, y, width }) => [x + width / 2, y + 6])"""
_NETRON_PANEL = (
    "(() => { const open = getComputedStyle(document.getElementById('sidebar')).opacity !== '0';"
    " return open && document.querySelector('#sidebar-content .sidebar-item') !== null; })()"
)

# Model Explorer draws with WebGL what its worker lays out: a picture is new with the first draw after the answer.
_OPENED, _EXPANDED = 1, 3
_WATCH = """(() => {
  const answers = new Map(), draws = [];
  const Usual = window.Worker;
  window.Worker = class extends Usual {
    constructor(...given) {
      super(...given);
      this.addEventListener("message", ({ data }) => answers.set(data?.eventType, performance.now()));
    }
  };
  for (const { prototype } of [WebGLRenderingContext, WebGL2RenderingContext]) {
    for (const name of ["drawArrays", "drawElements", "drawArraysInstanced", "drawElementsInstanced"]) {
      const draw = prototype[name];
      prototype[name] = draw && function (...given) { draws.push(performance.now()); return draw.apply(this, given); };
    }
  }
  window.picture = {
    drawn: (kind) => draws.some((time) => time > (answers.get(kind) ?? Infinity)),
    forget: () => { answers.clear(); draws.length = 0; },
  };
})();"""
_EXPLORER_DRAWN = "Boolean(window.picture?.drawn(%d))"
_EXPLORER_PANEL = "/LAYER INFO/i.test(document.querySelector('info-panel')?.innerText ?? '')"
_EXPLORER_ICON = """(() => {
  const icons = [...document.querySelectorAll("renderer-wrapper mat-icon")];
  const icon = icons.find(({ innerText }) => innerText === "NAME");
  const { x, y, width, height } = icon.getBoundingClientRect();
  return [x + width / 2, y + height / 2];
})()"""
_GROUP_COLOR = 240, 244, 248
_GROUP_SIGN = 21
"""Pixels from a group's left edge to the sign that opens it."""


def missing(python: str, *modules: str) -> str:
    """Return one sentence if an interpreter lacks the modules of a viewer, else nothing."""
    command = [python, "-c", f"import {', '.join(modules)}"]
    if python and subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return ""
    install = f"python -m venv VENV && VENV/bin/pip install {PACKAGES}"
    return f"{modules[0]} is not measured: install it ({install}) and give --others VENV/bin/python."


def netron(browser: Browser, python: str, model: Path, limit: float) -> Iterator[Figure]:
    """Measure Netron, which draws the whole graph and has no groups to open."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    with server([python, "-c", NETRON, str(model), str(port)], url):
        yield "cold", (cold := seconds_to(browser, url, _NETRON_DRAWN, limit))
        if cold is None:
            return
        with tab(browser) as page:
            yield "warm", opened(page, url, _NETRON_DRAWN, limit)
            page.wait(1500)
            yield "payload", page.ask(_LARGEST_ANSWER.replace("ADDRESS", "/data/"))
            yield "heap", page.ask(HEAP)
            clicks = []
            for x, y in page.ask(_NETRON_NODES)[: CLICKS + 1]:
                clicks.append(page.click(x, y, _NETRON_PANEL))
                page.wait(400)
                page.page.keyboard.press("Escape")
                page.wait(400)
            yield from clicked(clicks)
            yield "boxes", page.ask("document.querySelectorAll('.node').length")
            page.zoom_out()
            yield "frames", page.frames()
            yield "heap_all", page.ask(HEAP)


def model_explorer(browser: Browser, python: str, model: Path, limit: float) -> Iterator[Figure]:
    """Measure Model Explorer, which opens with one box, ``main_graph``: that is what is clicked and expanded."""
    port = free_port()
    command = [python, "-m", "model_explorer", str(model), "--no_open_in_browser", "--port", str(port)]
    url = f"http://127.0.0.1:{port}/?data={quote(json.dumps({'models': [{'url': str(model)}]}))}"
    with server([*command, "--extensions=model_explorer_onnx"], f"http://127.0.0.1:{port}/"):
        yield "cold", (cold := seconds_to(browser, url, _EXPLORER_DRAWN % _OPENED, limit, _WATCH))
        if cold is None:
            return
        with tab(browser, _WATCH) as page:
            yield "warm", opened(page, url, _EXPLORER_DRAWN % _OPENED, limit)
            page.wait(1500)
            yield "payload", page.ask(_LARGEST_ANSWER.replace("ADDRESS", "send_command"))
            yield "heap", page.ask(HEAP)
            left, y = _group(page)
            clicks = []
            for _ in range(CLICKS + 1):
                clicks.append(page.click(left + 2.5 * _GROUP_SIGN, y, _EXPLORER_PANEL))
                page.wait(400)
                page.page.mouse.click(SIZE["width"] / 3, 0.85 * SIZE["height"])
                page.wait(400)
            yield from clicked(clicks)
            page.page.mouse.move(left + _GROUP_SIGN, y)
            page.wait(300)
            page.ask("window.picture.forget()")
            yield "expand", page.click(left + _GROUP_SIGN, y, _EXPLORER_DRAWN % _EXPANDED)
            page.wait(1500)
            page.ask("window.picture.forget()")
            page.page.mouse.click(*page.ask(_EXPLORER_ICON.replace("NAME", "unfold_more_double")))
            if page.seconds_until(_EXPLORER_DRAWN % _EXPANDED, perf_counter(), limit) is None:
                return
            page.wait(1500)
            page.page.mouse.click(*page.ask(_EXPLORER_ICON.replace("NAME", "fit_screen")))
            page.wait(1500)
            yield "frames", page.frames()
            yield "heap_all", page.ask(HEAP)


def _group(page: Tab) -> tuple[float, float]:
    """Return the left edge and the middle of the closed group, which is nothing but pixels."""
    image = Image.open(BytesIO(page.page.screenshot())).convert("RGB")
    pixels = image.load()
    assert pixels is not None
    rows: list[tuple[int, int]] = []
    for y in range(150, image.height - 200):
        colored = [x for x in range(image.width * 3 // 4) if pixels[x, y] == _GROUP_COLOR]
        if len(colored) > 4 * _GROUP_SIGN:
            rows.append((y, colored[0]))
    if not rows:
        raise RuntimeError("no group is drawn")
    return min(left for _, left in rows), statistics.median(y for y, _ in rows)
