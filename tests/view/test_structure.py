"""Groups that no name speaks of: rows of equal blocks, and stretches of loose nodes."""

import random

import pytest
from onnx import NodeProto, helper

from graphdebug.model.document import Model
from graphdebug.view.contents import contents
from graphdebug.view.scene import default_expanded, reveal, scene
from graphdebug.view.scopes import ScopeNode
from graphdebug.view.structure import MOST_ITEMS
from tests.view.drawings import chain_model, check_scene, model_of


def chain(ops: list[str], names: list[str] | None = None) -> Model:
    nodes = [
        helper.make_node(op, [f"v{i}" if i else "x"], [f"v{i + 1}"], name=names[i] if names else "")
        for i, op in enumerate(ops)
    ]
    return model_of(nodes, outputs=[f"v{len(ops)}"])


def tree(model: Model) -> ScopeNode:
    return contents(model, "").tree


def titles(group: ScopeNode) -> list[str]:
    return [child.title for child in group.children]


def check_tree(model: Model) -> None:
    """Assert what must be true of any tree: each drawn node once, ids unique, no level too large, groups findable."""
    known = contents(model, "")
    drawn = [node for node in range(known.nodes) if node not in known.host]
    assert sorted(known.tree.all_nodes()) == drawn
    ids = [group.id for group in known.tree.walk()]
    assert len(set(ids)) == len(ids)
    assert max(len(group.nodes) + len(group.children) for group in known.tree.walk()) <= MOST_ITEMS
    assert all(group.count > 1 for group in known.tree.walk() if group is not known.tree)


def blocks(count: int, ops: list[str], unlike: int = -1) -> Model:
    names = [f"/net/layers.{block}/op{place}" for block in range(count) for place in range(len(ops))]
    kinds = [op if block != unlike else "Tanh" for block in range(count) for op in ops]
    return chain(["Neg", *kinds, "Neg"], ["/net/stem", *names, "/net/head"])


def test_equal_blocks_fold_into_the_first_and_the_rest() -> None:
    model = blocks(12, ["Relu", "Exp", "Log"])
    check_tree(model)
    [row] = tree(model).children
    assert (row.title, row.repeats, row.count) == ("layers.0–11", 12, 36)
    first, rest = row.children
    assert (first.title, first.id, first.repeats) == ("layers.0", "s:net/layers.0", 0)
    assert (rest.title, rest.repeats) == ("layers.1–11", 11)
    assert titles(rest) == [f"layers.{number}" for number in range(1, 12)]


def test_the_opening_picture_shows_one_block_and_how_many_more_there_are() -> None:
    model = blocks(40, ["Relu", "Exp", "Log"])
    shown = scene(model, "")
    check_scene(shown)
    assert [box.id for box in shown.boxes if box.id.startswith("n:")] == ["n:0", "n:121", "n:1", "n:2", "n:3"]
    assert [(box.label, box.chips) for box in shown.boxes if box.kind == 1] == [("layers.1–39", "×39")]
    # Any other block is reached as ever, through the groups around it.
    way = reveal(model, "", "n:60")
    assert "s:net/layers.19" in way
    assert "n:60" in {box.id for box in scene(model, "", default_expanded(model, "") | way).boxes}


def test_a_block_that_is_not_like_the_others_stands_between_two_rows() -> None:
    model = blocks(20, ["Relu", "Exp"], unlike=9)
    check_tree(model)
    assert titles(tree(model)) == ["layers.0–8", "layers.9", "layers.10–19"]
    assert [child.repeats for child in tree(model).children] == [9, 0, 10]


def test_few_small_blocks_are_not_worth_a_click() -> None:
    assert titles(tree(blocks(3, ["Relu", "Exp"]))) == ["layers.0", "layers.1", "layers.2"]


def test_alternating_blocks_are_one_row_of_pairs() -> None:
    names = [f"/net/{kind}.{pair}/op{place}" for pair in range(8) for kind in ("a", "b") for place in range(3)]
    ops = ["Relu", "Exp", "Log", "Neg", "Abs", "Sin"] * 8
    model = chain(["Tan", *ops, "Tan"], ["/net/stem", *names, "/net/head"])
    check_tree(model)
    [row] = tree(model).children
    assert row.repeats == 8
    assert titles(row.children[0]) == ["a.0", "b.0"]


def test_a_graph_without_names_is_grouped_by_what_repeats_in_it() -> None:
    nodes: list[NodeProto] = []
    value = "x"
    for number in range(30):
        nodes += [
            helper.make_node("Relu", [value], [f"r{number}"]),
            helper.make_node("Exp", [f"r{number}"], [f"e{number}"]),
            helper.make_node("Add", [f"e{number}", value], [f"a{number}"]),
        ]
        value = f"a{number}"
    model = model_of(nodes, outputs=[value])
    check_tree(model)
    [row] = tree(model).children
    assert (row.title, row.repeats, row.count) == ("Relu Exp Add", 30, 90)
    assert titles(row) == ["block 1", "blocks 2–30"]
    assert row.children[0].nodes == (0, 1, 2)  # blocks begin where one value passes, not where two do


def test_loose_nodes_around_scopes_are_gathered_by_the_line_of_source_they_come_from() -> None:
    draw = random.Random(3)
    ops = [draw.choice(["Relu", "Exp", "Log", "Abs"]) for _ in range(60)]
    model = chain([*ops, *["Neg"] * 40], [f"n{i}" for i in range(60)] + [f"/m/s{i % 2}/n{i}" for i in range(40)])
    model.proto.graph.node[61].input.append("v60")  # both scopes use what is made, so it belongs to neither
    for number, node in enumerate(model.proto.graph.node):
        if number < 60:
            trace = f'File "/home/me/mask.py", line {10 + number // 20}, in forward'
            node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
            scope = "['', 'top']"
        else:
            scope = f"['', 'm.s{number % 2}', 'n']"
        node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=scope)
    check_tree(model)
    assert titles(tree(model))[:3] == ["mask.py:10", "mask.py:11", "mask.py:12"]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_graph_levels_stay_small_and_nothing_is_lost(seed: int) -> None:
    draw = random.Random(seed)
    nodes = []
    for i in range(1500):
        reads = [f"v{draw.randrange(max(0, i - 30), i)}" if i else "x" for _ in range(draw.randint(1, 3))]
        scope = draw.choice(["", f"/s{i // 40}", f"/s{draw.randrange(9)}/t{draw.randrange(400)}", f"/s{i % 3}/u"])
        op = draw.choice(["Sum", "Max"])
        nodes.append(helper.make_node(op, reads, [f"v{i}"], name=f"{scope}/n{i}" if scope else f"n{i}"))
    model = model_of(nodes, outputs=["v1499"])
    check_tree(model)
    again = model_of(nodes, outputs=["v1499"])
    assert [group.id for group in tree(model).walk()] == [group.id for group in tree(again).walk()]
    check_scene(scene(model, ""))


@pytest.mark.parametrize("count", [60, 151, 4000, 30_000])
def test_long_flat_graphs_open_on_a_level_that_can_be_read(count: int) -> None:
    draw = random.Random(count)
    model = chain([draw.choice(["Relu", "Exp", "Log", "Abs", "Neg"]) for _ in range(count)])
    check_tree(model)
    assert 4 <= len(scene(model, "").boxes) <= 90
    assert f"n:{count - 1}" in {box.id for box in scene(model, "", reveal(model, "", f"n:{count - 1}")).boxes}


def test_very_many_unlike_groups_are_divided_and_divided_again() -> None:
    names = [f"/m{chr(0x4E00 + i)}/Relu{node}" for i in range(9000) for node in "ab"]
    model = chain_model(names)
    check_tree(model)
    assert tree(model).count == 18_000
