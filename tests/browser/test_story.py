"""The whole story in a real browser: drop, look, tap, run, compare, take away, reload. Small, and on 3,000 nodes."""

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Page, TimeoutError, expect

pytestmark = pytest.mark.browser

VIEW = ".graph-view"
SLOW = 60_000
WIDTH = 16


def drop(page: Page, server: str, file: Path) -> None:
    """Open a model through the real drop zone and go to its graph."""
    page.goto(server)
    page.wait_for_load_state("networkidle")  # the drop zone listens once its script has run
    page.locator("input[type=file]").set_input_files(str(file))
    expect(page).to_have_url(re.compile("model="), timeout=SLOW)
    go(page, "Graph")


def go(page: Page, name: str) -> None:
    """Change the page; once more when the first click met a page that was just being rerun."""
    for _ in range(3):
        page.get_by_role("link", name=name, exact=True).click()
        try:
            page.wait_for_url(re.compile(f"/{name.lower()}"), timeout=5_000)
            break
        except TimeoutError:
            continue
    expect(page.locator(f"{VIEW}[data-state=ready]")).to_be_visible(timeout=SLOW)


def click_box(page: Page, box: str) -> None:
    place = page.locator(VIEW).evaluate(f"(host) => host.graphView.rectOf({json.dumps(box)})")
    assert place is not None, f"{box} is not in the scene"
    page.mouse.click(place["x"] + place["width"] / 2, place["y"] + min(place["height"] / 2, 12))
    expect(page.locator(VIEW)).to_have_attribute("data-selected", box)


def find(page: Page, text: str) -> None:
    """Choose the first hit of a search, as one does in a graph too large to click through."""
    page.locator(VIEW).focus()
    page.keyboard.press("/")
    page.keyboard.type(text)
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")


def run_and_look(page: Page, tensor: str) -> None:
    """Tap what is chosen, run, and see its values."""
    go(page, "Tensors")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=SLOW)  # Graph has a "Tap", too
    page.get_by_role("button", name=tensor[-12:]).click()
    page.get_by_role("button", name="Pick outputs").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page).to_have_url(re.compile("run="), timeout=SLOW)
    expect(page.get_by_text("no NaN, no infinity")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("elements", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Slice").click()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def fetch(page: Page, role: str, name: re.Pattern[str] | str, into: Path) -> Path:
    """Press a download link or button and return the file that came."""
    with page.expect_download(timeout=SLOW) as started:
        page.get_by_role(role, name=name).click()  # type: ignore[arg-type]
    target = into / started.value.suggested_filename
    started.value.save_as(target)
    return target


def compare(page: Page) -> None:
    go(page, "Compare")
    page.get_by_role("button", name="Optimisation off vs all").click()
    page.get_by_role("button", name="Compare", exact=True).click()
    expect(page).to_have_url(re.compile("comparison="), timeout=SLOW)
    expect(page.get_by_text(re.compile("tensors match"))).to_be_visible(timeout=2 * SLOW)


def test_the_story_on_a_sample(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    drop(page, server, samples / "conv_bn_leakyrelu.onnx")
    click_box(page, "n:0")
    expect(page.get_by_role("heading", name="Conv", exact=True)).to_be_visible()
    made = onnx.load(samples / "conv_bn_leakyrelu.onnx").graph.node[0].output[0]
    run_and_look(page, made)

    arrays = np.load(fetch(page, "link", re.compile("All tensors"), tmp_path))
    assert made in arrays.files
    assert np.isfinite(arrays[made]).all()
    one = np.load(fetch(page, "link", "This tensor · .npy", tmp_path))
    np.testing.assert_array_equal(one, arrays[made])

    compare(page)
    report = fetch(page, "button", "HTML", tmp_path)
    assert re.fullmatch(r"conv_bn_leakyrelu-compare-\d{4}-\d\d-\d\d\.html", report.name)
    text = report.read_text()
    assert made in text
    assert "http://" not in text.replace("http://www.w3.org", "")
    rows = json.loads(fetch(page, "button", "JSON", tmp_path).read_text())["rows"]
    assert {row["status"] for row in rows} == {"match"}

    verdict = page.get_by_text(re.compile("tensors match")).first.inner_text()
    page.reload()
    expect(page.get_by_text(re.compile("tensors match")).first).to_have_text(verdict, timeout=SLOW)
    page.get_by_role("tab", name="Tolerances").click()
    for field in ("rtol for float", "atol for float"):
        page.get_by_label(field).fill("0")
        page.get_by_label(field).press("Enter")
    page.get_by_role("tab", name="Verdict").click()
    expect(page.get_by_text(re.compile("First tensor out of tolerance"))).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Show in graph").click()
    expect(page).to_have_url(re.compile("value="), timeout=SLOW)
    go(page, "Tensors")
    expect(page.get_by_text("no NaN, no infinity")).to_be_visible(timeout=SLOW)


def test_the_story_on_three_thousand_nodes(page: Page, server: str, tmp_path: Path) -> None:
    path, inside = three_thousand_nodes(tmp_path)
    drop(page, server, path)
    expect(page.get_by_text("3,000 nodes").first).to_be_visible()
    find(page, inside)
    expect(page).to_have_url(re.compile("node="), timeout=SLOW)
    run_and_look(page, inside)
    compare(page)
    assert fetch(page, "button", "HTML", tmp_path).stat().st_size > 100_000
    page.reload()
    expect(page.get_by_text(re.compile("3000 tensors match")).first).to_be_visible(timeout=SLOW)


def three_thousand_nodes(folder: Path) -> tuple[Path, str]:
    """Write 100 blocks of 30 nodes with random weights and scopes; return the file and the name of a tensor inside."""
    rng = np.random.default_rng(0)
    weights = [
        numpy_helper.from_array((rng.standard_normal((WIDTH, WIDTH)) / 4).astype(np.float32), f"weight{number}")
        for number in range(4)
    ]
    nodes, value = [], "x"
    for block in range(100):
        start = value
        for step in range(29):
            scope = f"/blocks.{block}/step.{step}"
            made = f"{scope}/out"
            op, inputs = ("MatMul", [value, f"weight{step % 4}"]) if step % 2 == 0 else ("Tanh", [value])
            nodes.append(helper.make_node(op, inputs, [made], f"{scope}/{op}"))
            value = made
        made = "y" if block == 99 else f"/blocks.{block}/Add/out"
        nodes.append(helper.make_node("Add", [value, start], [made], f"/blocks.{block}/Add"))
        value = made
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", WIDTH]) for name in "xy")
    graph = helper.make_graph(nodes, "blocks", [x], [y], weights)
    path = folder / "three_thousand.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path, "/blocks.42/step.7/out"
