"""Two graphs side by side in a real browser: differences, choice, movement and expansion on both sides, links."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import NodeProto, TensorProto, helper
from playwright.sync_api import Page, expect

from graphdebug.diff.records import ModelDiff
from graphdebug.model.record_json import from_json
from graphdebug.view.differences import Kind
from tests.browser.opening import opened, settled
from tests.engines import layer_info

pytestmark = pytest.mark.browser

READY = ".pair[data-state=ready]"


def tell(page: Page, script: str) -> Any:
    """Evaluate ``script`` with ``pair`` being the Pair and ``views`` its two GraphViews."""
    return page.locator(".pair").evaluate(
        f"(host) => {{ const pair = host.pair, views = pair.views; return {script}; }}"
    )


def side_by_side(page: Page, server: str, left: Path, right: Path) -> None:
    """Open two models and put the second on the right."""
    page.goto(f"{server}/side_by_side?model={opened(server, left)}&other={opened(server, right)}")
    expect(page.locator(READY)).to_be_visible(timeout=60_000)


def click(page: Page, side: int, box: str, times: int = 1) -> None:
    place = None
    for _ in range(50):  # it may still be on its way
        before, place = place, tell(page, f"views[{side}].rectOf({box!r})")
        if place is not None and place == before:
            break
        page.wait_for_timeout(200)
    assert place is not None, f"{box} is not in the scene"
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + min(place["height"] / 2, 12), click_count=times)


def expect_chosen(page: Page, left: str, right: str) -> None:
    views = page.locator(".pair .graph-view")
    expect(views.nth(0)).to_have_attribute("data-selected", left)
    expect(views.nth(1)).to_have_attribute("data-selected", right)


def marked(page: Page) -> list[list[str]]:
    """The nodes that are coloured, on both sides."""
    found: list[list[str]] = tell(
        page, "views.map((view) => [...view.look.shades.keys()].filter((id) => id[0] === 'n'))"
    )
    return found


def edited(source: Path, target: Path, change: Callable[[list[NodeProto]], object]) -> Path:
    model = onnx.load(source)
    nodes = list(model.graph.node)
    change(nodes)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, target)
    return target


@pytest.fixture
def small(samples: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A sample, and the same with a node put after its first and the op of another one changed."""

    def change(nodes: list[NodeProto]) -> None:
        relus = [node for node in nodes if node.op_type == "Relu"]
        relus[2].op_type = "Sigmoid"
        name = nodes[0].output[0]
        for node in nodes:
            node.input[:] = ["new_out" if each == name else each for each in node.input]
        nodes.insert(1, helper.make_node("LeakyRelu", [name], ["new_out"], "<b>new</b>", alpha=0.3))

    source = samples / "resnet_torchscript.onnx"
    return source, edited(source, tmp_path / "edited.onnx", change)


@pytest.fixture
def large(tmp_path: Path) -> tuple[Path, Path]:
    """Sixty unlike scopes of fifty nodes, and the same with one attribute changed."""
    nodes, value = [], "x"
    for layer in range(60):
        for step in range(50):
            made = "y" if (layer, step) == (59, 49) else f"/layers.{layer}/act{step}/out"
            op = "LeakyRelu" if (layer + step) % 3 else "Elu"
            nodes.append(
                helper.make_node(op, [value], [made], f"/layers.{layer}/act{step}/{op}", alpha=0.01 * (layer + 1))
            )
            value = made
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 8]) for name in "xy")
    path = tmp_path / "large.onnx"
    onnx.save(
        helper.make_model(
            helper.make_graph(nodes, "g", [x], [y]), opset_imports=[helper.make_opsetid("", 21)], ir_version=10
        ),
        path,
    )

    def change(nodes: list[NodeProto]) -> None:
        nodes[1234].attribute[0].f = 0.5

    return path, edited(path, tmp_path / "large_edited.onnx", change)


def test_what_differs_is_said_in_words_and_leads_to_its_place(
    page: Page, server: str, small: tuple[Path, Path]
) -> None:
    side_by_side(page, server, *small)
    page.get_by_role("radio", name="In words").click()
    expect(page.get_by_text("2 of 22 nodes differ: 1 changed, 1 only right.")).to_be_visible(timeout=30_000)
    expect(page).to_have_url(re.compile("words=1"))
    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("json")).click()
    assert download.value.suggested_filename == "resnet_torchscript to edited.diff.json"
    found = from_json(Path(download.value.path()).read_bytes(), ModelDiff)
    assert sorted(node.kind for graph in found.graphs for node in graph.nodes) == [Kind.CHANGED, Kind.RIGHT]
    page.reload()
    table = page.get_by_test_id("stDataFrame")
    expect(table).to_be_visible(timeout=30_000)
    lines = page.locator("[data-testid=stDataFrame] table tbody tr")  # what a screen reader reads
    expect(lines).to_have_count(2)
    expect(lines.nth(0)).to_contain_text("is only in the second")
    box = table.bounding_box()
    assert box
    page.mouse.click(box["x"] + 300, box["y"] + 35 + 17)
    expect(page.locator(READY)).to_be_visible(timeout=30_000)
    expect_chosen(page, "", "n:1")
    expect(page).not_to_have_url(re.compile("words="))


def test_what_was_edited_is_marked_and_chosen_on_both_sides(page: Page, server: str, small: tuple[Path, Path]) -> None:
    side_by_side(page, server, *small)
    expect(page.get_by_text("2 of 22 nodes differ: 1 changed, 1 only right.")).to_be_visible()
    relu, sigmoid = ([str(each) for each in side] for side in marked(page))
    assert (len(relu), len(sigmoid)) == (1, 2)
    assert "n:1" in sigmoid
    changed = next(each for each in sigmoid if each != "n:1")
    click(page, 0, relu[0])
    expect_chosen(page, relu[0], changed)
    expect(page).to_have_url(re.compile(f"node={relu[0][2:]}(&|$)"))
    expect(page.get_by_role("option", selected=True)).to_contain_text("op: Relu → Sigmoid")
    click(page, 1, "n:0")
    expect_chosen(page, "n:0", "n:0")
    expect(page.get_by_role("option", selected=True)).to_have_count(0)
    click(page, 1, "n:1")
    expect_chosen(page, "", "n:1")
    expect(page).to_have_url(re.compile("other_node=1"))
    expect(page).not_to_have_url(re.compile("&node="))
    assert page.locator("b", has_text="new").count() == 0
    page.keyboard.press(".")
    expect_chosen(page, relu[0], changed)


def test_a_link_reopens_both_with_what_is_chosen(page: Page, server: str, small: tuple[Path, Path]) -> None:
    side_by_side(page, server, *small)
    for line, chosen in ((0, ("", "n:1")), (1, None)):
        page.get_by_role("option").nth(line).click()
        expected = chosen or tuple(side[-1] for side in marked(page))
        expect_chosen(page, *expected)
        expect(page).to_have_url(re.compile("other_node=1" if chosen else f"&node={expected[0][2:]}"))
        fresh = page.context.new_page()
        fresh.goto(page.url)
        expect(fresh.locator(READY)).to_be_visible(timeout=60_000)
        expect_chosen(fresh, *expected)
        fresh.close()


def test_three_thousand_nodes_move_zoom_and_expand_together(page: Page, server: str, large: tuple[Path, Path]) -> None:
    side_by_side(page, server, *large)
    expect(page.get_by_text("1 of 3,000 nodes differ: 1 changed.")).to_be_visible()
    assert marked(page) == [["n:1234"], ["n:1234"]]
    assert tell(page, "views[0].scene.boxOf('n:1234')") == -1, "it is in a closed group"
    assert tell(page, "views[0].look.shades.has('s:layers.24')")
    click(page, 1, "s:layers.1", times=2)
    page.wait_for_function(f"() => {VIEWS}.every((view) => view.scene.meta.expanded.includes('s:layers.1'))")
    expect_chosen(page, "s:layers.1", "s:layers.1")
    page.locator(".pair .graph-view").first.focus()
    page.keyboard.press(".")
    expect_chosen(page, "n:1234", "n:1234")
    page.wait_for_function(OPEN_ON_BOTH)
    before = tell(page, "views[0].stage.camera.k")
    place = tell(page, "views[0].rectOf('n:1234')")
    page.mouse.move(place["x"] + 10, place["y"] + 10)
    page.mouse.wheel(0, -400)
    page.wait_for_function(f"() => {VIEWS}[0].stage.camera.k > {before}")
    page.wait_for_function(IN_STEP)
    page.mouse.move(place["x"] + 60, place["y"] + 90)
    page.mouse.down()
    page.mouse.move(place["x"] + 160, place["y"] + 40, steps=5)
    page.mouse.up()
    page.wait_for_function(IN_STEP)
    page.get_by_role("button", name="Together").click()
    page.locator(".pair .graph-view").first.focus()
    page.keyboard.press("-")
    page.wait_for_function(f"() => {VIEWS}[0].stage.camera.k < {VIEWS}[1].stage.camera.k")


def test_a_nested_graph_opens_beside_its_counterpart(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    """A node put in front moves the If to another place; one of its branches has another operator."""

    def change(nodes: list[NodeProto]) -> None:
        owner = next(node for node in nodes if node.op_type == "If")
        branch = next(each for each in owner.attribute if each.name == "then_branch").g
        branch.node[0].op_type = "Sub" if branch.node[0].op_type != "Sub" else "Add"
        nodes.insert(0, helper.make_node("Relu", [nodes[0].input[0]], ["nowhere"], "in front"))

    source = samples / "if_captures.onnx"
    side_by_side(page, server, source, edited(source, tmp_path / "edited.onnx", change))
    owner = tell(page, "Object.keys(views[0].scene.meta.children)[0]")
    click(page, 0, owner, times=2)
    page.get_by_role("menuitem", name="then_branch").click()
    page.wait_for_function(f"() => {VIEWS}.every((view) => view.scene?.meta.graph.endsWith('.then_branch'))")
    assert tell(page, "views[0].graph !== views[1].graph")
    expect(page.get_by_text(re.compile("^1 of . nodes? differ"))).to_be_visible()
    expect(page.get_by_role("option")).to_contain_text("op: ")
    page.get_by_role("option").click()
    expect_chosen(page, "n:0", "n:0")
    page.locator(".pair .graph-view").nth(1).focus()
    page.keyboard.press("Backspace")
    page.wait_for_function(f"() => {VIEWS}.every((view) => view.scene?.meta.graph === '')")


def test_a_link_to_a_model_that_is_gone_says_so(page: Page, server: str, samples: Path) -> None:
    page.goto(f"{server}/side_by_side?model={opened(server, samples / 'line.onnx')}&other=0123456789abcdef")
    expect(page.get_by_text("is not in the workspace any more")).to_be_visible()
    expect(page.get_by_text("Choose what to put beside this model")).to_be_visible()


def test_what_onnx_runtime_made_of_it(page: Page, server: str, samples: Path) -> None:
    page.goto(f"{server}/side_by_side?model={opened(server, samples / 'resnet_torchscript.onnx')}")
    page.get_by_role("combobox").click()
    page.get_by_role("option", name="Optimised by ONNX Runtime, extended").click()
    expect(page.locator(READY)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("resnet_torchscript optimised (extended).onnx")).to_be_visible()
    page.get_by_role("option", name="fused Conv + Relu → FusedConv").first.click()
    page.wait_for_function(f"() => {VIEWS}[0].look.company.length === 2 && {VIEWS}[1].look.company.length === 1")
    ops = tell(page, "views.map((view) => view.look.company.map((box) => view.scene.text(view.scene.op[box])))")
    assert ops == [["Conv", "Relu"], ["FusedConv"]]
    relu, conv = (tell(page, f"views[0].scene.idOf(views[0].look.company[{at}])") for at in (1, 0))
    fused = tell(page, "views[1].choice.id")
    expect_chosen(page, relu, fused)
    click(page, 0, conv)
    expect_chosen(page, conv, fused)
    expect(page).to_have_url(re.compile(f"node={conv[2:]}(&|$)"))
    page.reload()
    expect(page.locator(READY)).to_be_visible(timeout=60_000)
    expect_chosen(page, conv, fused)


def test_the_layers_of_an_engine(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    source = samples / "resnet_torchscript.onnx"
    text, _ = layer_info(onnx.load(source).graph, metadata=True)
    (tmp_path / "layers.json").write_text(text)
    (tmp_path / "names.json").write_text('{"Layers": ["Conv_0 + Relu_1"]}')
    page.goto(f"{server}/side_by_side?model={opened(server, source)}")
    page.get_by_role("button", name="TensorRT engine").click()
    place = page.get_by_test_id("stPopoverBody").locator("input[type=file]")
    place.set_input_files(str(tmp_path / "names.json"))
    expect(page.get_by_text("tells only the names of its layers")).to_be_visible()
    settled(page)
    if not place.is_visible():
        page.get_by_role("button", name="TensorRT engine").click()
    place.set_input_files(str(tmp_path / "layers.json"))
    expect(page.locator(READY)).to_be_visible(timeout=60_000)
    expect(page.get_by_text("layers (engine).onnx").first).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("option", name="Conv + Add + Relu").first.click()
    page.wait_for_function(f"() => {VIEWS}[0].look.company.length === 3 && {VIEWS}[1].look.company.length === 1")
    ops = tell(page, "views.map((view) => view.look.company.map((box) => view.scene.text(view.scene.op[box])).sort())")
    assert ops == [["Add", "Conv", "Relu"], ["CaskConvolution"]]


VIEWS = """(() => {
  const below = (root) => [...root.querySelectorAll("*")].flatMap((each) => each.shadowRoot ?? []);
  const find = (root) => root.querySelector(".pair") ?? below(root).map(find).find(Boolean);
  return find(document).pair.views;
})()"""
OPEN_ON_BOTH = f"() => {VIEWS}.every((view) => view.scene.boxOf('n:1234') >= 0)"
IN_STEP = f"""() => {{
  const [one, other] = {VIEWS};
  const top = (view) => {{
    const {{ x, width, y }} = view.rectOf("n:1234");
    const frame = view.canvas.getBoundingClientRect();
    return [x + width / 2 - frame.x, y - frame.y];
  }};
  const [a, b] = [top(one), top(other)];
  return one.stage.camera.k === other.stage.camera.k && Math.hypot(a[0] - b[0], a[1] - b[1]) < 2;
}}"""
