"""The way to a function's body: through the graphs that call it."""

import onnx
from onnx import helper

from graphdebug.model.functions import trail
from graphdebug.model.index import Graphs
from tests.model.small_models import floats, model_proto


def function(name: str, *calls: str) -> onnx.FunctionProto:
    """Return a function that calls others; ``If:name`` calls from a branch."""
    nodes = [call(each.removeprefix("If:"), inside=each.startswith("If:")) for each in calls]
    return helper.make_function("local", name, ["x"], ["y"], nodes, [helper.make_opsetid("", 17)])


def call(name: str, *, inside: bool = False) -> onnx.NodeProto:
    node = helper.make_node(name, ["x"], ["y"], domain="local")
    branch = helper.make_graph([node], "branch", [], [floats("y", 1)])
    return helper.make_node("If", ["x"], ["z"], then_branch=branch, else_branch=branch) if inside else node


def graphs(calls: list[onnx.NodeProto], *functions: onnx.FunctionProto) -> Graphs:
    return Graphs(model_proto(calls, [floats("x", 1)], [floats("y", 1)], functions=functions))


OUTER, SWITCH, DEEP = "fn:local:Outer:", "fn:local:Switch:", "fn:local:Deep:"


def test_a_function_lies_in_what_calls_it() -> None:
    some = graphs([call("Outer")], function("Switch"), function("Outer", "If:Switch"))
    assert trail(some, "") == ()
    assert trail(some, OUTER) == ("",)
    assert trail(some, f"{OUTER}/0.else_branch") == ("", OUTER)
    assert trail(some, SWITCH) == ("", OUTER, f"{OUTER}/0.else_branch")


def test_of_several_callers_the_one_nearest_to_the_main_graph_counts() -> None:
    outer, deep = function("Outer", "Deep"), function("Deep", "Switch")
    assert trail(graphs([call("Outer"), call("Switch", inside=True)], function("Switch"), deep, outer), SWITCH) == (
        "",
        "1.else_branch",
    )
    assert trail(graphs([call("Outer")], function("Switch"), deep, outer), SWITCH) == ("", OUTER, DEEP)


def test_functions_in_a_circle_or_never_called_stand_below_the_main_graph() -> None:
    circle = graphs([], function("Outer", "Switch"), function("Switch", "Outer"))
    assert trail(circle, SWITCH) == trail(circle, OUTER) == ("",)
    assert trail(graphs([], function("Outer", "If:Switch")), f"{OUTER}/0.then_branch") == ("", OUTER)
