"""Edges that lead too far to be followed by eye are cut; a labelled stub at either end says where the other one is.

How far an edge leads is told by the layers it would pass if nothing was framed: a line that runs by the frames of fifty
blocks may pass few layers of the diagram around them, and nobody can follow it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphdebug.view.layering import Bools, Ints, Pin, back_edges, layers

MAX_SPAN = 64
"""Edges that would pass more layers are cut and drawn as two stubs."""


@dataclass(frozen=True, eq=False)
class StubBox:
    """A box for the cut ends of ``edges``, inside the frame ``parent``: ``below`` their tail, or above their heads."""

    parent: int
    below: bool
    edges: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Wiring:
    """Boxes, the ``stubs`` numbered after them, and the edges between all of these.

    ``parents``: the frame around each, −1 for none. ``members``: the original edges that each edge stands for.
    """

    parents: list[int]
    tails: Ints
    heads: Ints
    members: list[tuple[int, ...]]
    stubs: list[StubBox]


def whole(parents: Sequence[int], tails: Ints, heads: Ints) -> Wiring:
    """Return the boxes and edges as they are."""
    return Wiring(list(parents), tails, heads, [(edge,) for edge in range(len(tails))], [])


def with_long_range_cut(parents: Sequence[int], tails: Ints, heads: Ints) -> Wiring:
    """Cut the edges that lead too far: one stub below each of their tails, one above each of their heads."""
    cut = _long_range(len(parents), tails, heads)
    ends: dict[tuple[bool, int], list[int]] = {}
    for edge in np.flatnonzero(cut).tolist():
        ends.setdefault((True, int(tails[edge])), []).append(edge)
        ends.setdefault((False, int(heads[edge])), []).append(edge)
    stubs = [StubBox(parents[box], below, tuple(edges)) for (below, box), edges in ends.items()]
    below = np.array([stub.below for stub in stubs], dtype=np.bool_)
    box = np.array([box for _, box in ends], dtype=np.int64)
    number = len(parents) + np.arange(len(stubs))
    kept = np.flatnonzero(~cut)
    return Wiring(
        [*parents, *(stub.parent for stub in stubs)],
        np.concatenate([tails[kept], np.where(below, box, number)]),
        np.concatenate([heads[kept], np.where(below, number, box)]),
        [*((edge,) for edge in kept.tolist()), *(stub.edges for stub in stubs)],
        stubs,
    )


def _long_range(boxes: int, tails: Ints, heads: Ints) -> Bools:
    """Return a mask of the edges that would pass more than ``MAX_SPAN`` layers."""
    plain = np.flatnonzero(tails != heads)
    back = back_edges(boxes, tails[plain], heads[plain])
    upper = np.where(back, heads[plain], tails[plain])
    lower = np.where(back, tails[plain], heads[plain])
    layer = layers(boxes, upper, lower, np.full(boxes, Pin.FREE))
    cut = np.zeros(len(tails), dtype=np.bool_)
    cut[plain] = layer[lower] - layer[upper] > MAX_SPAN
    return cut
