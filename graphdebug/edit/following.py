"""Where a node went: its position changes when others are inserted, deleted or moved before it."""

from collections.abc import Iterable, Sequence

import onnx

from graphdebug.edit.errors import EditError
from graphdebug.edit.splice import Splice, Step, at
from graphdebug.edit.ways import graph_way
from graphdebug.model.document import Model
from graphdebug.model.index import nested_graphs
from graphdebug.model.refs import NodeRef, child_path, function_path


def follow_node(before: Model, splices: Iterable[Splice], after: Model, ref: NodeRef) -> NodeRef | None:
    """Return where a node of ``before`` is in ``after``, which ``splices`` made of it; None when it is gone."""
    try:
        way = followed((*graph_way(before.proto, ref.graph), ("node", ref.index)), splices)
    except EditError:
        return None
    if way is None or (path := path_of(after.proto, way[:-1])) is None:
        return None
    return NodeRef(path, way[-1][1]) if way[-1][1] < len(at(after.proto, way[:-1]).node) else None


def follow_graph(before: Model, splices: Iterable[Splice], after: Model, path: str) -> str | None:
    """Return the path in ``after`` of a graph of ``before``; None when it is gone."""
    try:
        way = followed(graph_way(before.proto, path), splices)
    except EditError:
        return None
    return None if way is None else path_of(after.proto, way)


def followed(way: tuple[Step, ...], splices: Iterable[Splice]) -> tuple[Step, ...] | None:
    """Return what a way became: where a splice of a list that it goes through moved its step."""
    for splice in splices:
        depth = len(splice.way)
        if len(way) <= depth or way[:depth] != splice.way or way[depth][0] != splice.field:
            continue
        index = _moved(way[depth][1], splice)
        if index is None:
            return None
        way = (*way[:depth], (splice.field, index), *way[depth + 1 :])
    return way


def _moved(index: int, splice: Splice) -> int | None:
    removed, added = len(splice.removed), len(splice.added)
    if index < splice.start:
        return index
    if index >= splice.start + removed:
        return index + added - removed
    moved = splice.removed[index - splice.start]
    if moved in splice.added:  # the order changed
        return splice.start + splice.added.index(moved)
    return index if added == removed else None  # changed in its place, or gone


def path_of(model: onnx.ModelProto, way: Sequence[Step]) -> str | None:
    """Return the path of the graph at the end of a way, None when there is none: the reverse of `ways.graph_way`."""
    path = ""
    if way[0][0] == "functions":
        if way[0][1] >= len(model.functions):
            return None
        function = model.functions[way[0][1]]
        path = function_path(function.domain, function.name, function.overload)
    for step in range(1, len(way), 3):
        try:
            node, attribute = at(model, way[: step + 1]), at(model, way[: step + 2]).name
        except IndexError:
            return None
        field, index = way[step + 2]
        wanted = f"{attribute}[{index}]" if field == "graphs" else attribute
        if all(name != wanted for name, _ in nested_graphs(node)):
            return None
        path = child_path(path, way[step][1], wanted)
    return path
