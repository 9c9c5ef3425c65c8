"""How the graph view feels: expanding a group, a click's way to the panel, panning and zooming, bytes and memory.

Opening a page is `page_open.py`'s, side by side with other tools; these are the figures of a view that is open, in
headless Chromium with software rendering:

* *expand*: median over up to five groups of the opening level, from asking to the frame that shows the new picture;
* *click → panel*: median over ten nodes, from pressing the mouse to the panel that shows the node's name; *first*: the
  first click after the page was opened;
* *frames*: 95th percentile of the time between frames while panning and zooming, with every group expanded (at most as
  many boxes as a scene may have) and the whole graph in view;
* *payload*: bytes of the opening scene as sent; *expanded*: of the scene with every group open;
* *heap*: the page's JavaScript heap with the opening level, and with everything expanded.

Usage: python benchmarks/graph_view.py MODEL.onnx …
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from page_open import FLAGS, GRAPH_DRAWN, REGISTER, ROOT, free_port, server
from playwright.sync_api import Browser, Page, sync_playwright

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
FRAMES = (
    _ON
    + """
  return (async () => {
    await view.expandAll();
    for (let wait = 0; wait < 600 && host.dataset.state !== "ready"; wait++) await next();
    view.fit();
    for (let wait = 0; wait < 60; wait++) await next();
    const times = [];
    let last = await next();
    for (let frame = 0; frame < 120; frame++) {
      if (frame % 20 < 10) view.stage.pan(frame % 2 ? 9 : -9, 5);
      else view.zoom(frame % 20 < 15 ? 1.02 : 1 / 1.02);
      const now = await next();
      times.push(now - last);
      last = now;
    }
    return [times, view.scene.boxes];
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
HEAP = "performance.memory ? performance.memory.usedJSHeapSize : 0"


def measured(browser: Browser, model: Path) -> dict[str, Any]:
    """Return the figures of one model."""
    with tempfile.TemporaryDirectory() as home:
        env = {"GRAPHDEBUG_HOME": home}
        command = [sys.executable, "-c", REGISTER, str(model)]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, **env}, capture_output=True, check=True)
        model_id, port = done.stdout.decode().strip().splitlines()[-1], free_port()
        app = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
        with server(app, f"http://127.0.0.1:{port}/_stcore/health", env):
            page = browser.new_context(viewport={"width": 1600, "height": 1000}).new_page()
            page.goto(f"http://127.0.0.1:{port}/graph?model={model_id}")
            page.wait_for_selector(GRAPH_DRAWN, timeout=120_000)
            page.wait_for_timeout(2000)
            return figures(page)


def figures(page: Page) -> dict[str, Any]:
    """Measure a page whose graph is drawn."""
    view = page.locator(".graph-view")
    heap = page.evaluate(HEAP)
    sent = page.evaluate(SENT)
    clicks = [click_to_panel(page, box) for box in view.evaluate(NODES, None)]
    expanded = view.evaluate(EXPAND, None)
    frames, boxes = view.evaluate(FRAMES, None)
    return {
        "expand": statistics.median(expanded) if expanded else None,
        "first": clicks[0] if clicks else None,
        "click": statistics.median(clicks[1:]) if len(clicks) > 1 else None,
        "frames": statistics.quantiles(frames, n=20)[-1],
        "boxes": boxes,
        "payload": sent[0] if sent else None,
        "all": page.evaluate(SENT)[-1],
        "heap": heap,
        "heap_all": page.evaluate(HEAP),
    }


ARRIVED = """(name) => { window.arrived = new Promise((resolve) => {
  const pressed = new Promise((done) => {
    addEventListener("pointerdown", () => done(performance.now()), { once: true, capture: true });
  });
  const codes = () => [...document.querySelectorAll("[data-testid=stCode] code")];
  const shown = () => codes().map((code) => code.textContent.trim());
  pressed.then((start) => {
    const look = () => (shown().includes(name) ? resolve(performance.now() - start) : requestAnimationFrame(look));
    look();
  });
}); }"""


def click_to_panel(page: Page, box: str) -> float:
    """Return the milliseconds from pressing the mouse on a node to the panel that shows its name."""
    page.locator(".graph-view").evaluate(PLACE, box)
    page.wait_for_timeout(500)
    place = page.locator(".graph-view").evaluate(PLACE, box)
    page.evaluate(ARRIVED, place["name"])
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + min(place["height"] / 2, 10))
    took: float = page.evaluate("window.arrived")
    return took


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    args = parser.parse_args()
    print("| model | expand ms | click → panel ms | first ms | frames p95 ms (boxes) ", end="")
    print("| payload kB | expanded kB | heap MB |\n|---|---|---|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=[*FLAGS, "--enable-precise-memory-info"]
        )
        for model in args.models:
            found = measured(browser, model)
            text = {key: "–" if value is None else f"{value:,.0f}" for key, value in found.items()}
            sizes = [f"{(found[key] or 0) / 1e3:,.0f}" for key in ("payload", "all")]
            heap = f"{found['heap'] / 1e6:.0f} → {found['heap_all'] / 1e6:.0f}"
            print(
                f"| {re.sub('[|]', '', model.stem)} | {text['expand']} | {text['click']} | {text['first']} | "
                f"{text['frames']} ({text['boxes']}) | {sizes[0]} | {sizes[1]} | {heap} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
