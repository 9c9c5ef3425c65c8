"""What a split deals out: the nodes that work on what is fed, and the values that pass between them.

Nodes that only work on constants are not dealt out but copied to wherever they are needed, like initializers: it costs
little, and an engine finds the same constants to fold as in the whole model.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphdebug.extract.errors import ExtractError
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import shown
from graphdebug.runtime.slices import constant_nodes


@dataclass(frozen=True)
class Flow:
    """The main graph as a split sees it.

    ``nodes`` are dealt out: all, in topological order, on which an output of the graph depends and that are not
    constant. ``made`` are their values by the node that makes them. ``idle`` nodes have no effect on any output.
    """

    index: GraphIndex
    nodes: tuple[int, ...]
    made: Mapping[str, int]
    constant: frozenset[int]
    idle: int

    @classmethod
    def of(cls, model: Model) -> Flow:
        """Look at the main graph of ``model``.

        Raises:
            ExtractError: nothing can be dealt out, or the graph has a cycle.
        """
        index = model.graphs[MAIN_GRAPH]
        if index.stuck:
            where = shown(index.names[min(index.stuck)])
            raise ExtractError(f"The graph has a cycle at {where}: no part of it could run before another.")
        constant, needed = constant_nodes(index), _needed(index)
        nodes = tuple(node for node in index.order if node in needed and node not in constant)
        if not nodes:
            raise ExtractError("No output of the graph depends on what it is fed: there is nothing to split.")
        # A file may wrongly have several makers of one value: the first counts, as everywhere.
        own = set(nodes)
        made = {name: node for name, node in index.producer.items() if node in own}
        return cls(index, nodes, made, constant, len(index.nodes) - len(needed | constant))

    def takes(self, node: int) -> Iterator[str]:
        """Return the values that a node takes from others that are dealt out."""
        return (name for name in self.index.taken[node] if name in self.made)

    def before(self, node: int) -> Iterator[int]:
        """Return the nodes that a node takes values from."""
        return (self.made[name] for name in self.takes(node))

    def copied(self, nodes: Sequence[int], outputs: Collection[str] = ()) -> tuple[int, ...]:
        """Return the constant nodes that ``nodes`` and ``outputs`` need, in ascending order."""
        found = set[int]()
        waiting = [*(name for node in nodes for name in self.index.taken[node]), *outputs]
        while waiting:
            maker = self.index.producer.get(waiting.pop())
            if maker in self.constant and maker not in found:
                found.add(maker)
                waiting += self.index.taken[maker]
        return tuple(sorted(found))


def _needed(index: GraphIndex) -> set[int]:
    """Return the nodes on which the graph's outputs depend."""
    found = set[int]()
    waiting = list(index.outputs)
    while waiting:
        maker = index.producer.get(waiting.pop())
        if maker is not None and maker not in found:
            found.add(maker)
            waiting += index.taken[maker]
    return found
