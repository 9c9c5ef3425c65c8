"""When two parts are the same, and where equal ones stand in a row."""

from collections.abc import Callable

import numpy as np
import pytest
from onnx import NodeProto, helper, numpy_helper

from graphdebug.model.records import ValueType
from graphdebug.view.contents import contents
from graphdebug.view.repeats import Likeness, Row, crossing, rows
from tests.view.drawings import model_of

Change = Callable[[list[NodeProto]], object]


def block(number: int, source: str) -> list[NodeProto]:
    """Weights, an attribute, a constant node, a value used twice: what blocks are made of."""
    name = f"b{number}"
    return [
        helper.make_node("Constant", [], [f"{name}.k"], value_float=float(number)),
        helper.make_node("Gemm", [source, f"w{number}"], [f"{name}.g"], name=f"gemm_{number}", transB=1),
        helper.make_node("Mul", [f"{name}.g", f"{name}.k"], [f"{name}.m"], name=f"mul_{number}"),
        helper.make_node("Sub", [f"{name}.m", source], [f"{name}.s"], name=f"sub_{number}"),
    ]


def likeness(change: Change, second_weight: tuple[int, ...] = (4, 4)) -> tuple[int, int]:
    """Return the numbers of two blocks, the second of them changed."""
    one, other = block(0, "x"), block(1, "b0.s")
    change(other)
    weights = [
        numpy_helper.from_array(np.zeros((4, 4), np.float32), "w0"),
        numpy_helper.from_array(np.ones(second_weight, np.float32), "w1"),
    ]
    model = model_of([*one, *other], outputs=["b1.s"], initializers=weights)
    index, folded = model.graphs[""], frozenset(contents(model, "").host)
    known = Likeness(index, folded)
    nodes = [known.node(node) for node in index.order if node not in folded]
    half = len(nodes) // 2
    return known.part(nodes[:half]).number, known.part(nodes[half:]).number


def test_names_and_the_values_of_weights_and_constants_of_one_type_do_not_count() -> None:
    def rename(nodes: list[NodeProto]) -> None:
        nodes[0].attribute[0].CopyFrom(helper.make_attribute("value_float", 0.0))
        nodes[1].name = "something else"

    one, other = likeness(rename)
    assert one == other


@pytest.mark.parametrize(
    "change",
    [
        lambda nodes: setattr(nodes[2], "op_type", "Div"),
        lambda nodes: setattr(nodes[2], "domain", "com.example"),
        lambda nodes: nodes[1].attribute[0].CopyFrom(helper.make_attribute("transB", 0)),
        lambda nodes: nodes[3].input.__setitem__(0, "b1.g"),
        lambda nodes: nodes[3].input.__setitem__(1, "x"),
        lambda nodes: nodes[3].input.__setitem__(1, ""),
        lambda nodes: nodes[1].input.append("b0.s"),
    ],
)
def test_ops_attributes_and_wiring_count(change: Change) -> None:
    one, other = likeness(change)
    assert one != other


def test_the_types_of_weights_count() -> None:
    one, other = likeness(lambda nodes: None, second_weight=(4, 5))
    assert one != other


def test_groups_are_the_same_whatever_was_inferred() -> None:
    def groups(shapes: dict[int, tuple[int, ...]]) -> set[str]:
        ops = ("Relu", "Tanh", "Sqrt", "Exp") * 40
        nodes = [helper.make_node(op, [f"v{i}" if i else "x"], [f"v{i + 1}"]) for i, op in enumerate(ops)]
        inferred = {f"v{i}": ValueType("float", shape) for i, shape in shapes.items()}
        return set(contents(model_of(nodes, outputs=["v160"]).with_types({"": inferred}), "").groups)

    known = groups({})
    assert known, "there is something to be folded"
    assert groups({i: (1, 8 if i < 60 else 4) for i in range(1, 160)}) == known


def test_a_form_says_what_a_part_takes_and_leaves_to_others() -> None:
    nodes = [*block(0, "x"), *block(1, "b0.s"), helper.make_node("Add", ["b0.m", "b1.s"], ["y"])]
    model = model_of(nodes, inputs=["x", "w0", "w1"])
    index, folded = model.graphs[""], frozenset(contents(model, "").host)
    known = Likeness(index, folded)
    forms = [known.node(node) for node in index.order if node not in folded]
    first, second, last = known.part(forms[:3]), known.part(forms[3:6]), forms[6]
    assert first.takes == ("x", "w0")
    assert first.leaves == (("b0.m", 1), ("b0.s", 2))
    assert second.takes == ("b0.s", "w1")
    assert second.leaves == (("b1.s", 2),)
    assert last.takes == ("b0.m", "b1.s")
    assert crossing([first, second, last]).tolist() == [0, 2, 2, 0]


def found(text: str, passing: list[int] | None = None, most: int = 9) -> list[Row]:
    numbers = np.array([ord(letter) for letter in text])
    borders = np.array(passing or [1] * (len(text) + 1))
    return sorted(rows(numbers, borders, most), key=lambda row: row.start)


def test_rows_are_found_where_they_are() -> None:
    assert found("xaaaay") == [Row(1, 1, 4)]
    assert found("aaa") == found("ababab") == []
    assert found("qrabcabcabcabcs") == [Row(2, 3, 4)]
    assert found("aaaaqbcbcbcbc") == [Row(0, 1, 4), Row(5, 2, 4)]
    assert found("aabaabaabaab") == [Row(0, 3, 4)]
    assert len(found("aaaabbbbccccdddd", most=2)) == 2
    assert found("") == found("a") == found("aa") == []


def test_blocks_begin_where_the_fewest_values_pass() -> None:
    # Blocks are b c a: one value passes before each b, two before a and c.
    passing = [1, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 1]
    assert found("zabcabcabcabcab", passing) == [Row(2, 3, 4)]
