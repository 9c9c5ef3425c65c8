"""Order within layers: dummies where edges are long, fewer crossings than before, the same answer every time."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphdebug.view.coordinates import BOX_GAP, across
from graphdebug.view.layering import layers
from graphdebug.view.ordering import ProperGraph, crossings, order, proper


@st.composite
def proper_graphs(draw: st.DrawFn) -> ProperGraph:
    count = draw(st.integers(1, 24))
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=60))
    pairs = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    tails, heads = (np.array(ends, dtype=np.int64) for ends in (zip(*pairs, strict=True) if pairs else ([], [])))
    layer = layers(count, tails, heads, np.zeros(count, dtype=np.int64))
    keys = np.array([draw(st.integers(0, 1)) for _ in pairs], dtype=np.int64)
    return proper(layer, tails, heads, keys)


def crossings_by_hand(graph: ProperGraph, rows: list[list[int]]) -> int:
    place = {vertex: index for row in rows for index, vertex in enumerate(row)}
    edges = list(zip(graph.upper.tolist(), graph.lower.tolist(), strict=True))
    return sum(
        graph.layer[a] == graph.layer[c] and (place[a] - place[c]) * (place[b] - place[d]) < 0
        for (a, b), (c, d) in combinations(edges, 2)
    )


@given(proper_graphs())
def test_unit_edges_join_neighbouring_layers(graph: ProperGraph) -> None:
    assert (graph.layer[graph.lower] - graph.layer[graph.upper] == 1).all()
    # A dummy hangs on exactly one line from above.
    assert all((graph.lower == dummy).sum() == 1 for dummy in range(graph.count, len(graph.layer)))


@given(proper_graphs())
def test_crossings_are_counted_right_and_do_not_grow(graph: ProperGraph) -> None:
    naive = [np.flatnonzero(graph.layer == layer).tolist() for layer in range(int(graph.layer.max()) + 1)]
    assert crossings(graph, naive) == crossings_by_hand(graph, naive)
    rows = order(graph)
    assert crossings(graph, rows) == crossings_by_hand(graph, rows)
    assert [sorted(row) for row in rows] == naive
    assert rows == order(graph)


def test_a_planar_ladder_has_no_crossing_left() -> None:
    # Two chains, given crosswise.
    tails, heads = np.array([(0, 3), (1, 2), (2, 5), (3, 4)]).T
    graph = proper(np.array([0, 0, 1, 1, 2, 2]), tails, heads, np.zeros(4, dtype=np.int64))
    assert crossings(graph, [[0, 1], [2, 3], [4, 5]]) == 2
    assert crossings(graph, order(graph)) == 0


def test_edges_of_one_value_share_their_dummies() -> None:
    layer = np.array([0, 1, 2, 3, 3])
    tails, heads = np.array([(0, 1), (1, 2), (2, 3), (0, 3), (0, 4)]).T
    shared = proper(layer, tails, heads, np.zeros(5, dtype=np.int64))
    assert len(shared.layer) == 5 + 2
    assert list(shared.dummies(3)) == list(shared.dummies(4)) == [5, 6]
    apart = proper(layer, tails, heads, np.array([0, 0, 0, 1, 2]))
    assert len(apart.layer) == 5 + 4


@pytest.mark.parametrize("side", [-1, 1])
def test_a_line_passes_on_the_side_where_it_ends(side: int) -> None:
    # 0 → 1 → 2 and a line from 0 by 1 to 2: at 2, a frame, either ends at a port of its own.
    layer, tails, heads = np.array([0, 1, 2]), np.array([0, 1, 0]), np.array([1, 2, 2])
    ports = np.array([0.0, -30.0, 30.0]) * side
    graph = proper(layer, tails, heads, np.array([0, 0, 1]), np.zeros(3), ports)
    (dummy,) = graph.dummies(2)
    assert order(graph)[1] == [1, dummy][::side]
    assert crossings(graph, order(graph)) == 0
    assert crossings(graph, [[0], [dummy, 1][::side], [2]]) == 1


@pytest.mark.parametrize("depth", [2, 40])
def test_the_main_path_is_one_vertical_line(depth: int) -> None:
    # A residual network: each block has a long way and a short cut.
    edges = []
    for block in range(depth):
        first = 4 * block
        edges += [(first, first + 1), (first + 1, first + 2), (first + 2, first + 3), (first + 3, first + 4)]
        edges += [(first, first + 4)]
    tails, heads = np.array(edges).T
    count = 4 * depth + 1
    graph = proper(
        layers(count, tails, heads, np.zeros(count, dtype=np.int64)), tails, heads, np.zeros(len(edges), dtype=np.int64)
    )
    width = np.where(np.arange(len(graph.layer)) < count, 80.0, 0.0)
    x = across(graph, order(graph), width)
    assert np.ptp(x[:count]) < 1e-6
    assert np.ptp(x) < 80


@given(proper_graphs(), st.data())
def test_boxes_of_a_layer_keep_their_order_and_their_distance(graph: ProperGraph, data: st.DataObject) -> None:
    rows = order(graph)
    width = np.zeros(len(graph.layer))
    width[: graph.count] = [data.draw(st.integers(0, 300)) for _ in range(graph.count)]
    x = across(graph, rows, width)
    assert (x - width / 2).min() == pytest.approx(0)
    for row in rows:
        for left, right in pairwise(row):
            assert x[right] - x[left] >= (width[left] + width[right]) / 2 - 1e-6
            if right < graph.count and left < graph.count:
                assert x[right] - x[left] >= (width[left] + width[right]) / 2 + BOX_GAP - 1e-6
