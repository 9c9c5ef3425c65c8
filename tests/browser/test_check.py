"""The deployment check in a real browser: a finding, one click, and it is gone; undo brings it back."""

from pathlib import Path

import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page, expect

from tests.browser.opening import opened, settled
from tests.browser.test_graph import READY

pytestmark = pytest.mark.browser


def test_a_remedy_ends_its_finding(page: Page, server: str, tmp_path: Path) -> None:
    value = helper.make_tensor_value_info
    inputs, outputs = [value("x", TensorProto.FLOAT, (2, 3))], [value("y", TensorProto.FLOAT, (2, 3))]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"], "<b>it")], "g", inputs, outputs)
    imports = [helper.make_opsetid("", 17)]
    file = tmp_path / "too new.onnx"
    file.write_bytes(helper.make_model(graph, ir_version=99, opset_imports=imports).SerializeToString())
    page.goto(f"{server}/check?model={opened(server, file)}")
    expect(page.locator(READY)).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Check", exact=True).click()
    helps = page.get_by_role("button", name="Set ir version of the model")
    expect(page.get_by_text("it will not run on ONNX Runtime")).to_be_visible(timeout=30_000)
    settled(page)
    helps.click()
    expect(page.get_by_text("Nothing known is in the way on ONNX Runtime")).to_be_visible(timeout=30_000)
    expect(helps).to_have_count(0)
    settled(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("it will not run on ONNX Runtime")).to_be_visible(timeout=30_000)
