"""A cut saved on one export of a network and done again on another: found by place or by mark, or refused in words."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.recipe import Recipe, from_json, replay, to_json
from graphdebug.edit.targets import ValueTarget, value_target
from graphdebug.model.document import Model
from graphdebug.model.marks import marks
from graphdebug.model.refs import TensorRef
from graphdebug.model.save import save
from tests.bridge.networks import IMAGE, blocks_exported, four_blocks

TRACED = {"dynamo": False, "opset": 17}


def results_of_blocks(model: Model) -> list[str]:
    """Return the values that the four blocks make, in order."""
    return [node.output[0] for node in model.graphs[""].nodes if node.op_type == "Relu"][-4:]


def saved_cut(model: Model, start: str, end: str) -> str:
    """Return the cut from one value to another as a recipe."""
    ends = [value_target(Editor(model), TensorRef("", name)) for name in (start, end)]
    return to_json(Recipe((ExtractPart(inputs=(ends[0],), outputs=(ends[1],)),)))


def check_blocks(model: Model, cut: str, folder: Path, *, stem: bool = False) -> list[str]:
    """Do the cut; it must compute what the middle blocks of the network do. Return the notes."""
    replayed = replay(model, from_json(cut).operations)
    save(replayed.model, folder / "part.onnx")
    network = four_blocks(stem=stem)
    with torch.no_grad():
        given = network.blocks[0](network.stem(IMAGE))  # type: ignore[operator,index]
        expected = network.blocks[2](network.blocks[1](given))  # type: ignore[operator,index]
    session = onnxruntime.InferenceSession(folder / "part.onnx", providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    (found,) = session.run(None, {entry.name: given.numpy()})
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    return [note for step in replayed.steps for note in step.notes]


@pytest.mark.parametrize(
    ("how", "network"),
    [
        ({}, {"stem": True}),  # with a Relu: the name of each is that of the one before now
        ({"optimize": False}, {}),
        ({"opset": 21}, {}),
        (TRACED, {}),
        (TRACED, {"stem": True}),
        ({}, {"marks": True, "attribute": "layers"}),
        (TRACED, {"marks": True, "attribute": "layers"}),
    ],
    ids=str,
)
def test_another_export_is_cut_at_the_same_place(how: dict[str, Any], network: dict[str, Any], tmp_path: Path) -> None:
    """By module scope, operator and number, whatever edges are called; by mark, whatever modules are called."""
    has_marks = network.get("marks", False)
    first = blocks_exported(tmp_path / "first.onnx", marks=has_marks)
    names = results_of_blocks(first)
    cut = saved_cut(first, names[0], names[2])
    other = blocks_exported(tmp_path / "other.onnx", how, **network)
    check_blocks(first, cut, tmp_path)
    notes = check_blocks(other, cut, tmp_path, stem=network.get("stem", False))
    assert bool(notes) == (names != results_of_blocks(other))


def test_a_cut_by_places_goes_from_a_traced_export_to_the_other(tmp_path: Path) -> None:
    traced = blocks_exported(tmp_path / "traced.onnx", TRACED)
    names = results_of_blocks(traced)
    cut = saved_cut(traced, names[0], names[2])
    notes = check_blocks(blocks_exported(tmp_path / "other.onnx"), cut, tmp_path)
    assert any(
        "'/blocks/blocks.0/Relu' (number 1 of 1 in 'blocks.0') is called 'node_relu' here" in each for each in notes
    )


@pytest.mark.parametrize(
    ("how", "network", "sentence"),
    [
        (
            {},
            {"attribute": "layers"},
            "There is no Relu 'node_relu' (number 1 of 1 in 'blocks.0'): the module 'blocks.0' is not there any more; "
            "'layers.0' comes nearest, with 1 Relu.",
        ),
        (
            {"optimize": False},
            {"again": True},
            "There is no Relu 'node_relu' (number 1 of 1 in 'blocks.0'): in the module 'blocks.0' there are 2 Relu now "
            "('node_relu', 'node_relu_1'), not 1.",
        ),
    ],
    ids=str,
)
def test_what_changed_is_said(how: dict[str, Any], network: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    first = blocks_exported(tmp_path / "first.onnx")
    names = results_of_blocks(first)
    cut = saved_cut(first, names[0], names[2])
    with pytest.raises(EditError) as refused:
        replay(blocks_exported(tmp_path / "other.onnx", how, **network), from_json(cut).operations)
    assert sentence in str(refused.value)


def test_a_mark_counts_more_than_all_else_and_must_be_there(tmp_path: Path) -> None:
    marked = blocks_exported(tmp_path / "marked.onnx", marks=True)
    names = results_of_blocks(marked)
    targets = [value_target(Editor(marked), TensorRef("", name)) for name in names]
    assert [target.mark for target in targets] == [f"block.{number}" for number in range(4)]
    cut = saved_cut(marked, names[0], names[2])
    wrong = cut.replace('"ordinal": 0', '"ordinal": 7').replace(names[2], "no_such_name")
    check_blocks(marked, wrong, tmp_path)
    with pytest.raises(EditError, match=r"The model has no mark 'block\.0': it has none at all\."):
        replay(blocks_exported(tmp_path / "plain.onnx"), from_json(cut).operations)
    unknown = ExtractPart(outputs=(ValueTarget(mark="block.9"),))
    with pytest.raises(EditError, match=r"no mark 'block\.9': its marks are 'block\.0', .* 'block\.3'\."):
        replay(marked, (unknown,))


def test_one_mark_in_several_modules_is_told_by_their_scope(tmp_path: Path) -> None:
    marked = blocks_exported(tmp_path / "marked.onnx", marks=True, same=True)
    names = results_of_blocks(marked)
    assert [ref.name for ref in marks(marked.graphs)["block"]] == names
    cut = saved_cut(marked, names[0], names[2])
    check_blocks(marked, cut, tmp_path)
    for how in (TRACED, {"optimize": False}):
        check_blocks(blocks_exported(tmp_path / "other.onnx", how, marks=True, same=True), cut, tmp_path)
    with pytest.raises(EditError, match="The mark 'block' is on 'relu', 'relu_1', 'relu_2', 'relu_3': say which"):
        replay(marked, (ExtractPart(outputs=(ValueTarget(mark="block"),)),))
