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
from graphdebug.runtime.timing import Ready, Runs, Timed
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


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16"])
def test_tensorrt_agrees_with_the_cpu(precision: str, tmp_path: Path) -> None:
    compare(tensorrt(precision), network(tmp_path / "m.onnx", batch=2), RELATIVE_RMS[precision])


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
        taken = session.time(feeds, 20, 200, 1.0)
        free = taken.pop("free")
        middle = {name: f"{statistics.median(values):.3f} ms" for name, values in taken.items()}
        print(f"\n{session.environment}\n  median of {len(taken['compute'])}: {middle}, {free:,} bytes free")
        layers = session.profile(feeds, 5, 50)
        assert layers and all(len(values) == 50 for values in layers.values())
        assert statistics.median(taken["latency"]) >= statistics.median(taken["compute"])
        session.close()


def test_onnx_runtime_on_cuda_agrees_with_the_cpu(tmp_path: Path) -> None:
    compare(cuda(), network(tmp_path / "m.onnx", batch=2), RELATIVE_RMS["cuda"])


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
