"""The TensorRT backend and its worker where there is no TensorRT.

What runs here beside the real backend and the real worker is a stand-in for the `tensorrt` package and for libcuda
(`fake_tensorrt`): NVIDIA's libraries cannot be had without a GPU. It has exactly the names that each real version's
bindings have (`tensorrt_api`). So this tests the protocol, options, versions and failure paths, and nothing of what
TensorRT computes: that is what `tests/gpu` is for.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from graphdebug.compare.engine import compare_job
from graphdebug.compare.records import CompareRequest, Side
from graphdebug.foreign import tensorrt_worker
from graphdebug.model.document import open_model
from graphdebug.model.engine_layers import onnx_nodes
from graphdebug.model.records import ModelLocation
from graphdebug.report.outcomes import support_of
from graphdebug.runtime import tensorrt_backend
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.engine_records import EngineRequest
from graphdebug.runtime.events import silent
from graphdebug.runtime.foreign import ForeignProcess
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec, RunRequest
from graphdebug.runtime.run import run_job
from graphdebug.runtime.tensorrt_backend import ENGINE
from graphdebug.runtime.tensorrt_job import engine_job
from graphdebug.runtime.tensorrt_options import Asked
from graphdebug.runtime.tensorrt_words import Subgraph
from graphdebug.runtime.timing import PHASES, Profiled, Runs, Timed
from graphdebug.runtime.trust import allow_code
from tests.runtime import small_models as models
from tests.runtime.tensorrt_standin import interpreter

VERSIONS = ["8.6.1", "10.0.1", "10.16.1.11", "11.0.0.114", "11.4.0.106"]

Spec = Callable[..., str]


class Kept:
    """A worker that other tests of the same interpreter go on with: starting one takes longer than most tests."""

    def __init__(self, wanted: Asked, idle: list["Kept"]) -> None:
        self._process, self._idle = ForeignProcess(Path(tensorrt_worker.__file__), wanted.python, engine=ENGINE), idle
        self.end = self._process.close

    def call(self, do: str, progress: Any = silent, **arguments: object) -> Any:
        return self._process.call(do, progress, **arguments)

    def close(self) -> None:
        if self not in self._idle:
            self._idle.append(self)


@pytest.fixture(scope="session")
def workers() -> Iterator[Callable[[Asked], Kept]]:
    idle: dict[str, list[Kept]] = {}
    started: list[Kept] = []

    def start(wanted: Asked) -> Kept:
        mine = idle.setdefault(wanted.python, [])
        if not mine:
            started.append(Kept(wanted, mine))
            return started[-1]
        return mine.pop()

    yield start
    for each in started:
        each.end()


@pytest.fixture(scope="session")
def interpreters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interpreters")


@pytest.fixture
def alone() -> None:
    """A worker of its own for every session, as ever."""


@pytest.fixture
def spec(
    interpreters: Path,
    workers: Callable[[Asked], Kept],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Spec:
    """Return a function that makes a SPEC for a version, with failures to come and further options.

    Tests that take ``alone`` start workers as ever; the others share them.
    """
    monkeypatch.setenv("GRAPHDEBUG_ALLOW_CODE", "1")
    monkeypatch.setenv("GRAPHDEBUG_HOME", str(tmp_path / "home"))
    allow_code(True)
    if "alone" not in request.fixturenames:
        monkeypatch.setattr(tensorrt_backend, "start", workers)

    def make(version: str, fails: str = "", cuda: str = "", **options: object) -> str:
        python = interpreter(interpreters, version, fails, cuda)
        return ",".join([f"tensorrt:python={python}", *(f"{key}={value}" for key, value in options.items())])

    return make


def asked(home: Path) -> list[dict[str, Any]]:
    """Return what the engines in the cache were built with, the oldest first."""
    engines = sorted((home / "home" / "cache" / "tensorrt").glob("*.engine"), key=lambda path: path.stat().st_mtime)
    return [json.loads(path.read_bytes().partition(b"\0")[0]) for path in engines]


def fixed(path: Path, op: str = "Relu") -> Path:
    """Return y = op(x·w + b), with weights that stay in the file."""
    rng = np.random.default_rng(0)
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Add", ["product", "b"], ["sum"]),
        helper.make_node(op, ["sum"], ["y"]),
    ]
    weights = {"w": rng.standard_normal((64, 64), np.float32), "b": rng.standard_normal(64, np.float32)}
    shape = (2, 64)
    models.write(path, nodes, [models.value("x", shape=shape)], [models.value("y", shape=shape)], weights, opset=17)
    proto = onnx.load(path)
    proto.ir_version = 8
    onnx.save(proto, path)
    return path


def free(path: Path) -> Path:
    """Return the same with a batch of any length."""
    proto = onnx.load(fixed(path))
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    onnx.save(proto, path)
    return path


def feeds(batch: int = 2) -> dict[str, Any]:
    return {"x": np.random.default_rng(1).standard_normal((batch, 64), np.float32)}


def expected(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}
    product = given["x"] @ stored["w"]
    return {"product": product, "sum": product + stored["b"], "y": np.maximum(product + stored["b"], 0)}


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_builds_and_runs_with_weights_where_they_lie(version: str, spec: Spec, tmp_path: Path) -> None:
    path = fixed(tmp_path / "m.onnx")
    told: list[str] = []
    runner = backend(spec(version), lambda _, message: told.append(message))
    assert runner.probe().available and ("tensorrt", version) in runner.probe().versions
    session = runner.prepare(open_model(path), Mode.ISOLATED)
    assert list(session.tensors) == ["product", "sum", "y"]
    found = session.infer(feeds(), ["y", "product", "sum"])
    for name, values in expected(path, feeds()).items():
        assert np.allclose(found[name], values, atol=1e-5), name
    assert session.environment["backend"] == f"TensorRT {version}"
    assert session.environment["layers by type"] == "fp32 3"
    assert asked(tmp_path)[0]["flags"] == {"TF32": False}
    assert asked(tmp_path)[0]["network"] == (1 if version.startswith("8") else 0)
    assert ("TensorRT builds the engine: Building Engine, step 2 of 4" in told) == (not version.startswith("8"))
    session.close()
    with pytest.raises(BackendError, match="closed"):
        session.infer(feeds(), ["y"])


FP16 = {"TF32": False, "FP16": True}


@pytest.mark.parametrize(
    ("version", "precision", "flags", "types"),
    [
        ("8.6.1", "fp16", FP16, "fp16 3"),
        ("10.16.1.11", "fp16", FP16, "fp16 3"),
        ("10.0.1", "bf16", {"TF32": False, "BF16": True}, "bf16 3"),
        ("11.4.0.106", "fp16", {"TF32": False}, "fp16 5"),
        ("11.0.0.114", "bf16", {"TF32": False}, "bf16 5"),
        ("11.4.0.106", "tf32", {"TF32": True}, "fp32 3"),
        ("8.6.1", "int8", {"TF32": False, "INT8": True}, "int8 3"),
        ("10.16.1.11", "int8", {"TF32": False, "INT8": True}, "int8 3"),
    ],
)
def test_a_precision_is_a_flag_until_11_and_the_file_from_then_on(
    version: str, precision: str, flags: dict[str, bool], types: str, spec: Spec, tmp_path: Path
) -> None:
    session = backend(spec(version, precision=precision)).prepare(open_model(fixed(tmp_path / "m.onnx")), Mode.PLAIN)
    assert asked(tmp_path)[0]["flags"] == flags
    assert session.environment["layers by type"] == types
    if precision == "int8":
        assert asked(tmp_path)[0]["calibrated"] == 8
    found = session.infer(feeds(), ["y"])["y"]
    assert found.dtype == np.float32 and found.shape == (2, 64)
    session.close()


@pytest.mark.parametrize(("version", "precision"), [("8.6.1", "fp16"), ("10.16.1.11", "int8"), ("11.4.0.106", "fp16")])
def test_an_engine_in_another_precision_than_asked_for_is_refused(
    version: str, precision: str, spec: Spec, tmp_path: Path
) -> None:
    runner = backend(spec(version, fails="precision", precision=precision))
    with pytest.raises(BackendError, match=rf"no layer in {precision}, which was asked for: its layers are fp32 \d"):
        runner.prepare(open_model(fixed(tmp_path / "m.onnx")), Mode.PLAIN)


@pytest.mark.parametrize(
    ("precision", "sentence"),
    [("bf16", "8.6 has no bf16: it takes TensorRT 10"), ("fp8", "no fp8"), ("stored", "needs TensorRT 10")],
)
def test_what_a_version_lacks_is_said_with_the_version_that_has_it(
    precision: str, sentence: str, spec: Spec, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match=sentence):
        backend(spec("8.6.1", precision=precision)).prepare(open_model(fixed(tmp_path / "m.onnx")), Mode.PLAIN)


@pytest.mark.parametrize("version", ["8.6.1", "11.4.0.106"])
def test_free_shapes_take_those_of_the_first_run_or_a_profile(version: str, spec: Spec, tmp_path: Path) -> None:
    path = free(tmp_path / "m.onnx")
    session = backend(spec(version)).prepare(open_model(path), Mode.PLAIN)
    for batch in (2, 5):
        found = session.infer(feeds(batch), ["y"])["y"]
        assert np.allclose(found, expected(path, feeds(batch))["y"], atol=1e-5)
    assert session.environment["profile"] == "x 5x64"
    ranged = backend(spec(version, min="x:1x64", max="x:4x64", shapes="x:2x64")).prepare(open_model(path), Mode.PLAIN)
    assert asked(tmp_path)[-1]["profiles"] == [{"x": [[1, 64], [2, 64], [4, 64]]}]
    assert ranged.infer(feeds(4), ["y"])["y"].shape == (4, 64)
    with pytest.raises(BackendError, match="'x' is fed 5x64, and the engine takes it from 1x64 to 4x64"):
        ranged.infer(feeds(5), ["y"])
    for one in (session, ranged):
        one.close()


def test_as_deployed_only_what_was_not_fused_can_be_fetched(spec: Spec, tmp_path: Path) -> None:
    path = fixed(tmp_path / "m.onnx")
    session = backend(spec("10.16.1.11")).prepare(open_model(path), Mode.DEPLOYED)
    assert list(session.tensors) == ["product", "y"]
    assert session.untapped == {"sum": "fused away, or known to TensorRT by a name of its own"}
    assert session.environment["tensors under TensorRT's own names"] == "1"
    found = session.infer(feeds(), ["product", "y"])
    assert np.allclose(found["product"], expected(path, feeds())["product"], atol=1e-5)
    session.close()
    for version in ("8.6.1", "10.0.1"):
        with pytest.raises(BackendError, match=r"as it is deployed: that takes TensorRT 10\.12 or newer"):
            backend(spec(version)).prepare(open_model(path), Mode.DEPLOYED)


@pytest.mark.parametrize("version", ["8.6.1", "10.16.1.11", "11.4.0.106"])
def test_the_parser_s_complaint_is_put_at_its_node(version: str, spec: Spec, tmp_path: Path) -> None:
    with pytest.raises(
        BackendError, match=rf"TensorRT {version} cannot read the model at Nope_2 \(Nope\): .*not found"
    ):
        backend(spec(version)).prepare(open_model(fixed(tmp_path / "m.onnx", "Nope")), Mode.PLAIN)


@pytest.mark.parametrize(
    ("fails", "cuda", "sentence"),
    [
        ("", "cuInit", "cannot use GPU 0 of this machine: the driver sees no GPU"),
        ("builder", "", "cannot be started on this GPU: CUDA initialization failure with error: 35"),
        ("build", "", "built no engine: 10: Could not find any implementation for node conv1."),
        ("", "cuMemAlloc_v2", "the GPU has not enough free memory"),
        ("run", "", "failed while running the engine"),
    ],
)
def test_every_bad_end_is_a_sentence(fails: str, cuda: str, sentence: str, spec: Spec, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=sentence):
        session = backend(spec("10.16.1.11", fails, cuda)).prepare(open_model(fixed(tmp_path / "m.onnx")), Mode.PLAIN)
        session.infer(feeds(), ["y"])


def test_without_tensorrt_or_a_gpu_the_probe_says_how_to_get_them(alone: None, spec: Spec) -> None:
    there = backend(f"tensorrt:python={sys.executable}").probe()
    assert not there.available and there.reason.endswith("or name an interpreter that has it with python=.")
    assert "pip install tensorrt" in there.reason
    gone = backend("tensorrt:python=/no/python").probe()
    assert gone.reason == "/no/python cannot be started to run TensorRT: No such file or directory."
    allow_code(False)
    with pytest.raises(ValueError, match="--allow-code"):
        backend("tensorrt:python=/usr/bin/python3")


def test_an_engine_is_built_once_and_a_damaged_one_anew(spec: Spec, tmp_path: Path) -> None:
    model = open_model(fixed(tmp_path / "m.onnx"))
    how = []
    for damage in (False, False, True, False):
        if damage:
            next((tmp_path / "home" / "cache" / "tensorrt").glob("*.engine")).write_bytes(b"rubbish")
        session = backend(spec("10.16.1.11")).prepare(model, Mode.PLAIN)
        how.append(session.environment["engine"].split(",")[0].split(" in ")[0])
        session.close()
    assert how == ["built", "built before", "built", "built before"]
    backend(spec("10.16.1.11", level=5)).prepare(model, Mode.PLAIN).close()
    backend(spec("11.4.0.106")).prepare(model, Mode.PLAIN).close()
    assert [(each["version"], each.get("builder_optimization_level")) for each in asked(tmp_path)] == [
        ("10.16.1.11", None),
        ("10.16.1.11", 5),
        ("11.4.0.106", None),
    ]
    kept = next((tmp_path / "home" / "cache" / "tensorrt").glob("*.engine"))
    given = backend(spec("11.4.0.106", engine=sorted(kept.parent.glob("*.engine"))[0]))
    with pytest.raises(BackendError, match=r"cannot load the engine .*not compatible with this version"):
        [backend(spec("8.6.1", engine=kept)).prepare(model, Mode.PLAIN), given]


def test_options_reach_the_builder_by_its_own_names(spec: Spec, tmp_path: Path) -> None:
    model = open_model(fixed(tmp_path / "m.onnx"))
    options = {"workspace": 64, "tactics": "edge_mask_convolutions+jit_convolutions"}
    backend(spec("8.6.1", **options)).prepare(model, Mode.PLAIN).close()
    found = asked(tmp_path)[0]
    assert found["pools"] == {"WORKSPACE": 64 << 20}
    assert found["tactics"] == 1 << 3 | 1 << 4
    assert found["preview"] == {"DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805": True}
    with pytest.raises(BackendError, match=r"11\.4\.0\.106 has no TacticSource called CUDNN"):
        backend(spec("11.4.0.106", tactics="cudnn")).prepare(model, Mode.PLAIN)


def test_layers_are_left_as_a_file_and_an_engine_is_timed_and_profiled(spec: Spec, tmp_path: Path) -> None:
    session: Any = backend(spec("11.4.0.106")).prepare(open_model(fixed(tmp_path / "m.onnx")), Mode.PLAIN)
    layers = json.loads(session.files["layers.json"].read_text())["Layers"]
    assert [layer["LayerType"] for layer in layers] == ["MatMul", "Add", "Relu"]
    assert isinstance(session, Timed) and isinstance(session, Profiled)
    given = feeds()
    for streams, iterations in ((1, 5), (3, 4)):
        taken = session.time_runs(given, ["y"], Runs(iterations, streams=streams))
        assert [len(each) for each in taken.streams] == [iterations] * streams
        assert {name: len(times) for name, times in taken.phases.items()} == dict.fromkeys(PHASES, iterations * streams)
        latencies = [each for stream in taken.streams for each in stream]
        for name in PHASES:
            assert all(0 <= part <= whole for part, whole in zip(taken.phases[name], latencies, strict=True)), name
        assert max(map(sum, taken.streams)) <= taken.wall * 1.001
    assert len(session.time_runs(given, ["y"], Runs(10**6, seconds=0.02)).streams[0]) < 10**6
    found = session.profile_runs(given, 3)
    assert [(each.name, each.op, each.nodes, each.seconds) for each in found] == [
        (name, name.partition("_")[0], (name,), (0.25e-3,) * 3) for name in ("MatMul_0", "Add_1", "Relu_2")
    ]
    assert session.infer(given, ["y"])["y"].shape == (2, 64)
    session.close()


def test_one_profile_of_an_old_version_serves_one_stream(spec: Spec, tmp_path: Path) -> None:
    model = open_model(free(tmp_path / "m.onnx"))
    session: Any = backend(spec("8.6.1")).prepare(model, Mode.PLAIN)
    with pytest.raises(BackendError, match=r"8\.6\.1 does not run this engine in 2 streams .* Measure one stream\.$"):
        session.time_runs(feeds(), ["y"], Runs(1, streams=2))
    session.close()
    session = backend(spec("11.4.0.106")).prepare(model, Mode.PLAIN)
    assert len(session.time_runs(feeds(), ["y"], Runs(1, streams=2)).streams) == 2
    session.close()


def test_integers_of_64_bits_go_through_version_8_as_32(spec: Spec, tmp_path: Path) -> None:
    shape = (3,)
    path = tmp_path / "m.onnx"
    nodes = [helper.make_node("Add", ["i", "i"], ["j"])]
    ends = [models.value(name, TensorProto.INT64, shape) for name in ("i", "j")]
    models.write(path, nodes, ends[:1], ends[1:], opset=17)
    proto = onnx.load(path)
    proto.ir_version = 8
    onnx.save(proto, path)
    for version in ("8.6.1", "10.16.1.11"):
        session = backend(spec(version)).prepare(open_model(path), Mode.PLAIN)
        found = session.infer({"i": np.array([1, -2, 3])}, ["j"])["j"]
        assert found.dtype == np.int64 and found.tolist() == [2, -4, 6]
        if version == "8.6.1":
            with pytest.raises(BackendError, match="'i' has integers of more than 32 bits"):
                session.infer({"i": np.array([1, 1 << 40, 3])}, ["j"])
        session.close()


def test_what_tensorrt_does_not_take_is_listed_before_building(spec: Spec, tmp_path: Path) -> None:
    path = fixed(tmp_path / "m.onnx", "Nope")
    for version in ("8.6.1", "10.0.1", "10.16.1.11", "11.4.0.106"):
        request = EngineRequest(ModelLocation(str(path)), spec(version))
        support = engine_job(request, tmp_path, silent).support
        assert support.version == version and not support.supported
        assert support.subgraphs == (Subgraph((0, 1), True), Subgraph((2,), False))
        assert [(each.node, each.name, each.op) for each in support.complaints] == [(2, "Nope_2", "Nope")]
        assert support_of(support).values == {0: "taken", 1: "taken", 2: "not taken"}


def test_the_layers_of_a_built_engine_are_kept_as_a_graph_and_beside_a_run(
    alone: None, spec: Spec, tmp_path: Path
) -> None:
    path = models.chain(tmp_path / "m.onnx")
    where = spec("11.4.0.106")
    result = engine_job(EngineRequest(ModelLocation(str(path)), where, dims={"batch": 3}), tmp_path, silent)
    assert result.support.supported and result.environment["profile"] == "x 3x64"
    layers = onnx.load(tmp_path / "layers.onnx")
    assert [onnx_nodes(node) for node in layers.graph.node] == [("MatMul_0",), ("Add_1",), ("Relu_2",)]
    folder = tmp_path / "run"
    folder.mkdir()
    run_job(RunRequest(ModelLocation(str(path)), where, mode="plain"), folder, silent)
    assert (folder / "layers.json").read_text() == (tmp_path / "layers.json").read_text()
    sides = [Side(each, ModelLocation(str(path))) for each in ("onnxruntime", where)]
    compared = compare_job(CompareRequest(*sides, feeds=FeedSpec(dims={"batch": 3})), folder, silent)
    assert compared.verdict.matched == 3 and not (folder / "reference-layers.json").exists()
    assert len(json.loads((folder / "candidate-layers.json").read_text())["Layers"]) == 3


def test_outputs_whose_shape_depends_on_values_grow(spec: Spec, tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    nodes = [helper.make_node("NonZero", ["x"], ["where"])]
    ends = [models.value("x", shape=(2, 3)), models.value("where", TensorProto.INT64, (2, "found"))]
    models.write(path, nodes, ends[:1], ends[1:], opset=17)
    session = backend(spec("11.4.0.106")).prepare(open_model(path), Mode.PLAIN)
    for count in (1, 5):
        x = np.zeros(6, np.float32)
        x[:count] = 1
        found = session.infer({"x": x.reshape(2, 3)}, ["where"])["where"]
        assert np.array_equal(found, np.nonzero(x.reshape(2, 3)))
    session.close()
