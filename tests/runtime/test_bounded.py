"""Runs in slices: the same tensors, bit for bit, with fewer of them held at once."""

import functools
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.backend.test.loader import load_model_tests

from graphdebug.model.document import Model, open_model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.backend import BackendError, Mode
from graphdebug.runtime.bounded import prepare_bounded
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.slices import cut, plan
from graphdebug.runtime.taps import model_inputs
from tests.runtime import small_models as models
from tests.runtime.test_onnx_cases import plain

SAMPLES = Path(__file__).resolve().parents[2] / "sample_models"


class Recorder:
    """A real backend that notes which tensors each of its sessions exposes."""

    def __init__(self, spec: str) -> None:
        self.inner = backend(spec)
        self.spec = self.inner.spec
        self.exposed: list[list[str]] = []

    def probe(self):
        return self.inner.probe()

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None):
        session = self.inner.prepare(model, mode, taps)
        self.exposed.append(list(session.tensors))
        return session


def feeds_of(model: Model) -> Mapping[str, Any]:
    if model.path.stem == "resize_conv_add":
        return {"image": np.ones((1, 3, 6, 6), np.float32), "scales": np.float32([1, 1, 2, 2])}
    return make_feeds(model_inputs(model), FeedSpec(), suggest(model))


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


def close(a: Any, b: Any, dtype: Any = None) -> bool:
    if isinstance(a, np.ndarray) and a.dtype.kind == "f":
        rounding = 128 * float(np.finfo(b.dtype).eps) if dtype is None else 8 * float(np.finfo(dtype).eps)
        largest = float(np.abs(b[np.isfinite(b)]).max(initial=0))
        wide = a.astype(np.float64), b.astype(np.float64)
        return a.dtype == b.dtype and np.allclose(*wide, rtol=rounding, atol=rounding * largest, equal_nan=True)
    return same(a, b)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.onnx")), ids=lambda path: path.stem)
@pytest.mark.parametrize("spec", ["onnxruntime:opt=disable", "onnxruntime:opt=all", "reference"])
def test_every_sample_gives_the_same_tensors_in_slices(path: Path, spec: str) -> None:
    model = open_model(path)
    try:
        whole = backend(spec).prepare(model, Mode.ISOLATED)
    except BackendError:
        pytest.skip("it does not load")
    feeds = feeds_of(model)
    expected = whole.infer(feeds, whole.tensors)
    runner = Recorder(spec)
    session = prepare_bounded(runner, model, Mode.ISOLATED, None, 1)
    assert session.tensors == whole.tensors and session.outputs == whole.outputs
    found = session.infer(feeds, session.tensors)
    # Which kernel an optimised node gets depends on its neighbours, so that sums come in another order at a border.
    alike = close if spec.endswith("all") else same
    assert list(found) == list(expected)
    assert [name for name in expected if not alike(found[name], expected[name])] == []
    again = {name: session.infer(feeds, [name])[name] for name in session.tensors[::-7]}
    assert all(same(again[name], found[name]) for name in again)
    assert max(map(len, runner.exposed[1:])) < max(2, len(whole.tensors))


def test_every_case_of_several_nodes_gives_the_same_tensors_in_slices(tmp_path: Path) -> None:
    warnings.simplefilter("ignore")
    spec, path, same_ones = "onnxruntime:opt=disable,threads=1", tmp_path / "m.onnx", 0
    for case in load_model_tests(kind="node"):
        if len(case.model.graph.node) < 2:
            continue
        path.write_bytes(case.model.SerializeToString())
        model = open_model(path)
        feeds = dict(
            zip([value.name for value in case.model.graph.input], map(plain, case.data_sets[0][0]), strict=False)
        )
        try:
            whole = backend(spec).prepare(model, Mode.ISOLATED)
            expected = whole.infer(feeds, whole.tensors)
        except BackendError:
            continue
        found = prepare_bounded(backend(spec), model, Mode.ISOLATED, None, 1).infer(feeds, whole.tensors)
        # ONNX Runtime computes float16 chains in float32 and rounds at the end: a border is such an end.
        half = any(isinstance(value, np.ndarray) and value.dtype == np.float16 for value in expected.values())
        alike = functools.partial(close, dtype=np.float16) if half else same
        differing = [name for name in expected if not alike(found[name], expected[name])]
        assert differing == [], case.name
        same_ones += 1
    assert same_ones > 340


def test_what_is_exposed_at_once_stays_under_the_budget_and_every_slice_runs_once(tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(64)]
    ends = models.value("x", shape=("batch", 1024)), models.value("v64", shape=("batch", 1024))
    model = open_model(models.write(tmp_path / "m.onnx", nodes, [ends[0]], [ends[1]]))
    runner = Recorder("onnxruntime")
    session = prepare_bounded(runner, model, Mode.ISOLATED, None, 16 * 4096)
    feeds = {"x": np.ones((1, 1024), np.float32)}
    for start in range(0, 64, 8):
        names = session.tensors[start : start + 8]
        assert [value[0, 0] for value in session.infer(feeds, names).values()] == [-1, 1] * 4
    assert [len(names) for names in runner.exposed] == [64, 16, 16, 16, 16]
    assert "exposed tensors held at once" in session.environment
    wide = {"x": np.ones((8, 1024), np.float32)}  # other shapes are planned for anew
    assert session.infer(wide, ["v64"])["v64"].shape == (8, 1024)
    assert max(map(len, runner.exposed[5:])) == 2


def test_constants_are_worked_out_again_and_captured_values_are_carried(tmp_path: Path) -> None:
    """The branches of If use a value made long before; the scales of Resize come from constants."""
    branches = {
        name: helper.make_graph(
            [helper.make_node(op, ["early", "shared"], [name])], name, [], [models.value(name, shape=None)]
        )
        for name, op in (("then_branch", "Add"), ("else_branch", "Sub"))
    }
    nodes = [
        helper.make_node("Add", ["one", "one"], ["shared"]),
        helper.make_node("Exp", ["x"], ["early"]),
        helper.make_node("Neg", ["early"], ["a"]),
        helper.make_node("Abs", ["a"], ["b"]),
        helper.make_node("If", ["yes"], ["chosen"], **branches),
        helper.make_node("Mul", ["chosen", "shared"], ["y"]),
    ]
    given = {"one": np.ones(1, np.float32)}
    inputs = [models.value("x", shape=(2, 3)), models.value("yes", TensorProto.BOOL, ())]
    model = open_model(models.write(tmp_path / "m.onnx", nodes, inputs, [models.value("y", shape=None)], given))
    index = model.graphs[MAIN_GRAPH]
    slices = plan(index, lambda name: 1.0, 1.0, lambda name: True)
    assert [piece.nodes for piece in slices] == [(0,), (1,), (2,), (3,), (4,), (5,)]
    assert [piece.takes for piece in slices] == [(), ("x",), ("early",), ("a",), ("yes", "early"), ("chosen",)]
    assert [piece.borrowed for piece in slices] == [(), (), (), (), (0,), (0,)]
    assert [piece.gives for piece in slices] == [(), ("early",), ("a",), (), ("chosen",), ()]
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    for spec in ("onnxruntime", "reference"):
        session = prepare_bounded(backend(spec), model, Mode.ISOLATED, None, 1)
        for yes, sign in ((True, 1), (False, -1)):
            assert np.allclose(session.infer({"x": x, "yes": np.array(yes)}, ["y"])["y"], (np.exp(x) + sign * 2) * 2)


def test_no_border_where_something_passes_that_cannot_be_carried(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Neg", ["x"], ["a"]),
        helper.make_node("SequenceConstruct", ["a", "x"], ["list"]),
        helper.make_node("Abs", ["a"], ["b"]),
        helper.make_node("SequenceAt", ["list", "at"], ["c"]),
        helper.make_node("Add", ["b", "c"], ["y"]),
    ]
    given = {"at": np.array(1)}
    model = open_model(models.write(tmp_path / "m.onnx", nodes, [models.value("x")], [models.value("y")], given))
    slices = plan(model.graphs[MAIN_GRAPH], lambda name: 1.0, 1.0, lambda name: name != "list")
    assert [piece.nodes for piece in slices] == [(0,), (1, 2, 3), (4,)]
    session = prepare_bounded(backend("onnxruntime"), model, Mode.ISOLATED, None, 1)
    x = np.ones((2, 3), np.float32)
    found = session.infer({"x": x}, session.tensors)
    assert found["y"].tolist() == (2 * x).tolist() and len(found["list"]) == 2


def test_as_deployed_exposes_what_is_fetched_of_the_same_optimised_graph(tmp_path: Path) -> None:
    model = open_model(SAMPLES / "conv_bn_leakyrelu.onnx")
    feeds = feeds_of(model)
    whole = backend("onnxruntime:opt=extended").prepare(model, Mode.DEPLOYED)
    runner = Recorder("onnxruntime:opt=extended")
    session = prepare_bounded(runner, model, Mode.DEPLOYED, None, 1)
    assert session.untapped == whole.untapped
    for name in session.tensors:
        assert same(session.infer(feeds, [name])[name], whole.infer(feeds, [name])[name])
    assert all(len(names) <= 1 + len(session.outputs) for names in runner.exposed[1:])


def test_a_part_keeps_what_it_needs_and_is_valid(tmp_path: Path) -> None:
    model = open_model(SAMPLES / "local_function.onnx")
    model = model.with_types(infer_types(model))
    pieces = plan(model.graphs[MAIN_GRAPH], lambda name: 1.0, 1.0, lambda name: True)
    assert len(pieces) == len(model.graphs[MAIN_GRAPH].nodes)
    for piece in pieces:
        part = cut(model, piece, {name: model.types[MAIN_GRAPH][name] for name in piece.takes})
        assert part.proto.functions == model.proto.functions
        assert {value.name for value in part.proto.graph.output} >= set(piece.gives)
        assert onnx.ModelProto.FromString(part.proto.SerializeToString()) == part.proto


def test_unnamed_nodes_of_a_part_are_called_as_in_the_whole_model(tmp_path: Path) -> None:
    nodes = [helper.make_node("Neg", [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i in range(4)]
    model = open_model(models.write(tmp_path / "m.onnx", nodes, [models.value("x")], [models.value("v4")]))
    pieces = plan(model.graphs[MAIN_GRAPH], lambda name: 1.0, 2.0, lambda name: True)
    parts = [cut(model, piece, {}) for piece in pieces]
    assert [[node.name for node in part.proto.graph.node] for part in parts] == [["Neg_0", "Neg_1"], ["Neg_2", "Neg_3"]]
