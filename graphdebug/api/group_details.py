"""What the panel shows about a group of nodes: what is in it and what crosses its border."""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, replace

from graphdebug.api.details import NotFoundError, Value, find_value, index_of
from graphdebug.model.document import Model
from graphdebug.view.contents import contents
from graphdebug.view.selection import border

MOST_CROSSING = 100
"""Values listed on each side of a group's border."""


@dataclass(frozen=True, slots=True)
class GroupDetails:
    """A group. ``ops`` are (op, count), most frequent first.

    ``inputs`` and ``outputs`` are values that cross its border, weights left out; ``crossing`` tells how many in all.
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
    inside = set(found.all_nodes())
    members = sorted(inside)
    crossing = border(index, inside)
    return GroupDetails(
        kind="group",
        graph=graph,
        id=group,
        title=found.title,
        class_name=found.class_name,
        nodes=found.count,
        ops=tuple(Counter(index.nodes[node].op_type for node in members).most_common()),
        inputs=tuple(find_value(model, graph, name) for name in crossing.entering[:MOST_CROSSING]),
        outputs=tuple(
            _seen_outside(find_value(model, graph, name), inside) for name in crossing.leaving[:MOST_CROSSING]
        ),
        crossing=(len(crossing.entering), len(crossing.leaving)),
    )


def _seen_outside(value: Value, inside: Set[int]) -> Value:
    """Return a value without those users that are in the group themselves."""
    outside = tuple(link for link in value.consumers if int(link.id.removeprefix("n:")) not in inside)
    return replace(value, consumers=outside)
