"""Layers: every edge goes down, cycles are broken, sources stand beside their use."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from graphdebug.view.layering import Pin, back_edges, between_tall, layers, topological_order


def ints(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


@st.composite
def digraphs(draw: st.DrawFn, *, acyclic: bool) -> tuple[int, np.ndarray, np.ndarray]:
    """A number of vertices and edges between them without self loops."""
    count = draw(st.integers(1, 30))
    pairs = draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=70))
    pairs = [(min(p), max(p)) if acyclic else p for p in pairs if p[0] != p[1]]
    shuffled = draw(st.permutations(range(count)))
    return count, ints(*(shuffled[a] for a, _ in pairs)), ints(*(shuffled[b] for _, b in pairs))


@given(digraphs(acyclic=True))
def test_every_edge_of_an_acyclic_graph_goes_down(graph: tuple[int, np.ndarray, np.ndarray]) -> None:
    count, tails, heads = graph
    assert not back_edges(count, tails, heads).any()
    layer = layers(count, tails, heads, np.zeros(count, dtype=np.int64))
    assert (layer[tails] < layer[heads]).all()
    assert layer.min() == 0


@given(digraphs(acyclic=False))
def test_reversing_the_back_edges_breaks_all_cycles_and_no_more_than_needed_on_each(
    graph: tuple[int, np.ndarray, np.ndarray],
) -> None:
    count, tails, heads = graph
    back = back_edges(count, tails, heads)
    upper, lower = np.where(back, heads, tails), np.where(back, tails, heads)
    assert len(topological_order(count, upper, lower)) == count
    # Each reversed edge did close a cycle: in the graph as it was, its head reaches its tail.
    for edge in np.flatnonzero(back):
        reached, waiting = {int(heads[edge])}, [int(heads[edge])]
        while waiting:
            vertex = waiting.pop()
            for head in heads[tails == vertex].tolist():
                if head not in reached:
                    reached.add(head)
                    waiting.append(head)
        assert int(tails[edge]) in reached


@given(digraphs(acyclic=True), st.data())
def test_pinned_vertices_stand_alone_in_the_first_and_last_layer(
    graph: tuple[int, np.ndarray, np.ndarray], data: st.DataObject
) -> None:
    count, tails, heads = graph
    pins = np.zeros(count, dtype=np.int64)
    for vertex in range(count):
        allowed = [Pin.FREE]
        allowed += [Pin.FIRST] if vertex not in heads else []
        allowed += [Pin.LAST] if vertex not in tails else []
        pins[vertex] = data.draw(st.sampled_from(allowed))
    layer = layers(count, tails, heads, pins)
    assert (layer[tails] < layer[heads]).all()
    free = layer[pins == Pin.FREE]
    if (pins == Pin.FIRST).any():
        assert (layer[pins == Pin.FIRST] == 0).all()
        assert (free > 0).all()
    if (pins == Pin.LAST).any():
        assert len(set(layer[pins == Pin.LAST].tolist())) == 1
        assert (free < layer[pins == Pin.LAST].max()).all()


def test_a_chain_of_sources_stands_right_above_its_use() -> None:
    # 0 → 1 → 2 → 3 → 4, and 5 → 6 feeding 4: 5 and 6 belong just above 4.
    layer = layers(7, ints(0, 1, 2, 3, 5, 6), ints(1, 2, 3, 4, 6, 4), ints(*[0] * 7))
    assert layer.tolist() == [0, 1, 2, 3, 4, 2, 3]


def test_what_a_shared_source_feeds_moves_to_its_use_when_there_are_many() -> None:
    # 0 … 10 in a row; 11 feeds ten vertices, each of which feeds one of the row.
    row = [(i, i + 1) for i in range(10)]
    masks = [(11, 12 + i) for i in range(10)] + [(12 + i, 1 + i) for i in range(10)]
    tails, heads = np.array(row + masks).T
    layer = layers(22, tails, heads, np.zeros(22, dtype=np.int64))
    assert [layer[12 + i] for i in range(10)] == [layer[1 + i] - 1 for i in range(10)]


def test_nothing_at_all() -> None:
    assert layers(0, ints(), ints(), ints()).tolist() == []
    assert back_edges(0, ints(), ints()).tolist() == []


def test_a_small_box_with_one_edge_does_not_share_a_layer_with_a_tall_one() -> None:
    # 0 → 1 → 2 in a row, of which 1 is tall; 3 hangs below 0, 4 above 2: both would stand beside 1.
    tails, heads = ints(0, 1, 0, 4), ints(1, 2, 3, 2)
    layer = ints(0, 1, 2, 1, 1)
    small = np.full(5, 30.0)
    assert between_tall(layer, small, tails, heads).tolist() == layer.tolist()
    tall = np.where(np.arange(5) == 1, 900.0, small)
    assert between_tall(layer, tall, tails, heads).tolist() == [0, 2, 4, 1, 3]
    # Two that hang together have no one else to stand by.
    assert between_tall(ints(0, 1, 1), tall[[0, 0, 1]], ints(0), ints(1)).tolist() == [0, 1, 1]
