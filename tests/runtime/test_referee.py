"""The float64 referee, against NumPy in float64 by hand and against onnx's own expectations."""

import multiprocessing
import warnings
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from math import erf
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from graphdebug.compare.engine import compare_job
from graphdebug.compare.records import CompareRequest, Side, Status
from graphdebug.compare.tolerance import DEFAULTS
from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.bounded import prepare_bounded
from graphdebug.runtime.registry import backend
from tests.runtime import small_models as models
from tests.runtime.test_onnx_cases import DIFFERENT, plain, same

Array = NDArray[Any]
ENGINES = ("onnxruntime", "evaluator")
ROUNDED = (
    *("test_bernoulli", "test_dynamicquantizelinear", "test_if_opt"),
    *("test_range_float", "test_range_bfloat16", "test_range_int32"),
)
"""Cases in which the referee is another: random numbers, ties that only float32 has, shapes that the evaluator's Loop
gives and its own wrapping of optionals (of operator sets that ONNX Runtime does not run)."""
UNRUNNABLE = ("test_adam_multiple", "test_bitcast_bool_to_uint8", "test_optional_has_element_empty_optional_input")
KEPT = {"bitcast", "linear", "melweightmatrix", "mvn"}
"""Operators that neither engine does in double."""


def run(path: Path, feeds: dict[str, Array], engine: str = "onnxruntime") -> tuple[dict[str, Any], dict[str, str]]:
    session = backend(f"reference:dtype=float64,engine={engine}").prepare(open_model(path), Mode.ISOLATED)
    found = session.infer(feeds, session.tensors)
    return found, dict(session.environment)


def error(found: Array, expected: Array) -> float:
    assert found.dtype == np.float64
    return float(np.abs(found - expected).max() / np.sqrt(np.mean(expected**2)))


def weights(seed: int, **shapes: tuple[int, ...]) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_convolutional_network_is_exact_to_twelve_digits(engine: str, tmp_path: Path) -> None:
    w = weights(1, c=(6, 2, 3, 3), cb=(6,), t=(6, 4, 2, 2), s=(4,), o=(4,), m=(4,), f=(4, 5), fb=(5,))
    w["v"] = np.abs(weights(2, v=(4,))["v"])
    nodes = [
        helper.make_node("Conv", ["x", "c", "cb"], ["conv"], group=2, strides=[2, 1], pads=[1, 0, 2, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("ConvTranspose", ["relu", "t"], ["up"], strides=[2, 2], pads=[0, 1, 1, 0]),
        helper.make_node("BatchNormalization", ["up", "s", "o", "m", "v"], ["norm"]),
        helper.make_node("AveragePool", ["norm"], ["pool"], kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0]),
        helper.make_node("GlobalAveragePool", ["pool"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["flat"]),
        helper.make_node("Gemm", ["flat", "f", "fb"], ["y"], alpha=0.1),
    ]
    path = models.write(
        tmp_path / "m.onnx", nodes, [models.value("x", shape=(2, 4, 9, 8))], [models.value("y", shape=(2, 5))], w
    )
    x = weights(3, x=(2, 4, 9, 8))["x"]
    found, said = run(path, {"x": x}, engine)
    w64 = {name: array.astype(np.float64) for name, array in w.items()}
    padded = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (1, 2), (0, 1)])
    conv = np.zeros((2, 6, 5, 7))
    for out in range(6):
        taken = padded[:, out // 3 * 2 : out // 3 * 2 + 2]
        for i in range(5):
            for j in range(7):
                conv[:, out, i, j] = (taken[:, :, 2 * i : 2 * i + 3, j : j + 3] * w64["c"][out]).sum((1, 2, 3))
    conv += w64["cb"].reshape(1, -1, 1, 1)
    assert error(found["conv"], conv) < 1e-13
    up = np.zeros((2, 4, 10, 14))
    for i in range(5):
        for j in range(7):
            up[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += np.einsum(
                "bc,cohw->bohw", np.maximum(conv, 0)[:, :, i, j], w64["t"]
            )
    up = up[:, :, :-1, 1:]
    assert error(found["up"], up) < 1e-13
    scale = (w64["s"] / np.sqrt(w64["v"] + np.float64(np.float32(1e-5)))).reshape(1, -1, 1, 1)
    norm = (up - w64["m"].reshape(1, -1, 1, 1)) * scale + w64["o"].reshape(1, -1, 1, 1)
    assert error(found["norm"], norm) < 1e-12
    rows = [slice(0, 2), slice(1, 4), slice(3, 6), slice(5, 8), slice(7, 9)]
    pool = np.stack([[norm[:, :, r, 2 * j : 2 * j + 2].mean((2, 3)) for j in range(6)] for r in rows])
    pool = pool.transpose(2, 3, 0, 1)
    assert error(found["pool"], pool) < 1e-12
    y = np.float64(np.float32(0.1)) * (pool.mean((2, 3)) @ w64["f"]) + w64["fb"]
    assert error(found["y"], y) < 1e-12
    assert "not in double" not in said


@pytest.mark.parametrize("engine", ENGINES)
def test_a_transformer_layer_is_exact_to_twelve_digits(engine: str, tmp_path: Path) -> None:
    w = weights(4, q=(8, 8), k=(8, 8), v=(8, 8), g=(8,), b=(8,), up=(8, 32), down=(32, 8))
    w["half"], w["root"], w["one"] = (np.float32(value).reshape(()) for value in (0.5, np.sqrt(2), 1))
    products = [helper.make_node("MatMul", ["x", name], [f"x{name}"]) for name in "qkv"]
    nodes = [
        *products,
        helper.make_node("Transpose", ["xk"], ["kt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["xq", "kt"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["attention"]),
        helper.make_node("MatMul", ["attention", "xv"], ["mixed"]),
        helper.make_node("Add", ["x", "mixed"], ["sum"]),
        helper.make_node("LayerNormalization", ["sum", "g", "b"], ["norm"]),
        helper.make_node("MatMul", ["norm", "up"], ["wide"]),
        helper.make_node("Div", ["wide", "root"], ["part"]),
        helper.make_node("Erf", ["part"], ["erf"]),
        helper.make_node("Add", ["erf", "one"], ["more"]),
        helper.make_node("Mul", ["wide", "more"], ["twice"]),
        helper.make_node("Mul", ["twice", "half"], ["gelu"]),
        helper.make_node("Gelu", ["wide"], ["gelu_op"]),
        helper.make_node("MatMul", ["gelu", "down"], ["y"]),
    ]
    shape = (2, 5, 8)
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x", shape=shape)], [models.value("y")], w)
    x = weights(5, x=shape)["x"]
    found, said = run(path, {"x": x}, engine)
    d = {name: array.astype(np.float64) for name, array in {**w, "x": x}.items()}
    scores = (d["x"] @ d["q"]) @ (d["x"] @ d["k"]).swapaxes(1, 2)
    weight = np.exp(scores - scores.max(-1, keepdims=True))
    total = d["x"] + weight / weight.sum(-1, keepdims=True) @ (d["x"] @ d["v"])
    centred = total - total.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + np.float64(np.float32(1e-5)))
    wide = (centred / spread * d["g"] + d["b"]) @ d["up"]
    gelu = wide * (np.vectorize(erf)(wide / d["root"]) + 1) * 0.5
    assert error(found["gelu"], gelu) < 1e-12
    assert error(found["gelu_op"], wide * (np.vectorize(erf)(wide / np.sqrt(2)) + 1) * 0.5) < 1e-7
    assert error(found["y"], gelu @ d["down"]) < 1e-12
    assert "not in double" not in said


def test_what_cannot_be_double_is_listed_with_the_reason(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("MeanVarianceNormalization", ["x"], ["normed"], "norm", axes=[1]),
        helper.make_node("Add", ["normed", "tenth"], ["sum"], "add"),
        helper.make_node("BitCast", ["sum"], ["bits"], "bits", to=TensorProto.INT32),
    ]
    outputs = [models.value("sum"), models.value("bits", TensorProto.INT32)]
    tenth = {"tenth": np.array(0.1, np.float32)}
    path = models.write(tmp_path / "m.onnx", nodes, [models.value("x")], outputs, tenth, opset=26)
    x = weights(1, x=(2, 3))["x"]
    found, said = run(path, {"x": x})
    assert np.array_equal(found["normed"], found["normed"].astype(np.float32))  # as float32, then wide
    assert not np.array_equal(found["sum"], found["sum"].astype(np.float32))
    assert np.array_equal(found["bits"], found["sum"].astype(np.float32).view(np.int32))
    assert "norm (MeanVarianceNormalization: " in said["not in double"]
    assert "bits (BitCast: reads the bits of its input)" in said["not in double"]
    assert "1 by onnxruntime" in said["nodes in double"]


def test_values_of_types_and_attributes_become_double_everywhere(tmp_path: Path) -> None:
    tenth = numpy_helper.from_array(np.array([0.1], np.float32))
    inner = [
        helper.make_node("Constant", [], ["c"], value_float=0.1),
        helper.make_node("Cast", ["n"], ["f"], to=TensorProto.FLOAT),
        helper.make_node("ConstantOfShape", ["one"], ["filled"], value=tenth),
        helper.make_node("Mul", ["f", "c"], ["fc"]),
        helper.make_node("Add", ["fc", "filled"], ["sum"]),
        helper.make_node("Add", ["sum", "state"], ["next"]),
        helper.make_node("Identity", ["go"], ["go_on"]),
    ]
    body = helper.make_graph(
        inner,
        "body",
        [
            models.value("n", models.INT64, ()),
            models.value("go", TensorProto.BOOL, ()),
            models.value("state", shape=(1,)),
        ],
        [models.value("go_on", TensorProto.BOOL, ()), models.value("next", shape=(1,))],
    )
    stored = {"count": np.array(5), "yes": np.array(True), "one": np.array([1])}
    nodes = [helper.make_node("Loop", ["count", "yes", "x"], ["y"], body=body)]
    path = models.write(
        tmp_path / "m.onnx", nodes, [models.value("x", shape=(1,))], [models.value("y", shape=(1,))], stored
    )
    expected = 1 / 3
    expected = np.float64(np.float32(expected)) + sum(np.float64(np.float32(0.1)) * (n + 1) for n in range(5))
    for engine in ENGINES:
        found, said = run(path, {"x": np.array([1 / 3], np.float32)}, engine)
        assert error(found["y"], np.array([expected])) < 1e-15
        assert "not in double" not in said


def test_bfloat16_weights_are_taken_as_they_are(tmp_path: Path) -> None:
    half = numpy_helper.to_array(helper.make_tensor("w", TensorProto.BFLOAT16, [2, 2], [1.5, -2, 0.1, 3]))
    path = models.write(
        tmp_path / "m.onnx",
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        [models.value("x", TensorProto.BFLOAT16, (1, 2))],
        [models.value("y", TensorProto.BFLOAT16, (1, 2))],
        {"w": half},
    )
    x = np.array([[0.3, 7]]).astype(half.dtype)
    found, _ = run(path, {"x": x})
    assert np.array_equal(found["y"], x.astype(np.float64) @ half.astype(np.float64))


def test_a_comparison_judges_by_the_candidates_type(tmp_path: Path) -> None:
    path = models.chain(tmp_path / "m.onnx")
    location = ModelLocation(str(path))
    request = CompareRequest(Side("reference:dtype=float64", location), Side("onnxruntime", location))
    rows = compare_job(request, tmp_path, lambda share, message: None).rows
    assert [row.status for row in rows] == [Status.MATCH] * 3
    assert {row.tolerance for row in rows} == {DEFAULTS["float"]}
    assert any(row.metrics is not None and row.metrics.rmse > 0 for row in rows)  # a double is no float
    proto = onnx.load(path)
    weight = next(tensor for tensor in proto.graph.initializer if tensor.name == "w")
    array = numpy_helper.to_array(weight).copy()
    array *= 1.01
    weight.CopyFrom(numpy_helper.from_array(array, "w"))
    onnx.save(proto, tmp_path / "bad.onnx")
    bad = CompareRequest(request.reference, Side("onnxruntime", ModelLocation(str(tmp_path / "bad.onnx"))))
    rows = compare_job(bad, tmp_path, lambda share, message: None).rows
    assert [row.status for row in rows] == [Status.DIFFER] * 3


def test_values_are_dropped_when_nothing_needs_them(tmp_path: Path) -> None:
    """A chain of a hundred large tensors takes the memory of a few; a budget does not cut the model."""
    import tracemalloc

    nodes = [helper.make_node("Neg", [f"t{n}"], [f"t{n + 1}"]) for n in range(100)]
    path = models.write(
        tmp_path / "m.onnx", nodes, [models.value("t0", shape=(500, 1000))], [models.value("t100", shape=(500, 1000))]
    )
    runner = backend("reference:dtype=float64,engine=evaluator")
    session = prepare_bounded(runner, open_model(path), Mode.ISOLATED, None, budget=10_000_000)
    feeds = {"t0": np.ones((500, 1000), np.float32)}
    tracemalloc.start()
    found = session.infer(feeds, ["t100"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (found["t100"] == 1).all()
    assert peak < 6 * 4_000_000
    assert "100 by evaluator" in session.environment["nodes in double"]


EACH = 3
"""Every third of ONNX's cases is tried, which takes ten seconds: an operator has half a dozen of them."""


def outcome(path: Path, feeds: dict[str, Any], expected: list[Any], rtol: float, atol: float) -> tuple[str, str]:
    model = open_model(path)
    session = backend("reference:dtype=float64").prepare(model, Mode.PLAIN)
    try:
        found = session.infer(feeds, session.outputs)
    except BackendError:
        return "failed", ""
    rounded = [_as(found[out.name], value) for out, value in zip(model.proto.graph.output, expected, strict=False)]
    kept = "kept" if "not in double" in session.environment else "double"
    return ("same" if same(rounded, expected, rtol, atol) else "different"), kept


def _as(value: Any, like: Any) -> Any:
    """Round to the type that is expected."""
    if isinstance(value, list) and isinstance(like, list):
        return [_as(*pair) for pair in zip(value, like, strict=True)] if len(value) == len(like) else value
    wide = isinstance(value, np.ndarray) and value.dtype == np.float64 and isinstance(like, np.ndarray | np.generic)
    return value.astype(like.dtype) if wide else value


def outcomes(folder: Path) -> list[tuple[str, str, str]]:
    from onnx.backend.test.loader import load_model_tests

    warnings.simplefilter("ignore")
    found = []
    for case in load_model_tests(kind="node")[::EACH]:
        path = folder / "m.onnx"
        path.write_bytes(case.model.SerializeToString())
        names = [value.name for value in case.model.graph.input]
        for inputs, outputs in case.data_sets:
            feeds = dict(zip(names, map(plain, inputs), strict=False))
            half = any("float16" in str(getattr(value, "dtype", "")) for value in feeds.values())
            rtol = 3e-2 if half else case.rtol  # what is expected was rounded on the way
            how = outcome(path, feeds, [plain(value) for value in outputs], rtol, rtol if half else case.atol)
            found.append((case.name, *how))
    return found


def test_every_operator_of_onnx_agrees_with_what_onnx_expects(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(outcomes, tmp_path).result()
    expected = (*DIFFERENT, *ROUNDED)
    assert [name for name, how, _ in found if how == "different" and not name.startswith(expected)] == []
    assert {name for name, how, _ in found if how == "failed"} <= set(UNRUNNABLE)
    kept = {name.split("_")[1] for name, _, where in found if where == "kept"}
    assert kept <= KEPT | {"upsample"}
    assert Counter(how for _, how, _ in found)["same"] >= 1800 // EACH
