"""Multiply-accumulates of a whole model: of the main graph, of what is nested in it, of the functions it calls.

An If costs what its costliest branch costs. A Loop or Scan costs its body times its iterations where the file says how
many there are, else one iteration. A call of a model-local function costs the function's body with the types it has
there: the calls are written out, and shapes are inferred again.
"""

from collections import ChainMap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import onnx
import onnx.inliner

from graphdebug.model.document import Model, Types
from graphdebug.model.folding import evaluate, stored
from graphdebug.model.functions import expansion
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.macs import counts_macs, macs
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import LARGEST_EXPANSION, infer_types
from graphdebug.model.weightless import weightless

_FOLLOWED = 16
"""How many Identity nodes are followed back to a constant."""

Scopes = Sequence[GraphIndex]
"""A graph and those around it, the innermost first."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Multiply-accumulates, without those of ``unknown`` nodes.

    Of ``choices`` If nodes, whose branches differ, the costliest is counted; of ``open_loops`` loops one iteration.
    """

    macs: int = 0
    unknown: int = 0
    choices: int = 0
    open_loops: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        """Return the cost of both, one after the other."""
        return Cost(
            self.macs + other.macs,
            self.unknown + other.unknown,
            self.choices + other.choices,
            self.open_loops + other.open_loops,
        )


def cost(model: Model, types: Types, ones: Collection[str] = ()) -> Cost:
    """Count the multiply-accumulates of one inference; the symbolic dimensions named in ``ones`` count as 1.

    ``types`` are inferred types beyond those that the model declares. Never raises for what is in the file.
    """
    if _in_functions(model) and (written_out := _written_out(model)):
        model, types = written_out, infer_types(written_out) if types else {}
    return _of_graph(model.with_types(types), (), MAIN_GRAPH, ones) + Cost(unknown=_in_functions(model))


def node_costs(model: Model, ones: Collection[str] = ()) -> list[Cost]:
    """Count each node of the main graph by itself, by ``model.types``; calls of functions that count are unknown."""
    scopes = (model.graphs[MAIN_GRAPH],)
    calls = Cost(unknown=1) if _in_functions(model) else Cost()
    return [
        _of_node(model, scopes, position, model.types[MAIN_GRAPH], ones)
        + (calls if any(kind == CALLED_FUNCTION for kind, _ in scopes[0].children.get(position, ())) else Cost())
        for position in range(len(scopes[0].nodes))
    ]


def _in_functions(model: Model) -> int:
    """Return how many nodes of the model's functions have multiply-accumulates."""
    bodies = (model.graphs[path] for path in model.graphs if path.startswith("fn:"))
    return sum(counts_macs(node) for body in bodies for node in body.nodes)


def _written_out(model: Model) -> Model | None:
    """Return the model, without weights, with all calls of its functions written out; None when that cannot be done."""
    calls = expansion(model.graphs)
    if calls.recursive or calls.nodes > LARGEST_EXPANSION:
        return None
    try:
        return Model(onnx.inliner.inline_local_functions(weightless(model).proto), model.path)
    except Exception:  # the C++ side raises several unrelated types
        return None


def _of_graph(model: Model, around: Scopes, path: str, ones: Collection[str]) -> Cost:
    """Count one run of the graph at ``path``, which lies in the graphs ``around``."""
    scopes = (model.graphs[path], *around)
    types = _visible_types(model, scopes)
    return sum((_of_node(model, scopes, position, types, ones) for position in range(len(scopes[0].nodes))), Cost())


def _of_node(
    model: Model, scopes: Scopes, position: int, types: Mapping[str, ValueType], ones: Collection[str]
) -> Cost:
    """Count one run of a node of the innermost graph and of what is nested in it; ``types`` are those it sees."""
    node, total = scopes[0].nodes[position], Cost()
    if counts_macs(node):
        count = macs(node, types, ones)
        total += Cost(macs=count or 0, unknown=count is None)
    held = [below for kind, below in scopes[0].children.get(position, ()) if kind != CALLED_FUNCTION]
    return total + _of_holder(model, node, scopes, held, ones) if held else total


def _of_holder(model: Model, node: onnx.NodeProto, scopes: Scopes, held: Sequence[str], ones: Collection[str]) -> Cost:
    """Count a node that holds graphs. What is neither If nor Loop nor Scan runs them as often as it likes."""
    bodies = [_of_graph(model, scopes, below, ones) for below in held]
    together = sum(bodies, Cost())
    if not together.macs:
        return together
    standard = node.domain in ("", "ai.onnx")
    if standard and node.op_type == "If":
        counts = {body.macs for body in bodies}
        return replace(together, macs=max(counts)) + Cost(choices=len(counts) > 1)
    iterations = None
    if standard and node.op_type == "Loop":
        iterations = _loop_iterations(node, model.graphs[held[0]], scopes)
    elif standard and node.op_type == "Scan":
        iterations = _scan_iterations(node, model.graphs[held[0]], _visible_types(model, scopes), ones)
    if iterations is None:
        return together + Cost(open_loops=1)
    return replace(together, macs=together.macs * iterations)


def _visible_types(model: Model, scopes: Scopes) -> Mapping[str, ValueType]:
    """Return the types of the values that the innermost graph sees."""
    types: list[Any] = [model.types[scope.path] for scope in scopes]
    return ChainMap(*types)


def _loop_iterations(node: onnx.NodeProto, body: GraphIndex, scopes: Scopes) -> int | None:
    """Return how often a Loop runs its body: a constant limit, unless its condition may end it sooner.

    Its inputs are the limit, the first condition and what is carried; those of its body the iteration's number, the
    condition and what is carried. The body gives the next condition first.
    """
    inputs = (*node.input, "", "")
    limit = _constant(scopes, inputs[0])
    if limit is None or (inputs[1] and not _constant(scopes, inputs[1])) or not body.outputs:
        return None
    given = [value.name for value in body.proto.input] if isinstance(body.proto, onnx.GraphProto) else []
    following = _source((body, *scopes), body.outputs[0])[1]
    if following not in given[1:2] and not _constant((body, *scopes), following):
        return None
    return max(limit, 0)


def _scan_iterations(
    node: onnx.NodeProto, body: GraphIndex, types: Mapping[str, ValueType], ones: Collection[str]
) -> int | None:
    """Return how often a Scan runs its body: the length of what it scans. Its first version had batches: None."""
    attributes = {attribute.name: attribute for attribute in node.attribute}
    scanned = attributes["num_scan_inputs"].i if "num_scan_inputs" in attributes else 0
    names = list(node.input)
    if not 0 < scanned <= len(names) or len(names) != len(body.inputs):
        return None
    axes = list(attributes["scan_input_axes"].ints) if "scan_input_axes" in attributes else []
    for name, axis in zip(names[-scanned:], axes or [0] * scanned, strict=False):
        shape = types[name].shape if name in types else None
        if shape is None or not -len(shape) <= axis < len(shape):
            continue
        length = shape[axis]
        if isinstance(length, int) and length >= 0:
            return length
        if length in ones:
            return 1
    return None


def _source(scopes: Scopes, name: str) -> tuple[Scopes, str]:
    """Follow a value back through Identity nodes: its first name, and the scopes from the one that makes it."""
    for _ in range(_FOLLOWED):
        home = next((depth for depth, scope in enumerate(scopes) if scope.defines(name)), len(scopes))
        scopes = scopes[home:]
        maker = scopes[0].producer.get(name) if scopes else None
        if maker is None or scopes[0].nodes[maker].op_type != "Identity" or not scopes[0].nodes[maker].input:
            break
        name = scopes[0].nodes[maker].input[0]
    return scopes, name


def _constant(scopes: Scopes, name: str) -> int | None:
    """Return the value of a constant whole number or truth value; None for any other value."""
    scopes, name = _source(scopes, name)
    if not name or not scopes:
        return None
    value = None
    if name in scopes[0].initializers:
        value = stored(scopes[0].initializers[name])
    elif name in scopes[0].producer and scopes[0].nodes[scopes[0].producer[name]].op_type == "Constant":
        value = evaluate(scopes[0].nodes[scopes[0].producer[name]], {}, {})
    return int(value.item()) if value is not None and value.size == 1 and value.dtype.kind in "bi" else None
