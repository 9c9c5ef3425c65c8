"""A part of a model as a model: every case of a cut, run beside the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import TensorProto, helper, numpy_helper

from graphdebug.edit.errors import EditError
from graphdebug.edit.extraction import ExtractPart, InputType
from graphdebug.edit.operation import Edited, edited
from graphdebug.edit.targets import ValueTarget
from graphdebug.model.document import Model, open_model
from graphdebug.model.save import save
from tests.edit.running import outputs, tried

Parsed = Callable[[str], Model]

HEAD = '<ir_version: 10, opset_import: ["" : 17, "local" : 1]>'
LADDER = f"""{HEAD}
main (float[8] x, float[8] z) => (float[8] y)
<float[8] w = {{1,2,3,4,5,6,7,8}}, float[8] v = {{1,1,1,1,1,1,1,1}}> {{
    a = Relu(x)
    b = Sigmoid(a)
    c = Mul(a, w)
    d = Tanh(c)
    e = Add(b, d)
    f = Sub(z, v)
    y = Add(e, f)
}}
"""
X, Z = np.linspace(-1, 1, 8).astype(np.float32), np.ones(8, np.float32)


def part(model: Model, starts: str, ends: str, **more: Any) -> Edited:
    return tried(model, ExtractPart(inputs=tuple(starts.split()), outputs=tuple(ends.split()), **more))


def refused(model: Model, starts: str, ends: str, **more: Any) -> str:
    with pytest.raises(EditError) as error:
        part(model, starts, ends, **more)
    return str(error.value)


def names(entries: Any) -> list[str]:
    return [entry.name for entry in entries]


def at(model: Model, folder: Path, feeds: dict[str, Any], *values: str) -> dict[str, Any]:
    """Return values of the main graph of a model when it is run."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    known = set(names(proto.graph.output))
    proto.graph.output.extend(onnx.ValueInfoProto(name=name) for name in values if name not in known)
    path = folder / "tapped.onnx"
    save(Model(proto, model.path, values=model.values), path)
    return {name: value for name, value in outputs(open_model(path), folder, feeds).items() if name in values}


def check_same(whole: Model, cut: Edited, folder: Path, feeds: dict[str, Any], *starts: str) -> None:
    """The part is sound and computes what the whole computes there, to the bit."""
    onnx.checker.check_model(cut.model.proto, full_check=True)
    ends = names(cut.model.proto.graph.output)
    known = {**feeds, **at(whole, folder, feeds, *starts, *ends)}
    found = outputs(cut.model, folder, {name: known[name] for name in starts} or None)
    assert list(found) == ends
    for name in ends:
        np.testing.assert_array_equal(found[name], known[name])


def test_only_what_is_needed_stays_in_the_order_asked(parsed: Parsed, tmp_path: Path) -> None:
    whole = parsed(LADDER)
    found = part(whole, "c a", "e c")
    graph = found.model.proto.graph
    assert (names(graph.input), names(graph.output)) == (["c", "a"], ["e", "c"])
    assert [node.op_type for node in graph.node] == ["Sigmoid", "Tanh", "Add"]
    assert not graph.initializer and not graph.value_info
    check_same(whole, found, tmp_path, {"x": X, "z": Z}, "c", "a")
    assert len([each for each in found.splices if each.field == "node"]) == 3  # runs, not nodes


def test_an_output_in_the_middle_and_one_behind_it(parsed: Parsed, tmp_path: Path) -> None:
    found = part(parsed(LADDER), "a", "c e d")
    assert names(found.model.proto.graph.output) == ["c", "e", "d"] and names(found.model.proto.graph.initializer) == [
        "w"
    ]
    check_same(parsed(LADDER), found, tmp_path, {"x": X, "z": Z}, "a")


def test_an_input_that_nothing_needs_is_named_and_goes_unless_it_is_kept(parsed: Parsed) -> None:
    found = part(parsed(LADDER), "a z", "e")
    assert names(found.model.proto.graph.input) == ["a"] and "Nothing depends on 'z'" in found.notes[0]
    kept = part(parsed(LADDER), "a z", "e", keep_unused=True)
    assert names(kept.model.proto.graph.input) == ["a", "z"] and not kept.notes


def test_without_inputs_or_outputs_those_of_the_model_are_meant(parsed: Parsed) -> None:
    ends = part(parsed(LADDER), "e z", "").model.proto.graph
    assert names(ends.output) == ["y"] and len(ends.node) == 2
    starts = part(parsed(LADDER), "", "d").model.proto.graph
    assert names(starts.input) == ["x"] and len(starts.node) == 3
    assert "say where the part ends" in refused(parsed(LADDER.replace("(float[8] y)", "(float[8] e)")), "z", "")
    assert "where the part begins" in refused(parsed(LADDER), "", "")


def test_what_is_missing_is_named_with_what_would_do(parsed: Parsed) -> None:
    said = refused(parsed(LADDER), "c", "y")
    assert said == "'y' also depends on 'x' and 'z': the inputs do not suffice. Add 'b' and 'f' or 'x' and 'z'."
    assert "There is no value called 'nowhere'" in refused(parsed(LADDER), "nowhere", "y")


def test_a_type_that_nobody_knows_is_asked_for_and_taken(parsed: Parsed, tmp_path: Path) -> None:
    text = LADDER.replace("a = Relu(x)", "p = local.Unknown(x) a = Identity(p)")
    assert "The type of 'p' is not known" in refused(parsed(text), "p", "e")
    given = part(parsed(text), "p", "e", types={"p": InputType("float", ("n",))})
    onnx.checker.check_model(given.model.proto, full_check=True)
    assert given.model.proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "n"
    assert outputs(given.model, tmp_path, {"p": X})["e"].shape == (8,)
    assert "'half-float' is none" in refused(parsed(text), "p", "e", types={"p": InputType("half-float")})
    assert "negative" in refused(parsed(text), "p", "e", types={"p": InputType("float", (-1,))})


def test_types_are_inferred_where_the_file_states_none(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(onnx.parser.parse_model(LADDER), path)
    found = edited(open_model(path), ExtractPart(inputs=("c", "a"), outputs=("e",)))
    onnx.checker.check_model(found.model.proto, full_check=True)


def test_outputs_that_are_constants_or_inputs_run(parsed: Parsed, tmp_path: Path) -> None:
    for ends in ("w a c", "a", "w"):
        found = part(parsed(LADDER), "a", ends)
        ran = outputs(found.model, tmp_path, {"a": X} if "a" in names(found.model.proto.graph.input) else {})
        assert list(ran) == ends.split()
        for name, value in {"a": X, "w": np.arange(1, 9, dtype=np.float32)}.items():
            if name in ran:
                np.testing.assert_array_equal(ran[name], value)


def test_a_node_that_still_makes_what_is_fed_calls_it_otherwise(parsed: Parsed, tmp_path: Path) -> None:
    whole = parsed(f"{HEAD} main (float[8] x) => (float[4] y) {{ a, b = Split(x) c = Neg(a) y = Add(b, c) }}")
    found = part(whole, "x a", "y")
    check_same(whole, found, tmp_path, {"x": X}, "x", "a")
    other = outputs(found.model, tmp_path, {"x": X, "a": np.zeros(4, np.float32)})["y"]
    np.testing.assert_array_equal(other, X[4:])


BODIES = f"""{HEAD}
main (float[8] x, bool go) => (float[8] y)
<float[8] w = {{1,2,3,4,5,6,7,8}}, float[8] v = {{1,1,1,1,1,1,1,1}}> {{
    one = Constant <value_float = 1.0> ()
    h = Relu(x)
    y = If(go) <
        then_branch = then () => (float[8] t)
        <float[8] k = {{2,2,2,2,2,2,2,2}}> {{ p = Mul(h, w) q = Add(p, one) r = Mul(q, k) t = Exp(r) }},
        else_branch = otherwise () => (float[8] s) {{ s = Sub(x, v) }}
    >
}}
"""


def inner(name: str, graph: str = "2.then_branch") -> ValueTarget:
    return ValueTarget(name, graph=graph)


def test_what_bodies_capture_comes_along(parsed: Parsed, tmp_path: Path) -> None:
    found = part(parsed(BODIES), "h x go", "y")
    graph = found.model.proto.graph
    assert names(graph.initializer) == ["w", "v"] and [node.op_type for node in graph.node] == ["Constant", "If"]
    for go in (True, False):
        check_same(parsed(BODIES), found, tmp_path, {"x": X, "go": np.array(go)}, "h", "x", "go")


def test_the_part_of_a_body_becomes_the_model(parsed: Parsed, tmp_path: Path) -> None:
    whole = parsed(BODIES)
    found = tried(whole, ExtractPart(inputs=("h",), outputs=(inner("t"), inner("q"))))
    graph = found.model.proto.graph
    assert (names(graph.input), names(graph.output)) == (["h"], ["t", "q"])
    assert names(graph.initializer) == ["k", "w"] and graph.node[0].op_type == "Constant"
    onnx.checker.check_model(found.model.proto, full_check=True)
    feeds = {"x": X, "go": np.array(True)}
    ran = outputs(found.model, tmp_path, at(whole, tmp_path, feeds, "h"))
    np.testing.assert_array_equal(ran["t"], outputs(whole, tmp_path, feeds)["y"])
    with pytest.raises(EditError, match="depends on 'h'"):
        edited(whole, ExtractPart(outputs=(inner("t"),)))
    with pytest.raises(EditError, match="does not see"):
        edited(whole, ExtractPart(inputs=(inner("s", "2.else_branch"),), outputs=(inner("t"),)))
    middle = tried(whole, ExtractPart(inputs=(inner("q"),), outputs=(inner("t"),)))
    assert names(middle.model.proto.graph.initializer) == ["k"]


def test_the_body_of_a_scan(parsed: Parsed, tmp_path: Path) -> None:
    text = f"""{HEAD} main (float[2] s, float[3,2] xs) => (float[2] last, float[3,2] all)
    <float[2] w = {{1,2}}> {{ last, all = Scan <num_scan_inputs = 1, body = step (float[2] before, float[2] x)
        => (float[2] now, float[2] out) {{ m = Mul(x, w) now = Add(before, m) out = Identity(now) }}> (s, xs) }}"""
    found = tried(parsed(text), ExtractPart(outputs=(inner("now", "0.body"),)))
    assert names(found.model.proto.graph.input) == ["before", "x"]
    ran = outputs(found.model, tmp_path, {name: np.ones(2, np.float32) for name in ("before", "x")})
    np.testing.assert_array_equal(ran["now"], [2, 3])


FUNCTIONS = """<ir_version: 10, opset_import: ["" : 17, "local" : 1]>
main (float[8] x) => (float[8] y) { a = Relu(x) b = local.outer <alpha = 0.5> (a) y = local.unused(b) }
<opset_import: ["" : 18, "local" : 1], domain: "local">
outer <alpha> (u) => (v) { m = LeakyRelu <alpha: float = @alpha> (u) n = local.inner(m) v = Neg(n) }
<opset_import: ["" : 18], domain: "local">
inner (i) => (o) { o = Tanh(i) }
<opset_import: ["" : 18], domain: "local">
unused (i) => (o) { o = Exp(i) }
"""


def test_only_functions_that_are_called_stay(parsed: Parsed, tmp_path: Path) -> None:
    found = part(parsed(FUNCTIONS), "a", "b")
    assert [each.name for each in found.model.proto.functions] == ["outer", "inner"]
    check_same(parsed(FUNCTIONS), found, tmp_path, {"x": X}, "a")


def test_the_part_of_a_function_takes_types_and_attributes_from_its_call(parsed: Parsed, tmp_path: Path) -> None:
    whole = parsed(FUNCTIONS)
    target = ExtractPart(inputs=(inner("u", "fn:local:outer:"),), outputs=(inner("n", "fn:local:outer:"),))
    found = tried(whole, target)
    proto = found.model.proto
    assert [each.name for each in proto.functions] == ["inner"] and proto.opset_import[0].version == 18
    assert [dim.dim_value for dim in proto.graph.input[0].type.tensor_type.shape.dim] == [8]
    onnx.checker.check_model(proto, full_check=True)
    feeds = {"x": X}
    ran = outputs(found.model, tmp_path, {"u": np.float32(np.maximum(X, 0))})["n"]
    np.testing.assert_array_equal(-ran, at(whole, tmp_path, feeds, "b")["b"])
    twice = parsed(FUNCTIONS.replace("local.unused(b)", "local.outer <alpha = 0.25> (b)"))
    with pytest.raises(EditError, match=r"'alpha' different values.*inline one call"):
        edited(twice, target)
    behind = ExtractPart(inputs=(inner("m", "fn:local:outer:"),), outputs=(inner("v", "fn:local:outer:"),))
    assert tried(twice, behind).model.proto.graph.input[0].name == "m"


def test_sequences_may_be_inputs(parsed: Parsed, tmp_path: Path) -> None:
    whole = parsed(
        f"{HEAD} main (float[8] x) => (float[8] y) "
        "{ s = SequenceConstruct(x, x) t = SequenceInsert(s, x) k = Constant <value_int = 1> () y = SequenceAt(t, k) }"
    )
    assert refused(whole, "t", "s").endswith("Add 'x'.")
    found = part(whole, "s x", "y")
    assert found.model.proto.graph.input[0].type.HasField("sequence_type")
    begun = parsed(
        f"{HEAD} main (seq(float[8]) s, float[8] x) => (float[8] y) {{ k = Constant <value_int = 0> () "
        "a = SequenceAt(s, k) y = Add(a, x) }"
    )
    assert refused(begun, "x", "y").endswith("Add 'a'.")
    assert refused(begun, "x", "a").endswith("Add 's'.")
    ran = outputs(found.model, tmp_path, {"s": [X, 2 * X], "x": X})
    np.testing.assert_array_equal(ran["y"], 2 * X)


def test_defaults_of_inputs_stay_where_they_are_named_and_old_models_stay_old(tmp_path: Path) -> None:
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])  # noqa: E731
    nodes = [helper.make_node("Add", ["x", "w"], ["a"]), helper.make_node("Mul", ["a", "u"], ["y"])]
    weights = [numpy_helper.from_array(np.float32([1, 2]), name) for name in ("w", "u")]
    graph = helper.make_graph(
        nodes, "g", [info("x"), info("w"), info("u")], [info("y")], weights, value_info=[info("a")]
    )
    for version in (8, 3):
        proto = helper.make_model(graph, ir_version=version, opset_imports=[helper.make_opsetid("", 8)])
        onnx.save(proto, tmp_path / "m.onnx")
        whole = open_model(tmp_path / "m.onnx")
        found = part(whole, "a", "y")
        assert names(found.model.proto.graph.initializer) == ["u"]
        assert names(found.model.proto.graph.input) == (["a", "u"] if version == 3 else ["a"])
        assert [note.startswith("'u' may be fed") for note in found.notes] == ([] if version == 3 else [True])
        onnx.checker.check_model(found.model.proto, full_check=True)
        fed = part(whole, "a u", "y")
        assert names(fed.model.proto.graph.input) == ["a", "u"]
        assert names(fed.model.proto.graph.initializer) == ([] if version == 3 else ["u"])
        np.testing.assert_array_equal(outputs(found.model, tmp_path, {"a": np.ones(2, np.float32)})["y"], [1, 2])


def test_a_weight_may_be_fed_and_sparse_ones_come_along(tmp_path: Path) -> None:
    info = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, [2])  # noqa: E731
    values, indices = numpy_helper.from_array(np.float32([3]), "w"), numpy_helper.from_array(np.int64([1]))
    sparse = helper.make_sparse_tensor(values, indices, [2])
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Add", ["a", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [info("x")], [info("y")], sparse_initializer=[sparse], value_info=[info("a")])
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    whole = open_model(tmp_path / "m.onnx")
    found = part(whole, "a", "y")
    assert len(found.model.proto.graph.sparse_initializer) == 1
    np.testing.assert_array_equal(outputs(found.model, tmp_path, {"a": np.ones(2, np.float32)})["y"], [1, 4])
    assert not part(whole, "x", "a").model.proto.graph.sparse_initializer


def test_what_is_said_of_the_model_and_of_what_stays_is_kept(parsed: Parsed) -> None:
    whole = parsed(LADDER)
    proto, graph = whole.proto, whole.proto.graph
    proto.doc_string, graph.doc_string, proto.producer_name = "of the model", "of the graph", "me"
    proto.metadata_props.add(key="k", value="v")
    graph.node[2].metadata_props.add(key="scope", value="mul")
    scale = numpy_helper.from_array(np.float32(0.5), "scale")
    graph.initializer.append(scale)
    for name in ("c", "f"):
        annotation = graph.quantization_annotation.add(tensor_name=name)
        annotation.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="scale")
    proto.training_info.add().initialization_binding.add(key="w", value="w")
    found = part(Model(proto, whole.path), "a", "e").model.proto
    assert (found.doc_string, found.graph.doc_string, found.producer_name) == ("of the model", "of the graph", "me")
    assert found.metadata_props == proto.metadata_props and not found.training_info
    assert found.graph.node[1].metadata_props[0].value == "mul"
    assert names(found.graph.initializer) == ["w", "scale"]
    assert [each.tensor_name for each in found.graph.quantization_annotation] == ["c"]


def test_optionals_may_be_inputs(parsed: Parsed, tmp_path: Path) -> None:
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(TensorProto.FLOAT, [8]))
    whole = parsed(
        f"{HEAD} main (float[8] x) => (float[8] y) {{ o = Optional(x) h = OptionalHasElement(o) "
        "e = OptionalGetElement(o) y = Neg(e) }"
    )
    found = part(whole, "o", "y h")
    assert found.model.proto.graph.input[0].type == kind
    ran = outputs(found.model, tmp_path, {"o": X})
    np.testing.assert_array_equal(ran["y"], -X)
    assert ran["h"]


def test_the_part_of_a_loop_and_of_a_body_in_a_function(parsed: Parsed, tmp_path: Path) -> None:
    text = """<ir_version: 10, opset_import: ["" : 17, "local" : 1]>
    main (float[8] x, int64 n, bool go) => (float[8] y) {
        y = Loop(n, go, x) <body = step (int64 i, bool on, float[8] s) => (bool off, float[8] t) {
            off = Identity(on) f = Cast <to = 1> (i) k = local.scaled <by = 2.0> (s) t = Add(k, f)
        }>
    }
    <opset_import: ["" : 17], domain: "local"> scaled <by> (u) => (v) {
        b = Constant <value_float: float = @by> ()
        one = Constant <value_float = 1.0> ()
        yes = Greater(b, one)
        v = If(yes) <then_branch = many () => (float[8] p) { q = Mul(u, b) p = Add(q, one) },
                     else_branch = few () => (float[8] p2) { p2 = Identity(u) }>
    }"""
    whole = parsed(text)
    loop = tried(
        whole, ExtractPart(inputs=(inner("s", "0.body"), inner("i", "0.body")), outputs=(inner("t", "0.body"),))
    )
    assert [each.name for each in loop.model.proto.functions] == ["scaled"]
    onnx.checker.check_model(loop.model.proto, full_check=True)
    ran = outputs(loop.model, tmp_path, {"s": X, "i": np.array(3)})
    np.testing.assert_array_equal(ran["t"], 2 * X + 1 + 3)
    branch = "fn:local:scaled:/3.then_branch"
    deep = tried(whole, ExtractPart(inputs=(inner("u", branch), inner("q", branch)), outputs=(inner("p", branch),)))
    assert names(deep.model.proto.graph.input) == ["q"] and "'u'" in deep.notes[0]
    np.testing.assert_array_equal(outputs(deep.model, tmp_path, {"q": X})["p"], X + 1)
    both = tried(whole, ExtractPart(inputs=(inner("u", branch),), outputs=(inner("p", branch),)))
    np.testing.assert_array_equal(outputs(both.model, tmp_path, {"u": X})["p"], 2 * X + 1)


def test_values_outside_the_model_are_not_read(tmp_path: Path) -> None:
    proto = onnx.parser.parse_model(LADDER)
    large = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1 << 27, 8])
    for key, value in {"location": "missing.bin", "offset": "0", "length": str(1 << 32)}.items():
        large.external_data.add(key=key, value=value)
    large.data_location = TensorProto.EXTERNAL
    proto.graph.initializer[0].CopyFrom(large)
    onnx.save(proto, tmp_path / "m.onnx")
    found = part(open_model(tmp_path / "m.onnx"), "a", "c").model.proto.graph
    assert found.initializer[0] == large


def test_a_rank_that_nobody_knows_is_given_or_left_open_on_purpose(parsed: Parsed, tmp_path: Path) -> None:
    text = (
        f"{HEAD} main (float[8] x, int64[m] s) => (float[8] y) {{ r = Reshape(x, s) k = Constant <value_ints = [8]> () "
    )
    whole = parsed(text + "t = Neg(r) y = Reshape(t, k) }")
    assert "The type of 'r' is not known" in refused(whole, "x s", "r")
    found = part(whole, "x s", "r", types={"r": InputType("float")})
    assert "The rank of 'r' is left open" in found.notes[-1]
    np.testing.assert_array_equal(outputs(found.model, tmp_path, {"x": X, "s": np.array([2, 4])})["r"], X.reshape(2, 4))
    given = part(whole, "x s", "r", types={"r": InputType("float", (None, None))})
    onnx.checker.check_model(given.model.proto)
    assert not given.notes
    unranked = parsed(text + "y = Reshape(r, s) }")
    unranked.proto.graph.output[0].type.tensor_type.ClearField("shape")  # the whole leaves it open, so the part may
    assert "'y' is left open" in part(unranked, "x s", "y").notes[-1]
