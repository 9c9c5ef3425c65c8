"""Three thousand nodes in a real browser: read them, turn them, look at a weight, take the graph away, come back."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.test_finding import search
from tests.browser.test_graph import VIEW, ask, expect_selected, show
from tests.browser.test_pictures import save
from tests.browser.test_scopes import labels
from tests.browser.test_story import three_thousand_nodes

pytestmark = pytest.mark.browser
INSIDE = 42 * 30 + 6
"""A MatMul in the middle."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return three_thousand_nodes(tmp_path)[0]


@pytest.fixture
def large(page: Page, server: str, model: Path) -> Iterator[Page]:
    """A hundred equal blocks of thirty nodes, drawn; one node inside is chosen."""
    show(page, server, model)
    assert 3 <= int(page.locator(VIEW).get_attribute("data-boxes") or 0) <= 200
    search(page, "blocks.42/step.6/MatMul")
    page.keyboard.press("Enter")
    expect_selected(page, f"n:{INSIDE}")
    page.locator(VIEW).focus()
    yield page


def test_boxes_and_lines_say_what_they_are_and_stay_as_they_were_left(large: Page) -> None:
    box = f"view.scene.boxOf('n:{INSIDE}')"
    assert ask(large, f"view.scene.text(view.scene.op[{box}])") == "MatMul"
    assert ask(large, f"view.scene.text(view.scene.chips[{box}])") == "16→16"
    lines = f"view.scene.edgesAt({box})"
    told = ask(large, f"{lines}.incoming.map((e) => view.scene.text(view.scene.edgeLabel[e]))")
    assert told == ["float batch×16"]
    assert {"blocks.0–99 ×100", "blocks.42 "} <= set(labels(large))
    large.keyboard.press("?")
    expect(large.get_by_role("dialog")).to_contain_text("collapse all but the way to it")
    large.keyboard.press("Escape")
    expect(large.get_by_role("dialog")).to_be_hidden()
    large.keyboard.press("ArrowDown")
    expect_selected(large, f"n:{INSIDE + 1}")
    large.keyboard.press("ArrowUp")
    expect_selected(large, f"n:{INSIDE}")
    # It turns, and stays as it was left.
    large.keyboard.press("r")
    expect(large.get_by_role("button", name="Turn: downwards or to the right")).to_have_attribute(
        "aria-pressed", "true"
    )
    large.keyboard.press("+")
    large.wait_for_timeout(700)
    camera, shown = ask(large, "view.stage.camera"), large.locator(VIEW).get_attribute("data-boxes") or ""
    large.get_by_role("link", name="Tensors", exact=True).click()
    large.wait_for_url(re.compile("/tensors"))
    for page_again in (lambda: None, large.reload):
        page_again()
        expect(large.locator(VIEW)).to_have_attribute("data-boxes", shown)
        expect_selected(large, f"n:{INSIDE}")
        assert ask(large, "view.scene.meta.direction") == "right"
        assert ask(large, "view.stage.camera.k") == pytest.approx(camera["k"])


def test_a_weight_and_the_whole_graph_are_taken_away(large: Page, model: Path, tmp_path: Path) -> None:
    large.get_by_role("radio", name="B", exact=True).click(timeout=30_000)
    expect(large.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
    large.get_by_role("tab", name="Channels").click()
    expect(large.get_by_role("radio", name="axis 1 (16)")).to_be_visible()
    with large.expect_download() as started:
        large.get_by_role("link", name=re.compile("This weight")).click()
    started.value.save_as(tmp_path / "weight.npy")
    written = {each.name: each for each in onnx.load(model).graph.initializer}
    np.testing.assert_array_equal(np.load(tmp_path / "weight.npy"), numpy_helper.to_array(written["weight2"]))
    large.locator(VIEW).focus()
    large.keyboard.press("e")
    expect(large.locator(VIEW)).to_have_attribute("data-boxes", re.compile(r"^3\d{3}$"), timeout=60_000)
    large.get_by_role("button", name="Save a picture").click()
    width, height = Image.open(save(large, "PNG", 0, tmp_path)).size
    assert width * height > 1_000_000
    large.locator(VIEW).focus()
    large.keyboard.press("s")
    drawn = json.loads(save(large, "JSON", 0, tmp_path).read_text())["boxes"]
    assert len({box["id"] for box in drawn if box["id"].startswith("n:")}) == 3000
