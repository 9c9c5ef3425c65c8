"""The live check: what an edit broke is said at its place, and nothing else; it agrees with the whole check."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import onnx
import pytest

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.checking import check_edit
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.nodes import AddNode, DeleteNode, InsertNode
from graphdebug.edit.operation import Edited, edited
from graphdebug.edit.targets import Body, ValueTarget
from graphdebug.edit.touched import touched
from graphdebug.edit.undoing import undone
from graphdebug.model.check import every_finding, findings
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import Finding, Severity, ValueType
from graphdebug.model.shapes import infer, infer_types
from graphdebug.model.value_types import declared_types
from tests.edit.running import tried
from tests.edit.test_sequences import MODELS, any_operation

Change = Callable[[Editor], None]
TYPES = ("input-type", "output-type")
_CAST = (Attribute("to", "int", onnx.TensorProto.FLOAT16),)


def changed(model: Model, change: Change) -> Edited:
    editor = Editor(model)
    change(editor)
    return Edited(editor.model, tuple(editor.splices))


def check(before: Model, after: Edited) -> tuple[Finding, ...]:
    return check_edit(before, after.model, after.splices).findings


def whole(model: Model) -> set[tuple[str, str, int | None]]:
    """The errors that our own rules and inference find in a whole model."""
    return {
        each for each in errors(tuple(every_finding(model, {}, infer(model).complaints))) if each[0] != "onnx-checker"
    }


def errors(found: tuple[Finding, ...]) -> set[tuple[str, str, int | None]]:
    return {(each.code, each.graph, each.node) for each in found if each.severity is Severity.ERROR}


def contradict(one: ValueType, other: ValueType) -> bool:
    if one.shape is None or other.shape is None:
        return False
    pairs = zip(one.shape, other.shape, strict=False)
    return len(one.shape) != len(other.shape) or any(
        isinstance(a, int) and isinstance(b, int) and a != b for a, b in pairs
    )


def drop_output(editor: Editor) -> None:
    editor.delete_nodes("", [2])


def wrong_type(editor: Editor) -> None:
    node = onnx.NodeProto()
    node.CopyFrom(editor.graph().nodes[1])
    node.attribute.append(onnx.helper.make_attribute("colour", "red"))
    editor.replace_node("", 1, node)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda editor: editor.delete_nodes("", [2]), "dangling-input", "nothing makes it"),
        (wrong_type, "unknown-attribute", "does not know"),
        (lambda editor: editor.set_input("", 1, 9, "x"), "input-count", "input(s)"),
        (lambda editor: editor.set_output("", 1, 0, editor.graph().nodes[0].output[0]), "duplicate-name", "2 times"),
        (lambda editor: editor.set_input("", 0, 0, editor.graph().nodes[3].output[0]), "graph-cycle", "circle"),
        (lambda editor: editor.splice((), "opset_import", 0, 1), "domain-not-imported", "does not import"),
        (lambda editor: editor.set_field((("opset_import", 0),), "version", 99), "unknown-opset", "not known here"),
        (
            lambda editor: editor.set_field((*editor.way(), ("input", 0)), "type", None),
            "untyped-value",
            "states no type",
        ),
        (
            lambda editor: editor.splice((*editor.way(), ("initializer", 0)), "dims", 0, 1, [77]),
            "dims-mismatch",
            "needs",
        ),
    ],
)
def test_what_is_broken_is_said(opened: Callable[[str], Model], change: Change, code: str, words: str) -> None:
    model = opened("mlp.onnx")
    after = changed(model, change)
    found = {finding.code: finding for finding in check(model, after)}
    assert code in found and words in found[code].message, found
    assert found[code].severity is Severity.ERROR
    assert code in {each.code for each in findings(after.model, {})}
    before = undone(after.model, after.splices)
    back = check_edit(after.model, before, [each.inverse for each in reversed(after.splices)])
    assert not errors(back.findings)


def test_element_types_are_carried_on_and_held_against_what_is_declared(opened: Callable[[str], Model]) -> None:
    model = opened("mlp.onnx")
    first = model.graphs[""].nodes[0].output[0]
    after = edited(model, InsertNode(value=first, op="Cast", attributes=_CAST))
    found = check(model, after)
    assert "input-type" in {each.code for each in found}
    assert any("float16" in each.message and "of one type" in each.message for each in found)
    far = edited(model, DeleteNode(node="/fc2/Gemm"), InsertNode(value="/fc1/out", op="Cast", attributes=_CAST))
    assert far.model.graphs[""].names[4] == "/fc3/Gemm"
    assert ("input-type", "", 4) in errors(check(model, far))
    last = model.graphs[""].outputs[0]
    after = edited(model, InsertNode(value=last, op="Cast", attributes=_CAST))
    (found,) = (each for each in check(model, after) if each.severity is Severity.ERROR)
    assert (found.code, found.tensor) == ("output-type", last)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_it_says_what_the_whole_check_says_of_what_is_new(path: Path) -> None:
    """After any operation: nothing that is not so, every kind of error that is new, and types as inference has them."""
    rng = Random(f"checked {path.parent.name} {path.stem}")
    model = open_model(path)
    model = model.with_types(infer_types(model))
    before, sound = whole(model), True
    for _ in range(12):
        try:
            after = tried(model, any_operation(rng, Editor(model), path.name), files=path.parent)
        except EditError:
            continue
        checked = check_edit(model, after.model, after.splices)
        live, now = errors(checked.findings), whole(after.model)
        assert {each for each in live if each[0] not in (*TYPES, "graph-cycle")} <= now
        fresh = {code for code, *_ in now} - {code for code, *_ in before}
        assert fresh - {"shape-conflict"} <= {code for code, *_ in live}  # of shapes, only what is near is known
        sound &= not live and not now
        for graph, types in infer_types(after.model).items() if sound else ():
            declared = declared_types(after.model.graphs[graph].proto)
            known = {name: checked.types[graph][name].dtype for name in types if name in checked.types.get(graph, {})}
            assert {name: types[name].dtype for name in known if known[name]} == {k: v for k, v in known.items() if v}
            assert declared.keys() <= checked.types[graph].keys()
            assert not [name for name in known if contradict(checked.types[graph][name], types[name])]
        model, before = after.model.with_types(checked.types), now


def test_a_capture_that_lost_its_maker_is_said_inside_the_branch(opened: Callable[[str], Model]) -> None:
    model = opened("if_captures.onnx")
    (name, users) = next(
        (name, users) for name, users in model.graphs[""].captured.items() if name in model.graphs[""].producer
    )
    after = changed(model, lambda editor: editor.delete_nodes("", [model.graphs[""].producer[name]]))
    found = [each for each in check(model, after) if each.code == "dangling-input"]
    assert found and all(each.graph and each.tensor == name for each in found)
    assert users


def test_element_types_are_followed_into_branches_and_out_of_them(opened: Callable[[str], Model]) -> None:
    model = opened("if_captures.onnx")
    after = edited(model, InsertNode(value="mean", op="Cast", attributes=_CAST))  # gain = Exp(mean) is captured
    found = errors(check(model, after))
    assert {("input-type", "5.then_branch", 0), ("input-type", "5.else_branch", 1)} <= found
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for attribute in proto.graph.node[4].attribute:
        attribute.g.output[0].ClearField("type")  # then what the branches make says what the If makes
    model = replace(model, proto=proto)
    branches = ("then_branch", "scaled"), ("else_branch", "shifted")
    values = [ValueTarget(name, graph=Body("choose", branch)) for branch, name in branches]
    after = edited(model, *(InsertNode(value=value, op="Cast", attributes=_CAST) for value in values))
    checked = check_edit(model, after.model, after.splices)
    assert checked.types[""]["chosen"].dtype == "float16"
    assert ("output-type", "", 5) in errors(checked.findings)  # the output is declared float


def test_what_an_operator_of_unknown_types_makes_is_not_said_to_be_known(opened: Callable[[str], Model]) -> None:
    model = opened("mlp.onnx")
    after = edited(model, InsertNode(value="/fc1/out", op="Secret", domain="mine"))
    types = check_edit(model, after.model, after.splices).types[""]
    assert "/act1/out" not in types and types["/fc1/out"].dtype == "float"
    assert types["/fc2/out"].dtype == "float"  # its weights say so


def test_what_was_moved_is_told_where_it_is_now(opened: Callable[[str], Model]) -> None:
    model = opened("mlp.onnx")
    last = model.graphs[""].nodes[-1].output[0]
    add = AddNode(op="Nonsense", domain="mine", name="first", inputs=(last,))
    before = InsertNode(value=model.graphs[""].inputs[0], op="Relu", name="second")
    after = edited(model, add, before)
    index = after.model.graphs[""]
    here = touched(after.model, after.splices).graphs[""]
    assert {index.names.index("first"), index.names.index("second")} <= here.nodes
    assert len(here.nodes) < 5


def test_shapes_that_follow_are_there_at_once_and_do_not_fit(parsed: Callable[[str], Model]) -> None:
    weights = ", ".join(["0.5"] * 12)
    model = parsed(f"""<ir_version: 9, opset_import: ["" : 17]>
    main (float[2, 3] x) => (float[2, 4] y) <float[3, 4] w = {{{weights}}}> {{
        t = Relu(x) u = Neg(t) y = MatMul(u, w)
    }}""")
    after = edited(model, InsertNode(value="t", op="Transpose"))
    checked = check_edit(model, after.model, after.splices)
    made = after.model.graphs[""].nodes[1].output[0]
    assert checked.types[""][made].shape == checked.types[""]["u"].shape == (3, 2)
    (found,) = (each for each in checked.findings if each.severity is Severity.ERROR)
    assert (found.code, found.node) == ("shape-conflict", 3) and "ncompatible dimensions" in found.message
    back = undone(after.model, after.splices)
    again = check_edit(after.model.with_types(checked.types), back, [each.inverse for each in reversed(after.splices)])
    assert again.types[""]["u"].shape == (2, 3) and not errors(again.findings)
