"""Lines too long to follow, in a real browser: a click on a stub goes to the other end, or asks to which."""

import re
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, expect

from tests.browser.test_graph import VIEW, ask, click, expect_selected, show

pytestmark = pytest.mark.browser
BLOCKS, STEPS = 300, 10


@pytest.fixture
def skipping(tmp_path: Path) -> Path:
    """Three thousand nodes in a row; what the first makes is needed in the last two blocks."""
    nodes = [helper.make_node("Relu", ["x"], ["early"], "/stem/Relu")]
    value = "early"
    for block in range(BLOCKS):
        for step in range(STEPS):
            inputs = [value, "early"] if step == 5 and block >= BLOCKS - 2 else [value]
            value = "y" if (block, step) == (BLOCKS - 1, STEPS - 1) else f"/layers.{block}/v{step}"
            nodes.append(helper.make_node("Sum", inputs, [value], f"/layers.{block}/n{step}"))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
    path = tmp_path / "skipping.onnx"
    onnx.save(helper.make_model(helper.make_graph(nodes, "g", [x], [y]), ir_version=10), path)
    return path


def stub_at(page: Page, box: str) -> str:
    """Return the id of the stub beside a box."""
    beside = f"view.scene.edgesAt(view.scene.boxOf({box!r}))"
    ends = f"[...{beside}.incoming, ...{beside}.outgoing].flatMap((e) => [...view.scene.ends.slice(2 * e, 2 * e + 2)])"
    ids: list[str] = ask(page, f"{ends}.map((box) => view.scene.idOf(box))")
    (found,) = (box for box in ids if box.startswith("t:"))
    return found


def click_stub_at(page: Page, box: str) -> None:
    page.wait_for_timeout(500)  # the camera glides there
    click(page, stub_at(page, box))


def test_a_stub_leads_to_the_other_end(page: Page, server: str, skipping: Path) -> None:
    first, users = "n:0", [f"n:{block * STEPS + 6}" for block in (BLOCKS - 2, BLOCKS - 1)]
    show(page, server, skipping)
    view = page.locator(VIEW)
    view.focus()
    page.keyboard.press("e")
    expect(view).to_have_attribute("data-boxes", re.compile(r"^3\d{3}$"))
    for direction in ("down", "right"):
        assert ask(page, "view.scene.meta.direction") == direction
        leads_to_the_other_end(page, first, users)
        page.get_by_role("button", name="Turn: downwards or to the right").click()
        expect(view).to_have_attribute("data-state", "ready")


def leads_to_the_other_end(page: Page, first: str, users: list[str]) -> None:
    page.locator(VIEW).focus()
    page.keyboard.press("/")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("/stem/Relu")
    expect(page.get_by_role("option")).not_to_have_count(0)
    page.keyboard.press("Enter")
    expect_selected(page, first)
    click_stub_at(page, first)
    places = page.get_by_role("menu").get_by_role("menuitem")
    expect(places).to_have_count(2)
    expect(places.last).to_contain_text(f"layers.{BLOCKS - 1}")
    places.last.click()
    expect_selected(page, users[1])
    click_stub_at(page, users[1])
    expect_selected(page, first)
