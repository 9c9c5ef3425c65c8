"""Which boxes and lines of a graph a scene shows, and how many of them can be shown at all.

Whatever is asked for, a scene has at most ``MOST_BOXES`` boxes and ``MOST_LINES`` lines: names and links
come from files that nobody vouches for, and a picture of more helps nobody. What is left out is told in ``notices``.
"""

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from graphdebug.view.contents import Contents
from graphdebug.view.layering import Ints
from graphdebug.view.scopes import ScopeNode

MOST_BOXES = 80_000
MOST_TERMINALS = 10_000
"""Inputs drawn, and outputs."""
MOST_LINES, MOST_PIECES = 100_000, 250_000
"""Lines, and what they are made of: one segment, and for each border of a frame that it passes, a port and another."""


@dataclass(eq=False)
class Visible:
    """The boxes to draw, frames before what they hold: items or groups, the frame around each, and what they cover."""

    what: list[int | ScopeNode] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    frames: list[bool] = field(default_factory=list)
    owner: dict[int, int] = field(default_factory=dict)
    """Item → position of the box that shows it."""
    flat: bool = False
    notices: list[str] = field(default_factory=list)

    def add(self, what: int | ScopeNode, parent: int, *, frame: bool = False) -> int:
        """Enter a box and return its position."""
        position = len(self.what)
        self.what.append(what)
        self.parents.append(parent)
        self.frames.append(frame)
        if isinstance(what, int):
            self.owner[what] = position
        elif not frame:
            self.owner.update(dict.fromkeys(what.all_nodes(), position))
        return position


def visible(
    known: Contents,
    expanded: frozenset[str],
    *,
    flat: bool = False,
    first: frozenset[str] = frozenset(),
    most_open: int = MOST_BOXES,
) -> Visible:
    """Return the boxes to draw when the groups ``expanded`` are open, or as many of them as there is room for.

    Outer groups are opened before inner ones, and those in ``first`` before all others; ``most_open`` in all.
    """
    found = Visible(flat=flat)
    if flat and known.tree.count > MOST_BOXES:
        found.flat = False
        found.notices.append(
            f"Without its groups this graph has {known.tree.count:,} boxes; no more than {MOST_BOXES:,} are drawn at a "
            "time, so its groups are shown. Expand them one by one, or search."
        )
    for position in range(min(len(known.inputs), MOST_TERMINALS)):
        found.add(known.input_item(position), -1)
    if found.flat:
        for node in range(known.nodes):
            if node not in known.host:
                found.add(node, -1)
    else:
        opened, refused = _affordable(known, expanded, first, most_open)
        _open(known.tree, -1, opened, found)
        if refused:
            found.notices.append(
                f"{len(opened):,} groups are open and the others stay closed: there is no room for more at a time. "
                "Collapse what you do not need, then expand others."
            )
    for position in range(min(len(known.outputs), MOST_TERMINALS)):
        found.add(known.output_item(position), -1)
    for kind, names in (("inputs", known.inputs), ("outputs", known.outputs)):
        if len(names) > MOST_TERMINALS:
            found.notices.append(f"The first {MOST_TERMINALS:,} of {len(names):,} {kind} are drawn; search finds all.")
    return found


def _affordable(
    known: Contents, expanded: frozenset[str], first: frozenset[str], most_open: int
) -> tuple[frozenset[str], bool]:
    """Return which groups can be opened, from the outermost in, and whether others have no room."""
    boxes = gain(known.tree) + min(len(known.inputs), MOST_TERMINALS) + min(len(known.outputs), MOST_TERMINALS)
    opened: set[str] = set()
    refused = False
    for wanted in (first & expanded, expanded):
        waiting = deque(known.tree.children)
        while waiting:
            group = waiting.popleft()
            if group.id not in wanted:
                continue
            if group.id not in opened:
                if boxes + gain(group) > MOST_BOXES or len(opened) >= most_open:
                    refused = True
                    continue
                boxes += gain(group)
                opened.add(group.id)
            waiting.extend(group.children)
    return frozenset(opened), refused


def gain(group: ScopeNode) -> int:
    """Return how many boxes more there are when a group is opened."""
    return len(group.nodes) + len(group.children) - 1


def _open(group: ScopeNode, parent: int, expanded: frozenset[str], found: Visible) -> None:
    for node in group.nodes:
        found.add(node, parent)
    for child in group.children:
        is_open = child.id in expanded
        position = found.add(child, parent, frame=is_open)
        if is_open:
            _open(child, position, expanded, found)


def lines(known: Contents, found: Visible) -> dict[tuple[int, int], list[int]]:
    """Return (tail box, head box) → the links drawn between them; links inside one group are not drawn.

    Where there are too many, every box keeps its first lines: those left out are the last inputs of those that have
    most. ``found.notices`` then says so.
    """
    owner = np.full(known.items, -1, dtype=np.int64)
    owner[list(found.owner.keys())] = list(found.owner.values())
    single = np.array([isinstance(what, int) for what in found.what], dtype=np.bool_)
    tails, heads = owner[known.tails], owner[known.heads]
    links = np.flatnonzero((tails >= 0) & (heads >= 0) & ((tails != heads) | single[tails]))
    tails, heads = tails[links], heads[links]
    _, first, pair = np.unique(tails * len(found.what) + heads, return_index=True, return_inverse=True)
    kept = first[drawable(np.array(found.parents, dtype=np.int64), tails[first], heads[first], first)]
    if len(kept) < len(first):
        found.notices.append(
            f"{len(kept):,} of {len(first):,} lines are drawn: more would hide each other. Collapse groups to see them "
            "bundled, or choose a node to list all that it reads and feeds."
        )
    kept.sort()
    number = np.full(len(first), -1, dtype=np.int64)
    number[pair.reshape(-1)[kept]] = np.arange(len(kept))
    drawn = number[pair.reshape(-1)]
    found_links: list[list[int]] = [[] for _ in range(len(kept))]
    some = drawn >= 0
    for line, link in zip(drawn[some].tolist(), links[some].tolist(), strict=True):
        found_links[line].append(link)
    return dict(zip(zip(tails[kept].tolist(), heads[kept].tolist(), strict=True), found_links, strict=True))


def drawable(parents: Ints, tails: Ints, heads: Ints, order: Ints) -> Ints:
    """Return the lines [kept] to draw of those between boxes ``tails`` and ``heads``: all that there is room for.

    Each box's first line in ``order`` comes before any box's second, and so on, so that every box stays connected.
    """
    cost = 2 * segments(parents, tails, heads) - 1
    if len(cost) <= MOST_LINES and int(cost.sum()) <= MOST_PIECES:
        return np.arange(len(tails))
    by_head = np.lexsort((order, heads))
    new = np.concatenate([[True], np.diff(heads[by_head]) != 0])
    rank = np.zeros(len(tails), dtype=np.int64)
    rank[by_head] = np.arange(len(tails)) - np.flatnonzero(new)[np.cumsum(new) - 1]
    in_turn = np.lexsort((order, rank))[:MOST_LINES]
    return in_turn[np.cumsum(cost[in_turn]) <= MOST_PIECES]


def segments(parents: Ints, tails: Ints, heads: Ints) -> Ints:
    """Return how many segments [lines] each line has: one in every frame between its ends, and one where they meet.

    ``parents`` [boxes] is the frame around each box, −1 for none; a frame comes before what it holds.
    """
    depth = np.zeros(len(parents) + 1, dtype=np.int64)  # the last stands for the scene: −1
    for box, parent in enumerate(parents.tolist()):
        depth[box] = depth[parent] + 1
    above = np.append(parents, -1)
    cost = np.ones(len(tails), dtype=np.int64)
    one, other = above[tails], above[heads]
    while (apart := one != other).any():
        first, second = apart & (depth[one] >= depth[other]), apart & (depth[other] >= depth[one])
        cost += first.astype(np.int64) + second
        one, other = np.where(first, above[one], one), np.where(second, above[other], other)
    return cost
