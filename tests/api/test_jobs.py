"""Jobs over HTTP: state, cancel, files."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.answers import file_name
from graphdebug.api.routes import routes
from graphdebug.extract.records import SPLIT_JOB, SplitRequest
from graphdebug.jobs import service
from graphdebug.model.records import ModelLocation, OpenRequest
from graphdebug.runtime.recorded import open_recorded
from graphdebug.runtime.requests import RunRequest
from graphdebug.runtime.store import ArrayReader, ArrayWriter
from graphdebug.workspace.entries import JobEntry, JobState
from graphdebug.workspace.store import Workspace


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes(["*"])), headers={"X-Graphdebug": "1"}) as client:
        yield client


@pytest.fixture
def job(workspace: Workspace) -> JobEntry:
    return workspace.add_job("run", "graphdebug.x:y", OpenRequest("m"), title='res"net\n50.onnx')


def test_a_job_tells_where_it_stands(client: TestClient, workspace: Workspace, job: JobEntry) -> None:
    workspace.update_job(job.id, state=JobState.RUNNING, progress=0.25, message="a quarter")
    state = client.get(f"/graphdebug/jobs/{job.id}").json()
    assert (state["state"], state["progress"], state["message"]) == ("running", 0.25, "a quarter")


def test_parts_of_a_split_come_as_one_zip(client: TestClient, workspace: Workspace, samples: Path) -> None:
    request = SplitRequest(ModelLocation(str(samples / "branching_blocks.onnx")), parts=2, proof=False)
    job = service.submit(workspace, "split", SPLIT_JOB, request, title="blocks.onnx")
    service.wait(workspace, job, 60)
    answer = client.get(f"/graphdebug/jobs/{job}/parts")
    assert "blocks-parts.zip" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == ["01_part.onnx", "02_part.onnx", "manifest.json", "run.py"]
        assert archive.testzip() is None
        onnx.load_from_string(archive.read("01_part.onnx"))


def test_the_server_that_runs_a_job_is_asked_to_cancel_it(
    client: TestClient, workspace: Workspace, job: JobEntry
) -> None:
    assert not workspace.cancel_asked(job.id)
    answer = client.post(f"/graphdebug/jobs/{job.id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "queued")
    assert workspace.cancel_asked(job.id)
    workspace.update_job(job.id, state=JobState.DONE)
    assert not workspace.cancel_asked(job.id)


def test_cancelling_what_is_over_is_no_error(client: TestClient, workspace: Workspace, job: JobEntry) -> None:
    workspace.update_job(job.id, state=JobState.DONE)
    assert client.post(f"/graphdebug/jobs/{job.id}/cancel").json()["state"] == "done"


def test_a_file_downloads_under_a_sensible_name(client: TestClient, job: JobEntry) -> None:
    (job.folder / "tensors.npz").write_bytes(b"x" * 100_000)
    answer = client.get(f"/graphdebug/jobs/{job.id}/files/tensors.npz", headers={"Accept-Encoding": "gzip"})
    assert answer.content == b"x" * 100_000
    assert answer.headers["content-disposition"] == 'attachment; filename="res_net_50-tensors.npz"'
    assert answer.headers["content-length"] == "100000"


def test_what_a_run_recorded_comes_in_other_forms(
    client: TestClient, workspace: Workspace, samples: Path, tmp_path: Path
) -> None:
    opened = service.open_path(workspace, samples / "mlp.onnx")
    service.wait(workspace, opened, 60)
    entry = workspace.models()[0]
    request = RunRequest(entry.location)
    job = service.submit(
        workspace, "run", "graphdebug.runtime.run:run_job", request, model_id=entry.id, title="mlp.onnx"
    )
    service.wait(workspace, job, 60)
    ran = workspace.job(job)
    assert ran is not None
    recorded = ArrayReader(ran.folder / "tensors.npz")
    expected = {name: recorded.read(name) for name in recorded.names}
    base = f"/graphdebug/jobs/{job}/tensors"
    for part in ("outputs.json", "inputs.json"):
        answer = client.get(f"{base}/polygraphy?part={part}")
        assert f"mlp-{part}" in answer.headers["content-disposition"]
        (tmp_path / part).write_bytes(answer.content)
    found = open_recorded(tmp_path / "outputs.json")
    assert all(np.array_equal(found.read(name), array) for name, array in expected.items())
    assert open_recorded(tmp_path / "inputs.json").names
    for form in ("npy", "onnx"):
        with zipfile.ZipFile(io.BytesIO(client.get(f"{base}/{form}").content)) as archive:
            archive.extractall(tmp_path / form)
    found = open_recorded(tmp_path / "npy")
    assert all(np.array_equal(found.read(name), array) for name, array in expected.items())
    assert {"input_0.pb", "output_0.pb"} == {file.name for file in (tmp_path / "onnx" / "test_data_set_0").iterdir()}
    for path in ("exe", "npz", "polygraphy?part=../x"):
        assert client.get(f"{base}/{path}").status_code == 404


def test_one_tensor_streams_as_npy(client: TestClient, job: JobEntry) -> None:
    long = "/model/encoder/" + "layer/" * 40 + "MatMul_output_0"
    arrays = {"x": np.arange(700_000, dtype=np.float32).reshape(7, -1), long: np.float64(3), "..": np.array(["a", "b"])}
    with ArrayWriter(job.folder / "tensors.npz") as writer:
        for name, array in arrays.items():
            writer.write(name, np.asarray(array))
    for name, array in arrays.items():
        answer = client.get(f"/graphdebug/jobs/{job.id}/tensor", params={"name": name})
        assert int(answer.headers["content-length"]) == len(answer.content)
        np.testing.assert_array_equal(np.load(io.BytesIO(answer.content)), array)
    answer = client.get(f"/graphdebug/jobs/{job.id}/tensor", params={"name": long})
    assert answer.headers["content-disposition"].endswith("layer_MatMul_output_0.npy")
    assert client.get(f"/graphdebug/jobs/{job.id}/tensor", params={"name": "y"}).status_code == 404


def test_a_tensor_that_cannot_be_sent_gets_a_sentence(client: TestClient, job: JobEntry) -> None:
    address = f"/graphdebug/jobs/{job.id}/tensor?name=x"
    assert "no such tensor" in client.get(address).json()["error"]
    np.savez_compressed(job.folder / "tensors.npz", x=np.zeros(100))
    assert (client.get(address).status_code, "compressed" in client.get(address).text) == (422, True)
    np.savez(job.folder / "tensors.npz", x=np.zeros(100))
    whole = (job.folder / "tensors.npz").read_bytes()
    (job.folder / "tensors.npz").write_bytes(b"XX" + whole[2:])
    assert (client.get(address).status_code, "damaged" in client.get(address).text) == (422, True)


@pytest.mark.parametrize("name", ["missing.npz", "..%2F..%2Fworkspace.sqlite3", "%2Fetc%2Fpasswd", "sub", "link"])
def test_only_files_of_the_job_download(client: TestClient, job: JobEntry, name: str) -> None:
    (job.folder / "sub").mkdir()
    (job.folder / "link").symlink_to("/etc/passwd")
    assert client.get(f"/graphdebug/jobs/{job.id}/files/{name}").status_code == 404


def test_what_is_not_there_gets_a_sentence(client: TestClient) -> None:
    for path in ("jobs/none", "jobs/none/files/x", "models/none/file", "nothing"):
        answer = client.get(f"/graphdebug/{path}")
        assert answer.status_code == 404
        assert answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "safe"),
    [("a b.onnx", "a b.onnx"), ("../x", "_x"), ('"\r\nSet-Cookie: x', "_Set-Cookie_ x"), ("", "download")],
)
def test_file_names_are_safe(name: str, safe: str) -> None:
    assert file_name(name) == safe
    assert Path(safe).name == safe
