"""Recipes: read and written, refused with the place of what is wrong, done again on the same and on other exports."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import AddNode, DeleteNode, InsertNode
from graphdebug.edit.operation import edited
from graphdebug.edit.recipe import Recipe, Source, from_json, replay, to_json
from graphdebug.edit.reference import rewritten, schema
from graphdebug.edit.targets import NodeTarget, Place, node_target, value_target
from graphdebug.edit.undoing import undone
from graphdebug.edit.uses import rename_value
from graphdebug.model.document import Model
from graphdebug.model.refs import NodeRef, TensorRef
from graphdebug.model.save import save
from tests.edit.running import outputs, serialised

DOCS = Path(__file__).parents[2] / "docs"
RECIPE = Recipe(
    (
        InsertNode(value="/act1/out", op="Identity", name="more"),
        DeleteNode(node=NodeTarget("more", "Identity", place=Place(0, 1))),
        AddNode(op="Relu", inputs=("features",), outputs=("more",)),
    ),
    Source("mlp.onnx", "sha256:0"),
)


def renumbered(model: Model, *, nodes: bool) -> Model:
    """The same network as if another exporter had numbered everything: values, and the ``nodes``' names."""
    editor = Editor(model)
    index = editor.graph()
    kept = {*index.inputs, *index.outputs}
    for number, value in enumerate([*index.producer, *index.initializers]):
        if value not in kept:
            rename_value(editor, "", value, f"v.{number * 7 + 1000}")
    proto = onnx.ModelProto()
    proto.CopyFrom(editor.proto)
    for number, node in enumerate(proto.graph.node if nodes else ()):
        node.name = f"n{len(proto.graph.node) - number}"
    return replace(model, proto=proto)


def some_operations(model: Model) -> tuple[InsertNode | DeleteNode, ...]:
    """Delete every second Relu and insert a Neg behind every third value that a convolution makes."""
    index, editor = model.graphs[""], Editor(model)
    relus = [at for at, node in enumerate(index.nodes) if node.op_type == "Relu"]
    convolutions = [at for at, node in enumerate(index.nodes) if node.op_type == "Conv"]
    values = [value_target(editor, TensorRef("", index.nodes[at].output[0])) for at in convolutions[::3]]
    return (
        *(InsertNode(value=value, op="Neg") for value in values),
        *(DeleteNode(node=node_target(editor, NodeRef("", at))) for at in relus[-1:]),
    )


def test_json_reads_back_fits_the_schema_and_does_the_same(opened: Callable[[str], Model]) -> None:
    assert from_json(to_json(RECIPE)) == RECIPE
    jsonschema.validate(json.loads(to_json(RECIPE)), schema())
    model = opened("mlp.onnx")
    done = replay(model, RECIPE.operations)
    by_hand = model
    for operation in RECIPE.operations:
        by_hand = edited(by_hand, operation).model
    assert serialised(done.model) == serialised(by_hand)
    assert len(done.steps) == 3 and done.model.graphs[""].producer["more"] is not None
    assert serialised(undone(done.model, done.splices)) == serialised(model)


def test_an_operation_knows_what_types_the_one_before_made(opened: Callable[[str], Model]) -> None:
    model = opened("mlp.onnx")
    to = Attribute("to", "int", onnx.TensorProto.FLOAT16)
    cast = InsertNode(value="/fc1/out", op="Cast", attributes=(to,))
    assert model.types[""]["/act1/out"].dtype == "float"
    after = replay(model, (cast,)).model
    assert after.types[""]["/act1/out"].dtype == "float16"
    with pytest.raises(EditError, match=r"Operation 2 .*float16"):
        replay(model, (cast, DeleteNode(node=after.graphs[""].names[1])))  # a Cast from float


def test_an_empty_recipe_gives_back_the_bytes(opened: Callable[[str], Model], samples: Path, tmp_path: Path) -> None:
    model = opened("resnet_dynamo.onnx")
    save(replay(model, from_json('{"version": 1, "operations": []}').operations).model, tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == (samples / "resnet_dynamo.onnx").read_bytes()


def test_what_the_documentation_says_is_what_the_code_does() -> None:
    said = "write it anew with python -m graphdebug.edit.reference"
    assert json.loads((DOCS / "recipe-schema.json").read_text()) == json.loads(json.dumps(schema())), said
    page = (DOCS / "recipe.md").read_text()
    assert page == rewritten(page), said
    example = re.search(r"^    \{\n.*?^    \}\n", page, re.M | re.S)
    assert example and len(from_json(example[0]).operations) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "This is no recipe"),
        ("[]", "This is no recipe"),
        ("{}", "This is no recipe"),
        ("[" * 5000, "This is no recipe"),
        ('{"version": 2, "operations": []}', "of version 2; known here is version 1"),
        ('{"version": 1, "operations": [], "extra": 1}', "extra"),
        (
            '{"version": 1, "operations": [{"operation": "delete-node", "node": "a"}, {"operation": "nix"}]}',
            "Operation 2",
        ),
        ('{"version": 1, "operations": [{"operation": "delete-node"}]}', "Operation 1: .*node"),
        ('{"version": 1, "operations": [{"operation": "delete-node", "node": "a", "bypas": {}}]}', "bypas"),
        ('{"version": 1, "operations": [{"operation": "delete-node", "node": {"nmae": "a"}}]}', "nmae"),
        ('{"version": 1, "operations": [{"operation": "add-node", "op": 5}]}', r"Operation 1: .*\$.op"),
    ],
)
def test_what_is_no_recipe_is_said(text: str, said: str) -> None:
    with pytest.raises(EditError, match=said):
        from_json(text)


def test_all_or_nothing_and_the_sentence_says_which(opened: Callable[[str], Model]) -> None:
    model = opened("mlp.onnx")
    before = serialised(model)
    with pytest.raises(EditError, match=r"Operation 2 \(Delete 'nix'\): There is no node 'nix'"):
        replay(model, (RECIPE.operations[0], DeleteNode(node="nix")))
    assert serialised(model) == before


@pytest.mark.parametrize(("sample", "nodes"), [("resnet_dynamo.onnx", True), ("resnet_torchscript.onnx", False)])
def test_another_export_is_edited_alike(
    sample: str, nodes: bool, opened: Callable[[str], Model], tmp_path: Path
) -> None:
    """By place where node names changed; TorchScript exports have their scopes in the names, so these stay."""
    model = opened(sample)
    other = renumbered(model, nodes=nodes)
    recipe = from_json(to_json(Recipe(some_operations(model))))
    mine, theirs = replay(model, recipe.operations), replay(other, recipe.operations)
    assert all(step.notes for step in theirs.steps) == nodes  # "… is called 'n12' here."
    feeds = {model.graphs[""].inputs[0]: np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)}
    before, after, expected = (outputs(each, tmp_path, feeds) for each in (other, theirs.model, mine.model))
    (name,) = expected
    assert np.array_equal(after[name], expected[name])
    assert not np.allclose(after[name], before[name])


def test_the_other_exporter_s_model_where_modules_say_the_same(opened: Callable[[str], Model], tmp_path: Path) -> None:
    """A recipe from a dynamo export on a TorchScript export: found, or refused where it stands in another module."""
    mine, theirs = opened("resnet_dynamo.onnx"), opened("resnet_torchscript.onnx")
    first, moved, *_, last = some_operations(mine)
    feeds = {"image": np.random.default_rng(0).normal(size=(1, 3, 32, 32)).astype(np.float32)}
    assert mine.graphs[""].inputs == theirs.graphs[""].inputs == ["image"]
    one, other = (replay(model, (first, last)) for model in (mine, theirs))
    assert "'node_conv2d' (number 1 of 1 in 'stem') is called '/stem/Conv' here" in other.steps[0].notes[0]
    expected, found = (next(iter(outputs(each.model, tmp_path, feeds).values())) for each in (one, other))
    assert np.allclose(expected, found, atol=1e-4)
    with pytest.raises(EditError, match=r"the module 'stages.1.bn1' is not there any more; 'stages.1.conv1' comes"):
        replay(theirs, (moved,))


def test_a_place_that_is_not_the_same_any_more_is_refused(opened: Callable[[str], Model]) -> None:
    model = opened("resnet_dynamo.onnx")
    other = renumbered(model, nodes=True)
    index = other.graphs[""]
    at = next(at for at, node in enumerate(index.nodes) if node.op_type == "Conv")
    proto = onnx.ModelProto()
    proto.CopyFrom(other.proto)
    copy = proto.graph.node.add()
    copy.CopyFrom(proto.graph.node[at])
    copy.output[0] = copy.name = "another"
    operation = InsertNode(
        value=value_target(Editor(model), TensorRef("", model.graphs[""].nodes[at].output[0])), op="Neg"
    )
    with pytest.raises(EditError, match=r"in the module 'stem' there are 2 Conv now \('n\d+', 'another'\), not 1"):
        replay(replace(other, proto=proto), (operation,))
