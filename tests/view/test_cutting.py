"""Edges that lead too far: cut, with a stub at either end, beside its box, that says where the other one is."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from graphdebug.model.document import Model
from graphdebug.view.contents import contents
from graphdebug.view.cutting import MAX_SPAN, with_long_range_cut
from graphdebug.view.scene import MOST_FAR_ENDS, Box, Kind, Scene, scene
from tests.view.drawings import check_scene, model_of


def blocks(count: int, uses: int, name: str = "early") -> Model:
    """Return a model of ``count`` blocks of ten nodes in a row; the last ``uses`` of them need what the stem makes."""
    nodes = [helper.make_node("Relu", ["x"], ["early"], name=f"/stem/{name}")]
    value = "early"
    for block in range(count):
        for step in range(10):
            path = f"/layers.{block}"
            inputs = [value, "early"] if step == 5 and block >= count - uses else [value]
            nodes.append(helper.make_node("Sum", inputs, [f"{path}/v{step}"], name=f"{path}/n{step}"))
            value = f"{path}/v{step}"
    return model_of(nodes, outputs=[value])


def all_open(model: Model, direction: str = "down") -> Scene:
    return scene(model, "", frozenset(contents(model, "").groups), direction=direction)


def stubs(shown: Scene) -> list[Box]:
    return [box for box in shown.boxes if box.kind == Kind.STUB]


@pytest.mark.parametrize("direction", ["down", "right"])
def test_a_stub_stands_in_the_frame_of_its_box_and_is_called_after_the_other_one(direction: str) -> None:
    shown = all_open(blocks(9, 1), direction)
    check_scene(shown)
    below, above = stubs(shown)
    frames = {box.label: position for position, box in enumerate(shown.boxes) if box.kind == Kind.FRAME}
    assert (above.parent, above.label, above.chips) == (frames["layers.8"], "← early", "Relu early")
    assert (below.parent, below.label, below.chips) == (-1, "→ layers.8", "Sum n5")
    ids = [box.id for box in shown.boxes]
    assert below.id.endswith(">n:86")
    assert above.id.endswith(">n:0")
    lines = {(ids[edge.tail], ids[edge.head], edge.value) for edge in shown.edges}
    assert {("n:0", below.id, "early"), (above.id, "n:86", "early")} <= lines
    assert ("n:0", "n:86", "early") not in lines


def test_a_line_within_reach_is_drawn() -> None:
    assert not stubs(all_open(blocks(6, 1)))


def test_one_stub_stands_for_all_the_places_that_a_value_goes_to() -> None:
    many = MOST_FAR_ENDS + 3
    below, *above = stubs(all_open(blocks(MAX_SPAN // 10 + many + 1, many)))
    assert len(above) == many
    assert {stub.label for stub in above} == {"← early"}
    assert (below.label, below.count) == (f"→ {many} places", many)
    assert len(below.id.split(",")) == MOST_FAR_ENDS


def test_names_with_commas_do_not_take_ids_apart() -> None:
    nodes = [
        helper.make_node("Relu", ["a,%2C>b" if i == 0 else f"v{i}"], [f"v{i + 1}"], name=f"g/{i}") for i in range(80)
    ]
    nodes.append(helper.make_node("Add", ["v80", "a,%2C>b"], ["y"], name="g/far"))
    (above,) = (stub for stub in stubs(all_open(model_of(nodes, inputs=["a,%2C>b"]))) if stub.label.startswith("←"))
    assert above.id.split(">", 1)[1] == "i:a%2C%252C>b"


@given(st.data())
def test_every_edge_is_drawn_whole_or_by_two_stubs(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 90))
    box = st.integers(0, count - 1)
    more = data.draw(st.lists(st.tuples(box, box), max_size=12))
    ends = np.array([*((i, i + 1) for i in range(count - 1)), *more], dtype=np.int64).reshape(-1, 2)
    parents = [-1] * count
    wiring = with_long_range_cut(parents, ends[:, 0], ends[:, 1])
    drawn = Counter(edge for edges in wiring.members for edge in edges)
    ends_of: dict[int, list[int]] = {}
    for tail, head, edges in zip(wiring.tails.tolist(), wiring.heads.tolist(), wiring.members, strict=True):
        for edge in edges:
            ends_of.setdefault(edge, []).extend(box for box in (tail, head) if box < count)
    assert set(drawn) == set(range(len(ends)))
    for edge, (tail, head) in enumerate(ends.tolist()):
        assert drawn[edge] in (1, 2)
        assert sorted(ends_of[edge]) == sorted([tail, head])
    assert len(wiring.parents) == count + len(wiring.stubs)
