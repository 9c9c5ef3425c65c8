"""The workspace keeps models and jobs: whole or not at all, for several processes at once, across restarts."""

import errno
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graphdebug.model.records import Finding, ModelRecord, ModelSummary, OpenRequest, Severity
from graphdebug.runtime.events import Failure
from graphdebug.workspace import disk, drafts, store
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobState
from graphdebug.workspace.store import Workspace, default_root

RECORD = ModelRecord(
    summary=ModelSummary(
        ir_version=10,
        opsets=(("", 21),),
        producer="test",
        graph_name="<b>g</b>",
        doc_string="",
        metadata=(("author", "x"),),
        inputs=(),
        outputs=(),
        ops=(("Add", 2),),
        parameters=3,
        bytes_by_dtype=(("float", 3, 12),),
        macs=0,
        macs_unknown=0,
        largest=(),
        graphs=(),
        custom_domains=(),
        nodes=2,
        file_bytes=100,
        external_bytes=0,
    ),
    findings=(Finding(Severity.ERROR, "graph-cycle", "a cycle", node=1),),
    files=("m.onnx",),
)


def made(folder: Path) -> tuple[Path, Path]:
    """Return a folder as an open job leaves it, and one with an uploaded model file."""
    skeleton, files = folder / "made", folder / "files"
    skeleton.mkdir(parents=True)
    files.mkdir()
    (skeleton / "skeleton.onnx").write_bytes(b"s" * 10)
    (skeleton / "types.json").write_bytes(b"{}")
    (files / "m.onnx").write_bytes(b"m" * 100)
    return skeleton, files


def add(workspace: Workspace, folder: Path, model_id: str = "abc") -> None:
    skeleton, files = made(folder / model_id)
    workspace.add_model(model_id, RECORD, skeleton, files / "m.onnx", files=files)


def test_an_uploaded_model_survives_a_restart_with_record_and_files(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    entry = Workspace(workspace.root).model("abc")
    assert entry is not None
    assert entry.record == RECORD
    assert entry.name == "m.onnx"
    assert not entry.in_place
    assert Path(entry.location.path).read_bytes() == b"m" * 100
    assert Path(entry.location.skeleton).read_bytes() == b"s" * 10
    assert entry.bytes == 112


def test_a_model_opened_in_place_is_not_copied_and_not_deleted(workspace: Workspace, tmp_path: Path) -> None:
    skeleton, files = made(tmp_path)
    entry = workspace.add_model("abc", RECORD, skeleton, files / "m.onnx")
    assert entry.in_place
    assert entry.location.path == str(files / "m.onnx")
    workspace.delete_model("abc")
    assert (files / "m.onnx").exists()
    assert not entry.folder.exists()


def test_a_known_model_is_reopened_and_comes_first(workspace: Workspace, tmp_path: Path) -> None:
    for model_id in ("one", "two"):
        add(workspace, tmp_path, model_id)
    assert [entry.id for entry in workspace.models()] == ["two", "one"]
    add(workspace, tmp_path / "again", "one")
    assert [entry.id for entry in workspace.models()] == ["one", "two"]


def test_deleting_a_model_takes_its_jobs_along(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    job = workspace.add_job("run", "graphdebug.x:y", OpenRequest("m"), model_id="abc")
    other = workspace.add_job("run", "graphdebug.x:y", OpenRequest("m"))
    workspace.delete_model("abc")
    assert workspace.model("abc") is None
    assert workspace.job(job.id) is None
    assert not job.folder.exists()
    assert workspace.job(other.id) is not None


def test_a_job_keeps_what_it_is_told(workspace: Workspace) -> None:
    job = workspace.add_job("run", "graphdebug.x:y", OpenRequest("m"), title="a run")
    assert (job.state, job.started, job.finished) == (JobState.QUEUED, None, None)
    workspace.update_job(job.id, state=JobState.RUNNING, progress=0.5, message="half")
    (job.folder / "result.json").write_bytes(b"x" * 7)
    workspace.update_job(
        job.id, state=JobState.FAILED, failure=Failure("signal", "SIGFPE.", signal="SIGFPE"), summary={"n": 1}
    )
    kept = Workspace(workspace.root).job(job.id)
    assert kept is not None
    assert kept.failure == Failure("signal", "SIGFPE.", signal="SIGFPE")
    assert (kept.state, kept.progress, kept.message, kept.summary, kept.bytes) == ("failed", 0.5, "half", {"n": 1}, 7)
    assert kept.started is not None and kept.finished is not None and kept.created <= kept.started <= kept.finished


def test_jobs_are_listed_by_kind_and_model_newest_first(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    first = workspace.add_job("run", "c", OpenRequest("m"), model_id="abc")
    second = workspace.add_job("compare", "c", OpenRequest("m"))
    third = workspace.add_job("run", "c", OpenRequest("m"))
    assert [job.id for job in workspace.jobs(("run", "compare"))] == [third.id, second.id, first.id]
    assert [job.id for job in workspace.jobs("run")] == [third.id, first.id]
    assert [job.id for job in workspace.jobs(model_id="abc")] == [first.id]


def test_usage_counts_models_and_results(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    job = workspace.add_job("run", "c", OpenRequest("m"))
    (job.folder / "tensors.npz").write_bytes(b"x" * 1000)
    workspace.update_job(job.id, state=JobState.DONE)
    usage = workspace.usage()
    assert (usage.models, usage.jobs, usage.by_kind, usage.feeds) == (112, 1000, {"run": 1000}, 0)
    uploaded(workspace, "a" * 16)
    assert workspace.usage().feeds == 10


def uploaded(workspace: Workspace, digest: str, days_ago: float = 0) -> Path:
    """Put feeds of 10 bytes into the workspace that were used so many days ago."""
    folder = workspace.feeds / digest
    folder.mkdir()
    (folder / "x.npy").write_bytes(b"0123456789")
    used = time.time() - days_ago * 86400
    os.utime(folder, (used, used))
    return folder


def test_uploaded_feeds_go_with_the_last_job_that_names_them(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    shared, own, data_set = (uploaded(workspace, letter * 16) for letter in "abc")
    first = workspace.add_job("run", "c", OpenRequest(f"{shared}/x.npy {data_set}"), model_id="abc")
    workspace.add_job("run", "c", OpenRequest(f"{shared}/x.npy {own}/x.npy"), model_id="abc")
    workspace.delete_job(first.id)
    assert shared.exists() and own.exists() and not data_set.exists()
    fresh = uploaded(workspace, "d" * 16)
    workspace.delete_model("abc")
    assert not shared.exists() and not own.exists() and fresh.exists()


def test_feeds_that_no_job_names_go_after_a_day(workspace: Workspace) -> None:
    fresh, unused, used = (
        uploaded(workspace, digest * 16, days) for digest, days in (("a", 0.9), ("b", 1.1), ("c", 100))
    )
    workspace.add_job("run", "c", OpenRequest(f"{used}/x.npy"))
    workspace.recover()
    assert fresh.exists() and used.exists() and not unused.exists()


def test_recovery_fails_jobs_of_dead_servers_only(workspace: Workspace, tmp_path: Path) -> None:
    mine = workspace.add_job("run", "c", OpenRequest("m"))
    script = (
        "import sys; from pathlib import Path; from graphdebug.workspace.store import Workspace;"
        "from graphdebug.model.records import OpenRequest; w = Workspace(Path(sys.argv[1]));"
        "job = w.add_job('run', 'c', OpenRequest('m')); w.update_job(job.id, state='running');"
        "(job.folder / 'scratch').mkdir(); (job.folder / 'tensors.npz').write_bytes(b'half');"
        "w.quarantine(); print(job.id)"
    )
    theirs = subprocess.run(
        [sys.executable, "-c", script, str(workspace.root)], check=True, capture_output=True, text=True
    ).stdout.strip()
    upload = workspace.quarantine()
    assert workspace.recover() == 1
    lost = workspace.job(theirs)
    assert lost is not None and lost.failure is not None
    assert (lost.state, lost.failure.kind) == (JobState.FAILED, "interrupted")
    assert not list(lost.folder.iterdir())
    kept = workspace.job(mine.id)
    assert kept is not None and kept.state == JobState.QUEUED
    assert list((workspace.root / "quarantine").iterdir()) == [upload]


def test_recovery_deletes_folders_without_a_row(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    for kind in ("models", "jobs"):
        (workspace.root / kind / "orphan").mkdir()
    workspace.recover()
    assert not list((workspace.root / "jobs").iterdir())
    assert [folder.name for folder in (workspace.root / "models").iterdir()] == ["abc"]


def test_two_processes_write_at_once(workspace: Workspace) -> None:
    script = (
        "import sys; from pathlib import Path; from graphdebug.workspace.store import Workspace;"
        "from graphdebug.model.records import OpenRequest; w = Workspace(Path(sys.argv[1]));"
        "ids = [w.add_job('run', 'c', OpenRequest('m')).id for _ in range(30)];"
        "[w.update_job(i, state='done', progress=1.0) for i in ids]"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(workspace.root)]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    jobs = workspace.jobs()
    assert len(jobs) == 90
    assert {job.state for job in jobs} == {JobState.DONE}


def test_two_processes_make_the_same_new_workspace(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from graphdebug.workspace.store import Workspace;"
        "Workspace(Path(sys.argv[1]))"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "new")]) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]


def test_a_workspace_of_format_1_opens_with_all_it_holds(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    before = workspace.model("abc")
    with sqlite3.connect(workspace.root / "workspace.sqlite3") as connection:
        kept = "id, name, path, in_place, bytes, record, created, opened"
        connection.executescript(
            "PRAGMA foreign_keys = OFF; DROP TABLE edits; ALTER TABLE jobs DROP COLUMN draft_state;"
            "CREATE TABLE earlier (id VARCHAR NOT NULL, name VARCHAR NOT NULL, path VARCHAR NOT NULL,"
            " in_place BOOLEAN NOT NULL, bytes INTEGER NOT NULL, record VARCHAR NOT NULL, created FLOAT NOT NULL,"
            " opened FLOAT NOT NULL, PRIMARY KEY (id));"
            f"INSERT INTO earlier SELECT {kept} FROM models; DROP TABLE models;"
            "ALTER TABLE earlier RENAME TO models; PRAGMA user_version = 1;"
        )
    again = Workspace(workspace.root)
    assert before is not None and again.model("abc") == before
    draft = drafts.begin(again, before)
    assert (draft.source, drafts.edits_of(again, draft.id)) == ("abc", [])


def test_edits_of_a_workspace_of_format_2_are_kept(workspace: Workspace, tmp_path: Path) -> None:
    add(workspace, tmp_path)
    source = workspace.model("abc")
    assert source is not None
    draft = drafts.begin(workspace, source)
    drafts.keep(workspace, draft, 1, lambda folder: None, RECORD, [drafts.NewEdit("Sort nodes", "{}", ("Done.",), ())])
    before = drafts.edits_of(workspace, draft.id)
    with sqlite3.connect(workspace.root / "workspace.sqlite3") as connection:
        connection.executescript(
            "ALTER TABLE jobs DROP COLUMN draft_state;"
            "ALTER TABLE edits DROP COLUMN comparison; PRAGMA user_version = 2;"
        )
    again = Workspace(workspace.root)
    assert len(before) == 1 and drafts.edits_of(again, draft.id) == before
    drafts.note_comparison(again, draft.id, 0, "job")
    assert drafts.edits_of(again, draft.id)[0].comparison == "job"


def test_jobs_of_a_workspace_of_format_3_are_kept(workspace: Workspace) -> None:
    before = workspace.add_job("run", "graphdebug.x:y", {})
    with sqlite3.connect(workspace.root / "workspace.sqlite3") as connection:
        connection.executescript("ALTER TABLE jobs DROP COLUMN draft_state; PRAGMA user_version = 3;")
    again = Workspace(workspace.root)
    assert again.job(before.id) == before
    assert again.add_job("run", "graphdebug.x:y", {}, draft_state="abc").draft_state == "abc"


def test_a_newer_database_is_left_alone(workspace: Workspace) -> None:
    with sqlite3.connect(workspace.root / "workspace.sqlite3") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(WorkspaceError, match="newer graphdebug"):
        Workspace(workspace.root)


def test_a_full_disk_while_taking_a_model_in_leaves_nothing(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    skeleton, files = made(tmp_path)

    def full(self: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", full)
        with pytest.raises(WorkspaceError, match="disk is full"):
            workspace.add_model("abc", RECORD, skeleton, files / "m.onnx", files=files)
    assert workspace.models() == []
    assert not list((workspace.root / "models").iterdir())


def test_a_full_disk_under_the_database_is_an_error_and_not_a_loss(workspace: Workspace) -> None:
    """A limit on file size stands for the disk: the database cannot grow, but what it holds stays readable."""
    workspace.add_job("run", "c", OpenRequest("kept"), title="kept")
    script = """
import resource, signal, sys
from pathlib import Path
from graphdebug.model.records import OpenRequest
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.store import Workspace
workspace = Workspace(Path(sys.argv[1]))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    for _ in range(100):
        workspace.add_job("run", "c", OpenRequest("x" * 50_000))
except WorkspaceError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(workspace.root)], check=True, capture_output=True, text=True
    )
    assert done.stdout.startswith("Recording a job failed")
    again = Workspace(workspace.root)
    assert "kept" in {job.title for job in again.jobs()}
    again.recover()
    assert {folder.name for folder in (again.root / "jobs").iterdir()} == {job.id for job in again.jobs()}


def test_deleting_makes_room_before_the_database_needs_some(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(workspace, tmp_path)
    job = workspace.add_job("run", "c", OpenRequest("m"), model_id="abc")
    rows = []

    def spy(path: Path) -> None:
        rows.append((workspace.job(job.id) or workspace.model("abc")) is not None)
        disk.remove(path)

    monkeypatch.setattr(store, "remove", spy)
    workspace.delete_job(job.id)
    workspace.delete_model("abc")
    assert rows == [True, True]
    assert (workspace.models(), workspace.jobs()) == ([], [])


def test_a_workspace_that_cannot_be_cleared_up_still_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Workspace) -> int:
        raise WorkspaceError("Clearing up the workspace failed: the disk is full.")

    monkeypatch.setattr(Workspace, "recover", full)
    assert store.open_workspace(tmp_path).models() == []


def test_the_root_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHDEBUG_HOME", str(tmp_path))
    assert default_root() == tmp_path
    monkeypatch.delenv("GRAPHDEBUG_HOME")
    assert default_root().name == "graphdebug"
