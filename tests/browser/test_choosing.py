"""Choosing in a real browser: by mouse, keys and fingers; the same on every page, after a refresh and by link."""

import re
from pathlib import Path

import pytest
from onnx import TensorProto, helper, load, save
from playwright.sync_api import Page, expect

from tests.browser.test_graph import READY, VIEW, ask, click, expect_selected, rect, show

pytestmark = pytest.mark.browser


def selected(page: Page) -> list[str]:
    ids: list[str] = ask(page, "[...view.selection].sort()")
    return ids


def expect_count(page: Page, count: int) -> None:
    expect(page.locator(VIEW)).to_have_attribute("data-selection", str(count))


def middle(page: Page, box: str) -> tuple[float, float]:
    place = rect(page, box)
    return place["x"] + place["width"] / 2, place["y"] + place["height"] / 2


def go(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()
    expect(page).to_have_url(re.compile(f"/{name.lower()}"))
    expect(page.locator(READY)).to_be_visible(timeout=30_000)


@pytest.fixture
def blocks(page: Page, server: str, samples: Path) -> Page:
    """Four blocks, all drawn open: ``n:0``–``n:5`` one after the other, ``n:6`` a way around, ``n:7`` joins them."""
    show(page, server, samples / "branching_blocks.onnx")
    return page


def test_shift_click_selects_and_all_pages_show_it(blocks: Page) -> None:
    click(blocks, "n:0")
    expect_selected(blocks, "n:0")
    blocks.keyboard.down("Shift")
    click(blocks, "n:6")
    click(blocks, "n:7")
    click(blocks, "n:6")
    blocks.keyboard.up("Shift")
    expect(blocks.get_by_text("2 selected").first).to_be_visible()
    assert selected(blocks) == ["n:0", "n:7"]
    expect(blocks).to_have_url(re.compile(r"selected=n(:|%3A)0(,|%2C)n(:|%3A)7"))
    for name in ("Tensors", "Compare", "Graph"):
        go(blocks, name)
        expect_count(blocks, 2)
    blocks.reload()
    expect_count(blocks, 2)
    blocks.locator(VIEW).focus()
    blocks.keyboard.press("Escape")
    expect_count(blocks, 0)
    expect(blocks).not_to_have_url(re.compile("selected="))


def test_the_rubber_band_selects_what_lies_within(blocks: Page) -> None:
    first, last = rect(blocks, "n:2"), rect(blocks, "n:5")
    blocks.keyboard.down("Shift")
    blocks.mouse.move(first["x"] - 20, first["y"] - 6)
    blocks.mouse.down()
    blocks.mouse.move(first["x"] + 30, first["y"] + 30)
    expect(blocks.locator(".graph-view .band")).to_be_visible()
    blocks.mouse.move(last["x"] + last["width"] + 20, last["y"] + last["height"] + 6, steps=4)
    blocks.mouse.up()
    blocks.keyboard.up("Shift")
    expect(blocks.locator(".graph-view .band")).to_be_hidden()
    expect_count(blocks, 4)
    assert selected(blocks) == ["n:2", "n:3", "n:4", "n:5"]


def test_a_cut_is_marked_from_the_menu_and_a_link_keeps_it(blocks: Page, samples: Path) -> None:
    nodes = load(samples / "branching_blocks.onnx").graph.node
    click(blocks, "n:1")
    blocks.keyboard.press("[")
    blocks.mouse.click(*middle(blocks, "n:7"), button="right")
    blocks.get_by_role("menuitem", name="Cut to here").click()
    bar = blocks.get_by_role("toolbar", name="Selection")
    expect(bar).to_contain_text("1 tensor → 1 tensor · 6 nodes")
    assert ask(blocks, "[...view.marking.part.nodes].sort()") == [f"n:{node}" for node in range(2, 8)]
    expect(blocks).to_have_url(re.compile("from=.*to="))
    fresh = blocks.context.new_page()
    fresh.goto(blocks.url)
    expect(fresh.get_by_role("toolbar", name="Selection")).to_contain_text("6 nodes", timeout=30_000)
    assert ask(fresh, "view.marking.ends") == {"from": list(nodes[1].output), "to": list(nodes[7].output)}
    fresh.close()
    bar.get_by_role("button", name="Forget where to cut (X)").click()
    expect(bar).to_be_hidden()
    expect(blocks).not_to_have_url(re.compile("from="))


def test_the_keyboard_selects_cuts_copies_and_opens_the_menu(blocks: Page) -> None:
    blocks.context.grant_permissions(["clipboard-read", "clipboard-write"])
    blocks.locator(VIEW).focus()
    blocks.keyboard.press("Home")
    expect_selected(blocks, "i:image")
    blocks.keyboard.press("ArrowDown")
    expect_selected(blocks, "n:0")
    blocks.keyboard.press("Shift+ArrowDown")
    assert selected(blocks) == ["n:0", "n:1"]
    blocks.keyboard.press("c")
    expect(blocks.get_by_text("2 names copied").last).to_be_visible()
    assert blocks.evaluate("navigator.clipboard.readText()") == "/block1/conv\n/block1/relu"
    blocks.keyboard.press("x")
    expect(blocks.get_by_role("toolbar", name="Selection")).to_contain_text("1 tensor → 1 tensor · 2 nodes")
    blocks.keyboard.press("m")
    expect(blocks.get_by_role("menu", name="Actions")).to_be_visible()
    expect(blocks.get_by_role("menuitem", name="Take out of the selection")).to_be_focused()
    blocks.keyboard.press("ArrowDown")
    expect(blocks.get_by_role("menuitem", name="Clear the selection")).to_be_focused()
    blocks.keyboard.press("Enter")
    expect_count(blocks, 0)
    expect(blocks.locator(VIEW)).to_be_focused()
    blocks.keyboard.press("Control+a")
    assert len(selected(blocks)) == 12  # ten nodes, the input, the output
    blocks.keyboard.press("Escape")
    blocks.keyboard.press("Escape")
    expect_selected(blocks, "")
    blocks.keyboard.press("v")
    blocks.keyboard.press("c")
    expect(blocks.get_by_text("Choose or select something first.").last).to_be_visible()


def test_what_is_selected_is_run_and_compared(blocks: Page) -> None:
    click(blocks, "n:1")
    blocks.keyboard.down("Shift")
    click(blocks, "n:1")
    click(blocks, "n:7")
    blocks.keyboard.up("Shift")
    expect(blocks.get_by_role("heading", name="2 nodes selected")).to_be_visible()
    expect(blocks.get_by_role("button", name="Tap these 2 tensors")).to_be_visible()
    go(blocks, "Tensors")
    expect(blocks.get_by_role("radio", name="Selected")).to_be_checked()
    blocks.get_by_role("button", name="Run", exact=True).click()
    expect(blocks).to_have_url(re.compile("run="), timeout=30_000)
    expect(blocks.get_by_text("2 tensors, no NaN")).to_be_visible(timeout=30_000)
    go(blocks, "Compare")
    blocks.get_by_text("Only the selected 2 tensors").click()
    blocks.get_by_role("button", name="Compare", exact=True).click()
    expect(blocks.get_by_text("2 match", exact=True)).to_be_visible(timeout=60_000)


def test_screen_readers_hear_what_is_chosen_and_every_control_has_a_name(blocks: Page) -> None:
    view = blocks.get_by_role("application", name="Graph of the model")
    expect(view).to_have_accessible_description(re.compile("question mark lists all keys"))
    view.focus()
    spoken = blocks.locator(".graph-view .voice")
    blocks.keyboard.press("Home")
    expect(spoken).to_have_text(re.compile("^Input, image, float batch×3×24×24, 0 in, 1 out$"))
    blocks.keyboard.press("Shift+ArrowDown")
    expect(spoken).to_have_text("2 boxes selected")
    blocks.keyboard.press("]")
    expect(blocks.get_by_role("button", name="Forget where to cut (X)")).to_be_visible()
    blocks.keyboard.press("m")
    expect(blocks.get_by_role("menuitem").first).to_be_focused()
    controls = blocks.locator(".graph-view").locator("button, input")
    unnamed = controls.evaluate_all(
        "all => all.filter(e => !(e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)"
    )
    assert unnamed == []
    blocks.keyboard.press("Escape")
    blocks.keyboard.press("?")
    sheet = blocks.get_by_role("dialog", name="Keys and colours")
    expect(sheet).to_be_focused()
    expect(sheet.get_by_text("forget where to cut")).to_be_visible()
    blocks.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(view).to_be_focused()
    blocks.keyboard.press("X")
    expect(blocks.locator(VIEW).get_by_text("Cut", exact=True)).to_be_hidden()
    expect_count(blocks, 2)


@pytest.fixture
def large(page: Page, server: str, tmp_path: Path) -> Page:
    """Sixty scopes of fifty nodes each, one after the other."""
    nodes, value = [], "x"
    for node in range(3000):
        made = "y" if node == 2999 else f"t{node}"
        op = ("Relu", "Neg", "Abs", "Tanh")[node // 50 % 4]
        nodes.append(helper.make_node(op, [value], [made], f"/layers.{node // 50}/step.{node % 50}/{op}"))
        value = made
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in "xy")
    path = tmp_path / "large.onnx"
    graph = helper.make_graph(nodes, "large", [x], [y])
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    show(page, server, path)
    return page


def test_thousands_of_nodes_are_selected_and_kept(large: Page) -> None:
    view = large.locator(VIEW)
    view.focus()
    large.keyboard.press("g")
    expect(view).to_have_attribute("data-boxes", re.compile(r"^3\d\d\d$"))
    large.keyboard.press("f")
    large.wait_for_timeout(400)
    large.keyboard.press("Control+a")
    expect_count(large, 3002)
    expect(large).to_have_url(re.compile(r"selected=n(:|%3A)0-2999(,|%2C)v"))
    large.keyboard.press("x")
    expect(large.get_by_role("toolbar", name="Selection")).to_contain_text("3,000 nodes")
    ask(large, "view.select(Array.from({length: 1500}, (_, i) => `n:${2 * i}`))")
    expect(large).to_have_url(re.compile(r"selected=(\*|%2A)"))
    go(large, "Tensors")
    expect_count(large, 1500)
    expect(large.get_by_text("and 1,488 more")).to_be_visible()
    large.reload()
    expect(large.locator(READY)).to_be_visible(timeout=30_000)
    expect_count(large, 1500)
    expect(large.get_by_text("and 1,488 more")).to_be_visible()
