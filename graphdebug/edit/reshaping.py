"""Shapes after an edit, at once: onnx's own inference of what was touched and what is next behind it, nothing else."""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import onnx

from graphdebug.edit.declaring import declared
from graphdebug.edit.retyping import Retyped, around
from graphdebug.edit.touched import Changes, Touched
from graphdebug.model.check import objection
from graphdebug.model.document import Model, Types
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Finding, ValueType
from graphdebug.model.refs import MAIN_GRAPH, NodeRef, parent_path
from graphdebug.model.shapes import Complaint, infer
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.value_types import tensor_type
from graphdebug.model.wire import THRESHOLD

_MOST = 64
"""Nodes that are looked at; what lies further behind is inferred with the whole model."""
_MOST_CONFIRMED = 5_000
"""Nodes of a model that is inferred as a whole to confirm that shapes do not fit: larger ones take too long."""


@dataclass(frozen=True, slots=True)
class Reshaped:
    """Types with the shapes that follow, and what contradicts them."""

    types: Types
    findings: tuple[Finding, ...]


def reshaped(model: Model, changes: Changes, known: Retyped) -> Reshaped:
    """Infer the shapes of what ``changes`` touched in ``model`` and of what follows; ``known`` is what is known so far.

    Not within functions, of whose values nothing is known but by their calls, nor where nodes go in circles.
    """
    after: dict[str, Mapping[str, ValueType]] = dict(known.types)
    found: list[Complaint] = []
    for path, here in changes.graphs.items():
        index = model.graphs[path]
        nodes = [] if path.startswith("fn:") or index.stuck else _behind(index, here)
        if not nodes:
            continue
        stated = known.declared[path]
        excerpt = _excerpt(model, index, nodes, around(after, path), stated)
        inferred = infer(Model(excerpt, model.path, values=model.values))
        found += (_placed(each, path, nodes) for each in inferred.complaints)
        after[path] = {**after.get(path, {}), **_news(after.get(path, {}), inferred.types.get(MAIN_GRAPH, {}), stated)}
    return Reshaped(after, tuple(map(objection, _confirmed(model, found))))


def _confirmed(model: Model, found: list[Complaint]) -> list[Complaint]:
    """Return the complaints that hold for the whole model, too; of a large one none: it is checked in the background.

    What is known around an excerpt may be old: of several edits in a row, the last ones may not be followed so far.
    """
    if not found or sum(len(graph.nodes) for graph in map(model.graphs.__getitem__, model.graphs)) > _MOST_CONFIRMED:
        return []
    whole = {each.node for each in infer(model).complaints}
    return [each for each in found if each.node in whole]


def _behind(index: GraphIndex, here: Touched) -> list[int]:
    """Return what was touched and the nodes that depend on it, in order, as far as they are near.

    Constants that they take come along: shapes may depend on their values.
    """
    waiting = {*here.nodes, *here.inside, *(user for name in here.values for user in index.users(name))}
    waiting.update(index.producer[name] for name in here.values if name in index.producer)
    heap, found = sorted(waiting), set[int]()
    unsure = {name for node in waiting for name in index.nodes[node].output}
    while heap and len(found) < _MOST:
        node = heapq.heappop(heap)
        taken = [(name, index.producer.get(name, -1)) for name in index.taken[node]]
        if any(maker > node or (name in unsure and maker not in found) for name, maker in taken):
            continue  # out of order, or what it takes was left out
        found.add(node)
        for user in {user for name in index.nodes[node].output for user in index.users(name)} - waiting:
            waiting.add(user)
            heapq.heappush(heap, user)
            unsure.update(index.nodes[user].output)
    makers = {index.producer[name] for node in found for name in index.taken[node] if name in index.producer}
    return sorted(found | {maker for maker in makers if index.nodes[maker].op_type == "Constant"})


def _excerpt(
    model: Model,
    index: GraphIndex,
    nodes: Iterable[int],
    known: Mapping[str, ValueType],
    stated: Mapping[str, ValueType],
) -> onnx.ModelProto:
    """Return a model of some nodes, which takes what they take from around them as inputs of the types known."""
    excerpt = onnx.ModelProto(ir_version=model.proto.ir_version, opset_import=model.proto.opset_import)
    graph = excerpt.graph
    graph.name = "excerpt"
    made: set[str] = set()
    taken: dict[str, None] = {}
    for position in nodes:
        node = graph.node.add()
        node.CopyFrom(index.nodes[position])
        node.name = index.names[position]
        made.update(node.output)
        taken.update(dict.fromkeys(index.taken[position]))
    for name in taken:
        if name in made or not name:
            continue
        tensor = _stored(model, index.path, name)
        if tensor is not None and payload_bytes(tensor) <= THRESHOLD:
            graph.initializer.append(tensor)
        elif tensor is not None or name in known:
            graph.input.append(declared(name, tensor_type(tensor) if tensor is not None else known[name]))
    graph.value_info.extend(declared(name, stated[name]) for name in made if name in stated)
    if any(node.domain not in ("", "ai.onnx") for node in graph.node):
        excerpt.functions.extend(model.proto.functions)
    return excerpt


def _stored(model: Model, path: str, name: str) -> onnx.TensorProto | None:
    """Return the initializer that a name means in a graph, its own or of a graph around it."""
    at: str | None = path
    while at is not None:
        index = model.graphs[at]
        if index.defines(name):
            return index.initializers.get(name)
        at = parent_path(at)
    return None


def _placed(complaint: Complaint, path: str, nodes: list[int]) -> Complaint:
    """Return a complaint about the excerpt as one about the graph at ``path`` that it is of."""
    ref = complaint.node
    if ref is None or ref.graph.startswith("fn:"):
        return complaint
    if ref.graph == MAIN_GRAPH:
        return replace(complaint, node=NodeRef(path, nodes[ref.index]))
    number, dot, rest = ref.graph.partition(".")
    inside = f"{nodes[int(number)]}{dot}{rest}"
    return replace(complaint, node=NodeRef(f"{path}/{inside}" if path else inside, ref.index))


def _news(
    before: Mapping[str, ValueType], inferred: Mapping[str, ValueType], stated: Mapping[str, ValueType]
) -> dict[str, ValueType]:
    """Return the types that are other than before and that the graph does not state itself.

    Less is inferred of an excerpt than of the whole: a length that was known stays if nothing contradicts it.
    """
    found: dict[str, ValueType] = {}
    for name, kind in inferred.items():
        old = before.get(name)
        if name in stated or (old is not None and old.dtype and old.dtype != kind.dtype):
            continue
        if old is not None and (kind.shape is None or (old.shape is not None and _agree(old, kind))):
            continue
        found[name] = kind
    return found


def _agree(old: ValueType, new: ValueType) -> bool:
    """Say whether nothing that is known of a new shape contradicts the old one, nor tells more."""
    if old.shape is None or new.shape is None or len(old.shape) != len(new.shape):
        return False
    return all(now is None or now == was for was, now in zip(old.shape, new.shape, strict=True))
