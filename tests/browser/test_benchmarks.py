"""What the benchmarks measure viewers with, on pages of which the answer is known."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser
LATER = "data:text/html,<body onpointerdown=\"setTimeout(() => document.title = 'panel', 150)\" style=height:100vh>"
SLOW = """data:text/html,<body style=height:100vh><script>
  (function busy() {
    const end = performance.now() + 40;
    while (performance.now() < end);
    requestAnimationFrame(busy);
  })()
</script>"""


@pytest.fixture
def gestures(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[2] / "benchmarks")
    return importlib.import_module("gestures")


def test_a_click_is_timed_until_what_it_brings_is_there(browser: Browser, gestures: ModuleType) -> None:
    with gestures.tab(browser) as page:
        assert gestures.opened(page, LATER, "document.body !== null", 20) < 20
        took = page.click(100, 100, "document.title === 'panel'")
        assert 150 <= took < 10_000


def test_an_expression_that_fails_is_said(browser: Browser, gestures: ModuleType) -> None:
    with gestures.tab(browser) as page, pytest.raises(RuntimeError, match="nothing_of_the_kind"):
        page.ask("nothing_of_the_kind.x")


def test_slow_frames_are_seen(browser: Browser, gestures: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gestures, "MOVES", 8)
    with gestures.tab(browser) as page:
        gestures.opened(page, SLOW, "document.body !== null", 20)
        assert page.frames() >= 40


def test_a_viewer_that_is_not_there_is_left_out_with_a_sentence(gestures: ModuleType) -> None:
    other_viewers = importlib.import_module("other_viewers")
    said = other_viewers.missing("", "model_explorer", "model_explorer_onnx")
    assert said.startswith(
        "model_explorer is not measured: install it (python -m venv VENV && VENV/bin/pip install netron=="
    )
    graph_view = importlib.import_module("graph_view")
    assert graph_view.row({}, 90).startswith("never (> 90 s) | – | – ")
    assert "1.50 | 0.50 | – | 12 | – | 17 (436) | 2 | – | 3 → –" in graph_view.row(
        {"cold": 1.5, "warm": 0.5, "click": 12.2, "frames": 16.7, "boxes": 436, "payload": 2100, "heap": 3e6}, 90
    )
