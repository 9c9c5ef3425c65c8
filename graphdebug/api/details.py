"""Everything the panel shows about a node or a value: who makes it, who uses it, what it is, where it comes from."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from graphdebug.api.attributes import Attribute, attributes
from graphdebug.api.operators import Documentation, Parameter, documentation, schema_of, slots
from graphdebug.model.document import Model
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.marks import marks_of
from graphdebug.model.origin import Origin, origin
from graphdebug.model.records import Finding, ValueType
from graphdebug.model.refs import parent_path

MOST_CONSUMERS = 50
"""Consumers listed for one value; a weight shared by thousands of nodes must not fill the page."""


@dataclass(frozen=True, slots=True)
class NodeLink:
    """A node one can go to. ``id`` is the graph view's (``n:12``), in graph ``graph``."""

    graph: str
    id: str
    op: str
    name: str


@dataclass(frozen=True, slots=True)
class Value:
    """A value with all that is around it.

    ``role``: ``node`` (made by one), ``input``, ``initializer``, ``outer`` (made in an enclosing graph), ``missing``
    (made nowhere), ``absent`` (an optional input or output left out). ``graph`` is where it is made. Where it is
    listed as a node's input or output, ``slot`` is the operator's formal name for it, and ``presence`` whether that is
    ``required``, ``optional`` or one of ``any number`` (empty when unknown). ``marks``: names that the network's own
    code gave it.
    """

    graph: str
    name: str
    role: str
    type: ValueType | None
    producer: NodeLink | None
    consumers: tuple[NodeLink, ...]
    consumer_count: int
    is_output: bool
    slot: str = ""
    presence: str = ""
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ValueDetails:
    """A value, alone."""

    kind: str
    graph: str
    value: Value
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class NodeDetails:
    """A node. ``children`` are (attribute, graph path) of the graphs it holds or calls."""

    kind: str
    graph: str
    id: str
    op: str
    domain: str
    name: str
    doc_string: str
    documentation: Documentation | None
    origin: Origin
    attributes: tuple[Attribute, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    children: tuple[tuple[str, str], ...]
    findings: tuple[Finding, ...]
    metadata: tuple[tuple[str, str], ...]


class NotFoundError(LookupError):
    """What was asked for is not part of the model; the message is one sentence."""


def index_of(model: Model, graph: str) -> GraphIndex:
    """Return the index of a graph; NotFoundError when the model has none at this path."""
    try:
        return model.graphs[graph]
    except (KeyError, ValueError, IndexError):
        raise NotFoundError("This model has no graph at that place.") from None


def node_details(model: Model, graph: str, position: int, findings: Sequence[Finding] = ()) -> NodeDetails:
    """Describe the node at ``position`` of ``graph``.

    Raises:
        NotFoundError: there is no such graph or node.
    """
    index = index_of(model, graph)
    if not 0 <= position < len(index.nodes):
        raise NotFoundError(f"This graph has no node {position}: it has {len(index.nodes)} nodes.")
    node = index.nodes[position]
    schema = schema_of(model, graph, node)
    doc = documentation(schema) if schema else None
    inputs, outputs = (doc.inputs, doc.outputs) if doc else _of_function(model, index, position)
    return NodeDetails(
        kind="node",
        graph=graph,
        id=f"n:{position}",
        op=node.op_type,
        domain=node.domain,
        name=index.names[position],
        doc_string=node.doc_string,
        documentation=doc,
        origin=origin(node),
        attributes=attributes(node, schema),
        inputs=tuple(find_value(model, graph, name, formal) for name, formal in slots(node.input, inputs)),
        outputs=tuple(find_value(model, graph, name, formal) for name, formal in slots(node.output, outputs)),
        children=tuple(index.children.get(position, ())),
        findings=tuple(each for each in findings if each.graph == graph and each.node == position),
        metadata=tuple((entry.key, entry.value) for entry in node.metadata_props),
    )


def value_details(model: Model, graph: str, name: str, findings: Sequence[Finding] = ()) -> ValueDetails:
    """Describe the value ``name`` as ``graph`` sees it.

    Raises:
        NotFoundError: there is no such graph, or nothing in it has this name.
    """
    value = find_value(model, graph, name)
    if value.role == "missing" and not value.consumer_count and not value.is_output:
        raise NotFoundError("Nothing in this graph has that name.")
    there = tuple(each for each in findings if each.graph == value.graph and each.tensor == name)
    return ValueDetails("value", graph, value, there)


def find_value(model: Model, graph: str, name: str, formal: Parameter | None = None) -> Value:
    """Return a value as seen from ``graph``: its own, or an enclosing graph's; ``formal`` is what it is to a node."""
    slot, presence = (formal.name, formal.presence) if formal else ("", "")
    if not name:
        return Value(graph, "", "absent", None, None, (), 0, False, slot, presence)
    index = index_of(model, graph)
    home: str | None = graph
    while home is not None and not model.graphs[home].defines(name):
        home = parent_path(home)
    there = index if home is None else model.graphs[home]
    producer = there.producer.get(name)
    users = dict.fromkeys([node for node, _ in there.consumers.get(name, ())] + there.captured.get(name, []))
    return Value(
        graph=there.path,
        name=name,
        role=_role(there, name, home, graph),
        type=model.types[there.path].get(name),
        producer=None if producer is None else link(there, producer),
        consumers=tuple(link(there, node) for node in list(users)[:MOST_CONSUMERS]),
        consumer_count=len(users),
        is_output=name in there.outputs,
        slot=slot,
        presence=presence,
        marks=marks_of(there, name),
    )


def link(index: GraphIndex, position: int) -> NodeLink:
    """Return the way to a node."""
    return NodeLink(index.path, f"n:{position}", index.nodes[position].op_type, index.names[position])


def initializer(model: Model, graph: str, name: str) -> onnx.TensorProto:
    """Return a dense initializer of ``graph``; NotFoundError when it has none of this name."""
    tensor = index_of(model, graph).initializers.get(name)
    if tensor is None:
        raise NotFoundError("This graph has no (dense) initializer of that name.")
    return tensor


def _role(there: GraphIndex, name: str, home: str | None, graph: str) -> str:
    if home is None:
        return "missing"
    if name in there.initializers or name in there.sparse:
        return "initializer"
    if home != graph:
        return "outer"
    return "node" if name in there.producer else "input"


def _of_function(model: Model, index: GraphIndex, position: int) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
    """Return the formal inputs and outputs of the function that a node calls; nothing when it calls none."""
    for attribute, path in index.children.get(position, ()):
        if attribute == CALLED_FUNCTION:
            function = model.graphs[path]
            return tuple(map(Parameter, function.inputs)), tuple(map(Parameter, function.outputs))
    return (), ()
