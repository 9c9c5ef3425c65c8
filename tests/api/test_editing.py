"""Drafts: every edit is kept, undone to the byte, seen by other tabs and servers, and survives a restart."""

import threading
from pathlib import Path

import pytest

from graphdebug.api import editing
from graphdebug.api.models import model_of
from graphdebug.edit.cleaning import SortNodes
from graphdebug.edit.conversion import ConvertOpset
from graphdebug.edit.errors import EditError
from graphdebug.edit.following import follow_node
from graphdebug.edit.nodes import DeleteNode, InsertNode
from graphdebug.edit.operation import edited
from graphdebug.jobs import service
from graphdebug.model.document import open_model
from graphdebug.model.refs import NodeRef
from graphdebug.model.save import save
from graphdebug.runtime.requests import FeedSpec
from graphdebug.workspace import drafts
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import Workspace


@pytest.fixture
def source(workspace: Workspace, samples: Path) -> ModelEntry:
    """A model of the workspace."""
    job = service.wait(workspace, service.open_path(workspace, samples / "branching_blocks.onnx"))
    assert job is not None
    entry = workspace.model(str(job.summary["model_id"]) if "model_id" in job.summary else str(job.model_id))
    assert entry is not None
    return entry


def relu(value: str) -> InsertNode:
    return InsertNode(value=value, op="Relu")


def test_a_history_is_walked_and_kept(workspace: Workspace, source: ModelEntry, tmp_path: Path) -> None:
    draft = editing.draft_of(workspace, source)
    assert draft.name == "branching_blocks-edited.onnx"
    assert editing.draft_of(workspace, draft) == draft
    states = [model_of(draft).proto.SerializeToString(deterministic=True)]
    for operation in (relu("/block1/out"), DeleteNode(node="/block2/relu"), relu("/block3/out")):
        step = editing.apply(workspace, draft.id, operation)
        states.append(step.model.proto.SerializeToString(deterministic=True))
    assert len(set(states)) == 4
    again = Workspace(workspace.root)  # as after a restart
    for position in (0, 3, 1, 2, 0):
        step = editing.go_to(again, draft.id, position)
        assert step.model.proto.SerializeToString(deterministic=True) == states[position]
        assert open_model(step.draft.location).proto.SerializeToString(deterministic=True) == states[position]
        assert step.draft.position == position
    save(step.model, tmp_path / "same.onnx")
    assert (tmp_path / "same.onnx").read_bytes() == Path(source.location.path).read_bytes()
    titles = [edit.title for edit in editing.history(again, step.draft)]
    assert titles == ["Insert Relu after '/block1/out'", "Delete '/block2/relu'", "Insert Relu after '/block3/out'"]
    editing.go_to(again, draft.id, 1)
    editing.apply(again, draft.id, relu("/join/out"))  # what was undone is forgotten
    assert [edit.title for edit in editing.history(again, step.draft)] == [titles[0], "Insert Relu after '/join/out'"]


def test_what_cannot_be_done_changes_nothing(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    with pytest.raises(EditError, match="no node 'nobody'"):
        editing.apply(workspace, draft.id, relu("/block1/out"), DeleteNode(node="nobody"))
    assert workspace.model(draft.id) == draft
    assert editing.history(workspace, draft) == []


@pytest.mark.parametrize("heavy", [False, True])
def test_the_model_is_run_before_and_after(workspace: Workspace, source: ModelEntry, heavy: bool) -> None:
    draft = editing.draft_of(workspace, source)
    editing.apply(workspace, draft.id, relu("/block1/out"))
    if heavy:
        service.wait(workspace, editing.start(workspace, draft.id, ConvertOpset(version=22), feeds=FeedSpec()))
    else:
        editing.apply(workspace, draft.id, SortNodes(), feeds=FeedSpec())
    first, last = editing.history(workspace, draft)
    assert not first.comparison and last.comparison
    job = service.wait(workspace, last.comparison)
    assert job is not None and job.failure is None
    assert (job.summary["outcome"], job.summary["matched"], job.summary["not_compared"]) == ("match", 1, 0)


def test_a_state_is_told_by_what_it_is_not_by_how_it_came_about(workspace: Workspace, source: ModelEntry) -> None:
    assert drafts.state_of(source) == ""
    draft = editing.draft_of(workspace, source)
    first = drafts.state_of(draft)
    edited = editing.apply(workspace, draft.id, relu("/block1/out")).draft
    job = service.wait(workspace, service.check_draft(workspace, edited))
    assert job is not None and job.failure is None
    checked = drafts.current(workspace, draft.id)
    assert checked.revision != edited.revision
    assert drafts.state_of(checked) == drafts.state_of(edited) != first
    assert drafts.state_of(editing.go_to(workspace, draft.id, 0).draft) == first


def test_two_tabs_add_up(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    values = ["/block1/out", "/block2/out", "/block3/out", "/join/out"]
    tabs = [
        threading.Thread(target=editing.apply, args=(Workspace(workspace.root), draft.id, relu(value)))
        for value in values
    ]
    for tab in tabs:
        tab.start()
    for tab in tabs:
        tab.join()
    now = drafts.current(workspace, draft.id)
    assert now.position == len(editing.history(workspace, now)) == 4
    made = set(open_model(now.location).graphs[""].producer)
    assert made.issuperset(f"{value}_Relu" for value in values)


def test_what_a_check_finds_is_kept_unless_it_is_old(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    first = editing.apply(workspace, draft.id, InsertNode(value="/block1/out", op="Nonsense")).draft
    job = service.wait(workspace, service.check_draft(workspace, first))
    assert job is not None
    known = drafts.current(workspace, draft.id)
    assert known.revision > first.revision
    assert [finding.code for finding in known.record.findings if finding.severity == "error"]
    assert not [finding for finding in source.record.findings if finding.severity == "error"]
    step = editing.apply(workspace, draft.id, relu("/block2/out"))
    service.wait(workspace, service.check_draft(workspace, known))  # of the state before
    assert drafts.current(workspace, draft.id) == step.draft


def test_what_takes_long_is_done_in_a_worker(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    before = model_of(draft).proto.SerializeToString(deterministic=True)
    job = service.wait(workspace, editing.start(workspace, draft.id, ConvertOpset(version=21)))
    assert job is not None and job.failure is None, job
    after = drafts.current(workspace, draft.id)
    assert [edit.title for edit in editing.history(workspace, after)] == ["Convert to operator set 21"]
    assert [each.version for each in model_of(after).proto.opset_import if not each.domain] == [21]
    step = editing.go_to(workspace, draft.id, 0)
    assert step.model.proto.SerializeToString(deterministic=True) == before
    refused = service.wait(workspace, editing.start(workspace, draft.id, ConvertOpset(version=999)))
    assert refused is not None and refused.failure is not None
    assert "999" in refused.failure.message
    assert drafts.current(workspace, draft.id).position == 0


def test_several_changes_are_done_in_a_worker_all_or_none(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    changes = relu("/block1/out"), ConvertOpset(version=21), relu("/block2/out")
    failed = service.wait(workspace, editing.start(workspace, draft.id, *changes, DeleteNode(node="nobody")))
    assert failed is not None and failed.failure is not None and "nobody" in failed.failure.message
    assert drafts.current(workspace, draft.id).position == 0
    job = service.wait(workspace, editing.start(workspace, draft.id, *changes))
    assert job is not None and job.failure is None, job
    after = drafts.current(workspace, draft.id)
    assert [edit.title for edit in editing.history(workspace, after)] == [change.title for change in changes]
    half = editing.go_to(workspace, draft.id, 1).model
    again = model_of(editing.draft_of(workspace, source))
    assert half.proto.SerializeToString() == edited(again, changes[0]).model.proto.SerializeToString()


def test_a_model_with_drafts_stays(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    with pytest.raises(WorkspaceError, match="share the file"):
        workspace.delete_model(source.id)
    workspace.delete_model(draft.id)
    workspace.delete_model(source.id)
    assert workspace.models() == []


def test_where_a_node_went(workspace: Workspace, source: ModelEntry) -> None:
    draft = editing.draft_of(workspace, source)
    names = model_of(draft).graphs[""].names
    step = editing.apply(workspace, draft.id, relu("/block1/out"), DeleteNode(node="/block3/conv", bypass={0: 0}))
    for at, name in enumerate(names):
        found = follow_node(step.before, step.splices, step.model, NodeRef("", at))
        assert (step.model.graphs[""].names[found.index] if found else "/block3/conv") == name
