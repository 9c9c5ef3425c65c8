"""Finding in a real browser: filters and their completion, next and previous, cones, paths, weights, the map."""

import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Page, expect

from tests.browser.test_graph import READY, VIEW, ask, click, expect_selected, show

pytestmark = pytest.mark.browser


@pytest.fixture
def blocks(page: Page, server: str, samples: Path) -> Page:
    """Four blocks, all drawn open: ``n:0``–``n:5`` one after the other, ``n:6`` a way around, ``n:7`` joins them."""
    show(page, server, samples / "branching_blocks.onnx")
    return page


@pytest.fixture
def large(page: Page, server: str, tmp_path: Path) -> Page:
    """60 layers of 50 nodes, closed; all Muls share one scale, every second layer has a Tanh."""
    nodes, value = [], "x"
    for layer in range(60):
        for step in range(50):
            made = "y" if (layer, step) == (59, 49) else f"/layers.{layer}/act{step}/out"
            op = "Mul" if step == 10 else "Tanh" if step == 20 and layer % 2 else "Relu"
            inputs = [value, "the scale"] if op == "Mul" else [value]
            nodes.append(helper.make_node(op, inputs, [made], f"/layers.{layer}/act{step}/{op}"))
            value = made
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 8]) for name in "xy")
    scale = numpy_helper.from_array(np.ones(8, np.float32), "the scale")
    path = tmp_path / "large.onnx"
    graph = helper.make_graph(nodes, "g", [x], [y], [scale])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    show(page, server, path)
    return page


def search(page: Page, text: str) -> None:
    page.locator(VIEW).focus()
    page.keyboard.press("/")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def count(page: Page) -> str:
    return page.locator(".finder .count").inner_text()


def chip(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.locator(".lit-chip")).to_contain_text(text)


def lit(page: Page) -> list[str]:
    """The ids of the boxes that stand out."""
    found: list[str] = ask(
        page, "[...view.look.light.lit.keys()].filter((b) => view.look.light.lit[b]).map((b) => view.scene.idOf(b))"
    )
    return sorted(found)


def test_filters_are_completed_and_hits_walked_through(blocks: Page) -> None:
    search(blocks, "op:c")
    expect(blocks.get_by_role("option").first).to_have_text("op:Conv5 nodes")
    blocks.keyboard.press("Tab")
    expect(blocks.get_by_role("combobox")).to_have_value("op:Conv")
    blocks.keyboard.press("Enter")
    expect_selected(blocks, "n:0")
    blocks.keyboard.press("Enter")
    expect_selected(blocks, "n:2")
    assert count(blocks) == "2/5"
    blocks.keyboard.press("Escape")
    blocks.keyboard.press("n")
    expect_selected(blocks, "n:4")
    blocks.keyboard.press("N")
    expect_selected(blocks, "n:2")
    blocks.keyboard.press("F3")
    blocks.keyboard.press("Shift+F3")
    expect_selected(blocks, "n:2")
    # One that makes no sense is explained.
    search(blocks, "dtype:flout")
    expect(blocks.get_by_role("alert")).to_contain_text("did you mean float?")
    search(blocks, "nothing like it")
    expect(blocks.get_by_text("Nothing found")).to_be_visible()


def test_cones_and_all_of_an_operator_stand_out(blocks: Page) -> None:
    click(blocks, "n:4")
    expect_selected(blocks, "n:4")
    expect(blocks.get_by_role("heading", name="Conv", exact=True)).to_be_visible()
    blocks.get_by_role("button", name="Downstream").click()  # the panel shows ways, too
    chip(blocks, "Downstream of /block3/conv")
    blocks.locator(VIEW).focus()
    blocks.keyboard.press("u")
    chip(blocks, "Upstream of /block3/conv")
    assert lit(blocks) == ["i:image", "n:0", "n:1", "n:2", "n:3", "n:4"]
    blocks.keyboard.press("d")
    chip(blocks, "Downstream of /block3/conv")
    assert "n:4" in lit(blocks) and "n:3" not in lit(blocks) and "o:y" in lit(blocks)
    blocks.get_by_role("button", name="All Conv").last.click()
    chip(blocks, "All Conv")
    assert len(lit(blocks)) == 5
    blocks.locator(VIEW).focus()
    blocks.keyboard.press("u")
    chip(blocks, "Upstream of /block3/conv")
    blocks.keyboard.press("a")
    chip(blocks, "All Conv")
    assert len(lit(blocks)) == 5
    search(blocks, "op:Relu")
    expect(blocks.locator(".hit").first).to_be_visible()
    blocks.reload()
    chip(blocks, "All Conv")
    blocks.locator(VIEW).focus()
    blocks.keyboard.press("n")
    expect_selected(blocks, "n:1")
    blocks.locator(VIEW).focus()
    blocks.keyboard.press("Escape")
    expect(blocks.locator(".lit-chip")).to_be_hidden()


def test_paths_between_two(blocks: Page) -> None:
    click(blocks, "n:7")
    blocks.keyboard.down("Shift")
    click(blocks, "n:1")
    blocks.keyboard.up("Shift")
    expect(blocks.locator(VIEW)).to_have_attribute("data-selection", "2")
    blocks.keyboard.press("m")
    blocks.get_by_role("menuitem", name="Show the paths between them").click()
    chip(blocks, re.compile("From /block1/relu to"))
    assert lit(blocks) == [f"n:{node}" for node in range(1, 8)]
    strong = ask(blocks, "view.look.light.lit.filter((each) => each === 2).length")
    assert strong == 3, "the shortest is the way around"


def test_three_thousand_nodes_are_searched(large: Page) -> None:
    search(large, "op:Mul scope:layers.41")
    expect(large.locator(".hit")).to_have_count(1)
    large.keyboard.press("Enter")
    expect_selected(large, "n:2060")
    expect(large.locator(".map")).to_be_visible()
    search(large, "op:Relu")
    expect(large.get_by_text("50 of 2,910 shown: more")).to_be_visible()
    for _ in range(3):  # the list may just be drawn anew
        large.get_by_text("50 of 2,910 shown: more").click()
        with suppress(AssertionError):
            expect(large.get_by_text("100 of 2,910 shown: more")).to_be_visible(timeout=10_000)
            break
    expect(large.get_by_text("100 of 2,910 shown: more")).to_be_visible()
    large.keyboard.press("Shift+F3")
    expect_selected(large, "n:2999")
    assert count(large) == "2,910/2,910"
    # What closed groups hide is counted and can be opened.
    search(large, "op:=Tanh")
    expect(large.locator(".hit").first).to_be_visible()
    large.get_by_role("button", name="Let all hits stand out").click()
    chip(large, re.compile(r"30 inside \d+ closed groups"))
    large.get_by_role("button", name="Open the groups").click()
    chip(large, "30 shown")


def test_where_a_weight_is_used_and_the_map_goes_there(large: Page) -> None:
    search(large, 'kind:weight name:"the scale"')
    expect(large.locator(".hit")).to_contain_text("used by 60 nodes")
    large.keyboard.press("Enter")
    expect(large).to_have_url(re.compile("value=the"))
    chip(large, "Uses of the scale")
    expect(large.locator(READY)).to_be_visible()
    search(large, "name:act49 scope:layers.59")
    large.keyboard.press("Enter")
    expect(large.locator(VIEW)).to_have_attribute("data-selected", re.compile("n:29"))
    small = large.locator(".map").bounding_box()
    assert small
    before = ask(large, "view.stage.camera.ty")
    large.mouse.click(small["x"] + small["width"] / 2, small["y"] + 4)
    assert ask(large, "view.stage.camera.ty") != before


def test_a_weight_leads_to_all_its_users_and_a_copied_link_leads_there(large: Page) -> None:
    search(large, "op:Mul scope:layers.41")
    large.keyboard.press("Enter")
    expect_selected(large, "n:2060")
    large.get_by_role("button", name="used by 60 nodes").click()
    expect_selected(large, "v:the scale")
    large.get_by_role("button", name="Show where it is used").click()
    chip(large, "Uses of the scale")
    expect(large.locator(".lit-chip")).to_contain_text(re.compile("closed group"))
    large.context.grant_permissions(["clipboard-read", "clipboard-write"])
    search(large, "op:Mul scope:layers.41")
    large.keyboard.press("Enter")
    expect_selected(large, "n:2060")
    large.keyboard.press("Escape")
    large.keyboard.press("l")
    expect(large.get_by_text("Link copied").last).to_be_visible()
    link = large.evaluate("navigator.clipboard.readText()")
    fresh = large.context.new_page()
    fresh.goto(link)
    expect_selected(fresh, "n:2060")
    fresh.close()


def test_hits_in_other_graphs_say_so_and_open_them(page: Page, server: str, tmp_path: Path) -> None:
    """Nested: sixty scopes of which only one has an Exp, closed at first."""
    inner, value = [], "x"
    for layer in range(60):
        for step in range(10):
            op = "Exp" if (layer, step) == (41, 5) else ["Relu", "Tanh", "Sqrt"][(layer * step) % 3]
            inner.append(helper.make_node(op, [value], [f"v{layer}.{step}"], f"/layers.{layer}/{op}_{step}"))
            value = f"v{layer}.{step}"
    out = helper.make_tensor_value_info(value, TensorProto.FLOAT, None)
    branch = helper.make_graph(inner, "then", [], [out])
    other = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["n"], "neg")], "else", [], [helper.make_empty_tensor_value_info("n")]
    )
    nodes = [
        helper.make_node("If", ["c"], ["y"], "choice", then_branch=branch, else_branch=other),
        helper.make_node("Relu", ["y"], ["z"], "after"),
    ]
    x, z = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xz")
    c = helper.make_tensor_value_info("c", TensorProto.BOOL, [])
    path = tmp_path / "nested.onnx"
    graph = helper.make_graph(nodes, "g", [x, c], [z])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    show(page, server, path)
    search(page, "op:Exp")
    hit = page.get_by_role("option", name=re.compile("Exp_5"))
    expect(hit).to_contain_text("in choice · then_branch")
    page.keyboard.press("Enter")
    expect_selected(page, "n:415")
    assert ask(page, "view.graph").endswith("then_branch")
    assert ask(page, "view.scene.boxOf('n:415')") >= 0, "what hides it is open"
    expect(page.locator(".finder input")).to_have_value("op:Exp")
    expect(page.locator(".finder .count")).to_have_text("1/1")
    rect = ask(page, "view.rectOf('n:415')")
    page.wait_for_timeout(500)
    rect, room = ask(page, "[view.rectOf('n:415'), view.canvas.getBoundingClientRect().toJSON()]")
    assert room["left"] < rect["x"] < room["right"]
    assert room["top"] < rect["y"] < room["bottom"]
