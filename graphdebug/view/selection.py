"""What a set of boxes stands for: nodes, and the values that cross their border."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.view.contents import contents, is_constant


@dataclass(frozen=True, slots=True)
class Border:
    """Values that cross the border of a set of nodes, in graph order; weights are left out."""

    entering: tuple[str, ...]
    leaving: tuple[str, ...]


def nodes_of(model: Model, graph: str, ids: Iterable[str]) -> tuple[int, ...]:
    """Return the nodes (ascending) that boxes stand for: ``n:12`` itself, ``s:scope`` all in it; other boxes none."""
    groups, count = contents(model, graph).groups, len(model.graphs[graph].nodes)
    found = set[int]()
    for each in ids:
        if each.startswith("n:") and each[2:].isdecimal() and int(each[2:]) < count:
            found.add(int(each[2:]))
        elif each.startswith("s:") and each in groups:
            found.update(groups[each].all_nodes())
    return tuple(sorted(found))


def border(index: GraphIndex, nodes: Collection[int]) -> Border:
    """Return the values that come into and go out of a set of nodes. What is made and nowhere used goes out, too."""
    inside = frozenset(nodes)
    members, outputs = sorted(inside), frozenset(index.outputs)
    made = {name: None for node in members for name in index.nodes[node].output if name}
    taken = {name: None for node in members for name in index.nodes[node].input if name}
    taken |= {name: None for name, users in index.captured.items() if not inside.isdisjoint(users)}
    return Border(
        tuple(name for name in taken if name not in made and not is_constant(index, name)),
        tuple(
            name for name in made if name in outputs or not (users := index.users(name)) or not inside.issuperset(users)
        ),
    )
