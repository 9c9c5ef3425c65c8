"""What leads where: cones and shortest ways against a brute-force closure on random graphs."""

from itertools import pairwise

import numpy as np
import pytest
from onnx import helper

from graphdebug.model.index import GraphIndex
from graphdebug.view.reach import Ends, downstream, links, shortest, upstream
from tests.view.drawings import model_of
from tests.view.test_contents import if_model

FAR = 10**6


def random_index(seed: int, nodes: int = 24) -> GraphIndex:
    """A graph whose nodes use up to three values made before them (sometimes after: a cycle), or an input."""
    random = np.random.default_rng(seed)
    made = []
    for node in range(nodes):
        reach = nodes if random.random() < 0.05 else node
        inputs = [f"v{random.integers(reach)}" if reach and random.random() < 0.85 else "x" for _ in range(3)]
        made.append(helper.make_node("Sum", inputs[: random.integers(1, 4)], [f"v{node}"]))
    return model_of(made, inputs=["x", "unused"], outputs=[f"v{nodes - 1}", "v3"]).graphs[""]


def distances(index: GraphIndex) -> np.ndarray:
    """Steps [nodes, nodes] from each node to each, by Floyd and Warshall."""
    count = len(index.nodes)
    steps = np.full((count, count), FAR)
    np.fill_diagonal(steps, 0)
    for tail in range(count):
        for head in range(count):
            if tail != head and set(index.nodes[tail].output) & set(index.nodes[head].input):
                steps[tail, head] = 1
    for middle in range(count):
        steps = np.minimum(steps, steps[:, [middle]] + steps[[middle], :])
    return steps


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("hops", [None, 0, 1, 3])
def test_cones_are_the_closure(seed: int, hops: int | None) -> None:
    index = random_index(seed)
    steps, known = distances(index), links(index)
    most = FAR - 1 if hops is None else hops
    for starts in ((0,), (5,), (3, 11), (23,)):
        for walk, from_starts in ((downstream, steps[list(starts)].min(0)), (upstream, steps[:, list(starts)].min(1))):
            cone = walk(index, known, Ends(nodes=starts), hops)
            expected = np.where(from_starts <= most, from_starts, -1)
            assert cone.levels.tolist() == expected.tolist()
        near = [node for node in range(24) if steps[:, list(starts)].min(1)[node] <= most - 1]
        reads_x = any("x" in index.nodes[node].input for node in near)
        assert upstream(index, known, Ends(nodes=starts), hops).inputs == ({"x"} if reads_x else set())


@pytest.mark.parametrize("seed", range(20))
def test_the_shortest_way_is_one_and_is_short(seed: int) -> None:
    index = random_index(seed)
    steps, known = distances(index), links(index)
    for start in (0, 2, 7):
        for end in (9, 16, 23):
            way = shortest(index, known, Ends(nodes=(start,)), Ends(nodes=(end,)))
            if steps[start, end] >= FAR:
                assert way == []
                continue
            assert (way[0], way[-1], len(way)) == (start, end, steps[start, end] + 1)
            assert all(steps[tail, head] == 1 for tail, head in pairwise(way))


def test_values_lead_to_their_users_and_from_their_producers() -> None:
    nodes = [
        helper.make_node("Split", ["x"], ["a", "b"]),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Tanh", ["b"], ["y"]),
    ]
    index = model_of(nodes).graphs[""]
    known = links(index)
    cone = downstream(index, known, Ends(values=("a",)))
    assert (cone.levels.tolist(), cone.inputs, cone.outputs) == ([-1, 1, -1], frozenset(), frozenset())
    cone = downstream(index, known, Ends(values=("x",)))
    assert (cone.levels.tolist(), cone.inputs, cone.outputs) == ([1, 2, 2], {"x"}, {"y"})
    cone = upstream(index, known, Ends(values=("y",)))
    assert (cone.levels.tolist(), cone.inputs, cone.outputs) == ([2, -1, 1], {"x"}, {"y"})
    assert upstream(index, known, Ends(values=("y",)), 2).inputs == frozenset()
    assert shortest(index, known, Ends(values=("x",)), Ends(values=("y",))) == [0, 2]


def test_what_nested_graphs_take_leads_to_the_node_that_holds_them() -> None:
    index = if_model().graphs[""]
    known = links(index)
    [holder] = [node for node, proto in enumerate(index.nodes) if proto.op_type == "If"]
    captured = [name for name, nodes in index.captured.items() if holder in nodes and name in index.producer]
    assert captured
    for name in captured:
        assert holder in known.ahead[index.producer[name]]
        assert downstream(index, known, Ends(values=(name,))).levels[holder] == 1


def test_ways_that_were_taken_twice_and_cycles_end() -> None:
    nodes = [helper.make_node("Sum", ["x", "b"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    index = model_of(nodes, outputs=["b"]).graphs[""]
    known = links(index)
    assert downstream(index, known, Ends(nodes=(1,))).levels.tolist() == [1, 0]
    assert upstream(index, known, Ends(nodes=(1,))).levels.tolist() == [1, 0]
