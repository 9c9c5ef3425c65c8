"""A part of a graph: what enters it and what leaves it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.model.index import GraphIndex
from graphdebug.model.value_types import shown


@dataclass(frozen=True, slots=True)
class Boundary:
    """``entering``: what a part takes, of its graph and of those around it, in order of first use; ``leaving``: what it
    makes and others use, in the order in which it is made. ``nodes`` are its positions in topological order.
    """

    nodes: tuple[int, ...]
    entering: tuple[str, ...]
    leaving: tuple[str, ...]


def boundary(editor: Editor, path: str, nodes: Collection[int]) -> Boundary:
    """Return the boundary of a part of a graph that could be one node.

    Raises:
        EditError: a way leads out of the part and back in: as one node it would be on a cycle.
    """
    index = editor.graph(path)
    part = frozenset(nodes)
    taken = index.taken
    ordered = tuple(node for node in index.order if node in part)
    made = {name for node in ordered for name in index.nodes[node].output if name}
    entering = dict.fromkeys(name for node in ordered for name in taken[node] if name not in made)
    _refuse_way_back(index, part, taken, made)
    outputs = frozenset(index.outputs)
    leaving = [
        name
        for node in ordered
        for name in index.nodes[node].output
        if name in outputs or (name and not part.issuperset(index.users(name)))
    ]
    return Boundary(ordered, tuple(entering), tuple(dict.fromkeys(leaving)))


def _refuse_way_back(index: GraphIndex, part: Collection[int], taken: list[list[str]], made: Collection[str]) -> None:
    """Raise EditError if what the part makes leads to what it takes by way of other nodes; name both values."""
    behind = {name: name for name in made}
    """Value → the value of the part that it was made from."""
    for node in index.order:
        first = next((name for name in taken[node] if name in behind), None)
        if node in part:
            back = next((name for name in taken[node] if name in behind and name not in made), None)
            if back is not None:
                raise EditError(
                    f"{shown(behind[back])} leaves these nodes and comes back to them as {shown(back)}: take the nodes "
                    "between them as well."
                )
        elif first is not None:
            behind |= {name: behind[first] for name in index.nodes[node].output if name}
