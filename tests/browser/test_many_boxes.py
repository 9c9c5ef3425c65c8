"""More boxes in view than can be painted for every frame: while the camera moves, their last picture moves."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from playwright.sync_api import Page

from tests.browser.test_graph import ask, show

pytestmark = pytest.mark.browser
NODES = 5500
PANNED = """new Promise((done) => {
  const pixels = () => view.canvas.getContext("2d").getImageData(0, 0, view.canvas.width, view.canvas.height);
  const { boxesIn } = view.scene;
  let painted = 0;
  view.scene.boxesIn = (area) => { painted++; return boxesIn.call(view.scene, area); };
  const before = pixels(), [x, y] = [30, 20], moves = 10;
  let move = 0;
  requestAnimationFrame(function next() {
    if (move++ < moves) {
      view.stage.pan(x / moves, y / moves);
      return requestAnimationFrame(next);
    }
    const after = pixels(), ratio = view.stage.ratio, meanwhile = painted;
    let same = 0, all = 0;
    for (let row = 0; row + y * ratio < before.height; row += 3)
      for (let column = 0; column + x * ratio < before.width; column += 3) {
        const from = 4 * (row * before.width + column);
        const to = 4 * ((row + y * ratio) * before.width + column + x * ratio);
        const close = [0, 1, 2].every((i) => Math.abs(before.data[from + i] - after.data[to + i]) < 60);
        all++;
        same += close;
      }
    setTimeout(() => done([meanwhile, painted - meanwhile, same / all]), 600);
  });
})"""

HOVERED = """new Promise((done) => {
  const { boxesIn } = view.scene;
  let painted = 0;
  view.scene.boxesIn = (area) => { painted += area.w > 1000; return boxesIn.call(view.scene, area); };
  const pixels = () => [...view.canvas.getContext("2d").getImageData(0, 0, view.canvas.width, view.canvas.height).data];
  const different = (a, b) => a.filter((value, i) => value !== b[i]).length;
  const before = pixels();
  const box = view.scene.boxesIn({ x: 0, y: 0, w: 500, h: 500 })[0];
  const { x, y, width, height } = view.rectOf(view.scene.idOf(box));
  const at = (clientX, clientY) => {
    view.canvas.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
  };
  at(x + width / 2, y + height / 2);
  requestAnimationFrame(() => requestAnimationFrame(() => {
    const hovered = [view.look.hovered === box, different(before, pixels())];
    const frame = view.canvas.getBoundingClientRect();
    at(frame.left + 3, frame.bottom - 3);
    requestAnimationFrame(() => requestAnimationFrame(() => done([...hovered, different(before, pixels()), painted])));
  }));
})"""


@pytest.fixture
def long_chain(tmp_path: Path) -> Path:
    nodes = [helper.make_node("Relu", [f"v{i}"], [f"v{i + 1}"], f"r{i}") for i in range(NODES)]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [8]) for name in ("v0", f"v{NODES}")]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    path = tmp_path / "chain.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return path


def test_the_picture_moves_while_the_camera_does_and_a_ring_paints_nothing_else_anew(
    page: Page, server: str, long_chain: Path
) -> None:
    show(page, server, long_chain)
    ask(page, "view.setModes({ flat: true }).then(() => view.fit())")
    page.wait_for_timeout(800)
    assert ask(page, "view.scene.boxes") > NODES
    meanwhile, at_rest, alike = ask(page, PANNED)
    assert meanwhile <= 1, "nothing is painted anew for each move"
    assert at_rest >= 1, "when the camera rests, all is painted anew"
    assert alike > 0.98, "the picture went where the camera did"
    hovered, ring, left, painted = ask(page, HOVERED)
    assert hovered
    assert ring > 0, "there is a ring"
    assert left == 0, "and it goes again"
    assert painted == 0
    used = (
        "(view.stage.zoom(300, 300, {factor}),"
        " view.snapshot.paint(view.canvas.getContext('2d'), view.scene, view.stage.camera, view.stage, '#fff'))"
    )
    assert ask(page, used.format(factor=1.2))
    assert not ask(page, used.format(factor=1.6)), "far zooms are painted anew"
