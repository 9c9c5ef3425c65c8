"""Marks: names that a network's PyTorch code gave to tensors by ``graphdebug.mark`` (bridge/marking.py writes them).

The exporter that goes through torch.export carries a mark as a line of the stack trace of all nodes that one operation
became; the tensor is what leaves these nodes. The tracing exporter carries it in the name of an Identity and of what
that makes, after the path of the module: onnxslim, which removes the Identity, keeps the latter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set

import onnx
from onnx import defs

from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import fx_node, stack_trace
from graphdebug.model.refs import TensorRef

_WORD = "graphdebug.mark"
_LINE = re.compile(r"^graphdebug\.mark: ([\w.-]+) is (\w+)(?:\[(\d{1,4})\])?$", re.MULTILINE | re.ASCII)
_NAMED = re.compile(r"(?:^|/)graphdebug\.mark\.([\w.-]+)/Identity(?:_\d+)?(?:_output_0)?$", re.ASCII)
_MERGED = "pkg.onnxscript.rewriter.rule_name"
"""Metadata of a node that an optimiser put in the place of others: it has the stack trace of one of them, any."""
_BATCH_NORM_LAST = "FuseBatchNorm"
"""What these rules make is what the batch normalisation made, the last of those that they merge."""


def marks(graphs: Mapping[str, GraphIndex]) -> dict[str, tuple[TensorRef, ...]]:
    """Return the values that each mark is on, in all graphs of a model.

    It is on none where an optimiser merged the tensor's maker with others, on several where its line of code ran
    several times or what it is on cannot be told.
    """
    found: dict[str, list[TensorRef]] = {}
    for path, index in graphs.items():
        for name, values in marked(index).items():
            found.setdefault(name, []).extend(TensorRef(path, value) for value in values)
    return {name: tuple(refs) for name, refs in found.items()}


def marked(index: GraphIndex) -> dict[str, tuple[str, ...]]:
    """Return the values of one graph that each mark is on."""
    outputs = frozenset(index.outputs)
    made: dict[tuple[str, str, str], list[int]] = {}
    """Mark, operation and which output of it (``""``: its only one) → nodes."""
    found: dict[str, dict[str, None]] = {}
    for at, node in enumerate(index.nodes):
        for line in _lines(node):
            made.setdefault(line, []).append(at)
        for name, value in _named(node):
            found.setdefault(name, {})[value] = None
    for (name, operation, which), nodes in made.items():
        leaving = _leaving(index, outputs, nodes)
        values = _numbered(leaving, int(which)) if which else _result(leaving, operation)
        found.setdefault(name, {}).update(dict.fromkeys(values))
    return {name: tuple(values) for name, values in found.items()}


def marks_of(index: GraphIndex, value: str) -> tuple[str, ...]:
    """Return the marks that are on a value of a graph."""
    maker = index.producer.get(value)
    if maker is None or not has_mark(index.nodes[maker]):
        return ()
    return tuple(name for name, values in marked(index).items() if value in values)


def has_mark(node: onnx.NodeProto) -> bool:
    """Say whether a node carries a mark, be it on what it makes or not."""
    return any(True for _ in _lines(node)) or any(True for _ in _named(node))


def without_mark(scope: tuple[str, ...]) -> tuple[str, ...]:
    """Return the module scope around a mark: that of the Identity itself ends with it."""
    return scope[:-1] if scope and scope[-1].startswith(_WORD) else scope


def _lines(node: onnx.NodeProto) -> Iterator[tuple[str, str, str]]:
    trace = stack_trace(node)
    if _WORD in trace:
        for line in _LINE.finditer(trace):
            yield line[1], line[2], line[3] or ""


def _named(node: onnx.NodeProto) -> Iterator[tuple[str, str]]:
    for value in filter(None, node.output):
        is_identity = node.op_type == "Identity"  # what it makes has the name of an output if it is one
        said = node.name if is_identity else value
        if _WORD in said and (match := _NAMED.search(said)):
            yield match[1], value


def _leaving(index: GraphIndex, outputs: Set[str], nodes: list[int]) -> list[tuple[onnx.NodeProto, str]]:
    """Return what nodes that came of one operation make for others, and which makes it.

    Constants aside, which operations share.
    """
    group = set(nodes)
    return [
        (index.nodes[node], name)
        for node in nodes
        for name in index.nodes[node].output
        if name and any(index.nodes[node].input) and (name in outputs or not group.issuperset(index.users(name)))
    ]


def _result(leaving: list[tuple[onnx.NodeProto, str]], operation: str) -> list[str]:
    """Return the value that is the operation's result: of several, one that is called as the operation."""
    exact = [name for node, name in leaving if fx_node(node) == name]
    return exact or [name for node, name in leaving if not _is_merged(node, operation)]


def _numbered(leaving: list[tuple[onnx.NodeProto, str]], which: int) -> list[str]:
    """Return output ``which`` of an operation: of its one node, or of a node that the exporter numbered after it."""
    sure = [(node, name) for node, name in leaving if not _is_merged(node)]
    if all(len(node.output) > 1 or _may_make_more(node) for node, _ in sure):
        return [name for node, name in sure if list(node.output).index(name) == which]
    return [name for node, name in sure if node.name.endswith(f"__{which}")]


def _may_make_more(node: onnx.NodeProto) -> bool:
    """Say whether outputs behind the first may have been removed from a node, because nothing used them."""
    return not defs.has(node.op_type, node.domain) or defs.get_schema(node.op_type, node.domain).max_output > 1


def _is_merged(node: onnx.NodeProto, operation: str = "") -> bool:
    """Say whether an optimiser made the node of several, so that it need not make what ``operation`` did."""
    rules = next((entry.value for entry in node.metadata_props if entry.key == _MERGED), "")
    return bool(rules) and not (operation.startswith("batch_norm") and _BATCH_NORM_LAST in rules)
