"""A small model is measured on two backends, then profiled; what was found outlives a refresh."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.opening import opened, settled
from tests.browser.test_graph import VIEW
from tests.browser.test_story import SLOW

pytestmark = pytest.mark.browser


def test_measured_profiled_and_still_there_after_a_refresh(page: Page, server: str, samples: Path) -> None:
    page.goto(f"{server}/benchmark?model={opened(server, samples / 'mlp.onnx')}")
    expect(page.locator(f"{VIEW}[data-state=ready]")).to_be_visible(timeout=SLOW)
    settled(page)
    runs = page.get_by_label("Runs", exact=True)
    runs.fill("40")
    runs.press("Enter")
    page.get_by_text("Sweep over shapes").click()
    lengths = page.get_by_label("batch", exact=True).last
    lengths.fill("1, 4")
    lengths.press("Enter")
    settled(page)
    page.get_by_role("button", name="Measure", exact=True).click()
    expect(page).to_have_url(re.compile("benchmark="), timeout=SLOW)
    said = page.get_by_text(re.compile("times as long as"))
    expect(said).to_be_visible(timeout=2 * SLOW)
    expect(page.locator(".js-plotly-plot")).to_have_count(3)  # distribution, in time, along the sweep
    expect(page.get_by_text("batch 1, 1 stream").first).to_be_visible()
    page.get_by_role("tab", name="Nodes").click()
    settled(page)
    page.get_by_role("button", name="Profile", exact=True).click()
    legend = page.locator(VIEW).locator(".legend .name")
    expect(legend).to_have_text("Latency, optimisation all", timeout=2 * SLOW)
    expect(page.get_by_role("link", name=re.compile("Chrome trace"))).to_be_visible()
    page.reload()
    expect(said).to_be_visible(timeout=SLOW)
    expect(legend).to_have_text("Latency, optimisation all", timeout=SLOW)
    page.get_by_role("tab", name="Nodes").click()
    expect(page.get_by_text(re.compile("Drawn is the run of median time"))).to_be_visible()
