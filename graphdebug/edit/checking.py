"""The live check: after an edit, only what it touched is checked, by the same rules as a whole model (model/checks)."""

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

import onnx

from graphdebug.edit.reshaping import reshaped
from graphdebug.edit.retyping import Retyped, around, retyped
from graphdebug.edit.splice import Splice
from graphdebug.edit.touched import Changes, Touched, touched
from graphdebug.model.checks.declarations import signature_findings, value_findings
from graphdebug.model.checks.graphs import (
    cycle_finding,
    cycle_through,
    dangling_findings,
    duplicate_findings,
    order_finding,
)
from graphdebug.model.checks.operators import function_findings, node_findings, version_findings, versions_at
from graphdebug.model.checks.tensors import tensor_finding
from graphdebug.model.checks.types import type_findings
from graphdebug.model.document import Model, Types
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.records import Finding, Severity, worst_first
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.walk import StoredTensor, node_tensors


@dataclass(frozen=True, slots=True)
class Checked:
    """What an edit touched, what is wrong there, errors first, and the types as far as known after it.

    ``Model.with_types`` takes them: the next operation and the next check go on from there.
    """

    findings: tuple[Finding, ...]
    types: Types
    changes: Changes


def check_edit(before: Model, after: Model, splices: Sequence[Splice]) -> Checked:
    """Check what ``splices`` touched, which made ``after`` of ``before`` (also an undo's), and what is next to it.

    No large value is read. Where element types change, they are followed downstream; shapes are inferred nearby.
    """
    changes = touched(after, splices)
    known = retyped(before, after, splices, changes)
    shapes = reshaped(after, changes, known)
    found: list[Finding] = []
    if changes.header:
        found += [*version_findings(after.proto), *signature_findings(after), *function_findings(after)]
    for path in dict.fromkeys((*changes.graphs, *known.nodes)):
        found += _graph_findings(after, after.graphs[path], changes.graphs.get(path, Touched()), known)
    places = {(each.graph, each.node) for each in found if each.severity is Severity.ERROR}
    found += (each for each in shapes.findings if (each.graph, each.node) not in places)
    return Checked(worst_first(found), shapes.types, changes)


def _graph_findings(model: Model, index: GraphIndex, here: Touched, types: Retyped) -> Iterator[Finding]:
    values = here.values.union(*(index.nodes[node].output for node in here.nodes)) - {""}
    near = here.nodes | _at(index, values)
    versions, known = versions_at(model, index.path), around(types.types, index.path)
    for node in sorted(near):
        yield from node_findings(model, index, node, versions)
    for node in sorted(near | types.nodes.get(index.path, set())):
        yield from type_findings(index, node, versions, known)
    for node in sorted(here.nodes):
        for tensor in node_tensors(index.nodes[node]):
            yield from tensor_finding(model, StoredTensor(index.path, node, tensor))
    yield from (each for each in duplicate_findings(index) if _concerns(index, each, here, values))
    for name in sorted(values):
        yield from _missing(model, index, name)
    yield from _order(index, here.nodes | here.inside | near)
    if isinstance(index.proto, onnx.GraphProto):
        yield from _declarations(model, index.path, index.proto, values)


def _at(index: GraphIndex, values: Set[str]) -> set[int]:
    """Return the nodes that make or take one of ``values``."""
    makers = {index.producer[name] for name in values if name in index.producer}
    return makers.union(*({user for user, _ in index.consumers.get(name, ())} for name in values))


def _concerns(index: GraphIndex, finding: Finding, here: Touched, values: Set[str]) -> bool:
    """Say whether a name that is not unique is one that the edit is about."""
    if finding.tensor is not None:
        return finding.tensor in values
    names = {index.nodes[node].name for node in here.nodes} - {""}
    return any(node.name in names for at, node in enumerate(index.nodes) if at not in here.nodes) or len(names) < sum(
        bool(index.nodes[node].name) for node in here.nodes
    )


def _missing(model: Model, index: GraphIndex, name: str) -> Iterator[Finding]:
    """Check that a value is made, here and wherever it is used in nested graphs."""
    if index.defines(name):
        return
    yield from dangling_findings(model.graphs, index, name)
    for node in index.captured.get(name, ()):
        for attribute, path in index.children.get(node, ()):
            if attribute != CALLED_FUNCTION:
                yield from _missing(model, model.graphs[path], name)


def _order(index: GraphIndex, nodes: Iterable[int]) -> Iterator[Finding]:
    """Look for cycles and for nodes that come too late, from some nodes only."""
    told: set[int] = set()
    for node in sorted(nodes):
        if node not in told and (cycle := cycle_through(index, node)):
            told.update(cycle)
            yield cycle_finding(index, cycle)
    if index.stuck:
        return
    makers = {
        maker for node in nodes for name in index.nodes[node].input if (maker := index.producer.get(name, -1)) > node
    }
    if makers:
        yield order_finding(index, max(makers))


def _declarations(model: Model, path: str, graph: onnx.GraphProto, values: Set[str]) -> Iterator[Finding]:
    """Check what is said of inputs and outputs of the model, and stored values."""
    if path == MAIN_GRAPH:
        for role, entries in (("input", graph.input), ("output", graph.output)):
            for position, entry in enumerate(entries):
                if not entry.name or entry.name in values:
                    yield from value_findings(role, position, entry)
        if not graph.output:
            yield Finding(Severity.WARNING, "no-outputs", "The model has no outputs.", path)
    index = model.graphs[path]
    for name in sorted(values & index.initializers.keys()):
        yield from tensor_finding(model, StoredTensor(path, None, index.initializers[name]))
