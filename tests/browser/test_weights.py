"""The weights of a chosen node: histogram, values, channels, filters, and the file."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from playwright.sync_api import Page, expect

from tests.browser.test_graph import click, show

pytestmark = pytest.mark.browser


def test_a_convolutions_weight_is_looked_at_and_taken_away(
    page: Page, server: str, samples: Path, tmp_path: Path
) -> None:
    model = onnx.load(samples / "branching_blocks.onnx")
    weight = next(each for each in model.graph.initializer if each.name == model.graph.node[0].input[1])
    values = numpy_helper.to_array(weight).copy()
    values[5] *= 100
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    onnx.save(model, tmp_path / "loud.onnx")

    show(page, server, tmp_path / "loud.onnx")
    click(page, "n:0")
    page.get_by_role("radio", name="W", exact=True).click(timeout=30_000)
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=30_000)
    page.get_by_role("tab", name="Channels").click()
    expect(page.get_by_text("1 channel with a largest magnitude of more than 5 times the median")).to_be_visible()
    page.get_by_role("tab", name="Filters").click()
    expect(page.get_by_test_id("stImage")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile("This weight")).click()
    started.value.save_as(tmp_path / "weight.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "weight.npy"), values)
