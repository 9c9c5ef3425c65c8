"""What matching two graphs needs to know of each: units with names, wiring and details, all as plain text.

A *unit* is a node that is drawn, an input or an output of the graph. Whatever has layers with inputs and outputs can
be written as an outline, an engine's layers too: what it says of the nodes it was made from are the unit's ``claims``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

import onnx
from onnx import defs

from graphdebug.model.document import Model
from graphdebug.model.engine_layers import onnx_nodes
from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import origin
from graphdebug.model.records import ValueType
from graphdebug.model.value_types import dtype_name
from graphdebug.view.chips import Chips, small_values
from graphdebug.view.contents import constant_owner, contents

LONGEST_TEXT = 120
INPUT, OUTPUT = "input", "output"
"""What stands for the operator of a graph's input or output."""
_CLAIMS = (
    re.compile(r"^(.+)_nchwc$"),
    re.compile(r"^(.+)/\w*Fusion\w*/?$"),
    re.compile(r"^fused (.+)$"),
)
"""How ONNX Runtime names a node that it made: after the value or the node that was there before (core/optimizer)."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A node, or an input or output of the graph (``op`` is then INPUT or OUTPUT).

    ``id`` is its box's id; ``name`` is empty when it has none. ``inputs`` are names of values, by slot; ``""`` stands
    for a constant, which ``constants`` describes at the same slot, and for nothing. ``claims`` are names of nodes or
    values of another graph that it says it stands for.
    """

    id: str
    name: str
    title: str
    op: str
    domain: str = ""
    scope: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    claims: tuple[str, ...] = ()

    @property
    def is_node(self) -> bool:
        """Say whether it is neither an input nor an output of the graph."""
        return self.op not in (INPUT, OUTPUT)


@dataclass(frozen=True)
class Outline:
    """A graph's units in an order in which they can run (as far as there is one), and the types of its values."""

    units: tuple[Unit, ...]
    types: Mapping[str, ValueType]

    @cached_property
    def producer(self) -> Mapping[str, tuple[int, int]]:
        """Value → (unit, output slot) that makes it, the first when there are several."""
        made: dict[str, tuple[int, int]] = {}
        for at, unit in enumerate(self.units):
            for slot, name in enumerate(unit.outputs):
                if name:
                    made.setdefault(name, (at, slot))
        return made

    @cached_property
    def consumers(self) -> Mapping[str, list[tuple[int, int]]]:
        """Value → (unit, input slot) of each use."""
        used: dict[str, list[tuple[int, int]]] = {}
        for at, unit in enumerate(self.units):
            for slot, name in enumerate(unit.inputs):
                if name:
                    used.setdefault(name, []).append((at, slot))
        return used

    def maker(self, unit: int, slot: int) -> tuple[int, int] | None:
        """Return (unit, output slot) of what comes into an input slot; None: a constant, nothing, or made nowhere."""
        inputs = self.units[unit].inputs
        return self.producer.get(inputs[slot]) if slot < len(inputs) else None


def outline(model: Model, graph: str) -> Outline:
    """Return the outline of the graph at path ``graph``. KeyError: the model has none there."""
    index, shown = model.graphs[graph], contents(model, graph)
    chips, defaults = Chips(model, index), _Defaults(model)
    captured: dict[int, list[str]] = {}
    for name, nodes in index.captured.items():
        for node in nodes:
            captured.setdefault(node, []).append(name)
    units = [Unit(f"i:{name}", name, name, INPUT, outputs=(name,)) for name in shown.inputs]
    drawn = (node for node in index.order if node not in shown.host and not _is_idle_constant(index, node))
    units += [_unit(model, index, node, captured.get(node, []), chips, defaults) for node in drawn]
    units += [Unit(f"o:{name}", name, name, OUTPUT, inputs=(name,)) for name in shown.outputs]
    return Outline(tuple(units), model.types[graph])


def _is_idle_constant(index: GraphIndex, node: int) -> bool:
    """Say whether a node is a constant that nothing uses: a used one is no unit, either."""
    proto = index.nodes[node]
    return proto.op_type == "Constant" and not proto.input and not any(map(index.is_used, proto.output))


def _unit(
    model: Model, index: GraphIndex, position: int, captured: list[str], chips: Chips, defaults: "_Defaults"
) -> Unit:
    node = index.nodes[position]
    inputs, constants = list[str](), list[str]()
    for slot, name in enumerate((*node.input, *captured)):
        is_constant = bool(name) and constant_owner(model, index.path, name) is not None
        inputs.append("" if is_constant else name)
        constants.append(_constant(model, chips.tensor(node, slot)) if is_constant else "")
    usual = defaults.of(node)
    attributes = {each.name: _text(model, each) for each in node.attribute}
    return Unit(
        id=f"n:{position}",
        name=node.name,
        title=index.names[position],
        op=node.op_type,
        domain="" if node.domain == "ai.onnx" else node.domain,
        scope=origin(node).scope,
        inputs=tuple(inputs),
        constants=tuple(constants),
        outputs=tuple(node.output),
        attributes={name: text for name, text in attributes.items() if usual.get(name) != text},
        claims=(*(found[1] for pattern in _CLAIMS if (found := pattern.match(node.name))), *onnx_nodes(node)),
    )


class _Defaults:
    """What attributes are when they are not written down: by operator, from its schema."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._versions = {entry.domain: entry.version for entry in model.proto.opset_import}
        self._known: dict[tuple[str, str], dict[str, str]] = {}

    def of(self, node: onnx.NodeProto) -> dict[str, str]:
        """Return attribute → text of its default."""
        key = (node.domain, node.op_type)
        if key not in self._known:
            self._known[key] = self._read(*key)
        return self._known[key]

    def _read(self, domain: str, op: str) -> dict[str, str]:
        """Read a schema; of an operator that has none, that of the standard one of its name, which it varies."""
        version = self._versions.get("", self._versions.get("ai.onnx", 1))
        schema: Any = None
        for owner in dict.fromkeys(("" if domain == "ai.onnx" else domain, "")):
            try:
                schema = defs.get_schema(op, self._versions.get(owner, version), owner)
                break
            except (defs.SchemaError, OverflowError, TypeError):
                continue
        if schema is None:
            return {}
        return {
            name: _text(self._model, each.default_value)
            for name, each in schema.attributes.items()
            if each.default_value.type != onnx.AttributeProto.UNDEFINED
        }


def _constant(model: Model, tensor: onnx.TensorProto | None) -> str:
    """Return a constant's type and shape, and its elements where they are few."""
    if tensor is None:
        return "constant"
    title = f"{dtype_name(tensor.data_type)} {'×'.join(map(str, tensor.dims)) or 'scalar'}"
    values = small_values(model, tensor)
    return _bounded(title if values is None else f"{title} = {', '.join(map(_number, values))}")


def _text(model: Model, attribute: onnx.AttributeProto) -> str:
    """Return an attribute's value: equal texts mean equal values. Of a nested graph only the operators count."""
    kind = onnx.AttributeProto
    if attribute.ref_attr_name:
        return _bounded(f"@{attribute.ref_attr_name}")
    if attribute.type == kind.FLOAT:
        return _number(attribute.f)
    if attribute.type == kind.INT:
        return str(attribute.i)
    if attribute.type == kind.STRING:
        return _bounded(attribute.s.decode(errors="replace"))
    if attribute.type == kind.INTS:
        return _bounded(", ".join(map(str, attribute.ints)))
    if attribute.type == kind.FLOATS:
        return _bounded(", ".join(map(_number, attribute.floats)))
    if attribute.type == kind.TENSOR:
        return _constant(model, attribute.t)
    if attribute.type == kind.GRAPH:
        return _bounded(f"graph of {', '.join(node.op_type for node in attribute.g.node)}")
    return _bounded(attribute.SerializeToString(deterministic=True).hex())


def _number(value: Any) -> str:
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def _bounded(text: str) -> str:
    """Cut a long text, so that texts that differ still do."""
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[: LONGEST_TEXT - 20]}… #{sha256(text.encode(errors='replace')).hexdigest()[:12]}"
