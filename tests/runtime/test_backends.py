"""The backends do what the protocol says, on every kind of value."""

import gc
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from graphdebug.model.document import Model, open_model
from graphdebug.runtime.backend import Backend, BackendError, Mode, Session
from graphdebug.runtime.feeds import make_feeds
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.store import ArrayWriter
from tests.runtime import small_models as models

RUNNING = ["onnxruntime", "onnxruntime:opt=disable", "reference"]


def feeds_of(session: Session, **dims: int) -> dict[str, Any]:
    return make_feeds(session.inputs, FeedSpec(dims=dims))


def convolutions(path: Path) -> Path:
    """Conv, BatchNormalization and Relu three times, with an addition around: enough to be fused."""
    rng = np.random.default_rng(1)
    nodes, initializers, last = [], {}, "x"
    for number in range(3):
        initializers[f"w{number}"] = rng.standard_normal((8, 8, 3, 3), np.float32) / 8
        for name in ("scale", "bias", "mean", "var"):
            initializers[f"{name}{number}"] = rng.random(8, np.float32) + 0.5
        statistics = [f"{name}{number}" for name in ("scale", "bias", "mean", "var")]
        nodes += [
            helper.make_node("Conv", [last, f"w{number}"], [f"conv{number}"], pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", [f"conv{number}", *statistics], [f"norm{number}"]),
            helper.make_node("Relu", [f"norm{number}"], [f"relu{number}"]),
        ]
        last = f"relu{number}"
    nodes.append(helper.make_node("Add", [last, "x"], ["y"]))
    shape = (1, 8, 16, 16)
    return models.write(path, nodes, [models.value("x", shape=shape)], [models.value("y", shape=shape)], initializers)


@pytest.mark.parametrize("spec", RUNNING)
def test_every_tensor_can_be_fetched_in_any_portion(spec: str, tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    session = backend(spec).prepare(model, Mode.ISOLATED)
    assert list(session.tensors) == ["product", "sum", "y"]
    assert list(session.outputs) == ["y"]
    assert session.untapped == {}
    feeds = feeds_of(session, batch=5)
    together = session.infer(feeds, session.tensors)
    for name in session.tensors:
        assert np.array_equal(session.infer(feeds, [name])[name], together[name])
    assert np.array_equal(np.maximum(together["sum"], 0), together["y"])
    assert session.infer(feeds, []) == {}
    session.close()
    with pytest.raises(BackendError, match="closed"):
        session.infer(feeds, ["y"])


@pytest.mark.parametrize("spec", RUNNING)
def test_mistakes_are_named(spec: str, tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    made = backend(spec)
    with pytest.raises(BackendError, match="'nothing'"):
        made.prepare(model, Mode.ISOLATED, ["nothing"])
    session = made.prepare(model, Mode.PLAIN)
    assert list(session.tensors) == ["y"]
    with pytest.raises(BackendError, match="'x'"):
        session.infer({}, ["y"])
    with pytest.raises(BackendError, match="'sum'"):
        session.infer(feeds_of(session), ["sum"])
    with pytest.raises(BackendError):
        session.infer({"x": np.zeros((1, 3), np.float32)}, ["y"])


def test_chosen_taps_come_in_topological_order_with_the_outputs(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    session = backend("onnxruntime").prepare(model, Mode.ISOLATED, ["sum"])
    assert list(session.tensors) == ["sum", "y"]


@pytest.mark.parametrize("level", ["basic", "extended", "all"])
def test_as_deployed_the_output_is_bit_identical_to_the_plain_run(level: str, tmp_path: Path) -> None:
    model = open_model(convolutions(tmp_path / "m.onnx"))
    made = backend(f"onnxruntime:opt={level}")
    plain, deployed = made.prepare(model, Mode.PLAIN), made.prepare(model, Mode.DEPLOYED)
    feeds = feeds_of(plain)
    before = plain.infer(feeds, ["y"])["y"]
    after = deployed.infer(feeds, deployed.tensors)
    assert before.tobytes() == after["y"].tobytes()
    assert deployed.untapped["conv0"] == "fused away"
    assert set(deployed.tensors) | set(deployed.untapped) == {
        *(f"{kind}{number}" for kind in ("conv", "norm", "relu") for number in range(3)),
        "y",
    }
    deployed.close()


def test_deployed_weights_are_removed_on_close(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    session = backend("onnxruntime").prepare(open_model(convolutions(tmp_path / "m.onnx")), Mode.DEPLOYED)
    assert list(scratch.iterdir())
    session.close()
    assert not list(scratch.iterdir())
    broken = models.write(tmp_path / "b.onnx", [helper.make_node("Nope", ["x"], ["y"])], [models.value("x")], [])
    with pytest.raises(BackendError):
        backend("onnxruntime").prepare(open_model(broken), Mode.DEPLOYED)
    assert not list(scratch.iterdir())


def test_deployed_weights_go_with_a_session_that_was_not_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    session = backend("onnxruntime").prepare(open_model(convolutions(tmp_path / "m.onnx")), Mode.DEPLOYED)
    assert list(scratch.iterdir())
    del session
    gc.collect()
    assert not list(scratch.iterdir())


def test_weights_stay_in_the_file(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    weight = next(tensor for tensor in model.proto.graph.initializer if tensor.name == "w")
    assert weight.data_location == TensorProto.EXTERNAL
    session = backend("onnxruntime").prepare(model, Mode.PLAIN)
    x = np.eye(64, dtype=np.float32)
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in onnx.load(model.path).graph.initializer}
    expected = np.maximum(x @ stored["w"] + stored["b"], 0)
    assert np.allclose(session.infer({"x": x}, ["y"])["y"], expected, atol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        *("bfloat16", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"),
        *("int4", "uint4"),
    ],
)
def test_types_that_numpy_lacks_go_in_and_out(name: str, tmp_path: Path) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    number = helper.np_dtype_to_tensor_dtype(dtype)
    nodes = [
        helper.make_node("Cast", ["x"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["wide"], ["narrow"], to=number),
        helper.make_node("SequenceConstruct", ["wide", "wide"], ["pair"]),
    ]
    path = models.write(
        tmp_path / "m.onnx",
        nodes,
        [models.value("x", number, (3, 3))],
        [models.value("narrow", number, (3, 3)), onnx.ValueInfoProto(name="pair")],
    )
    session = backend("onnxruntime").prepare(open_model(path), Mode.ISOLATED)
    x = np.arange(9).astype(np.float32).reshape(3, 3).astype(dtype)
    found = session.infer({"x": x}, session.tensors)
    assert found["narrow"].dtype == dtype
    assert np.array_equal(found["narrow"].astype(np.float32), x.astype(np.float32))
    assert np.array_equal(found["wide"], x.astype(np.float32))
    assert np.array_equal(found["pair"][1], found["wide"])


@pytest.mark.parametrize("spec", RUNNING)
def test_sequences_optionals_and_strings(spec: str, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("SequenceConstruct", ["x", "x"], ["pair"]),
        helper.make_node("Optional", ["x"], ["some"]),
        helper.make_node("SequenceLength", ["pair"], ["length"]),
        helper.make_node("Cast", ["x"], ["text"], to=TensorProto.STRING),
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in ("length", "text")]
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x")], outputs)
    session = backend(spec).prepare(open_model(path), Mode.ISOLATED)
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = session.infer({"x": x}, session.tensors)
    assert [item.tolist() for item in found["pair"]] == [x.tolist()] * 2
    some = found["some"][0] if spec == "reference" else found["some"]  # it wraps an optional in a list
    assert np.array_equal(some, x)
    assert found["length"] == 2
    assert [str(text)[0] for text in found["text"].reshape(-1)] == list("012345")


def test_outputs_that_no_node_makes(tmp_path: Path) -> None:
    path = models.write(
        tmp_path / "m.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        [models.value("x")],
        [models.value("y"), models.value("x"), models.value("c")],
        {"c": np.ones((2, 3), np.float32)},
    )
    for spec in RUNNING:
        for mode in Mode:
            session = backend(spec).prepare(open_model(path), mode)
            found = session.infer(feeds_of(session), session.outputs)
            assert set(found) == {"x", "y", "c"}
            assert (found["c"] == 1).all()


def test_a_refused_model_is_one_clean_sentence(tmp_path: Path) -> None:
    path = models.write(tmp_path / "m.onnx", [helper.make_node("Nope", ["x"], ["y"])], [models.value("x")], [])
    for spec in RUNNING:
        with pytest.raises(BackendError) as raised:
            backend(spec).prepare(open_model(path), Mode.PLAIN)
        assert "Nope" in str(raised.value)
        assert "ONNXRuntimeError" not in str(raised.value)
        assert "\n" not in str(raised.value)


def test_options_reach_onnx_runtime(tmp_path: Path) -> None:
    model = open_model(convolutions(tmp_path / "m.onnx"))
    assert "conv0" in backend("onnxruntime:opt=basic").prepare(model, Mode.DEPLOYED).untapped
    without = backend("onnxruntime:opt=basic,disable=ConvBNFusion").prepare(model, Mode.DEPLOYED)
    assert "conv0" in without.tensors
    assert without.environment["disabled optimisers"] == "ConvBNFusion"
    kept = backend("onnxruntime:opt=disable,threads=1,session.set_denormal_as_zero=1").prepare(model, Mode.DEPLOYED)
    assert kept.untapped == {}
    assert kept.environment["threads"] == "1"
    assert kept.environment["session.set_denormal_as_zero"] == "1"


@pytest.mark.parametrize("mode", list(Mode))
def test_onnx_runtime_names_unnamed_nodes_as_we_do(mode: Mode, tmp_path: Path) -> None:
    """At load time and while running, in the main graph and in a branch."""
    nodes = [helper.make_node("Relu", ["x"], ["h"]), helper.make_node("MatMul", ["h", "w"], ["y"])]
    weight = {"w": np.ones((5, 7), np.float32)}
    path = models.write(tmp_path / "load.onnx", nodes, [models.value("x")], [models.value("y", shape=None)], weight)
    with pytest.raises(BackendError, match="MatMul_1"):
        backend("onnxruntime").prepare(open_model(path), mode)
    inner = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("MatMul", ["r", "z"], ["t"])]
    branch = helper.make_graph(inner, "branch", [], [models.value("t", shape=None)])
    nodes = [helper.make_node("If", ["flag"], ["y"], then_branch=branch, else_branch=branch)]
    inputs = [models.value(name, shape=("a", "b")) for name in ("x", "z")]
    flag = models.value("flag", onnx.TensorProto.BOOL, ())
    path = models.write(tmp_path / "run.onnx", nodes, [*inputs, flag], [models.value("y", shape=None)])
    before = path.read_bytes()
    session = backend("onnxruntime").prepare(open_model(path), mode)
    feeds = {"x": np.ones((2, 3), np.float32), "z": np.ones((4, 5), np.float32), "flag": np.array(True)}
    with pytest.raises(BackendError, match=r"If_0.*MatMul_1"):
        session.infer(feeds, ["y"])
    assert path.read_bytes() == before


def test_the_reference_names_the_node_that_fails(tmp_path: Path) -> None:
    path = models.write(
        tmp_path / "m.onnx",
        [helper.make_node("Reshape", ["x", "shape"], ["broken"]), helper.make_node("Relu", ["broken"], ["y"])],
        [models.value("x")],
        [models.value("y", shape=None)],
        {"shape": np.array([7])},
    )
    session = backend("reference").prepare(open_model(path), Mode.PLAIN)
    with pytest.raises(BackendError, match="Reshape, which makes 'broken'"):
        session.infer(feeds_of(session), ["y"])


def test_the_reference_gathers_from_long_axes(tmp_path: Path) -> None:
    path = models.write(
        tmp_path / "m.onnx",
        [helper.make_node("GatherElements", ["x", "i"], ["y"], axis=1)],
        [models.value("x", shape=(3, 200)), models.value("i", models.INT64, (2, 5))],
        [models.value("y", shape=(2, 5))],
    )
    x = np.random.default_rng(0).standard_normal((3, 200), np.float32)
    i = np.array([[0, 199, -1, 65, 64], [1, 2, 3, -200, 100]])
    found = [
        backend(spec).prepare(open_model(path), Mode.PLAIN).infer({"x": x, "i": i}, ["y"])["y"]
        for spec in ("reference", "onnxruntime")
    ]
    assert np.array_equal(*found)


def test_recorded_tensors(tmp_path: Path) -> None:
    model = open_model(models.chain(tmp_path / "m.onnx"))
    with ArrayWriter(tmp_path / "t.npz") as writer:
        writer.write("y", np.ones((1, 64), np.float32))
        writer.write("sum", np.ones((1, 64), ml_dtypes.bfloat16))
        writer.write("foreign", np.ones(3))
    made: Backend = backend(f"file:path={tmp_path / 't.npz'}")
    session = made.prepare(model, Mode.ISOLATED)
    assert list(session.tensors) == ["sum", "y"]
    assert session.untapped == {"product": "not recorded"}
    assert list(session.inputs) == []
    assert session.infer({}, ["sum"])["sum"].dtype == ml_dtypes.bfloat16
    with pytest.raises(BackendError, match="'product'"):
        session.infer({}, ["product"])


def test_recorded_tensors_that_are_not_there(tmp_path: Path) -> None:
    for spec in ("file", f"file:path={tmp_path / 'none.npz'}"):
        assert not backend(spec).probe().available
    (tmp_path / "text.npz").write_text("no archive")
    assert "no .npz archive" in backend(f"file:path={tmp_path / 'text.npz'}").probe().reason


def test_float16_on_the_processor_is_said_to_be_computed_wider(tmp_path: Path) -> None:
    half = TensorProto.FLOAT16
    path = models.write(
        tmp_path / "m.onnx",
        [helper.make_node("Relu", ["x"], ["y"])],
        [models.value("x", half)],
        [models.value("y", half)],
    )
    model: Model = open_model(path)
    assert "float32" in backend("onnxruntime").prepare(model, Mode.PLAIN).environment["note"]
