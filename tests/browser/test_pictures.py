"""The graph is taken away as a file, from the toolbar and by key."""

import json
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.test_graph import VIEW, click, show

pytestmark = pytest.mark.browser


def save(page: Page, label: str, at: int, into: Path) -> Path:
    with page.expect_download(timeout=60_000) as started:
        page.get_by_role("menuitem", name=label).nth(at).click()
    target = into / started.value.suggested_filename
    started.value.save_as(target)
    return target


def test_the_graph_and_a_selection_are_saved(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    show(page, server, samples / "branching_blocks.onnx")
    page.get_by_role("button", name="Save a picture").click()
    saved = save(page, "PNG on a dark ground", 0, tmp_path)
    assert saved.name == "branching_blocks.png"
    picture = Image.open(saved).convert("L")
    assert min(picture.size) > 100
    assert picture.getpixel((1, 1)) < 50  # type: ignore[operator]
    page.keyboard.down("Shift")
    click(page, "n:0")
    page.keyboard.up("Shift")
    expect(page.locator(VIEW)).to_have_attribute("data-selection", "1")
    page.locator(VIEW).focus()
    page.keyboard.press("s")
    boxes = json.loads(save(page, "JSON", 1, tmp_path).read_text())["boxes"]
    assert "n:0" in {box["id"] for box in boxes} and len(boxes) < 5
