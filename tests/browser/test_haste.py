"""Somebody faster than the line: what is done before the server has answered is not lost."""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from onnx import load
from playwright.sync_api import Page, Route, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg

from tests.browser.test_coloring import pick
from tests.browser.test_graph import VIEW, ask, click, expect_selected, show
from tests.browser.test_hostile import endless_loop, run
from tests.browser.test_story import go

pytestmark = pytest.mark.browser


class Line:
    """The connection between page and server, whose messages can be held back."""

    def __init__(self, page: Page) -> None:
        self._held: dict[bool, deque[tuple[WebSocketRoute, str | bytes]]] = {}
        self.asked: list[tuple[WebSocketRoute, str | bytes]] = []
        """What went to the server."""
        page.route_web_socket(re.compile("_stcore/stream"), self._join)

    def _join(self, page: WebSocketRoute) -> None:
        server = page.connect_to_server()
        page.on_message(lambda message: self._pass(server, message, upwards=True))
        server.on_message(lambda message: self._pass(page, message, upwards=False))

    def _pass(self, to: WebSocketRoute, message: str | bytes, *, upwards: bool) -> None:
        if upwards:
            self.asked.append((to, message))
        if upwards in self._held:
            self._held[upwards].append((to, message))
        else:
            to.send(message)

    @contextmanager
    def held(self, *, upwards: bool) -> Iterator[None]:
        """Hold what goes to the server, or what comes from it; let it through all at once."""
        held = self._held[upwards] = deque()
        yield
        while held:  # what comes meanwhile queues up behind
            to, message = held.popleft()
            to.send(message)
        del self._held[upwards]


def picked(page: Page) -> list[str]:
    """Return the tensors in the list, once there are two."""
    tags = page.get_by_role("group", name="Selected values").locator("[data-tag]")
    expect(tags).to_have_count(2)
    return sorted(tags.all_inner_texts())


@pytest.mark.parametrize("upwards", [False, True])
def test_what_is_picked_one_after_the_other_stays(page: Page, server: str, samples: Path, upwards: bool) -> None:
    line = Line(page)
    show(page, server, samples / "conv_bn_leakyrelu.onnx")
    click(page, "n:0")
    go(page, "Tensors")
    expect(page.get_by_role("button", name="Run", exact=True)).to_be_visible()
    page.wait_for_timeout(500)
    with line.held(upwards=upwards):
        page.get_by_role("button", name="stem/conv/out").click()
        page.wait_for_timeout(1000)  # the server has drawn the page anew, and the browser does not know yet
        page.get_by_role("button", name="Pick outputs").click()
        page.wait_for_timeout(500)
    assert picked(page) == ["/stem/conv/out", "y"]


def test_what_is_done_in_the_graph_one_after_the_other_stays(page: Page, server: str, samples: Path) -> None:
    line = Line(page)
    show(page, server, samples / "conv_bn_leakyrelu.onnx")
    page.wait_for_timeout(500)
    with line.held(upwards=True):
        for box in ("n:0", "n:1"):
            click(page, box)
            expect_selected(page, box)
            page.keyboard.press("t")
            page.wait_for_timeout(300)
    go(page, "Tensors")
    assert len(picked(page)) == 2


def test_modes_add_up(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "conv_bn_leakyrelu.onnx")
    page.locator(VIEW).focus()
    for key in "rg":
        page.keyboard.press(key)
    expect(page.get_by_role("button", name="Turn: downwards or to the right")).to_have_attribute("aria-pressed", "true")
    assert ask(page, "[view.loader.modes.direction, view.loader.modes.flat]") == ["right", True]


def test_cuts_are_marked_in_the_order_they_were_asked_for(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "branching_blocks.onnx")
    nodes = load(samples / "branching_blocks.onnx").graph.node
    questions: list[Route] = []
    page.route(re.compile("/selection$"), lambda question: questions.append(question))

    def asked(count: int) -> list[Route]:
        """Take the questions, the last one first."""
        while len(questions) < count:
            page.wait_for_timeout(50)
        return [questions.pop() for _ in range(count)]

    for box, key in (("n:1", "["), ("n:7", "["), ("n:7", "]")):
        click(page, box)
        page.keyboard.press(key)
    for question in asked(3):
        with page.expect_response(question.request.url):
            question.continue_()
    bar = page.get_by_role("toolbar", name="Selection")
    expect(bar).to_contain_text("1 tensor → 1 tensor")
    assert ask(page, "view.marking.ends") == {"from": list(nodes[7].output), "to": list(nodes[7].output)}
    page.keyboard.press("]")
    page.keyboard.press("X")
    asked(1)[0].continue_()
    expect(bar).to_be_hidden()
    page.keyboard.press("]")
    asked(1)[0].abort()
    expect(page.get_by_text("nothing was marked").last).to_be_visible()
    page.unroute_all()
    page.keyboard.press("[")
    expect(bar).to_be_visible()


def test_a_choice_is_told_of_its_own_graph(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "if_captures.onnx")
    owner = ask(page, "Object.keys(view.scene.meta.children)[0]")
    body = ask(page, "Object.values(view.scene.meta.children)[0][0]")
    scenes: list[Route] = []
    page.route(re.compile("/scene"), lambda question: scenes.append(question))
    told = page.evaluate_handle("() => []")
    page.locator(VIEW).evaluate(
        """(host, told) => {
            const since = Date.now(); // what was told before may be repeated
            host.graphView.send = (all) => told.push(...all.filter(({ number }) => number >= since));
        }""",
        told,
    )
    node = f"{{ id: {owner!r}, kind: 'node' }}"
    ask(page, f"(view.choose({node}), view.choose({node}), view.open({body!r}))")
    page.wait_for_timeout(300)
    assert {(each["graph"], each["id"]) for each in told.json_value()} == {("", owner)}
    scenes.pop().continue_()
    expect(page.get_by_role("navigation", name="Graphs")).to_be_visible()
    page.wait_for_timeout(300)
    last = told.json_value()[-1]
    assert (last["graph"], last["id"]) == (body, "")


def test_what_is_heavy_comes_after_the_graph(page: Page, server: str, samples: Path) -> None:
    show(page, server, samples / "conv_bn_leakyrelu.onnx")
    opened = page.url
    page.goto("about:blank")
    page.goto(opened)
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    scripts = page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    scene, table = (next(i for i, name in enumerate(scripts) if part in name) for part in ("/scene?", "/DataFrame"))
    assert scene < table


def test_what_was_there_before_comes_back(page: Page, server: str, samples: Path) -> None:
    line = Line(page)
    show(page, server, samples / "conv_bn_leakyrelu.onnx")
    legend = page.locator(VIEW).locator(".legend .name")
    page.get_by_text("Colours", exact=True).click()
    for title in ("Memory of the outputs", "Element type"):
        pick(page, title)
        expect(legend).to_have_text(title)
        page.wait_for_timeout(1000)
    with line.held(upwards=False):
        for title in ("Parameters", "Memory of the outputs"):
            pick(page, title)
            page.wait_for_timeout(600)
    expect(legend).to_have_text("Memory of the outputs")
    pick(page, "Parameters")
    expect(legend).to_have_text("Parameters")


def looks_again(message: str | bytes) -> bool:
    """Say whether a message asks for a part of the page that looks again by itself."""
    asked = BackMsg()
    asked.ParseFromString(message if isinstance(message, bytes) else message.encode())
    return bool(asked.rerun_script.is_auto_rerun)


@contextmanager
def busy(page: Page, server: str, model: Path) -> Iterator[None]:
    """Run something without an end meanwhile, at which the side bar looks again every 0.7 s, the page every 0.3 s."""
    run(page, server, endless_loop(model))
    job = page.url.rpartition("run=")[2]
    try:
        expect(page.get_by_test_id("stSidebar").get_by_role("button", name=re.compile("Cancel"))).to_be_visible()
        yield
    finally:
        headers = {"X-Graphdebug": "1", "Origin": server}
        assert page.request.post(f"{server}/graphdebug/jobs/{job}/cancel", headers=headers).ok
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=60_000)


def test_pages_change_while_something_looks_again(page: Page, server: str, tmp_path: Path) -> None:
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    line = Line(page)
    compare = page.get_by_role("button", name="Compare", exact=True)
    with busy(page, server, tmp_path / "endless.onnx"):
        before = len(line.asked)
        page.wait_for_timeout(1_500)
        late = [(to, message) for to, message in line.asked[before:] if looks_again(message)]
        assert late
        go(page, "Compare")
        expect(compare).to_be_visible()
        for to, message in late:  # what was asked for by the page that was left does not blank the one that is open
            to.send(message)
        page.wait_for_timeout(1_500)
        expect(compare).to_be_visible()
        for turn in range(5):
            page.get_by_role("link", name=("Tensors", "Compare")[turn % 2], exact=True).click(timeout=10_000)
            page.wait_for_timeout(650 + 50 * turn)  # at another moment between two looks
            assert not wrong
