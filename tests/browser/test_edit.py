"""Editing by hand in a real browser: what is done to the graph is what the download computes, and all can be undone."""

import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, TimeoutError, expect

from graphdebug.model.document import open_model
from tests.browser.opening import opened, settled
from tests.browser.test_graph import READY, VIEW, ask, click, expect_selected
from tests.edit.running import outputs

pytestmark = pytest.mark.browser


def edit(page: Page, server: str, file: Path) -> None:
    """Open a model on the Edit page."""
    page.goto(f"{server}/edit?model={opened(server, file)}")
    expect(page.locator(READY)).to_be_visible()
    expect(page.get_by_role("tab", name="Change")).to_be_visible()


def choose(page: Page, box: str) -> None:
    """Choose a box; once more when it was just moving to another place."""
    for _ in range(3):
        click(page, box)
        with suppress(AssertionError):
            expect(page.locator(VIEW)).to_have_attribute("data-selected", box, timeout=5_000)
            return
    expect_selected(page, box)


def what(page: Page, title: str) -> None:
    """Choose what to do; once more when the page was rerun just then, which closes the list."""
    field = page.get_by_role("combobox", name="What to do")
    for _ in range(3):
        field.fill(title)
        try:
            page.get_by_role("option", name=title, exact=True).click(timeout=5_000)
        except TimeoutError:
            continue
        expect(field).to_have_value(title)
        return
    pytest.fail(f"{title} cannot be chosen")


def fill(page: Page, label: str, text: str) -> None:
    page.get_by_label(label, exact=True).fill(text)
    page.keyboard.press("Enter")


def take(page: Page, label: str, option: str) -> None:
    """Choose an option; once more when the page was rerun just then, which closes the list."""
    field = page.get_by_role("combobox", name=label, exact=True)
    for _ in range(3):
        field.fill(option)
        page.keyboard.press("Enter")
        with suppress(AssertionError):
            expect(field).to_have_value(option, timeout=5_000)
            return
    expect(field).to_have_value(option)


def apply(page: Page, changes: int) -> None:
    """Press Apply; then so many changes are done."""
    settled(page)
    page.get_by_role("button", name="Apply").click()
    expect_changes(page, changes)


def expect_changes(page: Page, changes: int) -> None:
    expect(page.get_by_text(re.compile(rf"^{changes} changes? ·"))).to_be_visible()
    expect(page.locator(READY)).to_be_visible()
    settled(page)


def downloaded(page: Page, folder: Path) -> Path:
    link = page.get_by_role("link", name=re.compile("model"))
    for _ in range(3):  # it closes when the page is rerun just then
        page.get_by_role("button", name="Download", exact=True).click()
        with suppress(AssertionError):
            expect(link).to_be_visible(timeout=5_000)
            break
    with page.expect_download() as started:
        link.click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    page.keyboard.press("Escape")
    return path


def run(path: Path, folder: Path) -> dict[str, np.ndarray]:
    return outputs(open_model(path), folder)


def ops(page: Page) -> list[str]:
    found: list[str] = ask(page, "[...view.scene.op].filter((at) => at >= 0).map((at) => view.scene.text(at))")
    return found


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    """``y = relu(x + 1) + x``, with an output that says it is float."""
    nodes = [
        helper.make_node("Add", ["x", "one"], ["a"], "first"),
        helper.make_node("Relu", ["a"], ["b"], "relu"),
        helper.make_node("Add", ["b", "x"], ["y"], "last"),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [5]) for name in "xy")
    one = helper.make_tensor("one", TensorProto.FLOAT, [], [1.0])
    graph = helper.make_graph(nodes, "sums", [x], [y], [one])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "sums.onnx")
    return tmp_path / "sums.onnx"


def test_a_clip_on_one_branch_and_all_the_way_back(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    source = samples / "branching_blocks.onnx"
    edit(page, server, source)
    choose(page, "n:1")
    page.get_by_role("button", name="Insert node").click()
    fill(page, "Operator", "Clip")
    fill(page, "Constant min (optional)", "0.1")
    fill(page, "Constant max (optional)", "0.2")
    page.get_by_label("For which consumers").click()
    page.get_by_role("option", name=re.compile("shortcut")).click()
    page.keyboard.press("Escape")
    apply(page, 1)
    expect(page.get_by_test_id("stSidebar").get_by_text("edited").first).to_be_visible()
    choice = page.locator(VIEW).get_attribute("data-selected")
    assert ask(page, f"view.scene.text(view.scene.op[view.scene.boxOf({choice!r})])") == "Clip"
    path = downloaded(page, tmp_path)
    assert re.fullmatch(r"branching_blocks-edited(-\d+)?\.onnx", path.name)  # others may have edited it before
    index = open_model(path).graphs[""]
    (clip,) = (node for node in index.nodes if node.op_type == "Clip")
    assert [index.names[user] for user, _ in index.consumers[clip.output[0]]] == ["/shortcut/conv"]
    before, after = run(source, tmp_path), run(path, tmp_path)
    assert not np.array_equal(before["y"], after["y"])
    page.get_by_role("button", name="Undo").click()
    expect_changes(page, 0)
    assert downloaded(page, tmp_path).read_bytes() == source.read_bytes()
    page.reload()  # nothing is lost
    page.get_by_role("button", name="Redo").click()
    expect_changes(page, 1)
    assert downloaded(page, tmp_path).read_bytes() == path.read_bytes()


def test_a_cast_and_the_type_of_the_output(page: Page, server: str, sums: Path, tmp_path: Path) -> None:
    edit(page, server, sums)
    choose(page, "n:2")
    page.get_by_role("button", name="Insert cast").click()
    take(page, "Element type", "double")
    apply(page, 1)
    page.get_by_role("tab", name="Problems").click()
    expect(page.get_by_text(re.compile("1 change · [1-9] error"))).to_be_visible()
    expect(page.get_by_role("tabpanel", name="Problems")).to_contain_text("fit")
    page.get_by_role("tab", name="Change").click()
    choose(page, "o:y")
    expect(page.get_by_role("tabpanel", name="Change").get_by_text("y", exact=True)).to_be_visible()
    page.get_by_role("button", name="Set type").click()
    take(page, "Element type", "double")
    apply(page, 2)
    expect(page.get_by_text("2 changes · no errors")).to_be_visible()
    found = run(downloaded(page, tmp_path), tmp_path)
    assert found["y"].dtype == np.float64
    np.testing.assert_array_equal(found["y"], run(sums, tmp_path)["y"].astype(np.float64))


def test_an_add_is_deleted_and_another_becomes_a_sub(page: Page, server: str, sums: Path, tmp_path: Path) -> None:
    edit(page, server, sums)
    choose(page, "n:0")
    page.keyboard.press("Delete")
    expect_changes(page, 1)
    assert "first" not in str(ops(page))
    is_add = "view.scene.text(view.scene.op[view.scene.boxOf(id)]) === 'Add'"
    last = ask(page, f"[...view.scene.byId.keys()].find((id) => {is_add})")
    choose(page, last)
    page.get_by_role("button", name="Set operator").click()
    fill(page, "Operator", "Sub")
    apply(page, 2)
    path = downloaded(page, tmp_path)
    x = np.linspace(-1, 1, 5, dtype=np.float32)
    np.testing.assert_array_equal(outputs(open_model(path), tmp_path, {"x": x})["y"], np.maximum(x, 0) - x)
    page.get_by_role("tab", name="History").click()
    page.get_by_role("button", name=re.compile("As it was opened")).click()
    expect_changes(page, 0)
    assert downloaded(page, tmp_path).read_bytes() == sums.read_bytes()


def test_a_part_becomes_one_custom_node(page: Page, server: str, sums: Path, tmp_path: Path) -> None:
    edit(page, server, sums)
    choose(page, "n:0")
    page.keyboard.down("Shift")
    click(page, "n:0")
    click(page, "n:1")
    page.keyboard.up("Shift")
    what(page, "Replace nodes")
    fill(page, "Operator", "AddRelu")
    page.get_by_text("More", exact=True).click()
    fill(page, "Domain", "plugins")
    apply(page, 1)
    path = downloaded(page, tmp_path)
    model = onnx.load(path)
    assert [(node.op_type, node.domain) for node in model.graph.node] == [("AddRelu", "plugins"), ("Add", "")]
    assert "plugins" in [each.domain for each in model.opset_import]
    add_relu = [helper.make_node("Add", ["x", "one"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    opset = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("plugins", "AddRelu", ["x", "one"], ["b"], add_relu, opset))
    onnx.save(model, tmp_path / "with_plugin.onnx")  # the plugin, for ONNX Runtime to load
    assert np.array_equal(run(tmp_path / "with_plugin.onnx", tmp_path)["y"], run(sums, tmp_path)["y"])
    page.keyboard.press("Control+z")
    expect_changes(page, 0)
    assert downloaded(page, tmp_path).read_bytes() == sums.read_bytes()


def test_values_are_written_in_a_table(page: Page, server: str, sums: Path, tmp_path: Path) -> None:
    page.goto(f"{server}/edit?model={opened(server, sums)}&value=one")
    expect(page.locator(READY)).to_be_visible()
    what(page, "Set values")
    settled(page)
    table = page.get_by_test_id("stDataFrame")
    for _ in range(3):  # it may just be drawn anew
        table.scroll_into_view_if_needed()
        box = table.bounding_box()
        assert box
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 35 + 17)
        page.keyboard.type("5")
        page.wait_for_timeout(300)
        page.keyboard.press("Enter")
        with suppress(AssertionError):  # the table tells of what was written a moment later
            expect(page.get_by_text("Say the values of 'one'")).to_have_count(0, timeout=5_000)
            break
    apply(page, 1)
    expected = onnx.load(sums)
    expected.graph.initializer[0].CopyFrom(helper.make_tensor("one", TensorProto.FLOAT, [], [5.0]))
    onnx.save(expected, tmp_path / "five.onnx")
    path = downloaded(page, tmp_path)
    assert np.array_equal(run(path, tmp_path)["y"], run(tmp_path / "five.onnx", tmp_path)["y"])


def test_before_and_after_are_compared(page: Page, server: str, sums: Path) -> None:
    edit(page, server, sums)
    choose(page, "n:1")
    page.get_by_role("button", name="Set operator").click()
    fill(page, "Operator", "Neg")
    apply(page, 1)
    page.get_by_role("button", name="Before / after").click()
    expect(page).to_have_url(re.compile("/compare"))
    expect(page.get_by_text(re.compile("First tensor out of tolerance: b"))).to_be_visible()
    page.get_by_role("link", name="Edit", exact=True).click()
    expect_changes(page, 1)
    page.get_by_role("button", name="Side by side").click()
    expect(page.get_by_text("1 of 3 nodes differ: 1 changed.")).to_be_visible()


def test_a_broken_model_asks_before_it_is_taken_away(page: Page, server: str, sums: Path, tmp_path: Path) -> None:
    edit(page, server, sums)
    choose(page, "n:1")
    page.get_by_role("button", name="Set operator").click()
    fill(page, "Operator", "Conv")
    apply(page, 1)
    expect(page.get_by_text(re.compile("1 change · [1-9]"))).to_be_visible()
    page.get_by_role("button", name="Download", exact=True).click()
    expect(page.get_by_text("This model is broken")).to_be_visible()
    expect(page.get_by_role("link", name="The broken model all the same")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Change").click()
    choose(page, "n:0")
    what(page, "Reconnect input")
    page.get_by_label("Value", exact=True).fill("nothing")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("There is no value called 'nothing'")).to_be_visible()
    expect_changes(page, 1)
