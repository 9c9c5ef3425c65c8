"""How a graph view feels: opening it, expanding a group, from a click to the panel, pan and zoom, bytes, memory.

graphdebug beside Netron and Model Explorer, in one run, in headless Chromium with software rendering. Each viewer and
model has a process of its own, so that one that hangs (`--limit`) costs its own figures only:

* *open*: seconds from the request to the first drawn graph: Netron's whole graph, Model Explorer's first box,
  graphdebug's opening level. *Cold*: a new server and a fresh profile; *warm*: the same server, another profile;
* *expand*: for graphdebug the median over up to five groups of the opening level, from asking to the frame that shows
  the new picture; for Model Explorer its only box, from pressing the mouse to the first frame after its layout;
* *click → panel*: median over some nodes, from pressing the mouse to the panel that shows them; *first*: the first
  click after the page was opened;
* *frames*: 95th percentile of the time between frames while dragging and turning the wheel, zoomed out, with every
  group expanded (in graphdebug at most as many boxes as a scene may have) and the number of boxes;
* *payload*: bytes of what is drawn first as sent: graphdebug's scene, Model Explorer's graph, for Netron the file;
  *expanded*: of the scene with every group open;
* *heap*: the page's JavaScript heap with the first picture, and with everything expanded.

Usage: python benchmarks/graph_view.py MODEL.onnx … [--others VENV/bin/python] [--limit 120]
`--others` is an interpreter that has the other viewers, which need an environment of their own:
    python -m venv VENV && VENV/bin/pip install netron==9.3.3 ai-edge-model-explorer==0.1.34 model-explorer-onnx==0.4.2
"""

import argparse
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gestures import HEAP, Figure, Tab, clicked, opened, seconds_to, tab
from other_viewers import missing, model_explorer, netron
from page_open import FLAGS, REGISTER, ROOT, free_port, server
from playwright.sync_api import Browser, sync_playwright

_ON = "(host, given) => { const view = host.graphView; const next = () => new Promise(requestAnimationFrame);"
EXPAND = (
    _ON
    + """
  const groups = [];
  for (let box = 0; box < view.scene.boxes && groups.length < 5; box++)
    if (view.scene.kind[box] === 1) groups.push(view.scene.idOf(box));
  return (async () => {
    const times = [];
    for (const id of groups) {
      if (view.scene.boxOf(id) < 0) continue;
      const start = performance.now();
      await view.toggle(id);
      await next(); await next();
      times.push(performance.now() - start);
      await view.toggle(id);
      await next();
    }
    return times;
  })(); }"""
)
EVERYTHING = (
    _ON
    + """
  return (async () => {
    await view.expandAll();
    for (let wait = 0; wait < 600 && host.dataset.state !== "ready"; wait++) await next();
    view.fit();
    for (let wait = 0; wait < 60; wait++) await next();
    return view.scene.boxes;
  })(); }"""
)
NODES = (
    _ON
    + """
  const groups = [], nodes = [];
  for (let box = 0; box < view.scene.boxes && groups.length < 5; box++)
    if (view.scene.kind[box] === 1) groups.push(view.scene.idOf(box));
  return view.setModes({ expanded: [...view.scene.meta.expanded, ...groups] }).then(() => {
    for (let box = 0; box < view.scene.boxes && nodes.length < 11; box++)
      if (view.scene.kind[box] === 0) nodes.push(view.scene.idOf(box));
    return nodes;
  }); }"""
)
PLACE = (
    _ON
    + """
  view.zoom(1 / view.stage.camera.k);
  view.stage.centre(view.scene.rectOf(view.scene.boxOf(given)));
  return view.source.selected(view.graph, [given]).then(({ names: [name] }) => ({ name, ...view.rectOf(given) })); }"""
)
SENT = "performance.getEntriesByType('resource').filter((e) => /\\/scene/.test(e.name)).map((e) => e.encodedBodySize)"
DRAWN = "[...document.querySelectorAll('div')].some((each) => each.shadowRoot?.querySelector('[data-state=ready]'))"
SHOWN = "[...document.querySelectorAll('[data-testid=stCode] code')].some((code) => code.textContent.trim() === NAME)"


def graphdebug(browser: Browser, model: Path, limit: float) -> Iterator[Figure]:
    """Measure graphdebug."""
    with tempfile.TemporaryDirectory() as home:
        env = {"GRAPHDEBUG_HOME": home}
        command = [sys.executable, "-c", REGISTER, str(model)]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, check=True)
        model_id, port = done.stdout.decode().strip().splitlines()[-1], free_port()
        app = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        url = f"http://127.0.0.1:{port}/graph?model={model_id}"
        with server(app, f"http://127.0.0.1:{port}/_stcore/health", env):
            yield "cold", (cold := seconds_to(browser, url, DRAWN, limit))
            if cold is None:
                return
            with tab(browser) as page:
                yield "warm", opened(page, url, DRAWN, limit)
                page.wait(2000)
                yield "heap", page.ask(HEAP)
                yield "payload", page.ask(SENT)[0]
                view = page.page.locator(".graph-view")
                yield from clicked([click_to_panel(page, box) for box in view.evaluate(NODES, None)])
                if expanded := view.evaluate(EXPAND, None):
                    yield "expand", statistics.median(expanded)
                yield "boxes", view.evaluate(EVERYTHING, None)
                yield "frames", page.frames()
                yield "everything", page.ask(SENT)[-1]
                yield "heap_all", page.ask(HEAP)


def click_to_panel(page: Tab, box: str) -> float | None:
    """Return the milliseconds from pressing the mouse on a node to the panel that shows its name."""
    view = page.page.locator(".graph-view")
    view.evaluate(PLACE, box)
    page.wait(500)
    place = view.evaluate(PLACE, box)
    shown = SHOWN.replace("NAME", json.dumps(place["name"]))
    return page.click(place["x"] + place["width"] / 2, place["y"] + min(place["height"] / 2, 10), shown)


VIEWERS = "graphdebug", "Netron", "Model Explorer"
PATIENCE = 6
"""So many times the limit a viewer has for all its figures together."""


def measure(viewer: str, model: Path, others: str, limit: float) -> None:
    """Print each figure of one viewer and model as it comes, a line of JSON each."""
    with sync_playwright() as playwright:
        flags = [*FLAGS, "--enable-precise-memory-info"]
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        if viewer == "graphdebug":
            figures = graphdebug(browser, model, limit)
        else:
            figures = (netron if viewer == "Netron" else model_explorer)(browser, others, model, limit)
        for name, value in figures:
            print(json.dumps({name: value}), flush=True)


def measured(viewer: str, model: Path, others: str, limit: float) -> dict[str, Any]:
    """Return the figures of one viewer and model, as far as it came."""
    command = [sys.executable, __file__, str(model), "--only", viewer, "--others", others, "--limit", str(limit)]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    try:
        output, _ = child.communicate(timeout=PATIENCE * limit)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
    finally:
        if child.poll() is None:  # we are being stopped
            os.killpg(child.pid, signal.SIGKILL)
    found: dict[str, Any] = {}
    for line in output.splitlines():
        found |= json.loads(line)
    return found


def row(found: dict[str, Any], limit: float) -> str:
    """Return the cells of one viewer and model."""

    def cell(name: str, divisor: float = 1, digits: int = 0) -> str:
        value = found.get(name)
        return "–" if value is None else f"{value / divisor:,.{digits}f}"

    opening = ["cold", "warm"] if found.get("cold") is not None else []
    cells = [cell(name, digits=2) for name in opening] or [f"never (> {limit:.0f} s)", "–"]
    cells += [cell(name) for name in ("expand", "click", "first")]
    cells.append(f"{cell('frames')} ({cell('boxes')})")
    cells += [cell(name, 1e3) for name in ("payload", "everything")]
    return " | ".join([*cells, f"{cell('heap', 1e6)} → {cell('heap_all', 1e6)}"])


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--others", default="", help="an interpreter that has Netron and Model Explorer")
    parser.add_argument("--limit", type=float, default=120, help="seconds a viewer has to draw a graph")
    parser.add_argument("--only", choices=VIEWERS, help="measure one viewer and print its figures as JSON")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    if args.only:
        measure(args.only, args.models[0].resolve(), args.others, args.limit)
        return
    lacking = {
        "Netron": missing(args.others, "netron"),
        "Model Explorer": missing(args.others, "model_explorer", "model_explorer_onnx"),
    }
    for sentence in filter(None, lacking.values()):
        print(sentence, file=sys.stderr)
    print("| model | viewer | open cold s | warm s | expand ms | click → panel ms | first ms ", end="")
    print(f"| frames p95 ms (boxes) | payload kB | expanded kB | heap MB |\n{'|---' * 11}|")
    for model in args.models:
        for viewer in VIEWERS:
            if not lacking.get(viewer):
                found = measured(viewer, model.resolve(), args.others, args.limit)
                print(f"| {re.sub('[|]', '', model.stem)} | {viewer} | {row(found, args.limit)} |", flush=True)


if __name__ == "__main__":
    main()
