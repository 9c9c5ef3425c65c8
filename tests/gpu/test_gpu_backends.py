"""TensorRT and ONNX Runtime's CUDA provider against the CPU; `docs/gpu.md` says how to run this and what to record.

``GRAPHDEBUG_TENSORRT_PYTHON`` names an interpreter that has TensorRT (else our own is tried), ``GRAPHDEBUG_TENSORRT``
further options of the SPEC; ``GRAPHDEBUG_ONNXRUNTIME_PYTHON`` an interpreter that has onnxruntime-gpu. Figures are
printed (``pytest -m gpu -s``), never asserted.
"""

import os
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from graphdebug.model.document import Model, open_model
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.timing import PHASES, Profiled, Ready, Runs, Timed
from graphdebug.runtime.trust import allow_code

pytestmark = pytest.mark.gpu

_NOT_FOR_THIS = {"broken", "float16_overflow"}
"""One is no sound model, the other is there to overflow."""
SAMPLES = sorted(
    path for path in (Path(__file__).parents[2] / "sample_models").glob("*.onnx") if path.stem not in _NOT_FOR_THIS
)
RELATIVE_RMS = {"fp32": 1e-5, "tf32": 2e-3, "fp16": 5e-3, "bf16": 3e-2, "int8": 0.2, "cuda": 1e-5}
"""Root mean square of the error over that of the CPU's result: what rounding explains, a few times over."""


def tensorrt(precision: str = "fp32", **options: str) -> str:
    """Return a SPEC for the TensorRT of this machine; skip where there is none."""
    allow_code(True)
    given = [f"precision={precision}", *(f"{key}={value}" for key, value in options.items())]
    if python := os.environ.get("GRAPHDEBUG_TENSORRT_PYTHON"):
        given.append(f"python={python}")
    if more := os.environ.get("GRAPHDEBUG_TENSORRT"):
        given.append(more)
    spec = f"tensorrt:{','.join(given)}"
    found = backend(spec).probe()
    if not found.available:
        pytest.skip(found.reason)
    return spec


def cuda() -> str:
    """Return the SPEC of ONNX Runtime's CUDA provider; skip where there is none."""
    allow_code(True)
    python = os.environ.get("GRAPHDEBUG_ONNXRUNTIME_PYTHON")
    spec = "onnxruntime:provider=cuda,tf32=0" + (f",python={python}" if python else "")
    found = backend(spec).probe()
    if not found.available:
        pytest.skip(found.reason)
    return spec


def compare(spec: str, model: Model, limit: float, mode: Mode = Mode.PLAIN, dims: dict[str, int] | None = None) -> None:
    """Run on the CPU and on ``spec``; every floating-point tensor that both give must agree within ``limit``."""
    feeds = make_feeds(model_inputs(model), FeedSpec(seed=1, dims=dims or {}), suggest(model))
    candidate = backend(spec).prepare(model, mode)
    found = candidate.infer(feeds, candidate.tensors)
    if mode is Mode.PLAIN or candidate.tensors == candidate.outputs:
        expected = backend("onnxruntime").prepare(model, Mode.PLAIN).infer(feeds, candidate.tensors)
    else:
        expected = backend("onnxruntime:opt=disable").prepare(model, Mode.ISOLATED).infer(feeds, candidate.tensors)
    print(f"\n{spec} {model.path.name} {mode}: {dict(candidate.environment)}")
    for name, value in expected.items():
        error = relative_rms(found[name], value)
        print(f"  {name}: {error:.2e}")
        assert error <= limit, name
    candidate.close()


def relative_rms(found: Any, expected: Any) -> float:
    assert found.shape == expected.shape
    one, two = np.asarray(found, np.float64), np.asarray(expected, np.float64)
    assert np.array_equal(np.isfinite(one), np.isfinite(two))
    return float(np.sqrt(np.mean((one - two) ** 2)) / max(float(np.sqrt(np.mean(two**2))), 1e-12)) if one.size else 0.0


def network(path: Path, blocks: int = 8, batch: int | str = "batch") -> Model:
    """Return a small ResNet: convolutions with shortcuts, pooling and a classifier."""
    rng = np.random.default_rng(0)
    nodes, stored, last = [], {}, "x"
    for at in range(blocks):
        width = 3 if at == 0 else 64
        stored[f"w{at}"] = rng.standard_normal((64, width, 3, 3), np.float32) / np.sqrt(9 * width).astype(np.float32)
        nodes.append(helper.make_node("Conv", [last, f"w{at}"], [f"conv{at}"], pads=[1] * 4))
        before = f"conv{at}"
        if at:
            nodes.append(helper.make_node("Add", [before, last], [f"add{at}"]))
            before = f"add{at}"
        nodes.append(helper.make_node("Relu", [before], [f"relu{at}"]))
        last = f"relu{at}"
    nodes.append(helper.make_node("GlobalAveragePool", [last], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    stored["head"] = rng.standard_normal((64, 10), np.float32)
    nodes.append(helper.make_node("MatMul", ["flat", "head"], ["y"]))
    ends = [
        helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [batch, 3, 64, 64]),
        helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [batch, 10]),
    ]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(nodes, "resnet", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return open_model(path)


def transformer(path: Path, layers: int = 4, width: int = 128, heads: int = 4, batch: int | str = 2) -> Model:
    """Return a small BERT: tokens and a mask in, embeddings, attention, GELU and layer norms, hidden states out."""
    rng, length, words = np.random.default_rng(0), 32, 500
    nodes: list[onnx.NodeProto] = []
    stored: dict[str, Any] = {}

    def keep(name: str, value: Any) -> str:
        stored[name] = np.asarray(value)
        return name

    def weight(name: str, *shape: int) -> str:
        return keep(name, (rng.standard_normal(shape) / np.sqrt(shape[0])).astype(np.float32))

    def do(op: str, *inputs: str, **attributes: Any) -> str:
        nodes.append(helper.make_node(op, list(inputs), [f"t{len(nodes)}"], **attributes))
        return str(nodes[-1].output[0])

    def dense(x: str, name: str, rows: int, columns: int) -> str:
        return do("Add", do("MatMul", x, weight(f"{name}.w", rows, columns)), weight(f"{name}.b", columns))

    def norm(x: str, name: str) -> str:
        one, nothing = np.ones(width, np.float32), np.zeros(width, np.float32)
        return do("LayerNormalization", x, keep(f"{name}.g", one), keep(f"{name}.b", nothing), axis=-1, epsilon=1e-5)

    split = keep("split", np.array([0, length, heads, width // heads]))
    join = keep("join", np.array([0, length, width]))
    x = do("Add", do("Gather", weight("words", words, width), "tokens"), weight("places", length, width))
    x = norm(x, "start")
    far = do("Sub", do("Cast", "mask", to=onnx.TensorProto.FLOAT), keep("one", np.float32(1)))
    bias = do("Unsqueeze", do("Mul", far, keep("huge", np.float32(1e4))), keep("axes", np.array([1, 2])))
    for at in range(layers):
        parts = [do("Reshape", dense(x, f"{at}.{part}", width, width), split) for part in "qkv"]
        q, v = (do("Transpose", each, perm=[0, 2, 1, 3]) for each in (parts[0], parts[2]))
        k = do("Transpose", parts[1], perm=[0, 2, 3, 1])
        scores = do("Mul", do("MatMul", q, k), keep(f"{at}.scale", np.float32((width // heads) ** -0.5)))
        held = do("MatMul", do("Softmax", do("Add", scores, bias), axis=-1), v)
        held = do("Reshape", do("Transpose", held, perm=[0, 2, 1, 3]), join)
        x = norm(do("Add", x, dense(held, f"{at}.out", width, width)), f"{at}.norm1")
        wide = dense(x, f"{at}.up", width, 4 * width)
        erf = do("Erf", do("Mul", wide, keep(f"{at}.root", np.float32(0.5**0.5))))
        half = do("Mul", wide, keep(f"{at}.half", np.float32(0.5)))
        gelu = do("Mul", half, do("Add", erf, keep(f"{at}.one", np.float32(1))))
        x = norm(do("Add", x, dense(gelu, f"{at}.down", 4 * width, width)), f"{at}.norm2")
    nodes.append(helper.make_node("Identity", [x], ["hidden"]))
    ends = [helper.make_tensor_value_info(name, onnx.TensorProto.INT64, [batch, length]) for name in ("tokens", "mask")]
    ends.append(helper.make_tensor_value_info("hidden", onnx.TensorProto.FLOAT, [batch, length, width]))
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(nodes, "bert", ends[:2], ends[2:], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return open_model(path)


MADE = {"resnet": lambda path: network(path, batch=2), "bert": transformer}


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16"])
@pytest.mark.parametrize("made", MADE)
def test_tensorrt_agrees_with_the_cpu(made: str, precision: str, tmp_path: Path) -> None:
    compare(tensorrt(precision), MADE[made](tmp_path / "m.onnx"), RELATIVE_RMS[precision])


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_lower_precisions_agree_as_far_as_they_can(precision: str, tmp_path: Path) -> None:
    spec = tensorrt(precision)
    if precision == "bf16" and dict(backend(spec).probe().versions)["tensorrt"].startswith("8."):
        pytest.skip("TensorRT 8 has no bf16")
    compare(spec, network(tmp_path / "m.onnx", batch=2), RELATIVE_RMS[precision])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_tensorrt_agrees_on_the_sample_models(path: Path) -> None:
    spec, model = tensorrt(), open_model(path)
    runner: Any = backend(spec)
    support = runner.support(model)
    if not support.supported:
        pytest.skip(f"TensorRT {support.version} does not take it: {support.complaints[:1]}")
    compare(spec, model, RELATIVE_RMS["fp32"])


def test_every_tensor_agrees_when_all_are_outputs(tmp_path: Path) -> None:
    compare(tensorrt(), network(tmp_path / "m.onnx", batch=2), RELATIVE_RMS["fp32"], Mode.ISOLATED)


def test_unfused_tensors_agree_as_deployed(tmp_path: Path) -> None:
    spec = tensorrt()
    if tuple(map(int, dict(backend(spec).probe().versions)["tensorrt"].split(".")[:2])) < (10, 12):
        pytest.skip("unfused tensors came with TensorRT 10.12")
    compare(spec, network(tmp_path / "m.onnx", batch=2), RELATIVE_RMS["fp32"], Mode.DEPLOYED)


def test_a_profile_of_free_shapes_serves_all_that_lie_in_it(tmp_path: Path) -> None:
    shapes: Sequence[str] = ("x:1x3x64x64", "x:4x3x64x64", "x:8x3x64x64")
    spec = tensorrt(**dict(zip(("min", "shapes", "max"), shapes, strict=True)))
    model = network(tmp_path / "m.onnx")
    for batch in (1, 3, 8):
        compare(spec, model, RELATIVE_RMS["fp32"], dims={"batch": batch})


def test_figures_of_an_engine(tmp_path: Path) -> None:
    model = network(tmp_path / "m.onnx", batch=8)
    feeds = make_feeds(model_inputs(model), FeedSpec(seed=1), suggest(model))
    for precision in ("fp32", "fp16"):
        session: Any = backend(tensorrt(precision)).prepare(model, Mode.PLAIN)
        assert isinstance(session, Timed) and isinstance(session, Profiled)
        session.time_runs(feeds, ["y"], Runs(20))
        for streams in (1, 2):
            taken = session.time_runs(feeds, ["y"], Runs(200, streams=streams))
            times = {"latency": [each for stream in taken.streams for each in stream], **taken.phases}
            middle = {name: f"{statistics.median(values) / 1e6:.3f} ms" for name, values in times.items()}
            print(f"\n{session.environment}\n  {streams} streams, median of {len(times['compute'])}: {middle}")
            assert set(taken.phases) == set(PHASES)
            assert statistics.median(times["latency"]) >= statistics.median(times["compute"])
        layers = session.profile_runs(feeds, 50)
        assert layers and all(len(layer.seconds) == 50 for layer in layers)
        assert {name for layer in layers for name in layer.nodes} & set(model.graphs[""].names)
        session.close()


@pytest.mark.parametrize("made", MADE)
def test_onnx_runtime_on_cuda_agrees_with_the_cpu(made: str, tmp_path: Path) -> None:
    compare(cuda(), MADE[made](tmp_path / "m.onnx"), RELATIVE_RMS["cuda"])


def test_cuda_is_timed_on_what_lies_on_the_device() -> None:
    model = open_model(SAMPLES[0])
    session = backend(cuda()).prepare(model, Mode.PLAIN)
    assert session.environment["TF32"] == "off"
    assert "stay on cuda" in session.environment["timed runs"]
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    if isinstance(session, Timed):
        assert len(session.time_runs(feeds, session.outputs, Runs(3)).streams[0]) == 3
        return
    assert isinstance(session, Ready)
    call = session.ready(feeds, session.outputs)
    call()
    outputs = call.args[1].get_outputs()  # type: ignore[attr-defined]
    assert {value.device_name() for value in outputs} == {"cuda"}
    expected = session.infer(feeds, session.outputs)
    for name, value in zip(session.outputs, outputs, strict=True):
        np.testing.assert_allclose(value.numpy(), expected[name], rtol=1e-4, atol=1e-5)
