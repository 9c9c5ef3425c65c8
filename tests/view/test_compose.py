"""Layouts of frames are kept from scene to scene, and what is scarce stays scarce."""

import numpy as np
import pytest
from onnx import helper

from graphdebug.view import compose
from graphdebug.view.connected import Budget
from graphdebug.view.layout import Diagram, Placement, place
from graphdebug.view.scene import Kind, scene
from tests.view.drawings import chain_model, model_of


def test_only_what_changed_is_laid_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[int] = []

    def counted(diagram: Diagram, budget: Budget) -> Placement:
        laid_out.append(len(diagram.width))
        return place(diagram, budget)

    monkeypatch.setattr(compose, "place", counted)
    compose._placed.cache_clear()
    sizes = [5, 6, 7, 8, 9, 10, 11, 12]
    model = chain_model([f"part{part}/node{i}" for part, size in enumerate(sizes) for i in range(size)])
    groups = [f"s:part{part}" for part in range(len(sizes))]
    opened = scene(model, "", frozenset(groups[:-1]))
    assert len(laid_out) == len(groups), "each of the open ones and the whole"
    laid_out.clear()
    scene(model, "", frozenset(groups))
    assert len(laid_out) == 2, "the one that was opened and the whole"
    laid_out.clear()
    again = scene(model, "", frozenset(groups[:-1]))
    assert not laid_out
    assert [(box.id, box.x, box.y) for box in again.boxes] == [(box.id, box.x, box.y) for box in opened.boxes]


def test_a_scene_that_has_to_be_sparing_is_the_same_whatever_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every node also reads what was made ten nodes before: where stops are scarce such lines are cut."""
    nodes = [
        helper.make_node("Add", [f"v{i}", f"v{max(i - 10, 0)}"], [f"v{i + 1}"], f"part{i // 40}/node{i}")
        for i in range(120)
    ]
    model = model_of(nodes, inputs=["v0"], outputs=["v120"])

    def stubs() -> list[tuple[str, float, float]]:
        return [(box.id, box.x, box.y) for box in scene(model, "", frozenset("*")).boxes if box.kind == Kind.STUB]

    assert not stubs()
    monkeypatch.setattr(compose, "MOST_STOPS", 300)
    sparing = stubs()
    assert sparing
    compose._placed.cache_clear()
    assert stubs() == sparing


def test_a_budget_holds_what_it_is_not_short_of() -> None:
    budget = Budget(stops=10.0, parts=3, switches=5)
    assert budget.holds(Budget(stops=10.0, parts=3, switches=5))
    assert not budget.holds(Budget(stops=10.5, parts=1, switches=1))
    assert not budget.holds(Budget(stops=1.0, parts=4, switches=1))
    left = budget.less(Budget(stops=4.0, parts=1, switches=5))
    assert np.array([left.stops, left.parts, left.switches]).tolist() == [6.0, 2, 0]
