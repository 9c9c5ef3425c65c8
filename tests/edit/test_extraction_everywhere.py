"""Parts cut at random: what is accepted is sound and computes what the whole does, what is refused it cannot be."""

from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from msgspec.structs import replace
from onnx.backend.test.case.test_case import TestCase

from graphdebug.edit.errors import EditError, UnknownTypeError
from graphdebug.edit.extraction import ExtractPart, InputType
from graphdebug.edit.operation import Edited
from graphdebug.edit.targets import ValueTarget
from graphdebug.model.cutting import constant_home, cut, sufficient
from graphdebug.model.document import Model
from graphdebug.model.shapes import infer_types
from graphdebug.model.value_types import dtype_name, suits_port
from graphdebug.runtime.taps import expose
from tests.edit.running import outputs, tried
from tests.extract.random_graphs import random_model

RANDOM = ("RandomNormal", "RandomUniform", "Multinomial", "Bernoulli", "Dropout")
CUTS = 6


def run(proto: onnx.ModelProto, feeds: dict[str, Any]) -> dict[str, Any]:
    """Run a model as it stands, node by node."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads, options.log_severity_level = 1, 4
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(
        zip(names, session.run(names, {each.name: feeds[each.name] for each in session.get_inputs()}), strict=True)
    )


def same(one: Any, other: Any) -> bool:
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if one is None or other is None:
        return one is other
    one, other = np.asarray(one), np.asarray(other)
    equal = one.tolist() == other.tolist() if one.dtype == object else one.tobytes() == other.tobytes()
    return equal and one.dtype == other.dtype and one.shape == other.shape


def computable(model: Model, starts: Iterable[str]) -> set[str]:
    """Return all values that can be computed from some, one node after the other."""
    index = model.graphs[""]
    known = {*starts, *index.initializers, *index.sparse}
    for node in index.order:
        if known.issuperset(index.taken[node]):
            known.update(index.nodes[node].output)
    return known


def try_cuts(model: Model, values: dict[str, Any], rng: Random, cuts: int = CUTS) -> tuple[int, int]:
    """Cut at random where the values are known; return how many cuts were accepted and how many refused."""
    accepted = refused = 0
    for _ in range(cuts):
        starts, ends = (rng.sample([*values], rng.randint(1, min(3, len(values)))) for _ in range(2))
        possible = computable(model, starts).issuperset(ends)
        operation = ExtractPart(inputs=tuple(starts), outputs=tuple(ends), keep_unused=rng.random() < 0.3)
        try:
            found = with_types_of(values, model, operation).model.proto
        except UnknownTypeError as error:
            assert not all(isinstance(values[name], np.ndarray) for name in error.names)
            refused += 1
            continue
        except EditError as error:
            assert not possible, (starts, ends, error)
            check_refusal(model, starts, ends, str(error), values)
            refused += 1
            continue
        assert possible
        accepted += 1
        onnx.checker.check_model(found)
        assert [entry.name for entry in found.graph.output] == ends
        assert [entry.name for entry in found.graph.input] == [
            name for name in starts if name in {entry.name for entry in found.graph.input}
        ]
        for name, value in run(found, values).items():
            assert same(value, values[name]), (starts, ends, name)
    return accepted, refused


def with_types_of(values: dict[str, Any], model: Model, operation: ExtractPart) -> Edited:
    """Cut; where types are asked for, see that nobody knows them, and give those of the values."""
    try:
        return tried(model, operation)
    except UnknownTypeError as error:
        known = typed(model).types[""]
        assert not any(suits_port(known.get(name)) for name in error.names)
        if not all(isinstance(values[name], np.ndarray) for name in error.names):
            raise  # a sequence: its type cannot be given
        given = {name: InputType(element(values[name]), np.shape(values[name])) for name in error.names}
        return with_types_of(values, model, replace(operation, types=operation.types | given))


def element(value: np.ndarray) -> str:
    """Return what ONNX calls the element type of an array."""
    return dtype_name(onnx.helper.np_dtype_to_tensor_dtype(value.dtype))


def typed(model: Model) -> Model:
    return model if model.inferred else model.with_types(infer_types(model))


def check_refusal(model: Model, starts: list[str], ends: list[str], said: str, values: dict[str, Any]) -> None:
    """What is said to be missing is, all of it, and each set that is said to suffice does."""
    found = cut(model, "", starts, ends)
    assert all(repr(name) in said for name in found.needs)
    for missing in found.needs:
        others = [name for name in found.needs if name != missing]
        assert not computable(model, [*starts, *others]).issuperset(ends)
    whole = typed(model)
    for added in sufficient(model, found, whole.types):
        assert not any(constant_home(model, "", name) for name in added)
        try:
            done = with_types_of(values, whole, ExtractPart(inputs=(*starts, *added), outputs=tuple(ends)))
        except UnknownTypeError as error:
            assert not all(isinstance(values[name], np.ndarray) for name in error.names)
            continue
        onnx.checker.check_model(done.model.proto)


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed: int, tmp_path: Path) -> None:
    model = random_model(seed, tmp_path / "m.onnx")
    rng = Random(seed)
    index = model.graphs[""]
    feeds = {name: np.float32([rng.uniform(-2, 2) for _ in range(5)]) for name in index.inputs}
    values = run(expose(model.proto, [*index.producer, *index.initializers]), feeds) | feeds
    if rng.random() < 0.5:
        model = model.with_types(infer_types(model))
    accepted, refused = try_cuts(model, values, rng)
    assert accepted + refused == CUTS


def test_models_that_onnx_ships(backend_cases: list[TestCase], tmp_path: Path) -> None:
    rng = Random(5)
    accepted = refused = 0
    for case in backend_cases:
        ops = {node.op_type for node in case.model.graph.node}
        if len(case.model.graph.node) < 2 or not case.data_sets or ops.intersection(RANDOM):
            continue
        model = Model(case.model, tmp_path / "m.onnx")
        index = model.graphs[""]
        feeds = dict(zip((entry.name for entry in case.model.graph.input), case.data_sets[0][0], strict=False))
        try:
            onnx.checker.check_model(case.model)
            values = {**run(expose(case.model, index.producer), feeds), **feeds}
        except Exception:  # not for this engine
            continue
        counts = try_cuts(model, values, rng, 2)
        accepted, refused = accepted + counts[0], refused + counts[1]
    assert accepted > 100 and refused > 30, (accepted, refused)


def loads(proto: onnx.ModelProto) -> bool:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except Exception:  # the engine raises a class of its own for each kind of failure
        return False
    return True


def test_parts_of_bodies_compute_what_the_bodies_do(backend_cases: list[TestCase], tmp_path: Path) -> None:
    """They load where the whole does, and give what the body gives that is fed with all that it needs."""
    rng, accepted, refused, compared = Random(7), 0, 0, 0
    for case in backend_cases:
        model = Model(case.model, tmp_path / "m.onnx")
        if not (bodies := [path for path in model.graphs if path]) or not loads(case.model):
            continue
        onnx.save(case.model, model.path)
        model = model.with_types(infer_types(model))
        for _ in range(3):
            path = rng.choice(bodies)
            index = model.graphs[path]
            names = [name for name in (*index.producer, *index.inputs) if name]
            starts, ends = ([rng.choice(names) for _ in range(2)] for _ in range(2))
            starts += cut(model, path, starts, ends).needs if rng.random() < 0.8 else ()
            try:
                found = part_of_body(model, path, starts, ends)
            except EditError:
                refused += 1
                continue
            onnx.checker.check_model(found.proto)
            assert loads(found.proto), (case.name, path, starts, ends)
            accepted += 1
            try:
                body = cut(model, path, [], [*starts, *ends])
                values = outputs(part_of_body(model, path, (*body.starts, *body.needs), body.ends), tmp_path)
            except Exception:  # of unknown types, or what is made up does not fit: the engine has a class for each
                continue
            if not all(map(np.size, values.values())):  # made up so that it breaks the shapes that the model states
                continue
            ran = outputs(found, tmp_path, {each.name: values[each.name] for each in found.proto.graph.input})
            assert all(same(ran[name], values[name]) for name in ends), (case.name, path, starts, ends)
            compared += 1
    assert accepted > 30 and compared > 20, (accepted, refused, compared)


def part_of_body(model: Model, path: str, starts: Iterable[str], ends: Iterable[str]) -> Model:
    begin, end = (tuple(ValueTarget(name, graph=path) for name in dict.fromkeys(each)) for each in (starts, ends))
    return tried(model, ExtractPart(inputs=begin, outputs=end)).model
