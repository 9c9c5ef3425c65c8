"""Parts that were cut out of a draft or a model, edited, and put back into the whole."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from graphdebug.api import editing
from graphdebug.api.models import model_of
from graphdebug.api.parts import cut_of, put_back
from graphdebug.edit.changing import SetOperator
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.wiring import RenameValue
from graphdebug.jobs import service
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import Workspace
from tests.edit.running import outputs

PART = ExtractPart(inputs=("/block1/out",), outputs=("/join/out",))


@pytest.fixture
def source(workspace: Workspace, samples: Path) -> ModelEntry:
    """A model of the workspace."""
    service.wait(workspace, service.open_path(workspace, samples / "branching_blocks.onnx"))
    return workspace.models()[0]


def test_an_edited_part_goes_back_with_what_was_done_before_the_cut(
    workspace: Workspace, source: ModelEntry, tmp_path: Path
) -> None:
    draft = editing.draft_of(workspace, source)
    assert cut_of(workspace, source) is None and cut_of(workspace, draft) is None
    editing.apply(workspace, draft.id, SetOperator(node="/block4/relu", op="Tanh"))
    part = editing.apply(workspace, draft.id, PART).draft
    part = editing.apply(workspace, part.id, SetOperator(node="/block2/relu", op="Sigmoid")).draft
    assert cut_of(workspace, part) == 1
    step = put_back(workspace, part)
    assert step.draft.id != part.id and step.draft.source == source.id
    assert workspace.model(part.id) == part, "the part stays"
    ops = {node.name: node.op_type for node in step.model.proto.graph.node}
    assert (len(ops), ops["/block4/relu"], ops["/block2/relu"]) == (10, "Tanh", "Sigmoid")
    whole = onnx.load(source.location.path)
    for node in whole.graph.node:
        node.op_type = ops[node.name]
    onnx.save(whole, tmp_path / "edited.onnx")
    service.wait(workspace, service.open_path(workspace, tmp_path / "edited.onnx"))
    expected = outputs(model_of(workspace.models()[0]), tmp_path)
    assert np.array_equal(outputs(step.model, tmp_path)["y"], expected["y"])
    titles = [edit.title for edit in editing.history(workspace, step.draft)]
    assert titles == ["Change '/block4/relu' to Tanh", "Put 'branching_blocks-edited.part.onnx' back"]


def test_a_part_that_does_not_fit_any_more_is_refused_and_nothing_is_left(
    workspace: Workspace, source: ModelEntry
) -> None:
    part = editing.apply(workspace, editing.draft_of(workspace, source).id, PART).draft
    part = editing.apply(workspace, part.id, RenameValue(value="/join/out", name="elsewhere")).draft
    known = {entry.id for entry in workspace.models()}
    with pytest.raises(EditError, match="'elsewhere'"):
        put_back(workspace, part)
    assert {entry.id for entry in workspace.models()} == known


def test_a_model_that_is_no_part_cannot_go_back(workspace: Workspace, source: ModelEntry) -> None:
    with pytest.raises(WorkspaceError, match="not in the workspace"):
        put_back(workspace, source)
