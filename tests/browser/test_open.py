"""Opening models in a real browser: drop, cancel, a broken file, external data, delete, a link, other pages."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
expect.set_options(timeout=60_000)  # the machine may be busy


def drop(page: Page, *files: Path) -> None:
    page.locator("input[type=file]").set_input_files([str(file) for file in files])


def expect_overview(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", name=name)).to_be_visible()
    expect(page.get_by_text("Multiply-accumulates")).to_be_visible()


def with_external_data(folder: Path) -> list[Path]:
    """Write a model whose weights lie in a file beside it."""
    weights = numpy_helper.from_array(np.arange(4096, dtype=np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4096]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "w"], ["y"])], "g", [x], [y], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
    onnx.save(model, folder / "external.onnx", save_as_external_data=True, location="external.data", size_threshold=0)
    return [folder / "external.onnx", folder / "external.data"]


def test_a_dropped_model_is_found_again_by_its_link(page: Page, server: str, samples: Path) -> None:
    page.goto(server)
    drop(page, samples / "mlp.onnx")
    expect_overview(page, "mlp.onnx")
    link = page.url
    assert re.search(r"\?model=[0-9a-f]{16}$", link)
    page.reload()
    expect_overview(page, "mlp.onnx")
    page.get_by_role("link", name="Reports").click()
    expect(page.get_by_role("heading", name="Reports")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/reports\?model=[0-9a-f]{16}"))
    page.get_by_role("link", name="Open", exact=True).click()
    expect_overview(page, "mlp.onnx")


def test_external_data_is_a_finding_until_it_is_dropped_along(page: Page, server: str, tmp_path: Path) -> None:
    model, data = with_external_data(tmp_path)
    page.goto(server)
    drop(page, model)
    expect_overview(page, "external.onnx")
    expect(page.get_by_text(re.compile("external.data")).first).to_be_visible()
    page.get_by_role("button", name="Open another").click()
    drop(page, model, data)
    expect_overview(page, "external.onnx")
    expect(page.get_by_text("no problems found")).to_be_visible()


def test_an_upload_can_be_cancelled(page: Page, server: str, tmp_path: Path) -> None:
    path = tmp_path / "big.onnx"
    with path.open("wb") as file:
        file.truncate(300 << 20)
    page.goto(server)
    page.locator("input[type=file]").wait_for(state="attached")
    # A slow line, so that there is time to change one's mind.
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 4 << 20}
    session.send("Network.emulateNetworkConditions", slow)
    drop(page, path)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("Drop a model here")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_too_much_is_refused_before_it_is_sent(page: Page, server: str, tmp_path: Path) -> None:
    path = tmp_path / "huge.onnx"
    with path.open("wb") as file:
        file.truncate(4_500_000_000)  # takes no room
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    page.goto(server)
    drop(page, path)
    sentence = "huge.onnx is too large, 4.5 GB where an upload may be 4 GB in all: open the model by its path"
    expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    assert "PUT" not in sent


def tick_first_row(page: Page) -> None:
    """Tick the box of the table's first row, by its place: the grid is a canvas. What is above may still be moving."""
    grid = page.get_by_test_id("stDataFrame").first
    expect(grid).to_be_visible()
    before = None
    while before != (place := grid.bounding_box()):
        before = place
        page.wait_for_timeout(500)
    assert place is not None
    page.mouse.click(place["x"] + 18, place["y"] + 53)


def test_a_model_is_deleted_after_asking(page: Page, server: str, samples: Path) -> None:
    page.goto(server)
    drop(page, samples / "asinh.onnx")
    expect_overview(page, "asinh.onnx")
    page.get_by_role("button", name="Open another").click()
    expect(page.get_by_role("heading", name="In the workspace")).to_be_visible()
    tick_first_row(page)
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("asinh.onnx")
    dialog.get_by_role("button", name="Delete").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Back to the open model")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("model="))
