"""The sample models: they are what their scripts build, they run, and they compute what they say."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import numpy_helper

from sample_models import build
from sample_models.sample import Sample

FOLDER = Path(build.__file__).parent
CATALOG: list[dict[str, str]] = json.loads((FOLDER / "catalog.json").read_text(encoding="utf-8"))
FILES = [entry["file"] for entry in CATALOG]
SOUND = [file for file in FILES if file != "broken.onnx"]

Array = np.ndarray


def run(file: str, taps: tuple[str, ...] = (), level: int = 99, **feeds: Any) -> dict[str, Array]:
    """Run a sample on ONNX Runtime; returns its outputs and ``taps`` by name."""
    model = onnx.load(FOLDER / file)
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in taps)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel(level)
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {name: np.asarray(value) for name, value in feeds.items()}), strict=True))


def weights(file: str) -> dict[str, Array]:
    """The initializers of a sample."""
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(FOLDER / file).graph.initializer}


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def convolve(image: Array, kernel: Array, bias: Array) -> Array:
    """A 3×3 convolution with padding 1, by the definition. ``image`` is [1, channels, h, w]."""
    padded = np.pad(image, ((0, 0), (0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, kernel.shape[2:], (2, 3))
    return np.einsum("bchwij,ocij->bohw", windows, kernel) + bias[:, None, None]


# The folder


def test_the_catalogue_lists_every_model_once() -> None:
    assert sorted(FILES) == sorted(path.name for path in FOLDER.glob("*.onnx"))
    assert all(entry["title"] and entry["lesson"] and "\n" not in entry["lesson"] for entry in CATALOG)


def test_models_are_small() -> None:
    sizes = {file: (FOLDER / file).stat().st_size for file in FILES}
    assert max(sizes.values()) < 600_000
    assert sum(sizes.values()) < 4_000_000


@pytest.mark.parametrize("sample", build.WITHOUT_TORCH, ids=lambda sample: sample.file)
def test_scripts_build_the_committed_bytes(sample: Sample, tmp_path: Path) -> None:
    build.build((sample,), tmp_path)
    assert (tmp_path / sample.file).read_bytes() == (FOLDER / sample.file).read_bytes()


@pytest.mark.parametrize("file", SOUND)
def test_sound_models_pass_the_checker_and_load(file: str) -> None:
    onnx.checker.check_model(FOLDER / file, full_check=True)
    onnxruntime.InferenceSession(FOLDER / file)


@pytest.mark.parametrize("file", FILES)
def test_no_machine_path_is_inside(file: str) -> None:
    content = (FOLDER / file).read_bytes()
    assert b"/site-packages" not in content
    assert b"/home/" not in content
    assert str(Path(__file__).resolve().parents[2]).encode() not in content


# What they compute


def test_line() -> None:
    assert run("line.onnx", x=np.float32([-1, 0, 2.5]))["y"].tolist() == [-1, 1, 6]


def test_asinh_formula_loses_its_digits_at_large_negative_inputs() -> None:
    found = run("asinh.onnx", x=np.float32([0.5, -1e4]))
    np.testing.assert_allclose(found["direct"], np.arcsinh([0.5, -1e4]), rtol=1e-6)
    np.testing.assert_allclose(found["by_formula"][0], np.arcsinh(0.5), rtol=1e-6)
    assert not np.isclose(found["by_formula"][1], np.arcsinh(-1e4), rtol=1e-2)


def test_mlp() -> None:
    w, x = weights("mlp.onnx"), normal(5, 16)
    for layer in ("fc1", "fc2"):
        x = np.maximum(x @ w[f"{layer}.weight"] + w[f"{layer}.bias"], 0)
    logits = x @ w["fc3.weight"] + w["fc3.bias"]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(run("mlp.onnx", features=normal(5, 16))["probabilities"], expected, rtol=1e-5)


def test_resize_follows_the_scales_that_are_fed() -> None:
    w, image = weights("resize_conv_add.onnx"), normal(1, 3, 6, 6)
    same = run("resize_conv_add.onnx", image=image, scales=np.float32([1, 1, 1, 1]))["y"]
    expected = convolve(image, w["conv.weight"], w["conv.bias"]) + w["offset"]
    np.testing.assert_allclose(same, expected, rtol=1e-4, atol=1e-5)
    assert run("resize_conv_add.onnx", image=image, scales=np.float32([1, 1, 2, 3]))["y"].shape == (1, 4, 12, 18)


def test_branching_blocks() -> None:
    w, image = weights("branching_blocks.onnx"), normal(1, 3, 24, 24)

    def block(name: str, x: Array) -> Array:
        return np.maximum(convolve(x, w[f"{name}.weight"], w[f"{name}.bias"]), 0)

    first = block("block1", image)
    shortcut = np.einsum("bchw,oc->bohw", first, w["shortcut.weight"][:, :, 0, 0]) + w["shortcut.bias"][:, None, None]
    expected = block("block4", block("block3", block("block2", first)) + shortcut)
    np.testing.assert_allclose(run("branching_blocks.onnx", image=image)["y"], expected, rtol=1e-4, atol=1e-4)


def test_conv_bn_leakyrelu() -> None:
    w, x = weights("conv_bn_leakyrelu.onnx"), normal(1, 3, 32, 32)
    for name in ("stem", "body"):
        channels = len(w[f"{name}.bn.mean"])
        x = convolve(x, w[f"{name}.conv.weight"], np.zeros(channels))[:, :, ::2, ::2]
        mean, var, scale, bias = (w[f"{name}.bn.{part}"][:, None, None] for part in ("mean", "var", "weight", "bias"))
        x = (x - mean) / np.sqrt(var + 1e-5) * scale + bias
        x = np.where(x > 0, x, 0.1 * x)
    found = run("conv_bn_leakyrelu.onnx", image=normal(1, 3, 32, 32))["y"]
    np.testing.assert_allclose(found, x, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_super_resolution_enlarges_by_its_factor(factor: int) -> None:
    image = normal(1, 3, 8, 10)
    enlarged = run("super_resolution.onnx", image=image, factor=np.int64(factor))["enlarged"]
    assert enlarged.shape == (1, 3, 8 * factor, 10 * factor)


@pytest.mark.parametrize("sign", [1, -1])
def test_if_takes_both_branches(sign: int) -> None:
    x = sign * np.float32([0.5, 1, 0.25])
    gain = np.exp(x.mean())
    expected = np.tanh(x * gain if sign > 0 else x - gain)
    np.testing.assert_allclose(run("if_captures.onnx", x=x)["y"], expected, rtol=1e-5)


def test_loop_finds_square_roots_and_stops_early() -> None:
    found = run("loop_newton.onnx", a=np.float32([2, 9, 100]), steps=np.int64(50))
    np.testing.assert_allclose(found["root"], [2**0.5, 3, 10], rtol=1e-5)
    assert 3 < len(found["history"]) < 50
    assert len(run("loop_newton.onnx", a=np.float32([2]), steps=np.int64(3))["history"]) == 3


def test_local_function_uses_the_beta_of_each_call() -> None:
    w, x = weights("local_function.onnx"), normal(3, 8)
    hidden = x @ w["fc1.weight"] + w["fc1.bias"]
    hidden = hidden / (1 + np.exp(-hidden)) @ w["fc2.weight"]
    expected = hidden / (1 + np.exp(-1.702 * hidden))
    np.testing.assert_allclose(run("local_function.onnx", features=x)["y"], expected, rtol=1e-4, atol=1e-6)


def test_quantized_network_is_near_the_one_in_float() -> None:
    w, image = weights("quantize_dequantize.onnx"), normal(1, 3, 16, 16)

    def kernel(name: str) -> Array:
        return w[f"{name}.weight"] * w[f"{name}.scale"][:, None, None, None]

    hidden = np.maximum(convolve(image, kernel("conv1"), w["conv1.bias"]), 0)
    expected = convolve(hidden, kernel("conv2"), w["conv2.bias"])
    found = run("quantize_dequantize.onnx", level=0, image=image)["y"]
    error = np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2))
    assert 0 < error < 0.05


@pytest.mark.parametrize("level", [0, 1, 2, 99])
@pytest.mark.parametrize("seed", range(3))
def test_float16_overflows_at_the_scores(seed: int, level: int) -> None:
    hidden = normal(8, 32, seed=seed).astype(np.float16)
    before = ("/query/out", "/key/out", "/value/out")
    found = run("float16_overflow.onnx", (*before, "/attention/products"), level, hidden=hidden)
    assert all(np.isfinite(found[name]).all() for name in before)
    exact = found["/query/out"].astype(np.float64) @ found["/key/out"].astype(np.float64).T
    np.testing.assert_array_equal(np.isinf(found["/attention/products"]), np.abs(exact) > 65519)
    assert np.isinf(found["scores"]).any()
    assert np.isnan(found["y"]).any()


@pytest.mark.parametrize("level", [0, 99])
def test_float16_overflows_without_a_look_inside(level: int) -> None:
    found = run("float16_overflow.onnx", (), level, hidden=normal(8, 32).astype(np.float16))
    assert np.isinf(found["scores"]).any()
    assert np.isnan(found["y"]).any()


def test_the_broken_model_parses_and_is_refused() -> None:
    model = onnx.load(FOLDER / "broken.onnx")
    assert len(model.graph.node) == 13
    with pytest.raises(onnx.checker.ValidationError):
        onnx.checker.check_model(model)
    with pytest.raises(Exception, match=r"broken\.onnx failed"):
        onnxruntime.InferenceSession(FOLDER / "broken.onnx")


# PyTorch exports


@pytest.mark.slow
@pytest.mark.parametrize("exporter", ["torchscript", "dynamo"])
@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_exports_equal_pytorch(name: str, exporter: str) -> None:
    torch = pytest.importorskip("torch")
    from sample_models import from_pytorch

    module, _ = getattr(from_pytorch, name)()
    feed = {"image": torch.randn(3, 3, 32, 32)} if name == "resnet" else {"tokens": torch.randint(0, 100, (3, 11))}
    with torch.no_grad():
        expected = module(*feed.values()).numpy()
    found = run(f"{name}_{exporter}.onnx", **{key: value.numpy() for key, value in feed.items()})["scores"]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet", "transformer"])
def test_dynamo_exports_tell_module_and_source_line(name: str) -> None:
    nodes = onnx.load(FOLDER / f"{name}_dynamo.onnx").graph.node
    metadata = [{entry.key: entry.value for entry in node.metadata_props} for node in nodes]
    scoped = [entry for entry in metadata if "pkg.torch.onnx.name_scopes" in entry]
    assert len(scoped) > 0.8 * len(nodes)
    located = [
        entry for entry in scoped if 'File "sample_models/from_pytorch.py"' in entry["pkg.torch.onnx.stack_trace"]
    ]
    assert len(located) > 0.8 * len(scoped)


@pytest.mark.parametrize(("name", "scope"), [("resnet", "/stages/stages.1/"), ("transformer", "/layers.1/attention/")])
def test_torchscript_exports_name_nodes_by_module(name: str, scope: str) -> None:
    nodes = onnx.load(FOLDER / f"{name}_torchscript.onnx").graph.node
    assert any(node.name.startswith(scope) for node in nodes)
