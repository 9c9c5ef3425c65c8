"""Formal inputs and outputs: which of a node's values is what, and whether it may be left out."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from onnx import TensorProto, defs, helper

from graphdebug.api.details import node_details
from graphdebug.api.operators import Parameter, documentation, slots
from graphdebug.model.document import Model


def of(op: str, names: Sequence[str], version: int = 19) -> list[tuple[str, str, str]]:
    formal = documentation(defs.get_schema(op, version, "")).inputs
    return [(each.name, name, each.presence) for name, each in slots(names, formal)]


def test_optional_inputs_are_named_whether_given_or_not() -> None:
    assert of("Resize", ["x", "", "s"]) == [
        ("X", "x", "required"),
        ("roi", "", "optional"),
        ("scales", "s", "optional"),
        ("sizes", "", "optional"),
    ]
    assert of("MatMul", ["a"]) == [("A", "a", "required"), ("B", "", "required")]


def test_inputs_that_come_in_any_number_are_counted() -> None:
    assert of("Concat", ["a", "b"]) == [("inputs[0]", "a", "any number"), ("inputs[1]", "b", "any number")]
    assert of("Loop", ["", "", "h"]) == [
        ("M", "", "optional"),
        ("cond", "", "optional"),
        ("v_initial[0]", "h", "any number"),
    ]
    assert of("Concat", []) == []


def test_what_is_beyond_the_operator_has_no_name() -> None:
    assert of("Relu", ["x", "more"]) == [("X", "x", "required"), ("", "more", "")]
    assert slots(["a"], ()) == [("a", Parameter(""))]


def test_a_call_takes_the_names_of_its_function() -> None:
    body = [helper.make_node("Relu", ["image"], ["mask"])]
    function = helper.make_function("d", "F", ["image", "size"], ["mask"], body, [helper.make_opsetid("", 17)])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    graph = helper.make_graph([helper.make_node("F", ["x"], ["y"], domain="d")], "g", [x], [y])
    found = node_details(Model(helper.make_model(graph, functions=[function]), Path("m.onnx")), "", 0)
    assert [(each.slot, each.role) for each in found.inputs] == [("image", "input"), ("size", "absent")]
    assert [each.slot for each in found.outputs] == ["mask"]


@pytest.mark.parametrize("read", [lambda doc: doc.inputs, lambda doc: doc.outputs, lambda doc: doc.attributes])
def test_every_schema_is_described_in_words(read: Callable[..., tuple[Parameter, ...]]) -> None:
    for schema in defs.get_all_schemas_with_history():
        for formal in read(documentation(schema)):
            assert formal.presence in ("required", "optional", "any number")
            assert "\n" not in formal.text
            assert "](http" not in formal.text
            assert "<br" not in formal.text
