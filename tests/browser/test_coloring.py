"""The graph is coloured by what one chooses, on every page, after a reload, and by a file of one's own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.test_graph import VIEW, ask, show
from tests.browser.test_story import SLOW, go, three_thousand_nodes

pytestmark = pytest.mark.browser


def pick(page: Page, title: str) -> None:
    """Choose from the list; once more when the page was rerun just then, which closes it."""
    for _ in range(3):
        page.get_by_role("combobox", name=re.compile("Colour by")).click()
        try:
            page.get_by_role("option", name=title).first.click(timeout=5_000)
            return
        except TimeoutError:
            continue
    pytest.fail(f"{title} cannot be chosen")


def test_by_a_file_of_ones_own_also_after_a_refresh(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    show(page, server, samples / "line.onnx")
    (tmp_path / "speed.csv").write_text("node,latency\nn:0,12\nn:1,700\nnowhere,1\n")
    (tmp_path / "wrong.csv").write_text("node,latency\nnowhere,12\n")
    page.get_by_text("Colours", exact=True).click()
    files = page.get_by_test_id("stExpander").locator("input[type=file]")
    files.set_input_files(str(tmp_path / "wrong.csv"))
    expect(page.get_by_text("names no node of this graph")).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("names no node of this graph")).to_have_count(0)
    files.set_input_files(str(tmp_path / "speed.csv"))
    expect(page.get_by_text("2 nodes, 1 of its names are not in this graph")).to_be_visible(timeout=30_000)
    pick(page, "latency (speed.csv)")
    expect(page.locator(VIEW).get_by_text("more than 500")).to_be_visible()
    expect(page).to_have_url(re.compile("color=file%3A|color=file:"))
    page.reload()
    expect(page.locator(VIEW).get_by_text("more than 500")).to_be_visible(timeout=30_000)
    page.get_by_text("Colours", exact=True).click()
    page.get_by_role("button", name="Remove").click()
    expect(page.locator(VIEW).locator(".legend")).to_be_hidden()
    expect(page.get_by_text("data file is not in the workspace any more")).to_be_visible()


OVERLAYS = {
    "Multiply-accumulates": "Multiply-accumulates",
    "Parameters": "Parameters",
    "Memory of the outputs": "Memory of the outputs",
    "Element type": "Element type",
    "Quantisation": "Quantisation",
    "NaN and infinity": "NaN and infinity",
    "Largest magnitude": "Largest magnitude",
    "Error, accumulated": "Error in units of the tolerance",
    "Error, added (estimated)": "Relative RMS error added (estimated)",
    "Match or differ": "Match or differ",
}
"""What is chosen → the legend's title."""


def choose(page: Page, title: str, legend: str) -> None:
    """Choose what to colour by; something of it is seen in the graph, and it is in the link."""
    before = page.url
    pick(page, title)
    expect(page.locator(VIEW).locator(".legend .name")).to_have_text(legend)
    assert ask(page, "view.look.shades.size") > 0
    expect(page).to_have_url(re.compile(r"color=\w+"))
    assert page.url != before


def job(page: Page, name: str, set_up: str, start: str, parameter: str, done: re.Pattern[str]) -> None:
    """Start a run or a comparison on its page and wait for it."""
    go(page, name)
    page.get_by_text(set_up, exact=True).click()
    page.get_by_role("button", name=start, exact=True).click()
    expect(page).to_have_url(re.compile(parameter), timeout=SLOW)
    expect(page.get_by_text(done).first).to_be_visible(timeout=2 * SLOW)


def test_every_overlay(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    show(page, server, samples / "resnet_dynamo.onnx")
    assert ask(page, "view.look.shades.size") == 0
    job(page, "Tensors", "All", "Run", "run=", re.compile("no NaN, no infinity"))
    job(page, "Compare", "Optimisation off vs all", "Compare", "comparison=", re.compile("tensors match"))
    legend = page.locator(VIEW).locator(".legend .name")
    expect(legend).to_have_text("Largest error in units of its tolerance")  # nothing was chosen: the page's own
    go(page, "Graph")
    page.get_by_text("Colours", exact=True).click()
    for title, said in OVERLAYS.items():
        choose(page, title, said)
    for title in ("Parameters", "Memory of the outputs"):  # faster than the server answers
        pick(page, title)
    expect(legend).to_have_text("Memory of the outputs")
    measure(page)
    # A Relu that follows a Conv has no time of its own.
    expect(page.locator(VIEW).get_by_text(re.compile(r"fused away, folded or not run \(\d+\)"))).to_be_visible()
    choose(page, "Execution provider, measured", "Execution provider, optimisation all")
    expect(page.locator(VIEW).get_by_text(re.compile("CPU \\("))).to_be_visible()
    (tmp_path / "mine.csv").write_text("node,cost,team\nn:0,1,red\nn:7,200,blue\n")
    page.get_by_test_id("stExpander").locator("input[type=file]").set_input_files(str(tmp_path / "mine.csv"))
    expect(page.get_by_text(re.compile("cost: 2 nodes"))).to_be_visible(timeout=SLOW)
    choose(page, "team (mine.csv)", "team")
    choose(page, "cost (mine.csv)", "cost")
    limits, limit = page.get_by_label("Thresholds"), page.locator(VIEW).get_by_text("more than 100")
    limits.fill("10, 100")
    limits.press("Enter")
    expect(limit).to_be_visible()
    page.get_by_text("Colours", exact=True).click()
    expect(limits).to_be_hidden()
    expect(limit).to_be_visible()
    go(page, "Compare")
    expect(legend).to_have_text("cost")
    page.reload()
    expect(legend).to_have_text("cost", timeout=SLOW)
    expect(limit).to_be_visible()
    page.get_by_text("Colours", exact=True).click()
    pick(page, "Kind of operator")
    expect(page.locator(VIEW).locator(".legend")).to_be_hidden()
    assert ask(page, "view.look.shades.size") == 0


def measure(page: Page) -> None:
    """Colour by how long each node takes."""
    pick(page, "Latency")
    page.get_by_role("button", name="Measure", exact=True).click()
    legend = page.locator(VIEW).locator(".legend .name")
    expect(legend).to_have_text("Latency, optimisation all", timeout=2 * SLOW)
    expect(page.get_by_text(re.compile(r"optimisation all\. One run takes .* \(median of 10 runs\)"))).to_be_visible()


def test_three_thousand_nodes_are_coloured(page: Page, server: str, tmp_path: Path) -> None:
    show(page, server, three_thousand_nodes(tmp_path)[0])
    job(page, "Compare", "Optimisation off vs all", "Compare", "comparison=", re.compile("tensors match"))
    go(page, "Graph")
    page.get_by_text("Colours", exact=True).click()
    for title in ("Multiply-accumulates", "Quantisation", "Error, added (estimated)"):
        choose(page, title, OVERLAYS[title])
    measure(page)
