"""An engine is built from the page, and its layers stand beside the model; a stand-in is in TensorRT's place."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.opening import opened, settled
from tests.conftest import running_app
from tests.runtime.tensorrt_standin import interpreter

pytestmark = pytest.mark.browser


def test_built_here_and_what_it_takes_as_colours(page: Page, samples: Path, tmp_path: Path) -> None:
    with running_app(tmp_path, {"GRAPHDEBUG_ALLOW_CODE": "1"}) as server:
        page.goto(f"{server}/side_by_side?model={opened(server, samples / 'mlp.onnx')}")
        page.get_by_role("button", name="TensorRT engine").click()
        expect(page.get_by_text(re.compile("has no TensorRT .*pip install tensorrt"))).to_be_visible(timeout=30_000)
        build = page.get_by_role("button", name="Build the engine")
        expect(build).to_be_disabled()
        field = page.get_by_role("textbox", name="Interpreter")
        field.fill(str(interpreter(tmp_path, "11.4.0.106")))
        field.press("Enter")
        expect(build).to_be_enabled(timeout=30_000)
        settled(page)
        build.click()
        expect(page.locator(".pair[data-state=ready]")).to_be_visible(timeout=60_000)
        expect(page.get_by_text("mlp (engine).onnx").first).to_be_visible()
        page.get_by_role("button", name="TensorRT engine").click()
        expect(page.get_by_text(re.compile(r"TensorRT 11\.4\.0\.106: built in .* fp32"))).to_be_visible(timeout=30_000)
        settled(page)
        page.get_by_role("button", name="Colour what it takes").click()
        expect(page).to_have_url(re.compile("/graph?.*color=support%3A"), timeout=30_000)
        expect(page.locator(".graph-view .legend")).to_contain_text("taken", timeout=30_000)
