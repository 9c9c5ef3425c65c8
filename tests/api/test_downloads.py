"""Taking an edited model away: one file, or a zip with what holds its values; its recipe; what is in it runs."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api import editing
from graphdebug.api.routes import routes
from graphdebug.edit.initializers import SetValues
from graphdebug.edit.nodes import InsertNode
from graphdebug.edit.recipe import from_json, replay
from graphdebug.jobs import service
from graphdebug.model.document import open_model
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import Workspace

X = np.arange(4, dtype=np.float32)


@pytest.fixture
def client(workspace: Workspace) -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501") as client:
        yield client


def scaled(path: Path, *, external: bool) -> Path:
    """Write a model that multiplies by 5,000 weights that stand in it or beside it, and adds them up."""
    weights = np.linspace(0, 1, 20_000, dtype=np.float32).reshape(4, 5_000)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("ReduceSum", ["h"], ["y"], keepdims=0)]
    x, y = helper.make_tensor_value_info("x", TensorProto.FLOAT, [4]), helper.make_tensor_value_info("y", 1, [])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path, save_as_external_data=external, location="w.bin")
    return path


def opened(workspace: Workspace, path: Path) -> ModelEntry:
    job = service.wait(workspace, service.open_path(workspace, path))
    assert job is not None and job.failure is None, job
    return workspace.models()[0]


def run(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"x": X})
    return np.asarray(result)


@pytest.mark.parametrize("external", [False, True])
def test_an_edited_model_is_taken_away(
    client: TestClient, workspace: Workspace, tmp_path: Path, external: bool
) -> None:
    path = scaled(tmp_path / "scaled.onnx", external=external)
    source = opened(workspace, path)
    draft = editing.draft_of(workspace, source)
    editing.apply(workspace, draft.id, InsertNode(value="h", op="Neg"))
    answer = client.get(f"/graphdebug/models/{draft.id}/file")
    assert answer.status_code == 200
    out = tmp_path / "out"
    out.mkdir()
    if external:
        assert "scaled-edited.zip" in answer.headers["content-disposition"]
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert archive.testzip() is None
            assert archive.namelist() == ["scaled-edited.onnx", "w.bin"]
            archive.extractall(out)
        assert (out / "w.bin").read_bytes() == (tmp_path / "w.bin").read_bytes()
    else:
        assert int(answer.headers["content-length"]) == len(answer.content)
        (out / "scaled-edited.onnx").write_bytes(answer.content)
    np.testing.assert_allclose(run(out / "scaled-edited.onnx"), -run(path), rtol=1e-6)
    plain = client.get(f"/graphdebug/models/{source.id}/file").content
    if not external:
        assert plain == path.read_bytes()
    editing.go_to(workspace, draft.id, 0)
    again = client.get(f"/graphdebug/models/{draft.id}/file").content
    if external:
        with zipfile.ZipFile(io.BytesIO(again)) as archive:
            again = archive.read("scaled-edited.onnx")
    assert again == path.read_bytes()


def test_the_recipe_does_the_same_again(client: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    path = scaled(tmp_path / "scaled.onnx", external=False)
    draft = editing.draft_of(workspace, opened(workspace, path))
    editing.apply(workspace, draft.id, InsertNode(value="h", op="Neg"))
    step = editing.apply(workspace, draft.id, InsertNode(value="h", op="Abs"))
    editing.apply(workspace, draft.id, InsertNode(value="h", op="Exp"))
    editing.go_to(workspace, draft.id, 2)  # what is undone is no part of it
    answer = client.get(f"/graphdebug/models/{draft.id}/recipe")
    written = from_json(answer.text)
    assert written.source and written.source.name == "scaled.onnx"
    replayed = replay(open_model(path), written.operations).model.proto
    assert replayed.SerializeToString(deterministic=True) == step.model.proto.SerializeToString(deterministic=True)


def test_the_script_does_the_same_without_the_app(client: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    path = scaled(tmp_path / "scaled.onnx", external=False)
    draft = editing.draft_of(workspace, opened(workspace, path))
    step = editing.apply(workspace, draft.id, InsertNode(value="h", op="Neg"))
    editing.apply(workspace, draft.id, InsertNode(value="h", op="Exp"))
    editing.go_to(workspace, draft.id, 1)
    answer = client.get(f"/graphdebug/models/{draft.id}/script")
    assert "scaled-edited.edit.py" in answer.headers["content-disposition"]
    (tmp_path / "edit.py").write_bytes(answer.content)
    subprocess.run([sys.executable, "-I", tmp_path / "edit.py", path, tmp_path / "out.onnx"], check=True)
    made = open_model(tmp_path / "out.onnx").proto
    assert made.graph.node == step.model.proto.graph.node
    assert np.array_equal(run(tmp_path / "out.onnx"), -run(path))
    assert client.get("/graphdebug/models/none/script").status_code == 404


def test_values_that_a_script_reads_come_with_it(client: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    path = scaled(tmp_path / "scaled.onnx", external=False)
    draft = editing.draft_of(workspace, opened(workspace, path))
    np.save(tmp_path / "new.npy", np.full((4, 5_000), 2, np.float32))
    operation = SetValues(initializer="w", file="new.npy")
    editing.apply(workspace, draft.id, operation, files={"new.npy": tmp_path / "new.npy"})
    answer = client.get(f"/graphdebug/models/{draft.id}/script")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(tmp_path)
    script = tmp_path / "scaled-edited.edit.py"
    subprocess.run([sys.executable, "-I", script, path, tmp_path / "out.onnx"], check=True)
    assert run(tmp_path / "out.onnx") == X.sum() * 2 * 5_000


def test_a_model_as_a_repository_for_triton(client: TestClient, workspace: Workspace, tmp_path: Path) -> None:
    entry = opened(workspace, scaled(tmp_path / "my net.onnx", external=True))
    answer = client.get(f"/graphdebug/models/{entry.id}/triton?backend=python")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.namelist() == [
            f"my_net/{name}" for name in ("config.pbtxt", "1/model.onnx", "1/w.bin", "1/model.py")
        ]
        archive.extractall(tmp_path / "out")
    assert np.array_equal(run(tmp_path / "out" / "my_net" / "1" / "model.onnx"), run(tmp_path / "my net.onnx"))
    refused = client.get(f"/graphdebug/models/{entry.id}/triton?backend=x")
    assert (refused.status_code, "no backend" in refused.json()["error"]) == (422, True)
