"""The story with PyTorch in it: torch, ONNX Runtime and the reference evaluator on one model, and one fault found."""

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import onnx
import pytest
from playwright.sync_api import Page, TimeoutError, expect

from tests.browser.opening import opened, settled
from tests.browser.test_fault import picture, with_one_channel_changed
from tests.browser.test_story import SLOW
from tests.conftest import ROOT, running_app

pytestmark = pytest.mark.browser

SOUND = "resnet_dynamo.onnx"
LONG = 3 * SLOW


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app that runs code which is named in its pages."""
    with running_app(tmp_path_factory.mktemp("trusting"), {"GRAPHDEBUG_ALLOW_CODE": "1"}) as address:
        yield address


def test_pytorch_onnx_runtime_and_the_reference_agree_and_a_fault_is_named(
    page: Page, trusting: str, samples: Path, tmp_path: Path
) -> None:
    page.goto(f"{trusting}/compare?model={opened(trusting, samples / SOUND)}")
    page.get_by_role("button", name="PyTorch vs ONNX Runtime").click()
    expect(page.get_by_text("PyTorch needs to know what to run")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name="Compare", exact=True)).to_be_disabled()
    name_the_network(page)
    choose(page, "Backend", 1, "ONNX reference")
    compare(page)
    expect(page.get_by_text(re.compile("All compared tensors match.*21 of 21 tensors match"))).to_be_visible()

    faulty, node = with_one_channel_changed(samples / SOUND, tmp_path)
    page.goto(f"{trusting}/compare?model={opened(trusting, faulty)}")
    page.get_by_role("button", name="PyTorch vs ONNX Runtime").click()
    name_the_network(page)
    compare(page)
    said = page.get_by_text(re.compile("First tensor out of tolerance")).first.inner_text()
    assert f"{node.output[0]} ({node.op_type} in " in said
    assert re.search(r"from_pytorch\.py:\d+", said), "the line of PyTorch code"
    assert f"{sound_before(faulty, node)} of 21 tensors match" in said
    picture(page, "pytorch")


def sound_before(model: Path, node: onnx.NodeProto) -> int:
    """Return how many nodes of a chain of blocks run before ``node``: what they make is not touched by its fault."""
    return list(onnx.load(model).graph.node).index(node)


def name_the_network(page: Page) -> None:
    """Say what the reference is: the sample's own source."""
    for label, text in (("Module", "sample_models.from_pytorch:resnet"), ("Folder", str(ROOT))):
        field = page.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
    expect(page.get_by_text(re.compile(r"torch:module=.*path=")).first).to_be_visible(timeout=SLOW)


def compare(page: Page) -> None:
    """Start a comparison and wait for its verdict."""
    before = page.url
    button = page.get_by_role("button", name="Compare", exact=True)
    expect(button).to_be_enabled(timeout=SLOW)
    button.click()
    expect(page).not_to_have_url(before, timeout=SLOW)
    expect(page).to_have_url(re.compile("comparison="), timeout=SLOW)
    verdict = re.compile("All compared tensors match|First tensor out of tolerance|could not|failed")
    expect(page.get_by_text(verdict).first).to_be_visible(timeout=LONG)


def choose(page: Page, label: str, number: int, option: str) -> None:
    """Choose an option of the select box of that name, the ``number``-th of them."""
    field = page.get_by_role("combobox", name=label, exact=True).nth(number)
    for _ in range(3):  # the list closes when the page is rerun just then
        settled(page)
        field.click()
        with suppress(TimeoutError):
            page.get_by_role("option", name=option, exact=True).click(timeout=5_000)
            break
    expect(field).to_have_value(option)
