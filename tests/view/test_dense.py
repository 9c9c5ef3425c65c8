"""Graphs that nobody vouches for: what is drawn stays within bounds, is always the same, and says what is missing."""

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from graphdebug.model.document import Model
from graphdebug.view import compose, layout, visible
from graphdebug.view.connected import Budget
from graphdebug.view.contents import contents
from graphdebug.view.layout import place
from graphdebug.view.pack import meta
from graphdebug.view.scene import Kind, reveal, scene
from graphdebug.view.visible import drawable, segments
from tests.view.drawings import check_scene, model_of, overlapping
from tests.view.test_layout import diagram, rects


def dense(count: int, inputs: int, groups: int = 0, depth: int = 1) -> Model:
    """Nodes that read random earlier values, in random scopes."""
    draw = random.Random(1)
    nodes = []
    for i in range(count):
        reads = [f"v{j - 1}" if j else "x" for j in draw.sample(range(i + 1), min(inputs, i + 1))]
        scope = "".join(f"/g{draw.randrange(groups)}" for _ in range(depth)) if groups else ""
        nodes.append(helper.make_node("Sum", reads, [f"v{i}"], name=f"{scope}/n{i}"))
    return model_of(nodes, outputs=[f"v{count - 1}"])


def test_lines_beyond_the_cap_are_left_out_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense(120, 30)
    whole = scene(model, "", flat=True)
    assert whole.notices == ()
    monkeypatch.setattr(visible, "MOST_LINES", 400)
    shown = scene(model, "", flat=True)
    check_scene(shown)
    assert {box.id for box in shown.boxes if box.kind != Kind.STUB} == {
        box.id for box in whole.boxes if box.kind != Kind.STUB
    }
    assert len({(edge.value, edge.head) for edge in shown.edges if shown.boxes[edge.head].kind != Kind.STUB}) <= 400
    assert len(whole.edges) > 1000
    [notice] = shown.notices
    assert notice.startswith("400 of ")
    assert meta(shown)["notices"] == [notice]
    # Nobody lost the last of its inputs.
    heads = {shown.boxes[edge.head].id for edge in shown.edges}
    assert heads == {box.id for box in shown.boxes if box.kind in (Kind.NODE, Kind.OUTPUT)}


def test_the_same_dense_graph_gives_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "MOST_LINES", 300)
    one, other = (scene(dense(100, 20, groups=4, depth=2), "") for _ in range(2))
    assert one.boxes == other.boxes
    assert all(np.array_equal(a.points, b.points) for a, b in zip(one.edges, other.edges, strict=True))


@given(st.data())
def test_segments_are_counted_as_they_are_laid_out(data: st.DataObject) -> None:
    parents = [data.draw(st.integers(-1, box - 1)) for box in range(data.draw(st.integers(1, 12)))]
    leaves = [box for box in range(len(parents)) if box not in parents]
    one, other = (np.array([data.draw(st.sampled_from(leaves))]) for _ in range(2))
    frames = [box in parents for box in range(len(parents))]
    composer = compose._Composer(parents, frames, np.ones((len(parents), 2)), to_the_right=False)
    expected = len(composer.segments_of(int(one[0]), int(other[0])))
    assert segments(np.array(parents), one, other).tolist() == [expected]


def test_every_box_keeps_its_first_line_before_any_keeps_its_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "MOST_LINES", 4)
    heads = np.array([3, 3, 3, 4, 4, 5])
    kept = drawable(np.full(6, -1), np.array([0, 1, 2, 0, 1, 0]), heads, np.arange(6))
    assert sorted(kept.tolist()) == [0, 1, 3, 5]


def test_groups_beyond_the_room_stay_closed_but_those_on_the_way_to_a_box_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = dense(400, 2, groups=6, depth=2)
    everything = frozenset(contents(model, "").groups)
    monkeypatch.setattr(visible, "MOST_BOXES", 120)
    way = reveal(model, "", "n:399")
    shown = scene(model, "", everything, first=way)
    check_scene(shown)
    assert sum(box.kind != Kind.STUB for box in shown.boxes) <= 120 + 36
    assert any(box.id == "n:399" for box in shown.boxes)
    assert "groups are open and the others stay closed" in shown.notices[0]
    flat = scene(model, "", frozenset(), flat=True)
    assert not flat.flat
    assert "Without its groups this graph has 400 boxes" in flat.notices[0]


def test_too_many_different_frames_are_not_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    model = dense(300, 3, groups=5, depth=2)
    everything = frozenset(contents(model, "").groups)
    assert scene(model, "", everything).notices == ()
    for most in (10, 1):
        monkeypatch.setattr(compose, "MOST_DIAGRAMS", most)
        monkeypatch.setattr("graphdebug.view.scene.FEW_FRAMES", 5)
        shown = scene(model, "", everything)
        check_scene(shown)
        assert len(shown.expanded) == (5 if most == 10 else 0)
        assert shown.notices[0].startswith(f"{len(shown.expanded)} groups are open")


def test_very_many_inputs_and_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visible, "MOST_TERMINALS", 10)
    nodes = [helper.make_node("Relu", ["x"], [f"v{i}"]) for i in range(40)]
    shown = scene(model_of(nodes, outputs=[f"v{i}" for i in range(40)]), "")
    check_scene(shown)
    assert sum(box.kind == Kind.OUTPUT for box in shown.boxes) == 10
    assert shown.notices == ("The first 10 of 40 outputs are drawn; search finds all.",)


@pytest.mark.parametrize("separate", [1, 7, 300])
def test_unconnected_parts_may_share_a_layout(monkeypatch: pytest.MonkeyPatch, separate: int) -> None:
    monkeypatch.setattr(layout, "SEPARATE_PARTS", separate)
    pairs = [(3 * i, 3 * i + 1 + i % 2) for i in range(40)] + [(3 * i, 3 * i + 2 - i % 2) for i in range(40)]
    drawn = diagram(120, pairs, [(20.0 + i % 50, 20.0 + i % 30) for i in range(120)])
    budget = Budget()
    placed = place(drawn, budget)
    boxes = rects(drawn, placed)
    assert not overlapping(boxes)
    assert Budget().parts - budget.parts == min(separate, 40)
    assert placed.height < 20 * 60, "parts do not stand side by side"


def test_a_small_budget_cuts_more_edges() -> None:
    pairs = [(i, j) for i in range(40) for j in range(i + 1, 40)]
    drawn = diagram(40, pairs)
    rich, poor = place(drawn), place(drawn, replace(Budget(), stops=100))
    assert sum(route is None for route in rich.routes) == 0
    longest = max(head - tail for (tail, head), route in zip(pairs, poor.routes, strict=True) if route is not None)
    assert longest <= 2
    assert not overlapping(rects(drawn, poor))


def test_scopes_nested_two_thousand_deep() -> None:
    nodes = [
        helper.make_node("Relu", [f"v{i - 1}" if i else "x"], [f"v{i}"], name="/".join("s" * i) + f"/n{i}")
        for i in range(2000)
    ]
    model = model_of(nodes, outputs=["v1999"])
    shown = scene(model, "", frozenset(contents(model, "").groups))
    check_scene(shown)
    assert sum(box.kind == Kind.NODE for box in shown.boxes) == 2000
