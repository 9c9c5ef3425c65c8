"""ONNX Runtime under another interpreter gives what it gives here, and says what it cannot in the same sentences."""

import sys
import venv
from contextlib import closing
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime import trust
from graphdebug.runtime.backend import BackendError, Mode, Session
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.latency import LatencyRequest, latency_job
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.timing import Ready, Runs, Timed
from tests.runtime import small_models as models

THERE = f"python={sys.executable}"
MODELS = [
    *("branching_blocks", "conv_bn_leakyrelu", "if_captures", "local_function", "loop_newton"),
    *("quantize_dequantize", "transformer_dynamo", "float16_overflow"),
]


@pytest.fixture(autouse=True)
def _allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(trust.VARIABLE, "1")


def prepared(path: Path, options: str, mode: Mode = Mode.PLAIN) -> Session:
    return backend(f"onnxruntime:{options}").prepare(open_model(path), mode)


def sentence_of(path: Path, options: str, feeds: dict[str, Any] | None = None) -> str:
    with pytest.raises(BackendError) as raised, closing(prepared(path, options)) as session:
        session.infer(feeds or make_feeds(session.inputs, FeedSpec(), {}), session.outputs)
    return str(raised.value)


@pytest.mark.parametrize("name", MODELS)
def test_every_mode_gives_the_same_bits(name: str, samples: Path) -> None:
    path = samples / f"{name}.onnx"
    model = open_model(path)
    feeds = None
    for mode in Mode:
        here, there = prepared(path, "threads=1", mode), prepared(path, f"threads=1,{THERE}", mode)
        feeds = feeds or make_feeds(here.inputs, FeedSpec(), suggest(model))
        assert list(there.tensors) == list(here.tensors) and list(there.outputs) == list(here.outputs)
        assert (there.untapped, there.types) == (here.untapped, here.types)
        assert {**there.environment, "numpy": "", "python": ""} == {**here.environment, "numpy": "", "python": ""}
        expected, found = here.infer(feeds, here.tensors), there.infer(feeds, there.tensors)
        for tensor in here.tensors:
            assert found[tensor].dtype == expected[tensor].dtype and found[tensor].shape == expected[tensor].shape
            assert found[tensor].tobytes() == expected[tensor].tobytes(), (mode, tensor)
        assert there.providers == here.providers != {}  # type: ignore[attr-defined]
        there.close()
        with pytest.raises(BackendError, match="has been closed"):
            there.infer(feeds, there.tensors)


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_types_that_numpy_lacks_go_over_by_their_bits(name: str, tmp_path: Path) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    number = helper.np_dtype_to_tensor_dtype(dtype)
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["wide"], ["narrow"], to=number),
    ]
    outputs = [models.value("narrow", number, (3, 3))]
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x", number, (3, 3))], outputs)
    session = prepared(path, THERE, Mode.ISOLATED)
    x = np.arange(9).astype(np.float32).reshape(3, 3).astype(dtype)
    found = session.infer({"x": x}, session.tensors)
    assert found["narrow"].dtype == dtype and found["narrow"].tobytes() == x.tobytes()
    assert np.array_equal(found["wide"], x.astype(np.float32))
    session.close()


def test_what_cannot_go_over_is_said_with_the_reason(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["pair"]),
        helper.make_node("Cast", ["x"], ["text"], to=TensorProto.STRING),
        helper.make_node("Cast", ["x"], ["four"], to=TensorProto.INT4),
        helper.make_node("Abs", ["x"], ["y"]),
    ]
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x")], [models.value("y")])
    session = prepared(path, THERE, Mode.ISOLATED)
    assert list(session.tensors) == ["y"]
    assert set(session.untapped) == {"pair", "text", "four"}
    assert all("cannot be brought over from another interpreter" in why for why in session.untapped.values())
    session.close()
    nodes = [helper.make_node("StringNormalizer", ["x"], ["y"])]
    texts = models.value("x", TensorProto.STRING, (2,))
    path = models.write(tmp_path / "t.onnx", nodes, [texts], [models.value("y", TensorProto.STRING, (2,))])
    session = prepared(path, THERE)
    assert "tensor(string)" in session.untapped["y"]
    session.close()


def test_a_crash_is_a_sentence(tmp_path: Path) -> None:
    path = models.divides_by_zero(tmp_path / "m.onnx")
    assert "was ended by SIGFPE" in sentence_of(path, THERE)


def test_what_goes_wrong_is_said_as_here(samples: Path, tmp_path: Path) -> None:
    nope = models.write(tmp_path / "n.onnx", [helper.make_node("Nope", ["x"], ["y"])], [models.value("x")], [])
    chain = models.chain(tmp_path / "c.onnx")
    for path, options, feeds in (
        (nope, "opt=all", None),
        (chain, "provider=abacus", None),
        (chain, "provider=cuda", None),
        (chain, "threads=many", None),
        (chain, "tf32=0", None),
        (chain, "opt=all", {"x": np.zeros((1, 3), np.float32)}),
        (chain, f"library={tmp_path / 'none.so'}", None),
        (chain, f"ep_library=mine={tmp_path / 'none.so'}", None),
        (chain, "ep_library=none.so", None),
    ):
        here, there = sentence_of(path, options, feeds), sentence_of(path, f"{options},{THERE}", feeds)
        assert there == here
        assert here.endswith(".") and "ONNXRuntimeError" not in here and "\n" not in here


def test_an_interpreter_that_cannot_is_named(tmp_path: Path) -> None:
    assert "cannot be started" in backend(f"onnxruntime:python={tmp_path / 'python'}").probe().reason
    venv.create(tmp_path / "bare", symlinks=True)
    bare = tmp_path / "bare" / "bin" / "python"
    reason = backend(f"onnxruntime:python={bare}").probe().reason
    assert str(bare) in reason and "numpy" in reason and "onnxruntime" in reason
    assert len(reason.splitlines()) == 1


def test_without_onnx_runtime_the_worker_says_how_to_get_it(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", symlinks=True)
    packages = next((tmp_path / "bare" / "lib").glob("python*/site-packages"))
    for found in Path(np.__file__).parents[1].glob("numpy*"):
        (packages / found.name).symlink_to(found)
    reason = backend(f"onnxruntime:python={tmp_path / 'bare' / 'bin' / 'python'}").probe().reason
    assert "pip install onnxruntime" in reason and "No module named 'onnxruntime'" in reason


@pytest.mark.parametrize("where", ["", f",{THERE}"])
def test_a_library_of_operators_is_loaded(where: str, tmp_path: Path) -> None:
    extensions = pytest.importorskip("onnxruntime_extensions", reason="pip install onnxruntime-extensions")
    node = helper.make_node("Inverse", ["x"], ["y"], domain="ai.onnx.contrib")
    path = models.write(tmp_path / "m.onnx", [node], [models.value("x")], [models.value("y", shape=None)])
    proto = onnx.load(path)
    proto.opset_import.append(helper.make_opsetid("ai.onnx.contrib", 1))
    path.write_bytes(proto.SerializeToString())
    x = np.array([[2, 1], [0, 4]], np.float32)
    assert "not a registered" in sentence_of(path, f"threads=1{where}", {"x": x})
    session = prepared(path, f"library={extensions.get_library_path()}{where}")
    assert np.allclose(session.infer({"x": x}, ["y"])["y"], np.linalg.inv(x))
    session.close()


def test_versions_are_those_of_the_other_interpreter() -> None:
    found = backend(f"onnxruntime:{THERE}").probe()
    assert found.available
    assert dict(found.versions)["numpy"] == np.__version__
    assert set(dict(found.versions)) == {"onnxruntime", "numpy", "python"}


def test_it_times_itself_there(tmp_path: Path) -> None:
    session = prepared(models.chain(tmp_path / "m.onnx"), THERE)
    assert isinstance(session, Timed) and not isinstance(session, Ready)
    feeds = {"x": np.ones((2, 64), np.float32)}
    times = session.time_runs(feeds, ["y"], Runs(5))
    assert len(times.streams) == 1 and len(times.streams[0]) == 5 and times.wall >= sum(times.streams[0])
    times = session.time_runs(feeds, ["y"], Runs(4, streams=2))
    assert [len(each) for each in times.streams] == [4, 4] and times.wall >= max(map(sum, times.streams))
    with pytest.raises(BackendError, match=r"^ONNX Runtime failed while running the model: .*[Dd]imension"):
        session.time_runs({"x": np.ones((2, 3), np.float32)}, ["y"], Runs(1))
    session.close()


def test_nodes_are_measured_there(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    request = LatencyRequest(
        ModelLocation(str(samples / "branching_blocks.onnx")), f"onnxruntime:{THERE}", FeedSpec(), 2
    )
    result = latency_job(request, tmp_path / "job", lambda *_: None)
    nodes = open_model(samples / "branching_blocks.onnx").graphs[""].nodes
    assert {nodes[node].op_type for node in result.graphs[""]} == {"Conv"}
    assert [each.name for each in (tmp_path / "job").iterdir()] == ["trace.json"]


def test_files_are_gone_with_the_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    path = models.chain(tmp_path / "m.onnx")
    session = prepared(path, THERE, Mode.DEPLOYED)
    feeds = {"x": np.ones((2, 64), np.float32)}
    session.infer(feeds, session.outputs)
    assert not [path for path in scratch.rglob("*") if path.suffix in (".bin", ".onnx") and "tensors" in path.name]
    session.close()
    broken = models.write(tmp_path / "b.onnx", [helper.make_node("Nope", ["x"], ["y"])], [models.value("x")], [])
    for mode in Mode:
        with pytest.raises(BackendError):
            prepared(broken, THERE, mode)
    assert not list(scratch.iterdir())
    assert onnx.load(path).graph.node[0].op_type == "MatMul"
