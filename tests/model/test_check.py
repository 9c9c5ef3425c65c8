"""Findings: each rule on a model that breaks it, none on models that are sound."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from graphdebug.model.check import KEPT_PER_CODE, findings
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import Finding, Severity
from graphdebug.model.shapes import infer
from tests.model.small_models import floats, model_proto

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def check(model: Model) -> tuple[Finding, ...]:
    inference = infer(model)
    return findings(model, inference.types, inference.complaints)


def only(found: Sequence[Finding], code: str) -> Finding:
    matching = [finding for finding in found if finding.code == code]
    assert len(matching) == 1, found
    return matching[0]


def relu(source: str, target: str, **options: object) -> onnx.NodeProto:
    return helper.make_node("Relu", [source], [target], **options)


X, Y = floats("x", 2, 3), floats("y", 2, 3)
SOUND = [relu("x", "y")]
Opened = Callable[..., Model]


def test_models_that_onnx_calls_sound_have_no_errors(backend_models: list[Path]) -> None:
    """None of the two thousand; and whatever the checker refuses is an error here too."""
    wrong: dict[str, list[str]] = {}
    for path in backend_models:
        model = open_model(path)
        errors = [finding.message for finding in check(model) if finding.severity is ERROR]
        try:
            onnx.checker.check_model(path)
        except onnx.checker.ValidationError:
            assert errors, path
        else:
            if errors:
                wrong[path.stem] = errors
    assert wrong == {}


def test_a_cycle_is_named_node_by_node(opened: Opened) -> None:
    nodes = [
        helper.make_node("Add", ["x", "c"], ["a"], name="A"),
        relu("a", "b", name="B"),
        relu("b", "c", name="C"),
        relu("c", "y", name="behind"),
    ]
    found = check(opened(nodes, [X], [Y]))
    cycle = only(found, "graph-cycle")
    assert (cycle.severity, cycle.node is not None) == (ERROR, True)
    names = re.findall(r"'(\w)'", cycle.message)
    assert "".join(names) in ("ABCA", "BCAB", "CABC")
    assert [finding.code for finding in found if finding.severity is ERROR] == ["graph-cycle"]


def test_a_node_that_feeds_itself(opened: Opened) -> None:
    cycle = only(check(opened([helper.make_node("Add", ["x", "y"], ["y"], name="me")], [X], [Y])), "graph-cycle")
    assert "'me' → 'me'" in cycle.message


def test_a_cycle_through_a_nested_graph(opened: Opened) -> None:
    branch = model_proto([relu("y", "t")], [], [floats("t", 2, 3)]).graph
    nodes = [helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch), relu("z", "y")]
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    assert only(check(opened(nodes, [X, condition], [Y])), "graph-cycle").message.startswith("2 node(s)")


def test_nodes_out_of_order(opened: Opened) -> None:
    found = check(opened([relu("a", "y", name="late"), relu("x", "a")], [X], [Y]))
    assert only(found, "nodes-out-of-order").severity is WARNING
    assert not [finding for finding in found if finding.severity is ERROR and finding.code != "onnx-checker"]


@pytest.mark.parametrize(
    ("nodes", "inputs", "initializers", "name"),
    [
        ([relu("x", "y"), relu("x", "y")], [X], [], "y"),
        ([relu("x", "y")], [X, X], [], "x"),
        ([relu("x", "y"), relu("y", "x")], [X], [], "x"),
        ([relu("x", "w"), relu("w", "y")], [X], [helper.make_tensor("w", 1, [1], [1])], "w"),
        ([relu("w", "y")], [X], [helper.make_tensor("w", 1, [2, 3], range(6))] * 2, "w"),
    ],
)
def test_names_that_are_not_unique(opened: Opened, nodes: list, inputs: list, initializers: list, name: str) -> None:
    found = only(check(opened(nodes, inputs, [Y], initializers)), "duplicate-name")
    assert (found.severity, found.tensor) == (ERROR, name)


def test_an_initializer_may_be_an_inputs_default(opened: Opened) -> None:
    assert check(opened(SOUND, [X], [Y], [helper.make_tensor("x", 1, [2, 3], range(6))])) == ()


def test_node_names_that_are_not_unique(opened: Opened) -> None:
    found = check(opened([relu("x", "a", name="n"), relu("a", "y", name="n")], [X], [Y]))
    assert only(found, "duplicate-node-name").severity is WARNING


def test_dangling_input_and_missing_output(opened: Opened) -> None:
    found = check(opened([helper.make_node("Add", ["x", "gone"], ["y"], name="sum")], [X], [Y, floats("never", 1)]))
    dangling, missing = only(found, "dangling-input"), only(found, "missing-output")
    assert (dangling.node, dangling.tensor, dangling.severity) == (0, "gone", ERROR)
    assert "'sum' (Add) needs 'gone' as input 1" in dangling.message
    assert (missing.tensor, missing.severity) == ("never", ERROR)


def test_nested_graphs_see_the_graphs_around_them_but_functions_do_not(opened: Opened) -> None:
    branch = model_proto([helper.make_node("Add", ["a", "lost"], ["t"])], [], [floats("t")]).graph
    function = helper.make_function(
        "local", "F", ["i"], ["o"], [helper.make_node("Add", ["i", "a"], ["o"])], [helper.make_opsetid("", 17)]
    )
    nodes = [relu("x", "a"), helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    nodes.append(helper.make_node("F", ["a"], ["z"], domain="local"))
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    found = [
        entry
        for entry in check(opened(nodes, [X, condition], [Y], functions=[function]))
        if entry.code == "dangling-input"
    ]
    assert {(entry.graph, entry.tensor) for entry in found} == {
        ("1.then_branch", "lost"),
        ("1.else_branch", "lost"),
        ("fn:local:F:", "a"),
    }


def test_what_is_unused_is_counted(opened: Opened) -> None:
    nodes = [relu("x", "dead1"), relu("dead1", "dead2"), relu("x", "y")]
    weights = [helper.make_tensor(f"w{i}", 1, [1], [1]) for i in range(30)]
    found = check(opened(nodes, [X, floats("idle", 1)], [Y], weights))
    assert only(found, "unused-initializer").message.startswith("30 initializer(s)")
    assert only(found, "unused-input").tensor == "idle"
    dead = only(found, "unused-node")
    assert (dead.node, dead.severity) == (0, INFO)
    assert "2 node(s)" in dead.message


def test_what_only_a_nested_graph_uses_is_used(opened: Opened) -> None:
    branch = model_proto([helper.make_node("Add", ["a", "w"], ["t"])], [], [floats("t", 2, 3)]).graph
    nodes = [relu("x", "a"), helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)]
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    assert check(opened(nodes, [X, condition], [Y], [helper.make_tensor("w", 1, [1], [1])])) == ()


def test_versions(opened: Opened) -> None:
    assert only(check(opened(SOUND, [X], [Y], opsets=[("", 999)])), "unknown-opset").severity is ERROR
    assert only(check(opened(SOUND, [X], [Y], opsets=[("", 0)])), "unknown-opset").severity is ERROR
    assert only(check(opened(SOUND, [X], [Y], opsets=[("", 17), ("ai.onnx", 18)])), "duplicate-opset").severity is ERROR
    assert only(check(opened(SOUND, [X], [Y], ir_version=99)), "ir-version").severity is WARNING
    assert "IR version 8" in only(check(opened(SOUND, [X], [Y], ir_version=7)), "ir-version").message
    assert only(check(opened(SOUND, [X], [Y], opsets=[])), "no-opset").severity is ERROR
    only(check(opened(SOUND, [X], [Y], opsets=[("ai.onnx.ml", 3)])), "domain-not-imported")


def test_operators(opened: Opened) -> None:
    def code(node: onnx.NodeProto, **options: object) -> Finding:
        found = check(opened([node], [X], [Y], **options))
        return next(entry for entry in found if entry.severity is ERROR)

    assert "has no such operator" in code(helper.make_node("Rleu", ["x"], ["y"])).message
    assert code(helper.make_node("Rleu", ["x"], ["y"])).code == "unknown-op"
    assert "from version 20" in code(helper.make_node("Gelu", ["x"], ["y"])).message
    assert code(helper.make_node("Upsample", ["x", "x"], ["y"])).code == "deprecated-op"
    assert code(helper.make_node("Relu", ["x", "x"], ["y"])).code == "input-count"
    assert "at least 2" in code(helper.make_node("Conv", ["x"], ["y"])).message
    assert code(helper.make_node("Relu", ["x"], ["y", "z"])).code == "output-count"
    assert code(helper.make_node("Add", ["x", ""], ["y"])).code == "missing-input"
    assert code(relu("x", "y", alpha=1.0)).code == "unknown-attribute"
    assert code(helper.make_node("LeakyRelu", ["x"], ["y"], alpha="a")).code == "attribute-type"
    assert code(helper.make_node("Cast", ["x"], ["y"])).code == "missing-attribute"
    assert code(helper.make_node("Foo", ["x"], ["y"], domain="mine")).code == "domain-not-imported"
    twice = helper.make_node("LeakyRelu", ["x"], ["y"], alpha=1.0)
    twice.attribute.append(twice.attribute[0])
    assert code(twice).code == "duplicate-attribute"


def test_a_custom_domain_is_no_error(opened: Opened) -> None:
    nodes = [
        helper.make_node("Gelu2", ["x"], ["a"], domain="mine"),
        helper.make_node("Gelu2", ["a"], ["y"], domain="mine"),
    ]
    found = check(opened(nodes, [X], [Y], opsets=[("", 17), ("mine", 1)]))
    assert "2 node(s) are of domain 'mine'" in only(found, "custom-op").message
    assert {entry.severity for entry in found} == {INFO}
    assert "'Gelu2_0'" in only(found, "shape-not-inferred").message


def chain(depth: int, last: str = "Relu") -> list[onnx.FunctionProto]:
    """Return functions that each call the next twice."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    functions = []
    for i in range(depth):
        op, domain = (f"F{i + 1}", "local") if i + 1 < depth else (last, "local" if last != "Relu" else "")
        calls = [helper.make_node(op, ["a"], ["t"], domain=domain), helper.make_node(op, ["t"], ["b"], domain=domain)]
        functions.append(helper.make_function("local", f"F{i}", ["a"], ["b"], calls, imports))
    return functions


def test_functions_that_explode_or_never_end_are_found_at_once(opened: Opened) -> None:
    call = [helper.make_node("F0", ["x"], ["y"], domain="local")]
    bomb = only(check(opened(call, [X], [Y], functions=chain(41))), "function-expansion")
    assert f"{2**41:,}" in bomb.message
    assert check(opened(call, [X], [Y], functions=chain(3))) == ()
    endless = only(check(opened(call, [X], [Y], functions=chain(3, last="F1"))), "function-recursion")
    assert "'local::F0', 'local::F1', 'local::F2'" in endless.message
    long = check(opened(call, [X], [Y], functions=[*chain(40), *chain(1500)[40:]]))
    assert "function-expansion" in {entry.code for entry in long}


@pytest.mark.parametrize(
    ("tensor", "code"),
    [
        (onnx.TensorProto(name="w", data_type=1, dims=[2, 3], raw_data=b"1234"), "dims-mismatch"),
        (onnx.TensorProto(name="w", data_type=1, dims=[2, 3], raw_data=bytes(8000)), "dims-mismatch"),
        (onnx.TensorProto(name="w", data_type=1, dims=[9999], raw_data=bytes(8000)), "dims-mismatch"),
        (onnx.TensorProto(name="w", data_type=1, dims=[2, 3], float_data=[1.0] * 5), "dims-mismatch"),
        (onnx.TensorProto(name="w", data_type=14, dims=[2], float_data=[1.0] * 2), "dims-mismatch"),
        (onnx.TensorProto(name="w", data_type=8, dims=[2], string_data=[b"a"]), "dims-mismatch"),
        (onnx.TensorProto(name="w", data_type=1, dims=[-2], raw_data=b""), "negative-dimension"),
        (onnx.TensorProto(name="w", data_type=1, dims=[2**40, 2**40], raw_data=b"1234"), "dims-overflow"),
        (onnx.TensorProto(name="w", data_type=1, dims=[2**40, 2**40, 0], raw_data=b""), "dims-overflow"),
        (onnx.TensorProto(name="w", data_type=98, dims=[1], raw_data=b"1234"), "bad-tensor"),
        (onnx.TensorProto(name="w", dims=[1], raw_data=b"1234"), "bad-tensor"),
    ],
)
def test_stored_values_against_their_shape(opened: Opened, tensor: onnx.TensorProto, code: str) -> None:
    found = only(check(opened([helper.make_node("Add", ["x", "w"], ["y"])], [X], [Y], [tensor])), code)
    assert (found.severity, found.tensor) == (ERROR, "w")
    constant = helper.make_node("Constant", [], ["w"], value=tensor)
    found = only(check(opened([constant, helper.make_node("Add", ["x", "w"], ["y"])], [X], [Y])), code)
    assert (found.severity, found.node) == (ERROR, 0)


def external(name: str, dims: list[int], location: str, offset: int, length: int) -> onnx.TensorProto:
    tensor = onnx.TensorProto(name=name, data_type=1, dims=dims, data_location=onnx.TensorProto.EXTERNAL)
    for key, value in {"location": location, "offset": offset, "length": length}.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


class TestExternalData:
    def found(self, opened: Opened, tmp_path: Path, *tensors: onnx.TensorProto) -> list[Finding]:
        with (tmp_path / "w.bin").open("wb") as file:
            file.truncate(256 << 20)
        nodes = [helper.make_node("Sum", ["x", *(tensor.name for tensor in tensors)], ["y"])]
        return [
            entry
            for entry in check(opened(nodes, [X], [Y], tensors))
            if "external" in entry.code or "dims" in entry.code
        ]

    def test_each_lie_is_named(self, opened: Opened, tmp_path: Path) -> None:
        assert self.found(opened, tmp_path, external("w", [3], "w.bin", 4, 12)) == []
        for tensor, code in (
            (external("w", [3], "gone.bin", 0, 12), "external-data-missing"),
            (external("w", [3], "../w.bin", 0, 12), "external-data-escapes"),
            (external("w", [3], "w.bin", 256 << 20, 12), "external-data-out-of-range"),
            (external("w", [3], "w.bin", 0, 8), "external-data-too-short"),
            (external("w", [3], "w.bin", 0, 16), "dims-mismatch"),
        ):
            (found,) = self.found(opened, tmp_path, tensor)
            assert (found.code, found.severity, found.tensor) == (code, ERROR, "w")

    def test_a_small_file_that_would_fill_the_memory(self, opened: Opened, tmp_path: Path) -> None:
        bomb = [external(f"w{i}", [64 << 20], "w.bin", 0, 256 << 20) for i in range(40)]
        (found,) = self.found(opened, tmp_path, *bomb)
        assert (found.code, found.severity) == ("external-data-overlap", ERROR)
        assert f"{40 * (256 << 20):,} bytes" in found.message

    def test_tied_weights_are_fine_and_half_shared_ones_are_odd(self, opened: Opened, tmp_path: Path) -> None:
        tied = [external("a", [1 << 20], "w.bin", 0, 4 << 20), external("b", [1 << 20], "w.bin", 0, 4 << 20)]
        assert self.found(opened, tmp_path, *tied) == []
        (found,) = self.found(opened, tmp_path, tied[0], external("b", [1 << 20], "w.bin", 2 << 20, 4 << 20))
        assert (found.code, found.severity) == ("external-data-overlap", WARNING)


def test_shapes_that_do_not_fit(opened: Opened) -> None:
    product = helper.make_node("MatMul", ["x", "x"], ["y"], name="product")
    found = only(check(opened([product], [X], [Y])), "shape-conflict")
    assert (found.node, found.severity) == (0, ERROR)
    assert "MatMul: Incompatible dimensions" in found.message
    branch = model_proto([relu("x", "r"), helper.make_node("MatMul", ["r", "x"], ["t"])], [], [floats("t")]).graph
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=model_proto(SOUND, [], [Y]).graph)
    assert only(check(opened([node], [X, condition], [Y])), "shape-conflict").graph == "0.then_branch"


def test_a_large_constant_where_a_shape_is_expected_is_not_blamed_for_being_left_in_the_file(opened: Opened) -> None:
    shape = numpy_helper.from_array(np.ones(1000, np.int64), "s")
    found = check(opened([helper.make_node("Expand", ["x", "s"], ["y"])], [X], [floats("y")], [shape]))
    assert not [entry for entry in found if entry.code == "shape-conflict" and "size" in entry.message]


def test_the_checkers_word_is_kept_with_its_place(opened: Opened) -> None:
    odd = relu("x", "y")
    odd.attribute.add(type=onnx.AttributeProto.INT, i=1)
    assert [entry.node for entry in check(opened([odd], [X], [Y])) if entry.severity is ERROR] == [0]
    branch = helper.make_graph([relu("x", "t")], "", [], [floats("t", 2, 3)])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    condition = helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, [])
    found = only(check(opened([node], [X, condition], [Y])), "onnx-checker")
    assert (found.graph, found.node) == ("", 0)
    assert found.message == "The ONNX checker objects: some graph has no name."


def test_thousands_of_a_kind_are_counted_and_errors_come_first(opened: Opened) -> None:
    nodes = [relu(f"gone{i}", f"a{i}") for i in range(1000)]
    found = check(opened([*nodes, relu("x", "y")], [X], [Y]))
    dangling = [entry for entry in found if entry.code == "dangling-input"]
    assert len(dangling) == KEPT_PER_CODE + 1
    assert f"{1000 - KEPT_PER_CODE:,} more" in dangling[-1].message
    ranks = [list(Severity).index(entry.severity) for entry in found]
    assert ranks == sorted(ranks)


def test_hostile_names_stay_on_one_short_line(opened: Opened) -> None:
    name = "<script>\n\r\x1b[31m\u202e" + "x" * 100_000
    found = check(opened([relu(name, name + "y", name=name, **{name: 1})], [X], [Y]))
    for entry in found:
        assert entry.message.isprintable()
        assert len(entry.message) < 600
