"""Cutting by hand in a real browser: parts compute what the whole does there, chain, go back and are found again."""

import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlencode
from zipfile import ZipFile

import numpy as np
import onnx
import onnxruntime
import pytest
from playwright.sync_api import Page, expect

from graphdebug.runtime.taps import expose
from tests.browser.opening import opened, settled
from tests.browser.test_edit import choose, downloaded, fill
from tests.browser.test_edit import ops as boxes
from tests.browser.test_edit import run as outputs_of
from tests.browser.test_graph import READY

pytestmark = pytest.mark.browser

BLOCKS = "branching_blocks.onnx"
PATIENCE = 60_000


def cut(page: Page, server: str, file: Path, **marks: str) -> None:
    """Open a model on the Cut page, with marks (``from``, ``to``: names of values)."""
    page.goto(f"{server}/cut?{urlencode({'model': opened(server, file), **marks})}")
    expect(page.locator(READY)).to_be_visible()
    expect(page.get_by_role("tab", name="Part", exact=True)).to_be_visible()


def ops(page: Page) -> list[str]:
    """Return the operators that are drawn, sorted."""
    return sorted(op for op in boxes(page) if op not in ("Input", "Output"))


def expect_ops(page: Page, expected: list[str]) -> None:
    """Wait until these operators are drawn: the graph may still show what was there before."""
    for _ in range(100):
        if ops(page) == expected:
            return
        page.wait_for_timeout(100)
    assert ops(page) == expected


def part_of(page: Page, nodes: int, of: int = 10) -> None:
    expect(page.get_by_text(re.compile(rf"^{nodes} nodes? of {of} ·"))).to_be_visible()
    settled(page)


def cut_out(page: Page) -> None:
    settled(page)
    page.get_by_role("button", name="Cut it out").click()
    expect(page.get_by_text("This is a part")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(READY)).to_be_visible()


def archive(page: Page, folder: Path) -> Path:
    """Take away the zip that is offered, unpacked."""
    with page.expect_download() as started:
        page.get_by_role("link", name=re.compile(r"\.zip")).click()
    with ZipFile(started.value.path()) as packed:
        packed.extractall(folder)
    return folder


def test_a_part_is_cut_from_here_to_here_and_runs_on_what_was_recorded(
    page: Page, server: str, samples: Path, tmp_path: Path
) -> None:
    cut(page, server, samples / BLOCKS)
    choose(page, "n:1")
    page.keyboard.press("[")
    choose(page, "n:7")
    page.keyboard.press("]")
    part_of(page, 6)
    expect(page).to_have_url(re.compile("from=%2Fblock1%2Fout&to=%2Fjoin%2Fout"))
    page.get_by_text("Boundary data").click()
    settled(page)
    page.get_by_role("button", name="Record it").click()
    expect(page.get_by_text("bit for bit what was recorded")).to_be_visible(timeout=PATIENCE)
    folder = archive(page, tmp_path / "boundary")
    feeds, expected = (dict(np.load(folder / name)) for name in ("feeds.npz", "expected.npz"))
    assert (list(feeds), list(expected)) == (["/block1/out"], ["/join/out"])
    assert {path.name for path in (folder / "test_data_set_0").iterdir()} == {"input_0.pb", "output_0.pb"}
    cut_out(page)
    expect_ops(page, ["Add", "Conv", "Conv", "Conv", "Relu", "Relu"])
    path = downloaded(page, tmp_path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_allclose(session.run(None, feeds)[0], expected["/join/out"], rtol=1e-4, atol=1e-5)
    page.get_by_role("button", name="Undo the cut").click()
    expect(page.get_by_text("This is a part")).to_have_count(0)
    expect_ops(page, ["Add", *["Conv"] * 5, *["Relu"] * 4])
    assert downloaded_again(page, tmp_path) == (samples / BLOCKS).read_bytes()


def downloaded_again(page: Page, folder: Path) -> bytes:
    """Take the edited model away from the Edit page."""
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_role("tab", name="Change")).to_be_visible()
    return downloaded(page, folder).read_bytes()


def test_a_part_is_chosen_around_nodes_or_by_scope(page: Page, server: str, samples: Path) -> None:
    cut(page, server, samples / BLOCKS, selected="n:2,n:3")
    page.get_by_role("button", name="Cut around 2 nodes").click()
    part_of(page, 2)
    expect(page).to_have_url(re.compile("from=%2Fblock1%2Fout&to=%2Fblock2%2Fout"))
    cut(page, server, samples / BLOCKS, node="7")
    page.get_by_label("Hops").fill("1")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Cut around 1 node").click()
    part_of(page, 4)
    cut(page, server, samples / BLOCKS, selected="s:block3")
    page.get_by_role("button", name="Cut around 2 nodes").click()
    part_of(page, 2)
    expect(page).to_have_url(re.compile("from=%2Fblock2%2Fout&to=%2Fblock3%2Fout"))
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page).not_to_have_url(re.compile("from="))
    expect(page.get_by_role("button", name="Cut it out")).to_have_count(0)


def test_what_is_missing_or_too_much_is_named_and_mended_by_a_click(page: Page, server: str, samples: Path) -> None:
    cut(page, server, samples / BLOCKS, **{"from": "/block2/out", "to": "y"})
    expect(page.get_by_text("The inputs do not suffice: the part also depends on 'image'")).to_be_visible()
    expect(page.get_by_role("button", name="Cut it out")).to_have_count(0)
    page.get_by_role("button", name="Also from /shortcut/out").click()
    part_of(page, 5)
    expect(page.get_by_role("button", name="Cut it out")).to_be_enabled()
    cut(page, server, samples / BLOCKS, **{"from": "image,/block1/out", "to": "/join/out"})
    expect(page.get_by_text("as an input it would be redundant")).to_be_visible()
    page.get_by_role("button", name="Leave out 1 redundant input").click()
    expect(page.get_by_text("as an input it would be redundant")).to_have_count(0)
    cut(page, server, samples / BLOCKS, **{"from": "/block1/out", "to": "/block2/out,/join/out"})
    expect(page.get_by_text("an extra output in the middle")).to_be_visible()
    cut_out(page)


def test_a_model_is_split_into_parts_that_chain(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    cut(page, server, samples / BLOCKS)
    page.get_by_role("tab", name="Split").click()
    page.get_by_role("radio", name="Parts of like cost").click()
    page.get_by_label("Parts", exact=True).fill("3")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Split", exact=True).click()
    expect(page.get_by_text("Proven: without optimisation")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("3 parts", exact=True)).to_be_visible()
    folder = archive(page, tmp_path / "parts")
    feeds = tmp_path / "feeds.npz"
    np.savez(feeds, image=np.random.default_rng(0).random((2, 3, 24, 24), np.float32))
    command = [sys.executable, str(folder / "run.py"), str(feeds), str(tmp_path / "out.npz")]
    ran = subprocess.run([*command, "--check", str(samples / BLOCKS)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    each_part_computes_what_the_whole_does(folder, samples / BLOCKS, dict(np.load(feeds)))
    table = page.get_by_role("tabpanel", name="Split").get_by_test_id("stDataFrame")
    for _ in range(3):  # it may just be drawn anew
        table.scroll_into_view_if_needed()
        box = table.bounding_box()
        assert box
        page.mouse.click(box["x"] + 120, box["y"] + 35 * 2 + 17)
        with suppress(AssertionError):
            expect(page.get_by_text("This is a part")).to_be_visible(timeout=10_000)
            break
    expect(page.get_by_text(re.compile("^[1-9] nodes · ")).first).to_be_visible()


def each_part_computes_what_the_whole_does(folder: Path, whole: Path, feeds: dict[str, np.ndarray]) -> None:
    """Run each part alone on what the whole gives at its border."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL

    def ran(model: bytes, given: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_outputs()]
        fed = {each.name: given[each.name] for each in session.get_inputs()}
        return dict(zip(names, session.run(names, fed), strict=True))

    proto = onnx.load(whole)
    tapped = expose(proto, [name for node in proto.graph.node for name in node.output])
    recorded = ran(tapped.SerializeToString(), feeds) | feeds
    parts = sorted(folder.glob("*.onnx"))
    assert len(parts) == 3
    for part in parts:
        for name, value in ran(part.read_bytes(), recorded).items():
            np.testing.assert_array_equal(value, recorded[name])


def test_a_part_that_was_edited_goes_back_into_the_whole(
    page: Page, server: str, samples: Path, tmp_path: Path
) -> None:
    cut(page, server, samples / BLOCKS, **{"from": "/block1/out", "to": "/join/out"})
    part_of(page, 6)
    cut_out(page)
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.get_by_role("tab", name="Change")).to_be_visible()
    expect(page.locator(READY)).to_be_visible()
    choose(page, "n:1")
    page.get_by_role("button", name="Set operator").click()
    fill(page, "Operator", "Sigmoid")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text(re.compile(r"^2 changes ·"))).to_be_visible()
    page.get_by_role("link", name="Cut", exact=True).click()
    page.get_by_role("button", name="Put it back").click()
    expect(page.get_by_text("This is a part")).to_have_count(0, timeout=PATIENCE)
    expect(page.locator(READY)).to_be_visible()
    expect_ops(page, ["Add", *["Conv"] * 5, *["Relu"] * 3, "Sigmoid"])
    (tmp_path / "back.onnx").write_bytes(downloaded_again(page, tmp_path))
    whole = onnx.load(samples / BLOCKS)
    next(node for node in whole.graph.node if node.name == "/block2/relu").op_type = "Sigmoid"
    onnx.save(whole, tmp_path / "edited.onnx")
    expected, found = (outputs_of(tmp_path / name, tmp_path) for name in ("edited.onnx", "back.onnx"))
    assert list(expected) == list(found) == ["y"] and np.array_equal(expected["y"], found["y"])


@pytest.fixture
def branches(tmp_path: Path) -> Path:
    """Whose ranks differ, so that nobody knows the rank of what comes out before it is run."""
    text = """<ir_version: 9, opset_import: ["" : 17]>
    main (float[8] x, bool go) => (float y) {
        axis = Constant <value_ints = [0]> ()
        c = If(go) <
            then_branch = then () => (float[8] a) { r = Relu(x) a = Exp(r) },
            else_branch = otherwise () => (float[1, 8] b) { b = Unsqueeze(x, axis) }
        >
        t = Neg(c)
        y = ReduceSum <keepdims = 0> (t)
    }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "branches.onnx")
    return tmp_path / "branches.onnx"


def test_types_are_learned_from_a_run_and_bodies_are_cut(
    page: Page, server: str, branches: Path, tmp_path: Path
) -> None:
    cut(page, server, branches)
    for label, name in (("From", "c"), ("To", "t")):
        page.get_by_role("combobox", name=label, exact=True).fill(name)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")  # the list stays open for more
        expect(page).to_have_url(re.compile(rf"{label.lower()}={name}(&|$)"))
    expect(page.get_by_text("The type of 'c' and 't' is not known")).to_be_visible()
    expect(page.get_by_role("button", name="Cut it out")).to_be_disabled()
    page.get_by_role("button", name="Learn types from one run").click()
    expect(page.get_by_text("2 types learned from a run: c, t.")).to_be_visible(timeout=PATIENCE)
    cut_out(page)
    path = downloaded(page, tmp_path)
    onnx.checker.check_model(path)
    rank = len(onnx.load(path).graph.input[0].type.tensor_type.shape.dim)
    value = np.arange(8, dtype=np.float32).reshape([8] if rank == 1 else [1, 8])
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(None, {"c": value})[0], -value)
    cut(page, server, branches, graph="1.then_branch", to="a", **{"from": "x"})
    part_of(page, 2, of=2)
    cut_out(page)
    expect_ops(page, ["Exp", "Relu"])


def test_a_saved_cut_is_found_again_in_another_export(page: Page, server: str, samples: Path, tmp_path: Path) -> None:
    cut(page, server, samples / BLOCKS, **{"from": "/block1/out", "to": "/join/out"})
    part_of(page, 6)
    with page.expect_download() as started:
        page.get_by_role("button", name="Save the cut").click()
    saved = tmp_path / started.value.suggested_filename
    started.value.save_as(saved)
    assert saved.name == "branching_blocks.cut.json"
    cut(page, server, exported_again(samples / BLOCKS, tmp_path / "again.onnx"))
    page.get_by_role("button", name="Saved cut").click()
    page.locator("input[type=file]").set_input_files(str(saved))
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("This is a part")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(READY)).to_be_visible()
    expect_ops(page, ["Add", "Conv", "Conv", "Conv", "Relu", "Relu"])


def exported_again(source: Path, target: Path) -> Path:
    """Write the model as another export names it: other values, other names of nodes, one more node before."""
    model = onnx.load(source)
    kept = {each.name for each in (*model.graph.input, *model.graph.output, *model.graph.initializer)}
    numbers: dict[str, str] = {}
    for at, node in enumerate(model.graph.node):
        for field in (node.input, node.output):
            field[:] = [name if name in kept else numbers.setdefault(name, str(400 + len(numbers))) for name in field]
        node.name = f"{node.name.rpartition('/')[0]}/{node.op_type}_{at + 7}"
    del model.graph.value_info[:]
    first = model.graph.node[0]
    first.input[0] = "scaled"
    scale = onnx.helper.make_node("Abs", ["image"], ["scaled"], "/Abs_0")
    model.graph.node.insert(0, scale)
    onnx.save(model, target)
    return target
