"""What the panel shows about several nodes, a group or a selection: what is in them and what crosses their border."""

from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, replace

from graphdebug.api.details import NotFoundError, Value, find_value, index_of
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.view.contents import contents
from graphdebug.view.selection import border, nodes_of

MOST_CROSSING = 100
"""Values listed on each side of a group's border."""


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """A group (``kind`` ``group``) or what is selected (``selection``, without an id and a title).

    ``ops`` are (op, count), most frequent first. ``inputs`` and ``outputs`` are values that cross its border, weights
    left out; ``crossing`` tells how many in all.
    """

    kind: str
    graph: str
    id: str
    title: str
    class_name: str
    nodes: int
    ops: tuple[tuple[str, int], ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    crossing: tuple[int, int]


def group_details(model: Model, graph: str, group: str) -> GroupDetails:
    """Describe the group with this id (``s:encoder/layer.0``).

    Raises:
        NotFoundError: there is no such graph or group.
    """
    index = index_of(model, graph)
    found = contents(model, graph).groups.get(group)
    if found is None:
        raise NotFoundError("This graph has no group of that name.")
    return _details(model, index, set(found.all_nodes()), "group", group, found.title, found.class_name)


def selection_details(model: Model, graph: str, ids: Iterable[str]) -> GroupDetails:
    """Describe all nodes that boxes stand for, as if they were one group.

    Raises:
        NotFoundError: there is no such graph.
    """
    index = index_of(model, graph)
    return _details(model, index, set(nodes_of(model, graph, ids)), "selection", "", "", "")


def _details(
    model: Model, index: GraphIndex, inside: Set[int], kind: str, id_: str, title: str, class_name: str
) -> GroupDetails:
    crossing = border(index, inside)
    leaving = (find_value(model, index.path, name) for name in crossing.leaving[:MOST_CROSSING])
    return GroupDetails(
        kind=kind,
        graph=index.path,
        id=id_,
        title=title,
        class_name=class_name,
        nodes=len(inside),
        ops=tuple(Counter(index.nodes[node].op_type for node in sorted(inside)).most_common()),
        inputs=tuple(find_value(model, index.path, name) for name in crossing.entering[:MOST_CROSSING]),
        outputs=tuple(_seen_outside(value, inside) for value in leaving),
        crossing=(len(crossing.entering), len(crossing.leaving)),
    )


def _seen_outside(value: Value, inside: Set[int]) -> Value:
    """Return a value without those users that are in the group themselves."""
    outside = tuple(link for link in value.consumers if int(link.id.removeprefix("n:")) not in inside)
    return replace(value, consumers=outside)
