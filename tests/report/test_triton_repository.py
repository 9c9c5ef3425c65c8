"""Repositories for Triton: the configuration parses as the real message, files are whole, what cannot be is said."""

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from google.protobuf import text_format
from onnx import TensorProto, helper

from graphdebug.model.document import open_model
from graphdebug.report.triton_repository import RepositoryError, RepositoryOptions, repository
from graphdebug.runtime.requests import FeedSpec
from tests.runtime import small_models as models


def files(path: Path, feeds: FeedSpec | None = None, **options: Any) -> dict[str, bytes]:
    written = repository(open_model(path), RepositoryOptions(**options), feeds)
    return {name: b"".join(content) for name, content in written.items()}


def config(written: dict[str, bytes]) -> Any:
    """Parse the configuration as the message that servers parse it as."""
    module = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    text = next(content for name, content in written.items() if name.endswith("config.pbtxt"))
    return text_format.Parse(text.decode(), module.ModelConfig())


def test_the_model_goes_along_byte_for_byte(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "my model (1).onnx")
    written = files(path)
    assert list(written) == ["my_model_1_/config.pbtxt", "my_model_1_/1/model.onnx"]
    assert written["my_model_1_/1/model.onnx"] == path.read_bytes()
    read = config(written)
    assert (read.name, read.backend, read.max_batch_size) == ("my_model_1_", "onnxruntime", 0)
    assert [(port.name, port.data_type, list(port.dims)) for port in read.input] == [("x", 11, [-1, 64])]
    assert [(port.name, list(port.dims)) for port in read.output] == [("y", [-1, 64])]
    assert read.version_policy.HasField("all")
    assert read.instance_group[0].kind == 0


def test_batches_instances_and_warm_up(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    written = files(
        path,
        FeedSpec(seed=3, dims={"batch": 2}),
        name="n",
        version=4,
        backend="python",
        max_batch=8,
        preferred=(4, 8),
        queue_delay=100,
        instances=2,
        kind="gpu",
        warm_up=True,
    )
    assert list(written) == ["n/config.pbtxt", "n/4/model.onnx", "n/4/model.py", "n/warmup/input_0"]
    compile(written["n/4/model.py"], "model.py", "exec")
    read = config(written)
    assert list(read.input[0].dims) == [64]
    assert list(read.dynamic_batching.preferred_batch_size) == [4, 8]
    assert read.dynamic_batching.max_queue_delay_microseconds == 100
    assert (read.instance_group[0].count, read.instance_group[0].kind) == (2, 1)
    sample = read.model_warmup[0]
    assert (sample.batch_size, list(sample.inputs["x"].dims)) == (2, [64])
    assert sample.inputs["x"].input_data_file == "input_0"
    assert np.frombuffer(written["n/warmup/input_0"], np.float32).shape == (128,)


def test_external_data_goes_beside_the_model(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "inline.onnx")
    proto = onnx.load(path)
    onnx.save(proto, tmp_path / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=100)
    written = files(tmp_path / "m.onnx", name="n")
    assert written["n/1/w.bin"] == (tmp_path / "w.bin").read_bytes()
    for name, content in written.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(content)
    again = onnx.load(tmp_path / "out" / "n" / "1" / "model.onnx")
    assert again.graph.initializer[0].raw_data == onnx.load(path).graph.initializer[0].raw_data


def test_hostile_names_stay_texts(tmp_path: Path) -> None:
    name = 'x" dims: [1]\n} \\ é'
    path = models.write(
        tmp_path / "m.onnx", [helper.make_node("Relu", [name], ["y"])], [models.value(name)], [models.value("y")]
    )
    assert config(files(path, name="n")).input[0].name == name


def test_scalars_texts_and_bfloat16(tmp_path: Path) -> None:
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in ("s", "t", "b")]
    kinds = {"s": (TensorProto.FLOAT, ()), "t": (TensorProto.STRING, (2,)), "b": (TensorProto.BFLOAT16, (2,))}
    path = models.write(
        tmp_path / "m.onnx",
        nodes,
        [models.value(name, *kind) for name, kind in kinds.items()],
        [models.value(f"{name}_out", *kind) for name, kind in kinds.items()],
    )
    np.savez(tmp_path / "f.npz", s=np.float32(2), t=np.array(["a", "é"]))
    np.save(tmp_path / "b.npy", np.array([1, 2], ml_dtypes.bfloat16).view("V2"))
    written = files(path, FeedSpec(dataset=str(tmp_path / "f.npz")), name="n", warm_up=True)
    read = config(written)
    assert [(list(port.dims), port.data_type) for port in read.input] == [([1], 11), ([2], 13), ([2], 14)]
    assert written["n/warmup/input_1"] == b"\x01\0\0\0a\x02\0\0\0\xc3\xa9"
    assert len(written["n/warmup/input_2"]) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "../up"}, "cannot be called"),
        ({"name": ".."}, "cannot be called"),
        ({"version": 0}, "counted from 1"),
        ({"preferred": (4,)}, "needs a largest batch"),
        ({"max_batch": 2, "preferred": (4,)}, "between 1 and the largest, 2"),
        ({"max_batch": 2, "warm_up": True}, "at most 2"),
        ({"backend": "x"}, "no backend"),
    ],
)
def test_options_that_cannot_be(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match=said):
        files(models.chain(tmp_path / "m.onnx"), FeedSpec(dims={"batch": 3}), **options)


def test_models_that_cannot_be_served(tmp_path: Path) -> None:
    relu = [helper.make_node("Relu", ["x"], ["y"])]
    fixed = models.write(tmp_path / "fixed.onnx", relu, [models.value("x")], [models.value("y")])
    with pytest.raises(RepositoryError, match="'x' has no open first dimension"):
        files(fixed, max_batch=4)
    inferred = models.write(tmp_path / "inferred.onnx", relu, [models.value("x")], [models.value("y", shape=None)])
    assert list(config(files(inferred, name="n")).output[0].dims) == [2, 3]
    unknown = models.write(
        tmp_path / "unknown.onnx",
        [helper.make_node("Reshape", ["x", "s"], ["y"])],
        [models.value("x"), models.value("s", models.INT64, ("n",))],
        [models.value("y", shape=None)],
    )
    with pytest.raises(RepositoryError, match="'y' has no known rank"):
        files(unknown)
    eight = TensorProto.FLOAT8E5M2
    cast = [helper.make_node("Cast", ["x"], ["y"], to=eight)]
    with pytest.raises(RepositoryError, match="float8e5m2, which no server serves"):
        files(models.write(tmp_path / "8.onnx", cast, [models.value("x")], [models.value("y", eight)]))
