"""Numbers and categories by which nodes can be coloured: what the model itself says of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod

from graphdebug.model.document import Model
from graphdebug.model.macs import counts_macs, macs
from graphdebug.model.records import Finding, Severity, ValueType
from graphdebug.model.value_types import dtype_number, element_bits

Value = float | str


@dataclass(frozen=True, slots=True)
class Apart:
    """Nodes without a value, and why; ``color`` ``""`` leaves them neutral. ``heavy``: they outweigh every number."""

    label: str
    nodes: frozenset[int]
    color: str = ""
    heavy: bool = False


@dataclass(frozen=True, slots=True)
class NodeData:
    """What is known of nodes of one graph, by node index: numbers of one ``unit`` or categories.

    ``unit`` is ``""`` (a plain number), ``B`` (bytes), ``s`` (seconds), ``×`` (multiples) or ``count`` (shown as k, M,
    G). ``sums`` says that the nodes of a group add up; else the largest stands for all. ``colors`` are CSS colours that
    the source of the data asks for, and ``limits`` upper bounds of steps, with a colour each, likewise.
    """

    title: str
    values: Mapping[int, Value]
    unit: str = ""
    sums: bool = False
    colors: Mapping[int, str] = field(default_factory=dict)
    limits: tuple[tuple[float, str], ...] = ()
    apart: tuple[Apart, ...] = ()
    unknown: int = 0
    """Of the source's entries, how many name no node of this graph."""


def macs_of(model: Model, graph: str) -> NodeData:
    """Return multiply-accumulates of one run, symbolic dimensions counted as 1."""
    index, types = model.graphs[graph], model.types[graph]
    ones = {dim for kind in types.values() for dim in kind.shape or () if isinstance(dim, str)}
    counted = ((position, macs(node, types, ones)) for position, node in enumerate(index.nodes) if counts_macs(node))
    values: dict[int, Value] = {position: count for position, count in counted if count is not None}
    return NodeData("Multiply-accumulates", values, "count", sums=True)


def parameters_of(model: Model, graph: str) -> NodeData:
    """Return the elements of the initializers that each node takes; those shared by nodes count for each."""
    index = model.graphs[graph]
    values: dict[int, Value] = {}
    for position, node in enumerate(index.nodes):
        taken = [index.initializers[name] for name in set(node.input) if name in index.initializers]
        if taken:
            values[position] = sum(prod(tensor.dims) for tensor in taken)
    return NodeData("Parameters", values, "count", sums=True)


def memory_of(model: Model, graph: str) -> NodeData:
    """Return the bytes of what each node makes, symbolic dimensions counted as 1; unknown shapes are left out."""
    index, types = model.graphs[graph], model.types[graph]
    values: dict[int, Value] = {}
    for position, node in enumerate(index.nodes):
        sizes = [_bytes(types.get(name)) for name in node.output if name]
        if sizes and None not in sizes:
            values[position] = sum(size for size in sizes if size is not None)
    return NodeData("Memory of the outputs", values, "B", sums=True)


def dtype_of(model: Model, graph: str) -> NodeData:
    """Return the element type of each node's first output."""
    index, types = model.graphs[graph], model.types[graph]
    made = ((position, types.get(next(iter(node.output), ""))) for position, node in enumerate(index.nodes))
    return NodeData("Element type", {position: kind.dtype for position, kind in made if kind and kind.dtype})


_SMALL = ("int8", "uint8", "int4", "uint4", "int2", "uint2", "float8", "float4")


def quantised_of(model: Model, graph: str) -> NodeData:
    """Return which nodes compute with quantised numbers, which convert to and from them, and which do neither."""
    index, types = model.graphs[graph], model.types[graph]
    values: dict[int, Value] = {}
    for position, node in enumerate(index.nodes):
        kinds = [types.get(name) for name in (*node.input, *node.output) if name]
        small = any(kind.dtype.startswith(_SMALL) for kind in kinds if kind)
        if node.op_type.endswith("QuantizeLinear") or node.op_type == "DequantizeLinear":
            values[position] = "converts"
        else:
            values[position] = "quantised" if small else "not quantised"
    return NodeData("Quantisation", values)


_SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)


def findings_of(model: Model, graph: str, findings: Iterable[Finding]) -> NodeData:
    """Return the severest finding of each node."""
    index = model.graphs[graph]
    worst: dict[int, Severity] = {}
    for finding in findings:
        node = finding.node if finding.node is not None else index.producer.get(finding.tensor or "")
        if finding.graph == graph and node is not None and node < len(index.nodes):
            worst[node] = max(worst.get(node, Severity.INFO), finding.severity, key=_SEVERITIES.index)
    return NodeData("Findings", {node: str(severity) for node, severity in worst.items()})


SOURCES: Mapping[str, tuple[str, Callable[[Model, str], NodeData]]] = {
    "macs": ("Multiply-accumulates", macs_of),
    "parameters": ("Parameters", parameters_of),
    "memory": ("Memory of the outputs", memory_of),
    "dtype": ("Element type", dtype_of),
    "quantised": ("Quantisation", quantised_of),
}
"""Name in a link → title and source, for all that needs nothing but the model."""


def _bytes(kind: ValueType | None) -> int | None:
    """Return a tensor's bytes, symbolic dimensions counted as 1; None where rank, a length or the type is unknown."""
    if kind is None or kind.kind != "tensor" or kind.shape is None or None in kind.shape:
        return None
    bits = element_bits(dtype_number(kind.dtype))
    return None if bits is None else -(-prod(dim for dim in kind.shape if isinstance(dim, int)) * bits // 8)
