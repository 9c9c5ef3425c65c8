"""Smallest separating sets on random graphs, held against every set there is."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from graphdebug.model.vertex_cuts import smallest_cuts

VERTICES = 7
Graph = list[list[int]]
graphs = st.lists(st.lists(st.integers(0, VERTICES - 1), max_size=3, unique=True), min_size=VERTICES, max_size=VERTICES)
subsets = st.sets(st.integers(0, VERTICES - 1), max_size=3)


def reached(graph: Graph, sources: set[int], without: frozenset[int]) -> set[int]:
    found, waiting = set[int](), [vertex for vertex in sources if vertex not in without]
    while waiting:
        vertex = waiting.pop()
        if vertex not in found:
            found.add(vertex)
            waiting += [head for head in graph[vertex] if head not in without]
    return found


@given(graphs, subsets, subsets, subsets)
def test_no_set_that_separates_is_smaller(graph: Graph, sources: set[int], sinks: set[int], uncut: set[int]) -> None:
    may_go = [vertex for vertex in range(VERTICES) if vertex not in uncut]
    separating = [
        frozenset(each)
        for count in range(len(may_go) + 1)
        for each in combinations(may_go, count)
        if reached(graph, sources, frozenset(each)).isdisjoint(sinks)
    ]
    found = smallest_cuts(graph, sources, sinks, uncut)
    if not separating:
        assert found is None
        return
    assert found is not None
    smallest = [each for each in separating if len(each) == len(separating[0])]
    near, far = found
    assert near in smallest and far in smallest
    for each in smallest:  # whatever separates lies between the two
        assert reached(graph, sources, near) <= reached(graph, sources, each) <= reached(graph, sources, far)


def test_as_many_as_there_are_paths_and_none_where_there_is_no_path() -> None:
    ladder = [[1, 2], [3], [3], [4], []]
    assert smallest_cuts(ladder, [0], [4], [0, 4]) == (frozenset({3}), frozenset({3}))
    assert smallest_cuts(ladder, [0], [3], [0, 3]) == (frozenset({1, 2}), frozenset({1, 2}))
    assert smallest_cuts(ladder, [1], [2], []) == (frozenset(), frozenset())
    assert smallest_cuts(ladder, [0], [1], [0, 1]) is None
