"""Inserting and deleting nodes: on every sample model, with the numbers unchanged where they must be, and undone."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from onnx.numpy_helper import to_array

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import NewConstant
from graphdebug.edit.nodes import DeleteDead, DeleteNode, InsertNode, UseTarget
from graphdebug.edit.operation import edited
from graphdebug.edit.operations import decode, encode
from graphdebug.edit.targets import find_node, node_target, value_target
from graphdebug.edit.undoing import done, undone
from graphdebug.model.document import Model
from graphdebug.model.refs import NodeRef, TensorRef
from graphdebug.runtime.taps import expose
from tests.edit.running import outputs, sample_names, serialised

Run = Callable[[Model], Mapping[str, np.ndarray]]


@pytest.mark.parametrize("sample", sample_names())
def test_every_node_and_value_is_found_again(sample: str, opened: Callable[[str], Model]) -> None:
    editor = Editor(opened(sample))
    for path in editor.graphs:
        for at in range(len(editor.graph(path).nodes)):
            ref = NodeRef(path, at)
            assert find_node(editor, node_target(editor, ref)) == ref


@pytest.mark.parametrize("sample", sample_names())
def test_an_identity_anywhere_changes_no_output(sample: str, opened: Callable[[str], Model], tmp_path: Path) -> None:
    model = opened(sample)
    before, expected = serialised(model), outputs(model, tmp_path)
    tried = 0
    for path in model.graphs:
        index = model.graphs[path]
        for value in [*index.producer, *index.inputs][:: max(1, len(index.producer) // 5)]:
            insert = InsertNode(value=value_target(Editor(model), TensorRef(path, value)), op="Identity")
            after = edited(model, decode(encode(insert)))
            assert serialised(undone(after.model, after.splices)) == serialised(model) == before
            assert serialised(done(model, after.splices)) == serialised(after.model)
            found = outputs(after.model, tmp_path)
            assert list(found) == list(expected)
            assert all(np.array_equal(found[name], expected[name], equal_nan=True) for name in expected)
            tried += 1
    assert tried


@pytest.mark.parametrize("sample", sample_names())
def test_every_deletion_loads_or_is_refused_and_is_undone(
    sample: str, opened: Callable[[str], Model], tmp_path: Path
) -> None:
    model = opened(sample)
    before = serialised(model)
    for path in model.graphs:
        for at, name in enumerate(model.graphs[path].names):
            target = node_target(Editor(model), NodeRef(path, at))
            for delete in (DeleteNode(node=target), DeleteDead(nodes=(target,))):
                try:
                    after = edited(model, delete)
                except EditError as refusal:
                    assert name in str(refusal)
                    continue
                assert serialised(undone(after.model, after.splices)) == before
                left = after.model.graphs.get(path)  # a body may have gone with its node
                if left and isinstance(delete, DeleteNode):
                    assert left.outputs == model.graphs[path].outputs
                    assert not [value for value in left.outer if value not in model.graphs[path].outer]


def test_on_one_branch_only(opened: Callable[[str], Model], tmp_path: Path) -> None:
    model = opened("branching_blocks.onnx")
    index = model.graphs[""]
    users = index.consumers["/block1/out"]
    assert len(users) == 2
    chosen = UseTarget(index.names[users[1][0]], users[1][1])
    after = edited(model, InsertNode(value="/block1/out", op="Relu", uses=(chosen,))).model.graphs[""]
    assert len(after.consumers["/block1/out"]) == 2
    assert [after.names[node] for node, _ in after.consumers["/block1/out_Relu"]] == [chosen.node]


def test_two_nodes_of_one_name_are_told_apart_by_their_place_or_refused(opened: Callable[[str], Model]) -> None:
    model = opened("branching_blocks.onnx")
    for node in model.proto.graph.node:
        node.name = "same"
    model = replace(model)  # what is indexed is forgotten
    for at, node in enumerate(model.proto.graph.node):
        assert find_node(Editor(model), node_target(Editor(model), NodeRef("", at))) == NodeRef("", at), node.op_type
    with pytest.raises(EditError, match="could be 'same', 'same'"):
        find_node(Editor(model), "same")


def test_a_clip_with_new_constants_on_one_branch(opened: Callable[[str], Model], tmp_path: Path) -> None:
    model = opened("branching_blocks.onnx")
    limits = (NewConstant(input=1, values=0.25), NewConstant(input=2, values=0.5))
    one = UseTarget("/shortcut/conv")
    insert = InsertNode(value="/block1/out", op="Clip", uses=(one,), constants=limits)
    after = edited(model, decode(encode(insert)))
    index = after.model.graphs[""]
    made = index.nodes[index.producer["/block1/out_Clip"]]
    assert made.name == "/block1/Clip"
    assert [float(to_array(index.initializers[name])) for name in made.input[1:]] == [0.25, 0.5]
    exposed = expose(after.model.proto, ["/block1/out", "/block1/out_Clip"])
    found = outputs(replace(after.model, proto=exposed), tmp_path)
    np.testing.assert_array_equal(found["/block1/out_Clip"], np.clip(found["/block1/out"], 0.25, 0.5))
    with pytest.raises(EditError, match="Input 0 cannot be a new constant"):
        edited(model, InsertNode(value="/block1/out", op="Clip", constants=(NewConstant(input=0, values=1),)))


def test_a_constant_in_a_function_is_a_node(opened: Callable[[str], Model], tmp_path: Path) -> None:
    model = opened("local_function.onnx")
    path = next(path for path in model.graphs if path.startswith("fn:"))
    value = next(name for name in model.graphs[path].producer if name not in model.graphs[path].outputs)
    target = value_target(Editor(model), TensorRef(path, value))
    after = edited(model, InsertNode(value=target, op="Add", constants=(NewConstant(input=1, values=0.0),)))
    expected, found = outputs(model, tmp_path), outputs(after.model, tmp_path)
    counts = [[node.op_type for node in each.graphs[path].nodes].count("Constant") for each in (model, after.model)]
    assert counts[1] == counts[0] + 1
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
