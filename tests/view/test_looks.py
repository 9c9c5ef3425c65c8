"""How boxes look is worked out once, and never for another model."""

import gc

import onnx
import pytest
from onnx import helper

from graphdebug.model.records import ValueType
from graphdebug.view import looks
from graphdebug.view.boxes import Look, node_look
from graphdebug.view.chips import Chips
from graphdebug.view.contents import contents
from graphdebug.view.scene import scene
from tests.view.drawings import chain_model, model_of


def test_nodes_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = chain_model([f"part{i // 20}/relu{i}" for i in range(80)])
    looked: list[str] = []

    def look(node: onnx.NodeProto, name: str, chips: Chips, *, calls_function: bool) -> Look:
        looked.append(name)
        return node_look(node, name, chips, calls_function=calls_function)

    monkeypatch.setattr(looks, "node_look", look)
    every = scene(model, "", frozenset("*"))
    assert len(looked) == 80
    again = scene(model, "", frozenset("*"), direction="right")
    assert len(looked) == 80
    assert [box.label for box in again.boxes] == [box.label for box in every.boxes]
    one = scene(model, "", frozenset({"s:part2"}))
    assert len(looked) == 80
    assert {box.id for box in one.boxes} < {box.id for box in every.boxes}


def test_a_group_looks_different_open_and_closed() -> None:
    model = chain_model([f"part{i // 20}/relu{i}" for i in range(80)])
    groups = frozenset(contents(model, "").groups)
    closed, opened, again = (
        next(box for box in scene(model, "", expanded).boxes if box.id == "s:part1")
        for expanded in (groups - {"s:part1"}, groups, groups - {"s:part1"})
    )
    assert closed.height == again.height < opened.height
    assert closed.kind == again.kind != opened.kind


def test_looks_go_with_their_model_and_follow_its_types() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    model = model_of(nodes, inputs=["x", "w"])
    before = len(looks._known)
    scene(model, "")
    assert len(looks._known) == before + 1
    typed = model.with_types({"": {"x": ValueType("float", (4, 768)), "w": ValueType("float", (768, 3072))}})
    chips = [[box.chips for box in scene(each, "").boxes if box.op == "MatMul"] for each in (model, typed)]
    assert chips[0] != chips[1]
    del model, typed
    gc.collect()
    assert len(looks._known) == before
