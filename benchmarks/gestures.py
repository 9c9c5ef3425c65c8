"""What is measured of every viewer in the same way: real input to a real tab, and the frames that follow."""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter, sleep
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, ViewportSize

SIZE = ViewportSize(width=1600, height=1000)
MIDDLE = 600, 540
"""About the middle of the graph in every viewer: panels are at the right."""
MOVES = 60
LONGEST = 60_000
"""Milliseconds that are waited for what follows a click."""
HEAP = "performance.memory ? performance.memory.usedJSHeapSize : 0"
COUNT_FRAMES = """(() => {
  const seen = (window.seenFrames = []);
  const next = (now) => { seen.push(now); window.nextFrame = requestAnimationFrame(next); };
  window.nextFrame = requestAnimationFrame(next);
})()"""
FRAMES = (
    "cancelAnimationFrame(window.nextFrame), window.seenFrames.map((now, i, all) => now - (all[i - 1] ?? now)).slice(1)"
)
AFTER_PRESS = """(() => {
  window.arrived = new Promise((resolve) => {
    addEventListener("pointerdown", () => {
      const start = performance.now();
      const look = () => (SHOWN ? resolve(performance.now() - start) : requestAnimationFrame(look));
      look();
      setTimeout(() => resolve(null), LONGEST);
    }, { once: true, capture: true });
  });
})()"""


Figure = tuple[str, Any]
"""A figure's name and what it is; None: the viewer did not get there in time. A viewer that stops yields no more.

``cold`` and ``warm``: seconds from the request to the first drawn graph; ``expand``, ``first`` and ``click``:
milliseconds; ``frames``: 95th percentile of milliseconds between frames, with ``boxes`` in the picture; ``payload`` and
``everything``: bytes sent for the first picture and for the one with all groups open; ``heap`` and ``heap_all``: bytes
of JavaScript then.
"""


class Tab:
    """A tab of its own profile. Scripts go by the debugging protocol: some pages forbid ``eval``."""

    def __init__(self, page: Page, cdp: CDPSession) -> None:
        self.page = page
        self._cdp = cdp

    def ask(self, expression: str) -> Any:
        """Return what a JavaScript expression comes to; a promise is awaited."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._cdp.send("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def seconds_until(self, expression: str, since: float, limit: float) -> float | None:
        """Return the seconds from ``since`` (perf_counter) until an expression is true; None past ``limit``."""
        while (passed := perf_counter() - since) < limit:
            if self.ask(expression):
                return passed
            sleep(0.02)
        return None

    def click(self, x: float, y: float, shown: str) -> float | None:
        """Click; return the milliseconds from pressing the mouse until the expression ``shown`` is true, or None."""
        self.ask(AFTER_PRESS.replace("SHOWN", shown).replace("LONGEST", str(LONGEST)))
        self.page.mouse.click(x, y)
        took: float | None = self.ask("window.arrived")
        return took

    def wait(self, milliseconds: float) -> None:
        """Do nothing for a while."""
        self.page.wait_for_timeout(milliseconds)

    def zoom_out(self) -> None:
        """Turn the wheel until the viewer zooms out no further, or nearly."""
        self.page.mouse.move(*MIDDLE)
        self.page.keyboard.down("Control")
        for _ in range(20):
            self.page.mouse.wheel(0, 100)
        self.page.keyboard.up("Control")
        self.wait(1000)

    def frames(self) -> float:
        """Drag and zoom around the middle of the graph; return the 95th percentile of milliseconds between frames."""
        mouse, (x, y) = self.page.mouse, MIDDLE
        mouse.move(x, y)
        self.ask(COUNT_FRAMES)
        mouse.down()
        for move in range(MOVES):
            mouse.move(x + 9 * (move % 20), y + 5 * (move % 20))
        mouse.up()
        self.page.keyboard.down("Control")
        for move in range(MOVES):
            mouse.wheel(0, -20 if move % 20 < 10 else 20)
        self.page.keyboard.up("Control")
        slow: float = statistics.quantiles(self.ask(FRAMES), n=20)[-1]
        return slow


@contextmanager
def tab(browser: Browser, script: str = "") -> Iterator[Tab]:
    """Open a tab of a fresh profile; ``script`` runs before the page's own."""
    context = browser.new_context(viewport=SIZE, bypass_csp=True)
    try:
        page = context.new_page()
        if script:
            page.add_init_script(script)
        yield Tab(page, context.new_cdp_session(page))
    finally:
        context.close()


def opened(page: Tab, url: str, drawn: str, limit: float) -> float | None:
    """Return the seconds from the request for a page until the expression ``drawn`` is true; None past ``limit``."""
    start = perf_counter()
    page.page.goto(url, wait_until="commit")
    return page.seconds_until(drawn, start, limit)


def seconds_to(browser: Browser, url: str, drawn: str, limit: float, script: str = "") -> float | None:
    """The same in a tab of its own."""
    with tab(browser, script) as page:
        return opened(page, url, drawn, limit)


def clicked(clicks: list[float | None]) -> Iterator[Figure]:
    """Yield the first click's time and the median of the others."""
    took = [click for click in clicks if click is not None]
    if took:
        yield "first", took[0]
        yield "click", statistics.median(took[1:] or took)
