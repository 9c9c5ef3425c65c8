"""Fingers in a real browser: tap, long press, drag, pinch, double tap and the rubber band."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.browser.test_choosing import expect_count, middle, selected
from tests.browser.test_graph import VIEW, ask, expect_selected, show

pytestmark = pytest.mark.browser

Point = tuple[float, float]


class Hand:
    """Fingers on the screen of a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.devices: CDPSession = page.context.new_cdp_session(page)

    def __call__(self, kind: str, *points: Point) -> None:
        places = [{"x": x, "y": y, "id": finger} for finger, (x, y) in enumerate(points)]
        self.devices.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    def drag(self, *ways: Sequence[Point]) -> None:
        """Move fingers together, each along its points."""
        for step, points in enumerate(zip(*ways, strict=True)):
            self("touchMove" if step else "touchStart", *points)
        self("touchEnd")

    def press(self, place: Point, milliseconds: int) -> None:
        self("touchStart", place)
        self.page.wait_for_timeout(milliseconds)
        self("touchEnd")


@pytest.fixture
def tablet(browser: Browser, server: str, samples: Path) -> Iterator[Page]:
    """The sample with four blocks on a screen for fingers."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000}, has_touch=True)
    page = context.new_page()
    show(page, server, samples / "branching_blocks.onnx")
    yield page
    context.close()


def test_taps_choose_and_a_long_press_opens_the_menu(tablet: Page) -> None:
    hand = Hand(tablet)
    tablet.touchscreen.tap(*middle(tablet, "n:2"))
    expect_selected(tablet, "n:2")
    hand.press(middle(tablet, "n:7"), 700)
    tablet.get_by_role("menuitem", name="Add to the selection").tap()
    expect_count(tablet, 1)
    assert selected(tablet) == ["n:7"]
    expect_selected(tablet, "n:2")


def test_a_finger_moves_two_zoom_and_two_taps_close_a_group(tablet: Page) -> None:
    hand = Hand(tablet)
    frame = ask(tablet, "view.rectOf('s:block2')")
    boxes = int(tablet.locator(VIEW).get_attribute("data-boxes") or 0)
    title = frame["x"] + 0.85 * frame["width"], frame["y"] + 10
    tablet.touchscreen.tap(*title)
    tablet.touchscreen.tap(*title)
    expect(tablet.locator(VIEW)).to_have_attribute("data-boxes", str(boxes - 2))
    tablet.locator(VIEW).press("Escape")
    expect_selected(tablet, "")
    tablet.wait_for_timeout(500)
    x, y = middle(tablet, "n:1")
    hand.drag([(x, y), (x + 30, y + 20), (x + 60, y + 40)])
    assert middle(tablet, "n:1") == pytest.approx((x + 60, y + 40), abs=25)
    before = ask(tablet, "view.stage.camera.k")
    hand.drag([(x, y), (x - 30, y), (x - 90, y)], [(x + 60, y), (x + 90, y), (x + 150, y)])
    assert ask(tablet, "view.stage.camera.k") > 1.5 * before
    expect_selected(tablet, "")
    expect(tablet.get_by_role("menu", name="Actions")).to_be_hidden()


def test_fingers_have_a_rubber_band_too(tablet: Page) -> None:
    hand = Hand(tablet)
    view = tablet.locator(VIEW).bounding_box()
    assert view is not None
    hand.press((view["x"] + 30, view["y"] + view["height"] / 2), 700)
    tablet.get_by_role("menuitem", name="Select by dragging").tap()
    first, last = ask(tablet, "view.rectOf('n:2')"), ask(tablet, "view.rectOf('n:3')")
    begin = first["x"] - 25, first["y"] - 8
    end = first["x"] + first["width"] + 25, last["y"] + last["height"] + 8
    hand.drag([begin, (begin[0] + 40, begin[1] + 40), end])
    expect_count(tablet, 2)
    assert selected(tablet) == ["n:2", "n:3"]
    before = middle(tablet, "n:2")
    hand.drag([begin, (begin[0] + 20, begin[1] + 20), (begin[0] + 40, begin[1] + 40)])
    assert middle(tablet, "n:2") != before
    expect_count(tablet, 2)
