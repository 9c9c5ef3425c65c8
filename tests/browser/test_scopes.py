"""Groups in a real browser: equal blocks folded, one of them opened, all else collapsed, the path of groups."""

import re
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, expect

from tests.browser.test_graph import VIEW, ask, click, expect_selected, rect, show

pytestmark = pytest.mark.browser
MOTIONLESS = "(host) => host.graphView.look.transition === null && host.graphView.stage.motions.size === 0"
OPS = ("MatMul", "Relu", "Add", "Tanh", "Mul", "Sigmoid")


@pytest.fixture
def repeated(tmp_path: Path) -> Path:
    """Five hundred equal blocks of six nodes, each in two scopes."""
    nodes, value = [], "x"
    for layer in range(500):
        for step, op in enumerate(OPS):
            made = "y" if (layer, step) == (499, 5) else f"/layers.{layer}/v{step}"
            inputs = [value] if op in ("Relu", "Tanh", "Sigmoid") else [value, "w"]
            part = "first" if step < 3 else "second"
            nodes.append(helper.make_node(op, inputs, [made], f"/net/layers.{layer}/{part}/{op}"))
            value = made
    nodes.insert(0, helper.make_node("Identity", ["in"], ["x"], "/net/stem"))
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8, 8]) for name in ("in", "y"))
    weight = helper.make_tensor("w", TensorProto.FLOAT, [8, 8], [0.5] * 64)
    graph = helper.make_graph(nodes, "g", [x], [y], [weight])
    path = tmp_path / "repeated.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def labels(page: Page) -> list[str]:
    texts = (
        "[...view.scene.label].map((text, box) => view.scene.text(text) + ' ' + view.scene.text(view.scene.chips[box]))"
    )
    found: list[str] = ask(page, texts)
    return found


def test_equal_blocks_are_folded_and_any_of_them_opens(page: Page, server: str, repeated: Path) -> None:
    show(page, server, repeated)
    assert {"layers.0–499 ×500", "layers.1–499 ×499", "layers.0 "} <= set(labels(page))
    assert 10 <= int(page.locator(VIEW).get_attribute("data-boxes") or 0) <= 40
    # One in the middle is found by searching; the groups around it open.
    page.locator(VIEW).focus()
    page.keyboard.press("/")
    page.keyboard.type("layers.321/second/Mul")
    expect(page.get_by_role("option")).not_to_have_count(0)
    page.keyboard.press("Enter")
    expect_selected(page, f"n:{321 * 6 + 5}")
    assert "layers.321 " in labels(page)


def test_all_is_collapsed_but_the_way_to_the_choice(page: Page, server: str, repeated: Path) -> None:
    show(page, server, repeated)
    first, last = "n:3", "n:6"
    assert ask(page, f"view.scene.boxOf('{first}') >= 0 && view.scene.boxOf('{last}') >= 0")
    click(page, last)
    expect_selected(page, last)
    page.wait_for_timeout(400)
    before, boxes = rect(page, last), page.locator(VIEW).get_attribute("data-boxes") or ""
    page.keyboard.press("o")
    expect(page.locator(VIEW)).not_to_have_attribute("data-boxes", boxes)
    assert ask(page, f"view.scene.boxOf('{first}')") == -1
    page.wait_for_timeout(400)
    after = rect(page, last)
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=2)
    opened: list[str] = ask(page, "view.scene.meta.expanded")
    assert opened[-1] == "s:net/layers.0/second"
    assert "s:net/layers.0/first" not in opened


def test_a_path_of_groups_leads_outwards(page: Page, server: str, repeated: Path) -> None:
    show(page, server, repeated)
    path = page.get_by_role("navigation", name="Groups")
    expect(path).to_be_hidden()
    click(page, "n:6")
    expect(path).to_have_text("layers.0–499›layers.0›second")
    path.get_by_role("button", name="layers.0", exact=True).click()
    expect_selected(page, "s:net/layers.0")
    expect(path).to_have_text("layers.0–499")


def test_long_names_in_the_path_keep_their_ends(page: Page, server: str, tmp_path: Path) -> None:
    scopes = [f"a_very_long_name_of_a_scope_{level}" for level in range(12)]
    nodes = [
        helper.make_node(
            "Relu", [f"v{level}" if level else "x"], [f"v{level + 1}"], "/".join(scopes[: level + 1]) + "/Relu"
        )
        for level in range(12)
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in ("x", "v12"))
    graph = helper.make_graph(nodes, "g", [x], [y])
    path = tmp_path / "deep.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    show(page, server, path)
    ask(page, "view.reveal('', 'n:11')")
    expect_selected(page, "n:11")
    crumbs = page.get_by_role("navigation", name="Groups")
    inmost = crumbs.get_by_role("button").last
    expect(inmost).to_have_accessible_name(re.compile("scope_1[01]$"))
    ends = """(nav) => [...nav.querySelectorAll(".end")].map((end) =>
      [end, end.closest("button"), nav].map((each) => each.getBoundingClientRect()))"""
    places = crumbs.evaluate(ends)
    assert len(places) >= 10
    for end, button, _ in places:
        assert end["right"] <= button["right"] + 1, "no end is cut off"
    assert places[-1][0]["right"] <= places[-1][2]["right"] + 1, "the inmost group is in view"


def test_boxes_arrive_also_when_one_moves_or_opens_more_meanwhile(page: Page, server: str, repeated: Path) -> None:
    show(page, server, repeated)
    ask(page, "view.toggle('s:net/layers.0').then(() => { view.stage.pan(5, 5); view.fit(); })")
    page.wait_for_function(MOTIONLESS, arg=page.locator(VIEW).element_handle())
    ask(page, "view.toggle('s:net/layers.0').then(() => view.toggle('s:net/layers.0'))")
    page.wait_for_function(MOTIONLESS, arg=page.locator(VIEW).element_handle())
    expect(page.locator(VIEW)).to_have_attribute("data-state", "ready")


def test_opening_a_group_does_not_run_the_page(page: Page, server: str, repeated: Path) -> None:
    sent: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(frame)))
    show(page, server, repeated)
    click(page, "n:6")
    expect_selected(page, "n:6")
    page.wait_for_timeout(1000)
    assert sent, "a choice does"
    sent.clear()
    ask(page, "view.toggle('s:net/layers.0')")
    page.wait_for_timeout(500)  # the page runs while the server lays the scene out: both are slower for it
    assert not sent
