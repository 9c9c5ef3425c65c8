"""The graph in a real browser: click, expand, search, nested graphs and back, links, refresh, page switches."""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, expect

from tests.browser.opening import opened

pytestmark = pytest.mark.browser

VIEW = ".graph-view"
READY = f"{VIEW}[data-state=ready]"
expect.set_options(timeout=20_000)


def show(page: Page, server: str, file: Path) -> None:
    """Open a model and go to its graph."""
    page.goto(f"{server}/graph?model={opened(server, file)}")
    expect(page.locator(READY)).to_be_visible(timeout=30_000)
    with suppress(
        AssertionError
    ):  # what comes after the graph keeps the browser busy: it could take a double click for two
        expect(page.get_by_test_id("stDataFrame").first).to_be_visible(timeout=8_000)


def ask(page: Page, script: str) -> Any:
    """Evaluate ``script`` with ``view`` being the GraphView."""
    return page.locator(VIEW).evaluate(f"(host) => {{ const view = host.graphView; return {script}; }}")


def rect(page: Page, box: str) -> dict[str, float]:
    found: dict[str, float] | None = ask(page, f"view.rectOf({box!r})")
    assert found is not None, f"{box} is not in the scene"
    return found


def click(page: Page, box: str, times: int = 1) -> None:
    place = rect(page, box)
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + min(place["height"] / 2, 12), click_count=times)


def expect_selected(page: Page, box: str) -> None:
    expect(page.locator(VIEW)).to_have_attribute("data-selected", box)


@pytest.fixture
def scoped(tmp_path: Path) -> Path:
    """Twenty unlike scopes of twenty nodes: opens collapsed. One node has a name that wants to be HTML."""
    nodes, value = [], "x"
    for layer in range(20):
        for step in range(20):
            made = "y" if layer == step == 19 else f"/layers.{layer}/act{step}/out"
            name = f"/layers.{layer}/act{step}/Relu"
            if layer == step == 3:
                name = "/layers.3/act3/<img src=x onerror=alert(1)>"
            nodes.append(helper.make_node("LeakyRelu", [value], [made], name, alpha=0.01 * layer))
            value = made
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 8]) for name in "xy")
    path = tmp_path / "scoped.onnx"
    graph = helper.make_graph(nodes, "g", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_a_click_tells_everything_and_hops_lead_on(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "conv_bn_leakyrelu.onnx")
    click(page, "n:0")
    expect_selected(page, "n:0")
    expect(page.get_by_role("heading", name="Conv", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("node=0"))
    page.get_by_role("button", name=re.compile("BatchNormalization")).click()
    expect_selected(page, "n:1")
    expect(page.get_by_role("heading", name="BatchNormalization")).to_be_visible()
    expect(page).to_have_url(re.compile("node=1"))
    page.get_by_role("button", name="Tap this tensor").click()
    expect(page.get_by_role("button", name="Don't tap this tensor")).to_be_visible()


def test_a_group_opens_where_it_stands(page: Page, server: str, scoped: Path) -> None:
    show(page, server, scoped)
    before = rect(page, "s:layers.2")
    boxes = int(page.locator(VIEW).get_attribute("data-boxes") or 0)
    click(page, "s:layers.2", times=2)
    expect(page.locator(VIEW)).to_have_attribute("data-boxes", str(boxes + 20))
    page.wait_for_timeout(400)
    after = rect(page, "s:layers.2")
    assert after["y"] == pytest.approx(before["y"], abs=1)
    assert after["x"] + after["width"] / 2 == pytest.approx(before["x"] + before["width"] / 2, abs=1)
    zoom = ask(page, "view.stage.camera.k")
    page.mouse.click(after["x"] + 15 * zoom, after["y"] + 14 * zoom)
    expect(page.locator(VIEW)).to_have_attribute("data-boxes", str(boxes))


def test_search_expands_and_chooses(page: Page, server: str, scoped: Path) -> None:
    show(page, server, scoped)
    page.locator(VIEW).focus()
    page.keyboard.press("/")
    page.keyboard.type("layers.3 img")
    expect(page.get_by_role("option")).to_have_count(1)
    page.keyboard.press("Enter")
    expect_selected(page, "n:63")
    expect(page.get_by_text("<img src=x onerror=alert(1)>").first).to_be_visible()
    assert page.locator("img[src=x]").count() == 0
    place = rect(page, "n:63")
    frame = page.locator(VIEW).bounding_box()
    assert frame and frame["y"] < place["y"] < frame["y"] + frame["height"]


def test_what_one_looks_at_survives_refresh_and_page_switch(page: Page, server: str, scoped: Path) -> None:
    show(page, server, scoped)
    click(page, "s:layers.2", times=2)
    expect(page.locator(VIEW)).to_have_attribute("data-boxes", "42")
    page.wait_for_timeout(400)
    click(page, "n:40")
    expect(page).to_have_url(re.compile("node=40"))
    page.wait_for_timeout(400)
    before = rect(page, "n:40")
    page.reload()
    expect(page.locator(READY)).to_be_visible(timeout=30_000)
    expect_selected(page, "n:40")
    after = rect(page, "n:40")
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=2)
    page.get_by_role("link", name="Reports").click()
    expect(page.get_by_role("heading", name="Reports")).to_be_visible()
    page.get_by_role("link", name="Graph", exact=True).click()
    expect(page.locator(READY)).to_be_visible(timeout=30_000)
    expect_selected(page, "n:40")
    click(page, "n:41")
    expect(page).to_have_url(re.compile("node=41"))
    page.go_back()  # at once
    expect_selected(page, "n:40")
    page.go_forward()
    expect_selected(page, "n:41")
    expect(page).to_have_url(re.compile("node=41"))


def test_a_link_reopens_the_choice_in_a_fresh_tab(page: Page, server: str, scoped: Path) -> None:
    page.goto(f"{server}/graph?model={opened(server, scoped)}&node=123")
    expect(page.locator(READY)).to_be_visible(timeout=30_000)
    expect_selected(page, "n:123")
    rect(page, "n:123")


def test_nested_graphs_open_and_lead_back(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "if_captures.onnx")
    owner = ask(page, "Object.keys(view.scene.meta.children)[0]")
    click(page, owner, times=2)
    page.get_by_role("menuitem", name="then_branch").click()
    expect(page).to_have_url(re.compile(r"graph=\d+\.then_branch"))
    expect(page.get_by_role("navigation", name="Graphs")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("navigation", name="Graphs")).to_be_hidden()
    expect(page.locator(READY)).to_be_visible()
    rect(page, owner)


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Two functions that both call a third one."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]

    def function(name: str, op: str, domain: str = "local") -> onnx.FunctionProto:
        return helper.make_function(
            "local", name, ["a"], ["b"], [helper.make_node(op, ["a"], ["b"], domain=domain)], imports
        )

    functions = [function("Switch", "Relu", ""), function("Outer", "Switch"), function("Other", "Switch")]
    nodes = [
        helper.make_node("Outer", ["x"], ["h"], domain="local"),
        helper.make_node("Other", ["h"], ["y"], domain="local"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
    graph = helper.make_graph(nodes, "calls", [x], [y])
    onnx.save(
        helper.make_model(graph, functions=functions, opset_imports=imports, ir_version=9), tmp_path / "calls.onnx"
    )
    return tmp_path / "calls.onnx"


def test_the_way_back_from_a_function_leads_through_its_caller(page: Page, server: str, calls: Path) -> None:
    show(page, server, calls)
    trail = page.get_by_role("navigation", name="Graphs")
    click(page, "n:1", times=2)
    expect(trail).to_have_text("main›Other")
    expect(page.locator(READY)).to_be_visible()
    click(page, "n:0", times=2)
    expect(trail).to_have_text("main›Other›Switch")
    expect(page).to_have_url(re.compile("Switch"))
    page.reload()
    expect(trail).to_have_text("main›Other›Switch")
    expect(page.locator(READY)).to_be_visible()
    page.locator(VIEW).focus()
    page.keyboard.press("Escape")
    expect(trail).to_have_text("main›Other")
    expect(page).to_have_url(re.compile("Other"))
    fresh = page.context.new_page()
    fresh.goto(re.sub(r"graph=[^&]*", "graph=fn:local:Switch:", page.url))
    expect(fresh.get_by_role("navigation", name="Graphs")).to_have_text("main›Outer›Switch")
    fresh.close()


def test_the_keyboard_does_it_all(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "branching_blocks.onnx")
    page.locator(VIEW).focus()
    page.keyboard.press("ArrowDown")
    first = page.locator(VIEW).get_attribute("data-selected")
    assert first and first.startswith("i:")
    page.keyboard.press("ArrowDown")
    assert page.locator(VIEW).get_attribute("data-selected") != first
    page.keyboard.press("Escape")
    expect_selected(page, "")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys and colours")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keys and colours")).to_be_hidden()
    before = ask(page, "view.stage.camera.k")
    page.keyboard.press("+")
    assert ask(page, "view.stage.camera.k") > before


def test_a_server_that_fails_is_said_and_tried_again(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "line.onnx")
    page.route("**/scene*", lambda route: route.fulfill(status=500, json={"error": "The disk is on fire."}))
    page.get_by_role("button", name=re.compile("Turn")).click()
    expect(page.locator(VIEW)).to_have_attribute("data-state", "error")
    expect(page.get_by_text("The disk is on fire.")).to_be_visible()
    page.unroute("**/scene*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(READY)).to_be_visible()
    assert ask(page, "view.scene.down") is False
