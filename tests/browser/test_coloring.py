"""The graph is coloured by what one chooses, on every page, after a reload, and by a file of one's own."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_graph import READY, VIEW, ask, show

pytestmark = pytest.mark.browser


def color_by(page: Page, title: str) -> None:
    page.get_by_text("Colours", exact=True).click()
    page.get_by_role("combobox", name=re.compile("Colour by")).click()
    page.get_by_role("option", name=title).click()


def test_by_multiply_accumulates_on_every_page(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "branching_blocks.onnx")
    assert ask(page, "view.look.shades.size") == 0
    color_by(page, "Multiply-accumulates")
    legend = page.locator(VIEW).get_by_text("Multiply-accumulates", exact=True)
    expect(legend).to_be_visible()
    expect(page).to_have_url(re.compile("color=macs"))
    assert ask(page, "view.look.shades.has('n:0')")
    page.get_by_role("link", name="Tensors", exact=True).click()
    expect(page.locator(READY)).to_be_visible(timeout=30_000)
    expect(legend).to_be_visible()
    page.reload()
    expect(legend).to_be_visible(timeout=30_000)


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
    page.get_by_role("combobox", name=re.compile("Colour by")).click()
    page.get_by_role("option", name="latency (speed.csv)").click()
    expect(page.locator(VIEW).get_by_text("more than 500")).to_be_visible()
    expect(page).to_have_url(re.compile("color=file%3A|color=file:"))
    page.reload()
    expect(page.locator(VIEW).get_by_text("more than 500")).to_be_visible(timeout=30_000)
