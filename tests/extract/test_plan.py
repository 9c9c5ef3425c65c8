"""Plans of splits: every node once, parts in an order in which they can run, and words for what cannot be."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from onnx import helper

from graphdebug.edit.errors import EditError
from graphdebug.extract.errors import ExtractError
from graphdebug.extract.flow import Flow
from graphdebug.extract.groups import on_cycles, sorted_groups
from graphdebug.extract.plan import SplitPlan, at_values, by_scope, into_parts
from graphdebug.model.document import Model, open_model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from tests.extract.random_graphs import random_model
from tests.model.small_models import floats, model_proto


@pytest.fixture
def blocks(samples: Path) -> Model:
    """The sample of four blocks, a branch around two of them."""
    return open_model(samples / "branching_blocks.onnx")


def check(model: Model, plan: SplitPlan) -> None:
    """Hold a plan against what it promises, by the graph itself."""
    index, flow = model.graphs[MAIN_GRAPH], Flow.of(model)
    assert sorted(node for part in plan.parts for node in part.nodes) == sorted(flow.nodes)
    there = set(index.inputs)
    for part in plan.parts:
        assert there.issuperset(part.inputs), "a part is fed with what is not there yet"
        inside = {*part.nodes, *part.copied}
        assert not flow.constant.intersection(part.nodes) and flow.constant.issuperset(part.copied)
        made = {name for node in inside for name in index.nodes[node].output}
        for node in inside:
            for name in index.taken[node]:
                assert name in made or name in part.inputs or name in index.initializers
        assert made.union(index.initializers).issuperset(part.outputs)
        there.update(part.outputs)
    assert there.issuperset(index.outputs)


def named(model: Model, plan: SplitPlan) -> list[list[str]]:
    names = model.graphs[MAIN_GRAPH].names
    return [[names[node] for node in part.nodes] for part in plan.parts]


def test_the_four_blocks_at_their_boundaries(blocks: Model) -> None:
    plan = at_values(blocks, ["/block1/out", "/block2/out", "/block3/out"])
    check(blocks, plan)
    assert named(blocks, plan) == [
        ["/block1/conv", "/block1/relu"],
        ["/block2/conv", "/block2/relu"],
        ["/block3/conv", "/block3/relu"],
        ["/shortcut/conv", "/join/add", "/block4/conv", "/block4/relu"],
    ]
    assert [part.inputs for part in plan.parts][3] == ("/block1/out", "/block3/out")
    assert plan.notes == ()


def test_ways_past_a_cut_and_parts_side_by_side(blocks: Model) -> None:
    past = at_values(blocks, ["/block2/out"])
    check(blocks, past)
    assert len(past.parts) == 2
    assert past.notes == (
        "Besides what was named, '/shortcut/out' passes from part to part: other ways lead past the cut there.",
    )
    both = at_values(blocks, ["/block1/out", "/block3/out", "/shortcut/out"])
    check(blocks, both)
    assert sorted(map(len, named(blocks, both))) == [1, 2, 3, 4]
    assert both.parts[1].inputs == both.parts[2].inputs == ("/block1/out",)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("image", "is an input of the model: nothing lies before it"),
        ("y", "is where the model ends"),
        ("block1.bias", "is a constant"),
        ("nowhere", "is not made in the main graph"),
    ],
)
def test_values_that_cannot_cut(blocks: Model, name: str, said: str) -> None:
    with pytest.raises(ExtractError, match=f"'{name}' {said}"):
        at_values(blocks, [name])


def test_values_in_nested_graphs_cannot_cut(samples: Path) -> None:
    model = open_model(samples / "if_captures.onnx")
    inner = next(name for path, graph in model.graphs.items() if path for name in graph.producer)
    with pytest.raises(ExtractError, match="lies in a nested graph or a function"):
        at_values(model, [inner])


def test_parts_of_like_cost_meet_where_little_passes(blocks: Model) -> None:
    model = blocks.with_types(infer_types(blocks))
    plan = into_parts(model, 3)
    check(model, plan)
    assert len(plan.parts) == 3
    assert "multiply-accumulates" in plan.notes[0]
    ends = [name for part in plan.parts for name in part.outputs]
    assert len(ends) <= 5, "the branch and the way past it pass, nothing else"
    with pytest.raises(ExtractError, match="ask for 2 to 10 parts"):
        into_parts(model, 11)
    untyped = into_parts(open_model(blocks.path), 10)
    assert [len(part.nodes) for part in untyped.parts] == [1] * 10


def test_without_shapes_nodes_are_counted(tmp_path: Path) -> None:
    nodes = [helper.make_node("MatMul", [f"v{at}", f"v{at}"], [f"v{at + 1}"]) for at in range(8)]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("v0", "n", "n")], [floats("v8", "n", "m")]).SerializeToString())
    model = open_model(path)
    plan = into_parts(model, 4)
    assert [len(part.nodes) for part in plan.parts] == [2, 2, 2, 2]
    assert plan.notes == ("What some nodes cost is not known, as shapes are missing: nodes were counted instead.",)


def test_by_scope(samples: Path) -> None:
    model = open_model(samples / "resnet_dynamo.onnx")
    deep = by_scope(model, depth=1)
    check(model, deep)
    assert {"stem", "stages", "head"}.issubset(part.name for part in deep.parts)
    one = by_scope(model, ["stages.1"])
    check(model, one)
    assert [part.name for part in one.parts] == ["between", "stages.1", "between"]
    with pytest.raises(EditError, match=r"lies in the scope 'stages\.9': there are 'stages"):
        by_scope(model, ["stages.1", "stages.9"])


def test_scopes_that_interleave_become_one_part(tmp_path: Path) -> None:
    names = ["/a/one", "/b/one", "/a/two", "/b/two", "/c/one"]
    nodes = [helper.make_node("Sin", [f"v{at}"], [f"v{at + 1}"], name=f"{name}/Sin") for at, name in enumerate(names)]
    path = tmp_path / "m.onnx"
    path.write_bytes(model_proto(nodes, [floats("v0", 3)], [floats("v5", 3)]).SerializeToString())
    model = open_model(path)
    plan = by_scope(model, depth=1)
    check(model, plan)
    assert [(part.name, len(part.nodes)) for part in plan.parts] == [("a", 4), ("c", 1)]
    assert plan.notes == ("The scopes 'a' and 'b' depend on each other both ways: they are one part.",)
    alone = by_scope(model, ["a"])
    check(model, alone)
    assert [(part.name, len(part.nodes)) for part in alone.parts] == [("a", 3), ("between", 2)]
    assert alone.notes == ("1 node lies on ways out of 'a' and back: the part takes in what lies there.",)


def test_what_cannot_be_split(parsed: Callable[..., Model]) -> None:
    cyclic = parsed([helper.make_node("Add", ["x", "z"], ["y"]), helper.make_node("Sin", ["y"], ["z"])], "z")
    with pytest.raises(ExtractError, match="has a cycle at 'Add_0'"):
        into_parts(cyclic, 2)
    constant = parsed([helper.make_node("Constant", [], ["z"], value_float=1.0)], "z")
    with pytest.raises(ExtractError, match="nothing to split"):
        into_parts(constant, 2)
    idle = parsed([helper.make_node("Sin", ["x"], [name]) for name in ("y", "z")], "z")
    with pytest.raises(ExtractError, match="No output of the model depends on 'y'"):
        at_values(idle, ["y"])


@pytest.fixture
def parsed(tmp_path: Path) -> Callable[..., Model]:
    def make(nodes: list, output: str) -> Model:
        path = tmp_path / "m.onnx"
        path.write_bytes(model_proto(nodes, [floats("x", 3)], [floats(output, 3)]).SerializeToString())
        return open_model(path)

    return make


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    model = random_model(seed, tmp_path / "m.onnx", rng.choice([6, 25, 60]))
    flow = Flow.of(model)
    inner = [name for name in flow.made if flow.index.users(name)]
    if len(flow.nodes) > 1 and inner:
        check(model, at_values(model, rng.sample(inner, rng.randint(1, min(4, len(inner))))))
        check(model, into_parts(model, rng.randint(2, min(6, len(flow.nodes)))))
    for how in ({"depth": 1}, {"depth": 2}, {"scopes": ["p.x"]}, {"scopes": ["q", "q.y", "r.x"]}):
        with suppress(ExtractError, EditError):  # all is one part, or the scope is not there
            check(model, by_scope(model, **how))


def test_order_and_cycles_of_groups() -> None:
    assert sorted_groups({3: {1}, 1: set(), 2: {3}, 0: {2}}) == [1, 3, 2, 0]
    before = {0: {1}, 1: {2}, 2: {0, 3}, 3: {4}, 4: {3}, 5: {2}}
    assert sorted(map(sorted, on_cycles(before))) == [[0, 1, 2], [3, 4]]
