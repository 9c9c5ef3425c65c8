"""A part put back: unedited the model computes what it did, edited what the same edit of the whole does."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from graphdebug.edit.boundary import boundary
from graphdebug.edit.changing import SetOperator
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.operation import Operation, edited
from graphdebug.edit.putting_back import PutBack
from graphdebug.edit.targets import NodeTarget, Value, value_target
from graphdebug.edit.wiring import RenameValue
from graphdebug.model.check import findings
from graphdebug.model.cutting import cut, sufficient
from graphdebug.model.document import Model, open_model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Severity
from graphdebug.model.refs import TensorRef
from graphdebug.model.save import save
from graphdebug.model.shapes import infer_types
from tests.edit.running import outputs, sample_names, tried
from tests.edit.test_extraction_everywhere import run
from tests.extract.random_graphs import random_model

Opened = Callable[[str], Model]
HEAD = '<ir_version: 9, opset_import: ["": 20]>'


def cut_out(
    model: Model, folder: Path, inputs: tuple[Value, ...], outputs: tuple[Value, ...], *operations: Operation
) -> Model:
    """Write a part of a model, edited by ``operations``, to ``part.onnx``."""
    part = edited(model, ExtractPart(inputs=inputs, outputs=outputs), *operations).model
    save(part, folder / "part.onnx")
    return part


def back(model: Model, folder: Path, **fields: object) -> Model:
    """Put ``part.onnx`` back."""
    return tried(model, PutBack(file="part.onnx", **fields), files=folder).model


def ops(model: Model) -> list[tuple[str, ...]]:
    """Return what the main graph's nodes are, with what they take and make, in any order."""
    return sorted((node.op_type, *node.input, "", *node.output) for node in model.proto.graph.node)


def test_unedited_it_is_the_model_that_it_was(opened: Opened, tmp_path: Path) -> None:
    model = opened("mlp.onnx")
    cut_out(model, tmp_path, ("/fc1/out",), ("/act2/out",))
    done = tried(model, PutBack(file="part.onnx"), files=tmp_path)
    whole = done.model
    assert done.notes == ("3 nodes gave way to 3.",)
    assert ops(whole) == ops(model)
    assert [node.name for node in whole.proto.graph.node] == [node.name for node in model.proto.graph.node]
    assert {each.name: each for each in whole.proto.graph.initializer} == {
        each.name: each for each in model.proto.graph.initializer
    }
    assert [each.SerializeToString() for each in whole.proto.graph.output] == [
        each.SerializeToString() for each in model.proto.graph.output
    ]


@pytest.mark.parametrize(
    ("sample", "inputs", "ends", "node"),
    [
        ("mlp.onnx", ("/fc1/out",), ("/act2/out",), "/act2/Relu"),
        ("resnet_dynamo.onnx", ("relu_2",), ("relu_4",), "node_relu_3"),
        ("resnet_dynamo.onnx", ("relu_2", "getitem_9"), ("add_76", "conv2d_5"), ""),
        ("local_function.onnx", ("/fc1/out",), ("y",), ""),
    ],
)
def test_edited_it_computes_what_the_edited_whole_does(
    sample: str, inputs: tuple[str, ...], ends: tuple[str, ...], node: str, opened: Opened, tmp_path: Path
) -> None:
    model = opened(sample)
    edits = [SetOperator(node=node, op="LeakyRelu")] if node else []
    cut_out(model, tmp_path, inputs, ends, *edits)
    whole = back(model, tmp_path)
    assert not [each for each in findings(whole, whole.types) if each.severity == Severity.ERROR]
    expected, found = outputs(edited(model, *edits).model, tmp_path), outputs(whole, tmp_path)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert np.array_equal(found[name], value)
    if node:
        assert any(not np.array_equal(found[name], value) for name, value in outputs(model, tmp_path).items())


def test_the_part_of_a_body_goes_back_there(opened: Opened, tmp_path: Path) -> None:
    newton = opened("loop_newton.onnx")
    body = "1.body"
    x, sum_, better = (value_target(Editor(newton), TensorRef(body, name)) for name in ("x", "sum", "better"))
    cut_out(newton, tmp_path, (x, "a"), (better,))
    whole = back(newton, tmp_path, graph=x.graph)
    for name, value in outputs(newton, tmp_path).items():
        assert np.array_equal(outputs(whole, tmp_path)[name], value)
    cut_out(newton, tmp_path, (x, "a"), (sum_,), SetOperator(node=NodeTarget(op="Add"), op="Sub"))
    halved = back(newton, tmp_path, outputs={"sum": sum_})
    assert [node.op_type for node in halved.graphs[body].nodes][:2] == ["Div", "Sub"]


def test_a_function_gets_the_weights_of_the_part_as_constants(opened: Opened, tmp_path: Path) -> None:
    gated = opened("local_function.onnx")
    path = next(iter(gated.functions.values()))
    part = onnx.parser.parse_model(
        f"{HEAD} p (float[N, M] x) => (float[N, M] gated) <float half = {{0.5}}> "
        "{ s = Mul (x, half)  gated = Sin (s) }"
    )
    onnx.save(part, tmp_path / "part.onnx")
    whole = back(gated, tmp_path, graph=path)
    assert [node.op_type for node in whole.graphs[path].nodes] == ["Constant", "Mul", "Sin"]
    features = np.linspace(-1, 1, 8, dtype=np.float32).reshape(1, 8)
    weights = {each.name: numpy_helper.to_array(each) for each in whole.proto.graph.initializer}
    hidden = np.sin((features @ weights["fc1.weight"] + weights["fc1.bias"]) / 2)
    expected = np.sin((hidden @ weights["fc2.weight"]) / 2)
    assert np.allclose(outputs(whole, tmp_path, {"features": features})["y"], expected, atol=1e-6)


def test_values_go_by_other_names_and_taken_names_are_made_new(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        f"{HEAD} g (float[2] x) => (float[2] y, float[2] z) "
        "{ a = Abs (x)  b = Neg (a)  c = Exp (b)  y = Relu (c)  z = Tanh (a) }"
    )
    part = onnx.parser.parse_model(f"{HEAD} p (float[2] in) => (float[2] out) {{ z = Cos (in)  out = Sin (z) }}")
    onnx.save(part, tmp_path / "part.onnx")
    whole = back(model, tmp_path, inputs={"in": "a"}, outputs={"out": "c"})
    assert ops(whole) == [
        ("Abs", "x", "", "a"),
        ("Cos", "a", "", "z_1"),
        ("Relu", "c", "", "y"),
        ("Sin", "z_1", "", "c"),
        ("Tanh", "a", "", "z"),
    ]


def test_weights_that_are_the_same_stay_and_others_come_along(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(
        f"{HEAD} g (float[2] x) => (float[2] y, float[2] z) {{ a = Mul (x, w)  y = Add (a, b)  z = Mul (y, w) }}"
    )
    for name, values in (("w", [2, 3]), ("b", [4, 5])):
        model.proto.graph.initializer.append(numpy_helper.from_array(np.float32(values), name))
    model = replace(model)
    part = cut_out(model, tmp_path, ("x",), ("y",))
    changed = next(each for each in part.proto.graph.initializer if each.name == "b")
    changed.CopyFrom(numpy_helper.from_array(np.float32([7, 8]), "b"))
    save(part, tmp_path / "part.onnx")
    whole = back(model, tmp_path)
    stored = {each.name: numpy_helper.to_array(each).tolist() for each in whole.proto.graph.initializer}
    assert stored == {"w": [2, 3], "b": [7, 8]}
    assert outputs(whole, tmp_path, {"x": np.float32([1, 1])})["y"].tolist() == [9, 11]


def test_large_weights_are_copied_only_where_they_changed(tmp_path: Path) -> None:
    proto = onnx.parser.parse_model(
        f"{HEAD} g (float[N] x) => (float[N] y) {{ a = Add (x, w)  b = Neg (a)  y = Mul (b, w) }}"
    )
    weights = np.arange(1 << 19, dtype=np.float32)
    proto.graph.initializer.append(numpy_helper.from_array(weights, "w"))
    onnx.save(proto, tmp_path / "m.onnx")
    model = open_model(tmp_path / "m.onnx")
    part = cut_out(model, tmp_path, ("x",), ("b",))
    whole = back(model, tmp_path)  # without a folder for values
    assert whole.proto.graph.initializer[0] == model.proto.graph.initializer[0]
    changed = onnx.load(tmp_path / "part.onnx")
    changed.graph.initializer[0].CopyFrom(numpy_helper.from_array(weights + 1, "w"))
    onnx.save(changed, tmp_path / "part.onnx")
    assert part.proto.ByteSize() < 10_000
    with pytest.raises(EditError, match="no folder"):
        edited(model, PutBack(file="part.onnx"), files=tmp_path)
    (tmp_path / "values").mkdir()
    whole = back(replace(model, values=tmp_path / "values"), tmp_path)
    assert [each.name for each in whole.proto.graph.initializer] == ["w", "w_1"] and whole.proto.ByteSize() < 10_000
    found = outputs(whole, tmp_path, {"x": np.zeros(weights.shape, np.float32)})["y"]
    assert np.array_equal(found, -(weights + 1) * weights)


def test_an_output_that_is_an_input_or_a_weight_of_the_part(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(f"{HEAD} g (float[2] x) => (float[2] y) {{ a = Abs (x)  b = Neg (a)  c = Exp (a)  y = Add (b, c) }}")
    part = onnx.parser.parse_model(f"{HEAD} p (float[2] a) => (float[2] a, float[2] w) <float[2] w = {{1, 2}}> {{ }}")
    onnx.save(part, tmp_path / "part.onnx")
    whole = back(model, tmp_path, inputs={"a": "a"}, outputs={"a": "b", "w": "c"})
    assert outputs(whole, tmp_path, {"x": np.float32([-1, 3])})["y"].tolist() == [2, 5]


@pytest.mark.parametrize(
    ("text", "fields", "sentence"),
    [
        ("(float[2] q) => (float[2] c) { c = Abs (q) }", {}, "takes 'q', and there is no such value here"),
        (
            "(float[2] a) => (float[2] q) { q = Abs (a) }",
            {},
            "makes 'q', and there is no such value here: say in outputs",
        ),
        ("(float[2] a) => (float[2] x) { x = Abs (a) }", {}, "makes 'x', and no node makes it here"),
        (
            "(float[3] a) => (float[2] c) { c = Abs (a) }",
            {},
            "input 'a' of 'part.onnx' does not fit 'a': it is float 3",
        ),
        (
            "(float[2] a) => (int64[2] c) { c = Abs (a) }",
            {},
            "output 'c' of 'part.onnx' does not fit 'c': it is int64 2",
        ),
        ("(float[2] x) => (float[2] c) { c = Abs (x) }", {}, "'a' would go, and 'Tanh_4' needs it"),
        ("(float[2] a) => (float[2] c) { c = Abs (a) }", {"inputs": {"q": "a"}}, "'q' is no input of 'part.onnx'"),
        ("(float[2] a) => (float[2] c) { c = Abs (a) }", {"outputs": {"c": "a"}}, "'a' is an input and an output"),
        ("(float[2] y) => (float[2] c) { c = Abs (y) }", {}, "would depend on itself"),
        (
            "(float[2] a) => (float[2] c, float[2] d) { c = Abs (a)  d = Abs (a) }",
            {"outputs": {"d": "c"}},
            "Two outputs",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    text: str, fields: dict[str, dict[str, Value]], sentence: str, parsed: Opened, tmp_path: Path
) -> None:
    model = parsed(
        f"{HEAD} g (float[2] x) => (float[2] y, float[2] z) "
        "{ a = Abs (x)  b = Neg (a)  c = Add (b, x)  y = Relu (c)  z = Tanh (a) }"
    )
    onnx.save(onnx.parser.parse_model(f"{HEAD} p {text}"), tmp_path / "part.onnx")
    with pytest.raises(EditError, match=sentence):
        edited(model, PutBack(file="part.onnx", **fields), files=tmp_path)


def test_an_input_that_is_made_within_is_refused(parsed: Opened, tmp_path: Path) -> None:
    model = parsed(f"{HEAD} g (float[4] x) => (float[2] c) {{ a, b = Split <num_outputs = 2> (x)  c = Add (a, b) }}")
    onnx.save(
        onnx.parser.parse_model(f"{HEAD} p (float[4] x, float[2] a) => (float[2] c) {{ b = Neg (a)  c = Add (a, b) }}"),
        tmp_path / "part.onnx",
    )
    with pytest.raises(EditError, match="takes 'a', which 'Split_0' makes, and that would go: another input"):
        edited(model, PutBack(file="part.onnx"), files=tmp_path)


def test_a_place_says_where(opened: Opened, tmp_path: Path) -> None:
    """The whole has been exported anew, and its values are called differently."""
    model = opened("resnet_dynamo.onnx")
    start, end = (value_target(Editor(model), TensorRef("", name)) for name in ("relu_2", "relu_4"))
    cut_out(model, tmp_path, (start,), (end,))
    renamed = edited(model, *(RenameValue(value=name, name=f"{name}_new") for name in ("relu_2", "relu_4"))).model
    whole = back(renamed, tmp_path, inputs={"relu_2": start}, outputs={"relu_4": end})
    assert ops(whole) == ops(renamed)


@pytest.mark.parametrize("sample", sample_names())
def test_random_parts_put_back(sample: str, opened: Opened, tmp_path: Path) -> None:
    """What is accepted is a model that computes the same, bit for bit; what is refused names what stands against it."""
    rng, model = Random(sample), opened(sample)
    expected, done = outputs(model, tmp_path), 0
    index = model.graphs[""]
    for _ in range(12):
        first = rng.randrange(len(index.nodes))
        nodes = index.order[first : first + rng.randint(1, 6)]
        try:
            part = boundary(Editor(model), "", nodes)
        except EditError:
            continue
        starts = tuple(name for name in part.entering if name not in index.initializers and rng.random() < 0.9)
        ends = tuple(name for name in part.leaving if rng.random() < 0.9)
        try:
            cut_out(model, tmp_path, starts, ends)
        except EditError:
            continue
        try:
            whole = tried(model, PutBack(file="part.onnx"), files=tmp_path).model
        except EditError as error:
            assert any(repr(name) in str(error) for name in (*index.producer, *index.inputs))
            continue
        done += 1
        found = outputs(open_again(whole, tmp_path), tmp_path)
        assert found.keys() == expected.keys()
        assert all(np.array_equal(found[name], value, equal_nan=True) for name, value in expected.items())
    assert done


@pytest.mark.parametrize("seed", range(30))
def test_random_graphs(seed: int, tmp_path: Path) -> None:
    """What is accepted computes the same, bit for bit; what is refused would take away what something else needs."""
    rng, model = Random(seed), random_model(seed, tmp_path / "m.onnx")
    model = model.with_types(infer_types(model))
    index, done = model.graphs[""], 0
    feeds = {name: np.float32([rng.uniform(-2, 2) for _ in range(5)]) for name in index.inputs}
    expected = run(model.proto, feeds)
    for _ in range(10):
        ends = rng.sample([*index.producer], rng.randint(1, 2))
        starts = [name for name in rng.sample([*index.producer], rng.randint(1, 3)) if name not in ends]
        found = cut(model, "", starts, ends)
        missing = rng.choice(sufficient(model, found, model.types)) if found.needs else ()
        starts = [name for name in (*starts, *missing) if name not in ends]
        try:
            cut_out(model, tmp_path, tuple(starts), tuple(ends))
            whole = tried(model, PutBack(file="part.onnx"), files=tmp_path).model
        except EditError as error:
            check_refusal(index, str(error))
            continue
        done += 1
        onnx.checker.check_model(whole.proto)
        again = run(whole.proto, feeds)
        assert again.keys() == expected.keys()
        assert all(again[name].tobytes() == value.tobytes() for name, value in expected.items())
    assert done


def check_refusal(index: GraphIndex, said: str) -> None:
    """See whether what is said to need a value does; other refusals are looked at by their own tests."""
    if lost := re.match(r"'(\w+)' would go, and (.*) needs it", said):
        users = [repr(index.names[node]) for node in index.users(lost[1])]
        assert lost[2] in users or (lost[2] == "an output of the graph" and lost[1] in index.outputs)


def open_again(model: Model, folder: Path) -> Model:
    """Write a model and open it."""
    save(model, folder / "again.onnx")
    return open_model(folder / "again.onnx")
