"""A graph with more lines than are drawn: the view says so, and shows what it has at a click."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, expect

from tests.browser.opening import opened

pytestmark = pytest.mark.browser

WIDE = 330


def test_what_is_left_out_is_said(page: Page, server: str, tmp_path: Path) -> None:
    first = [helper.make_node("Relu", ["x"], [f"a{i}"]) for i in range(WIDE)]
    second = [helper.make_node("Sum", [f"a{i}" for i in range(WIDE)], [f"b{j}"]) for j in range(WIDE)]
    nodes = [*first, *second, helper.make_node("Sum", [f"b{j}" for j in range(WIDE)], ["y"])]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    path = tmp_path / "dense.onnx"
    graph = helper.make_graph(nodes, "dense", [x], [y])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    page.goto(f"{server}/graph?model={opened(server, path)}")
    page.get_by_role("button", name="Flat").click(timeout=60_000)  # it opens with its rows folded
    said = page.get_by_text("100,000 of 109,561 lines are drawn")
    expect(said).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="Show what is drawn").click()
    expect(said).to_be_hidden()
