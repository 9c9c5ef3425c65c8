"""What the tests of the view share: models made on the spot, and what must be true of every scene."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from graphdebug.model.document import Model
from graphdebug.view.scene import Kind, Scene

TOLERANCE = 0.1


def model_of(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[str] = ("x",),
    outputs: Sequence[str] = ("y",),
    initializers: Sequence[onnx.TensorProto] = (),
    functions: Sequence[onnx.FunctionProto] = (),
) -> Model:
    """Return a model of float tensors of shape [1, "n"]."""
    infos = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, "n"]) for name in names]
        for names in (inputs, outputs)
    ]
    graph = helper.make_graph(list(nodes), "test", *infos, initializer=list(initializers))
    return Model(helper.make_model(graph, functions=list(functions)), Path("test.onnx"))


def chain_model(names: Sequence[str]) -> Model:
    """Return a model of Relu nodes in a row, with these names."""
    nodes = [
        helper.make_node("Relu", [f"v{i}" if i else "x"], [f"v{i + 1}"], name=name) for i, name in enumerate(names)
    ]
    return model_of(nodes, outputs=[f"v{len(names)}"])


def check_scene(scene: Scene) -> None:
    """Assert what must be true of any scene whatsoever."""
    boxes = scene.boxes
    rects = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in boxes]).reshape(-1, 4)
    assert np.isfinite(rects).all()
    assert len({b.id for b in boxes}) == len(boxes), "ids are not unique"
    if len(boxes):
        assert rects[:, :2].min() >= -TOLERANCE
        assert rects[:, 2].max() <= scene.width + TOLERANCE
        assert rects[:, 3].max() <= scene.height + TOLERANCE
    by_parent: dict[int, list[int]] = {}
    for position, box in enumerate(boxes):
        assert box.parent < position or box.kind == Kind.STUB
        assert box.width > 0
        assert box.height > 0
        by_parent.setdefault(box.parent, []).append(position)
        if box.parent >= 0:
            frame, inner = rects[box.parent], rects[position]
            assert boxes[box.parent].kind == Kind.FRAME
            assert (inner[:2] >= frame[:2] - TOLERANCE).all(), f"{box.id} sticks out"
            assert (inner[2:] <= frame[2:] + TOLERANCE).all(), f"{box.id} sticks out"
    for siblings in by_parent.values():
        assert not overlapping(rects[siblings]), "boxes overlap"
    for edge in scene.edges:
        assert np.isfinite(edge.points).all()
        assert len(edge.points) >= 2
        assert edge.count >= 1
        assert boxes[edge.tail].kind != Kind.FRAME
        assert boxes[edge.head].kind != Kind.FRAME
        assert on_border(edge.points[0], rects[edge.tail], leaving=True, down=scene.direction == "down")
        assert on_border(edge.points[-1], rects[edge.head], leaving=False, down=scene.direction == "down")


def overlapping(rects: np.ndarray) -> bool:
    """Say whether any two rectangles [N, 4] (left, top, right, bottom) share area. By sweeping from the top."""
    order = np.argsort(rects[:, 1], kind="stable")
    rects = rects[order]
    last = np.searchsorted(rects[:, 1], rects[:, 3] - TOLERANCE)
    for i, (left, _, right, _) in enumerate(rects):
        others = rects[i + 1 : last[i]]
        if np.any((others[:, 0] < right - TOLERANCE) & (others[:, 2] > left + TOLERANCE)):
            return True
    return False


def on_border(point: np.ndarray, rect: np.ndarray, *, leaving: bool, down: bool) -> bool:
    """Say whether a line starts (ends) at the border of its box that faces along (against) the drawing."""
    along, across = (1, 0) if down else (0, 1)
    border = rect[along + 2] if leaving else rect[along]
    inside = rect[across] - TOLERANCE <= point[across] <= rect[across + 2] + TOLERANCE
    return bool(abs(point[along] - border) < TOLERANCE and inside)
