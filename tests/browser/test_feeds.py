"""What a model is fed from the Tensors page, by real clicks: made up, recorded, an image, texts. The run's own
``feeds.npz`` tells what arrived."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.opening import opened
from tests.browser.test_story import SLOW, fetch

pytestmark = pytest.mark.browser


@pytest.fixture
def adder(tmp_path: Path) -> Path:
    """``y = a + b`` with two inputs of [n, 4]."""
    a, b, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 4]) for name in "aby")
    return saved(tmp_path / "adder.onnx", helper.make_node("Add", ["a", "b"], ["y"]), [a, b], y)


def saved(path: Path, node: onnx.NodeProto, inputs: list[onnx.ValueInfoProto], output: onnx.ValueInfoProto) -> Path:
    graph = helper.make_graph([node], "g", inputs, [output])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def open_tensors(page: Page, server: str, file: Path) -> None:
    page.goto(f"{server}/tensors?model={opened(server, file)}")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible(timeout=SLOW)


def feed(page: Page, name: str, kind: str) -> None:
    """Choose how an input is fed."""
    box = page.get_by_role("combobox", name=f"How {name} is fed")
    box.click(timeout=SLOW)
    page.get_by_role("option", name=kind, exact=True).click()
    expect(box).to_have_value(kind, timeout=SLOW)


def upload(place: Locator, *files: Path) -> None:
    place.locator("input[type=file]").set_input_files([str(file) for file in files])
    expect(place.get_by_text(files[0].name)).to_be_visible(timeout=SLOW)


def run(page: Page) -> None:
    page.get_by_role("button", name="Run", exact=True).click(timeout=SLOW)
    expect(page.get_by_text("no NaN, no infinity")).to_be_visible(timeout=SLOW)


def fed(page: Page, folder: Path) -> dict[str, np.ndarray]:
    """Return the inputs of the run that is open."""
    with np.load(fetch(page, "link", re.compile("Inputs"), folder)) as arrays:
        return dict(arrays)


def test_what_is_set_by_hand_is_fed_and_outputs_are_recorded(
    page: Page, server: str, adder: Path, tmp_path: Path
) -> None:
    open_tensors(page, server, adder)
    length = page.get_by_label("n", exact=True)
    length.fill("2")
    length.press("Enter")
    feed(page, "a", "Ramp")
    feed(page, "b", "Constant")
    page.get_by_label("Value").fill("0.5")
    page.get_by_label("Value").press("Enter")
    run(page)  # nothing is picked
    expect(page.get_by_text("1 tensor, no NaN, no infinity")).to_be_visible()
    arrays = fed(page, tmp_path)
    np.testing.assert_array_equal(arrays["a"], np.linspace(0, 1, 8, dtype=np.float32).reshape(2, 4))
    np.testing.assert_array_equal(arrays["b"], np.full((2, 4), 0.5, np.float32))


def test_a_data_set_is_fed_or_refused(page: Page, server: str, adder: Path, tmp_path: Path) -> None:
    values = {name: np.random.default_rng(number).random((3, 4), "f") for number, name in enumerate("ab")}
    np.savez(tmp_path / "foreign.npz", c=values["a"])
    np.savez(tmp_path / "only_b.npz", b=values["b"])
    protos = [tmp_path / f"input_{number}.pb" for number in range(2)]
    for path, value in zip(protos, values.values(), strict=True):
        path.write_bytes(numpy_helper.from_array(value).SerializeToString())

    open_tensors(page, server, adder)
    page.get_by_role("button", name="Use a data set").click(timeout=SLOW)
    place = page.get_by_test_id("stPopoverBody")
    upload(place, tmp_path / "foreign.npz")
    expect(page.get_by_text("foreign.npz has the array 'c', but the model has the inputs")).to_be_visible(timeout=SLOW)
    place.get_by_role("button", name=re.compile("Remove")).click()
    upload(place, tmp_path / "only_b.npz")
    expect(page.get_by_text("The data set only_b.npz feeds b.")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("combobox", name="How b is fed")).to_have_count(0)
    page.keyboard.press("Escape")
    run(page)
    np.testing.assert_array_equal(fed(page, tmp_path)["b"], values["b"])

    page.get_by_role("tab", name="Set up").click()
    page.get_by_text("Inputs", exact=True).click()
    page.get_by_role("button", name="Use a data set").click(timeout=SLOW)
    place.get_by_role("button", name=re.compile("Remove")).click()
    upload(place, *protos)
    expect(page.get_by_text("The data set test_data_set feeds a, b.")).to_be_visible(timeout=SLOW)
    page.keyboard.press("Escape")
    before = page.url
    page.get_by_role("button", name="Run", exact=True).click(timeout=SLOW)
    page.wait_for_url(lambda url: url != before, timeout=SLOW)
    run_id = page.url.rpartition("run=")[2].partition("&")[0]
    link = page.get_by_role("link", name=re.compile("Inputs"))
    expect(link).to_have_attribute("href", re.compile(run_id), timeout=SLOW)  # no longer of the run before
    expect(page.get_by_text("no NaN, no infinity")).to_be_visible(timeout=SLOW)
    np.testing.assert_equal(fed(page, tmp_path), values)


def test_an_image_is_resized_and_normalised(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    Image.new("RGB", (50, 20), (255, 0, 51)).save(tmp_path / "red.png")
    open_tensors(page, server, samples / "resnet_dynamo.onnx")
    feed(page, "image", "Image")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled(timeout=SLOW)
    upload(page.get_by_test_id("stFileUploader"), tmp_path / "red.png")
    page.get_by_text("ImageNet mean and deviation").click()
    expect(page.get_by_label("Deviation", exact=True)).to_have_count(0, timeout=SLOW)
    run(page)
    pixels = fed(page, tmp_path)["image"]
    assert pixels.shape == (1, 3, 32, 32)
    expected = (np.array([1, 0, 0.2]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(pixels[0, :, 5, 7], expected, rtol=1e-5)


def test_texts_run_through_a_model(page: Page, server: str, tmp_path: Path) -> None:
    x, y = (helper.make_tensor_value_info(name, TensorProto.STRING, [3]) for name in "xy")
    node = helper.make_node("StringConcat", ["x", "x"], ["y"])
    open_tensors(page, server, saved(tmp_path / "texts.onnx", node, [x], y))
    feed(page, "x", "Ramp")
    run(page)
    expect(page.get_by_text("strings are stored with a fixed width")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(2)  # the tensors, the texts
    assert fed(page, tmp_path)["x"].tolist() == ["text 0", "text 1", "text 2"]
