"""The layout of any graph at all: no box over another, every line from border to border."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdebug.view.layout import MAX_SPAN, Diagram, Placement, place
from tests.view.drawings import on_border, overlapping


def diagram(count: int, pairs: list[tuple[int, int]], sizes: list[tuple[float, float]] | None = None) -> Diagram:
    size = np.array(sizes or [(80.0, 30.0)] * count, dtype=float).reshape(-1, 2)
    ends = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    none = np.zeros(len(ends))
    return Diagram(
        size[:, 0],
        size[:, 1],
        np.zeros(count, dtype=bool),
        np.zeros(count, dtype=np.int64),
        ends[:, 0],
        ends[:, 1],
        np.zeros(len(ends), dtype=np.int64),
        none,
        none,
    )


def rects(given_: Diagram, placed: Placement) -> np.ndarray:
    half = np.stack([given_.width, given_.height], axis=1) / 2
    centre = np.stack([placed.x, placed.y], axis=1)
    stubs = np.array([(s.x, s.y) for s in placed.stubs]).reshape(-1, 2)
    stub_half = np.array(given_.stub_size) / 2
    return np.concatenate(
        [
            np.concatenate([centre - half, centre + half], axis=1),
            np.concatenate([stubs - stub_half, stubs + stub_half], axis=1),
        ]
    )


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_graph_is_laid_out_soundly(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 25))
    some = st.integers(0, max(count - 1, 0))
    pairs = data.draw(st.lists(st.tuples(some, some), max_size=60, unique=True)) if count else []
    sizes = [(data.draw(st.floats(10, 300)), data.draw(st.floats(10, 200))) for _ in range(count)]
    drawn = diagram(count, pairs, sizes)
    placed = place(drawn)
    boxes = rects(drawn, placed)
    assert np.isfinite(boxes).all()
    assert not overlapping(boxes)
    for (tail, head), route in zip(pairs, placed.routes, strict=True):
        assert route is not None
        assert np.isfinite(route).all()
        assert on_border(route[0], boxes[tail], leaving=True, down=True)
        assert on_border(route[-1], boxes[head], leaving=False, down=True)
        assert route[:, 0].min() >= -0.1
        assert route[:, 0].max() <= placed.width + 0.1


def test_lines_go_around_boxes() -> None:
    # A tall chain and an edge past it: the edge's polyline stays clear of every box between.
    drawn = diagram(6, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)])
    placed = place(drawn)
    boxes = rects(drawn, placed)
    route = placed.routes[5]
    assert route is not None
    for start, end in itertools.pairwise(route):
        for at in np.linspace(start, end, 50):
            assert not any((box[0] < at[0] < box[2]) and (box[1] < at[1] < box[3]) for box in boxes[1:5])


def test_a_golden_diamond() -> None:
    placed = place(diagram(4, [(0, 1), (0, 2), (1, 3), (2, 3)]))
    assert placed.y.tolist() == [15, 75, 75, 135]  # 30 high, 30 apart
    assert placed.x.tolist() == [40, 40, 144, 40]  # the first path is straight, the other 24 beside it
    assert (placed.width, placed.height) == (184, 150)


def test_edges_past_very_many_layers_are_cut() -> None:
    depth = MAX_SPAN + 5
    pairs = [(i, i + 1) for i in range(depth)] + [(0, depth), (0, depth - 1), (3, 6)]
    placed = place(diagram(depth + 1, pairs))
    assert [edge for edge, route in enumerate(placed.routes) if route is None] == [depth, depth + 1]
    assert sorted((stub.below, stub.edges) for stub in placed.stubs) == [
        (False, (depth,)),
        (False, (depth + 1,)),
        (True, (depth, depth + 1)),
    ]
    assert not overlapping(rects(diagram(depth + 1, pairs), placed))


def test_components_stand_side_by_side_and_then_below() -> None:
    placed = place(diagram(100, []))
    assert len(set(placed.x.tolist())) > 3
    assert len(set(placed.y.tolist())) > 3
    assert placed.width < 4 * placed.height


@pytest.mark.parametrize("pairs", [[(0, 0)], [(0, 1), (1, 0)], [(0, 1), (1, 2), (2, 0), (1, 1)]])
def test_loops_run_beside_their_boxes(pairs: list[tuple[int, int]]) -> None:
    drawn = diagram(3, pairs)
    placed = place(drawn)
    boxes = rects(drawn, placed)
    for route in placed.routes:
        assert route is not None
        for start, end in itertools.pairwise(route):
            middle = (start + end) / 2
            assert not any((b[0] + 1 < middle[0] < b[2] - 1) and (b[1] + 1 < middle[1] < b[3] - 1) for b in boxes)


def test_the_same_graph_gives_the_same_picture() -> None:
    pairs = [(i, (i * 7 + 3) % 40) for i in range(40)] + [(i, (i * 3 + 1) % 40) for i in range(40)]
    one, other = place(diagram(40, pairs)), place(diagram(40, pairs))
    assert np.array_equal(one.x, other.x)
    assert np.array_equal(one.y, other.y)
