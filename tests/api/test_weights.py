"""A weight goes out as .npy, whatever its type and wherever it lies."""

import io
from collections.abc import Iterator
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from starlette.applications import Starlette
from starlette.testclient import TestClient

from graphdebug.api.routes import routes
from graphdebug.model.opening import open_job
from graphdebug.model.records import OpenRequest
from graphdebug.workspace.store import Workspace

WEIGHTS = {
    "big": np.arange(6000, dtype=np.float32).reshape(20, 300),
    "half": np.array([[1.5, -2]], ml_dtypes.bfloat16),
    "nibbles": np.array([1, -8, 7], ml_dtypes.int4),
    "none": np.empty((0, 3), np.int64),
    "../name": np.array(7.5),
}


@pytest.fixture
def client(workspace: Workspace, tmp_path: Path) -> Iterator[TestClient]:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    tensors = [numpy_helper.from_array(value, name) for name, value in WEIGHTS.items()]
    tensors.append(helper.make_tensor("words", TensorProto.STRING, [2], ["a", "büro"]))
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [x], [x], tensors)
    path, made = tmp_path / "m.onnx", tmp_path / "made"
    made.mkdir()
    onnx.save(helper.make_model(graph), path)
    workspace.add_model("m", open_job(OpenRequest(str(path)), made, lambda *_: None), made, path)
    with TestClient(Starlette(routes=routes()), base_url="http://localhost:8501") as client:
        yield client


def test_weights_come_back_as_they_were(client: TestClient) -> None:
    for name, value in WEIGHTS.items():
        answer = client.get("/graphdebug/models/m/initializer.npy", params={"name": name})
        assert answer.status_code == 200
        assert "/" not in answer.headers["content-disposition"].partition("''")[2]
        loaded = np.load(io.BytesIO(answer.content))
        assert loaded.shape == value.shape
        np.testing.assert_array_equal(loaded.astype(np.float64), value.astype(np.float64))
    words = np.load(io.BytesIO(client.get("/graphdebug/models/m/initializer.npy", params={"name": "words"}).content))
    assert words.tolist() == ["a", "büro"]


def test_a_weight_that_is_not_there_is_said(client: TestClient) -> None:
    answer = client.get("/graphdebug/models/m/initializer.npy", params={"name": "nix"})
    assert answer.status_code == 404
    assert "no (dense) initializer" in answer.json()["error"]
