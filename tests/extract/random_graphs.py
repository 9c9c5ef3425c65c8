"""Random models: connected at random, with constants, dead ends, module scopes, and nested graphs that capture."""

import random
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from graphdebug.model.document import Model, open_model
from tests.model.small_models import floats


def random_model(seed: int, path: Path, count: int = 25) -> Model:
    """Write a model of about ``count`` nodes on vectors of length ``n`` and open it."""
    rng = random.Random(seed)
    weights = {f"w{at}": np.float32([rng.uniform(-1, 1)]) for at in range(3)}
    constants, computed = [*weights], ["a", "b"]
    nodes: list[onnx.NodeProto] = []
    for at in range(count):
        name = f"v{at}"
        kind = rng.choice(["one", "two", "two", "constant", "branch", "split"])
        if kind == "constant":
            nodes.append(helper.make_node("Neg", [rng.choice(constants)], [name]))
            constants.append(name)
            continue
        if kind == "one":
            nodes.append(helper.make_node(rng.choice(["Sin", "Tanh", "Abs"]), [rng.choice(computed[-8:])], [name]))
        elif kind == "two":
            pair = [rng.choice(computed[-8:]), rng.choice(computed + constants)]
            nodes.append(helper.make_node(rng.choice(["Add", "Mul", "Sub"]), pair, [name]))
        elif kind == "split":
            nodes.append(helper.make_node("Dropout", [rng.choice(computed[-8:])], [name, f"{name}_mask"]))
        else:
            nodes += _branch(name, rng.choice(computed), rng.choice(computed + constants), rng.choice(computed))
        computed.append(name)
    for node in nodes:
        node.name = f"/{rng.choice('pqr')}/{rng.choice('xy')}/{node.output[0]}"
    ends = dict.fromkeys([computed[-1], rng.choice(computed[2:]), rng.choice(["a", constants[-1], computed[-2]])])
    graph = helper.make_graph(
        nodes,
        "random",
        [floats("a", "n"), floats("b", "n")],
        [floats("a", "n") if name == "a" else helper.make_tensor_value_info(name, 1, [None]) for name in ends],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    proto = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    path.write_bytes(proto.SerializeToString())
    return open_model(path)


def _branch(name: str, taken: str, captured: str, other: str) -> list[onnx.NodeProto]:
    """An If on the sign of a sum, whose branches take values from around them."""

    def body(which: str, op: str, pair: list[str]) -> onnx.GraphProto:
        node = helper.make_node(op, pair, [f"{name}_{which}"])
        return helper.make_graph([node], which, [], [helper.make_tensor_value_info(f"{name}_{which}", 1, None)])

    then, otherwise = body("then", "Add", [taken, captured]), body("else", "Mul", [taken, other])
    return [
        helper.make_node("ReduceSum", [taken], [f"{name}_sum"], keepdims=0),
        helper.make_node("Cast", [f"{name}_sum"], [f"{name}_if"], to=onnx.TensorProto.BOOL),
        helper.make_node("If", [f"{name}_if"], [name], then_branch=then, else_branch=otherwise),
    ]
