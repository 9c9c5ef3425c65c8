"""An injected fault, found in the browser: a sound model beside one in which a single weight channel was changed.

The README's picture comes from here: ``GRAPHDEBUG_PICTURES=docs/images pytest tests/browser/test_fault.py``.
"""

import os
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from playwright.sync_api import Page, expect

from tests.browser.opening import opened
from tests.browser.test_story import SLOW, drop, go

pytestmark = pytest.mark.browser

SOUND = "resnet_dynamo.onnx"


def test_a_changed_weight_is_named_with_its_source_line(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    faulty, node = with_one_channel_changed(samples / SOUND, tmp_path)
    opened(server, faulty)
    drop(page, server, samples / SOUND)

    go(page, "Compare")
    page.get_by_role("button", name="This model vs another").click()
    expect(page.get_by_role("combobox", name="Model", exact=True)).to_have_value(faulty.name, timeout=SLOW)
    page.get_by_role("button", name="Compare", exact=True).click()
    verdict = page.get_by_text(re.compile("First tensor out of tolerance")).first
    expect(verdict).to_be_visible(timeout=2 * SLOW)
    said = verdict.inner_text()
    assert node.output[0] in said
    assert f"{node.op_type} in" in said
    assert re.search(r"from_pytorch\.py:\d+", said), "the line of PyTorch code"

    page.get_by_role("button", name="Show in graph").click()
    expect(page).to_have_url(re.compile("value="), timeout=SLOW)
    picture(page, "compare")


def with_one_channel_changed(sound: Path, folder: Path) -> tuple[Path, onnx.NodeProto]:
    """Double one output channel of the third convolution's weight; return the new file and that node."""
    model = onnx.load(sound)
    node = [node for node in model.graph.node if node.op_type == "Conv"][2]
    weight = next(tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    values = numpy_helper.to_array(weight).copy()
    values[1] *= np.float32(2)
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    path = folder / "resnet_faulty.onnx"
    onnx.save(model, path)
    return path, node


def picture(page: Page, name: str) -> None:
    """Keep what the page looks like, when a folder for pictures is named."""
    folder = os.environ.get("GRAPHDEBUG_PICTURES")
    if folder:
        page.mouse.move(0, 0)
        page.wait_for_timeout(1500)  # the camera's move to the choice, the plots' first drawing
        page.screenshot(path=Path(folder) / f"{name}.png")
