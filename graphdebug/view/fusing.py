"""Units that stand for several of the other graph: an optimiser's fused nodes, an engine's layers.

What has no mate is joined to the other side where a name says so (a claim, a value that survived, a node's own name) or
where both come into the same place of what is already joined; then it takes in what is used nowhere else. Between two
joined groups there must be a value that both graphs have, else they are one.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from graphdebug.view.matching import NONE, Pairing
from graphdebug.view.outline import Outline

Group = tuple[tuple[int, ...], tuple[int, ...]]
"""Units of the left and of the right side, ascending."""


class _Sets:
    """Disjoint sets of units of both sides (union–find); of each is known whether it was joined across the sides."""

    def __init__(self, left: int, right: int) -> None:
        self._above = list(range(left + right))
        self._first = (0, left)
        self._joined = [False] * (left + right)

    def of(self, side: int, unit: int) -> int:
        """Return what stands for the set of a unit."""
        return self.root(self._first[side] + unit)

    def root(self, item: int) -> int:
        """Return what stands for a set now, when others may have been united with it."""
        while self._above[item] != item:
            self._above[item] = self._above[self._above[item]]
            item = self._above[item]
        return item

    def is_joined(self, side: int, unit: int) -> bool:
        return self._joined[self.of(side, unit)]

    def unite(self, one: int, other: int, joined: bool = False) -> None:
        """Make one set of two, each given by what ``of`` returned."""
        low, high = min(one, other), max(one, other)
        self._above[high] = low
        self._joined[low] |= self._joined[high] or joined


def groups(pairs: Pairing) -> list[Group]:
    """Return all units in groups, each in one; by their first unit, those with left units first."""
    left, right = pairs.sides
    sets = _Sets(len(left.units), len(right.units))
    paired = [(a, b) for a, b in enumerate(pairs.mates[0]) if b != NONE]
    _join(sets, paired, joined=False)
    named = list(_named(pairs))
    _join(sets, named)
    _settle(pairs, sets, paired + [(a, b) for a, b in named if left.units[a].op == right.units[b].op])
    _settle(pairs, sets, _of_one_op(pairs, _collected(pairs, sets)))
    _close_up(pairs, sets)
    return [(tuple(ours), tuple(theirs)) for ours, theirs in _collected(pairs, sets).values()]


def _join(sets: _Sets, links: Iterable[tuple[int, int]], joined: bool = True) -> None:
    for a, b in links:
        sets.unite(sets.of(0, a), sets.of(1, b), joined)


def _settle(pairs: Pairing, sets: _Sets, aligned: Iterable[tuple[int, int]]) -> None:
    _join(sets, _opposite(pairs, aligned))
    for side in (0, 1):
        _take_in(pairs, side, sets)


def _collected(pairs: Pairing, sets: _Sets) -> dict[int, tuple[list[int], list[int]]]:
    found: dict[int, tuple[list[int], list[int]]] = {}
    for side in (0, 1):
        for unit in range(len(pairs.sides[side].units)):
            found.setdefault(sets.of(side, unit), ([], []))[side].append(unit)
    return found


def _named(pairs: Pairing) -> Iterator[tuple[int, int]]:
    """Yield (left, right) that belong together by name; one of them at least has no mate."""
    left, right = pairs.sides
    ours, theirs = (_names(side) for side in pairs.sides)
    for a, unit in enumerate(left.units):
        found = [theirs[claim] for claim in unit.claims if claim in theirs]
        yield from ((a, b) for b in found if pairs.mates[1][b] == NONE)
    for b, unit in enumerate(right.units):
        found = [ours[claim] for claim in unit.claims if claim in ours]
        yield from ((a, b) for a in found if pairs.mates[0][a] == NONE)
    for name, (a, _) in left.producer.items():
        b = right.producer.get(name, (NONE, 0))[0]
        if b != NONE and _took_in(pairs, a, b):
            yield a, b
    for a in pairs.free(0):
        b = theirs.get(left.units[a].name, NONE)
        if b != NONE and pairs.mates[1][b] == NONE and left.units[a].name == right.units[b].name:
            yield a, b


def _names(outline: Outline) -> dict[str, int]:
    """Return name → unit: of values, and of the nodes themselves, which win."""
    named = {name: unit for name, (unit, _) in outline.producer.items()}
    return named | {unit.name: at for at, unit in enumerate(outline.units) if unit.name and unit.is_node}


def _took_in(pairs: Pairing, a: int, b: int) -> bool:
    """Say whether units that make a value of the same name belong together, though not both are free.

    A node that stayed as it was took in nothing: then a node before or after it came or went, and the name moved.
    """
    ours, theirs = pairs.mates[0][a], pairs.mates[1][b]
    if ours != NONE and theirs != NONE:
        return False
    if ours != NONE:
        return pairs.detail(0, a) != pairs.detail(1, ours)
    return theirs == NONE or pairs.detail(0, theirs) != pairs.detail(1, b)


def _opposite(pairs: Pairing, aligned: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield units without mates that come into the same place of two that belong together."""
    left, right = pairs.sides
    for a, b in aligned:
        for slot in range(min(len(left.units[a].inputs), len(right.units[b].inputs))):
            p, q = left.maker(a, slot), right.maker(b, slot)
            if p and q and pairs.mates[0][p[0]] == NONE and pairs.mates[1][q[0]] == NONE:
                yield p[0], q[0]


def _of_one_op(pairs: Pairing, collected: dict[int, tuple[list[int], list[int]]]) -> list[tuple[int, int]]:
    """Return of each group the units of an operator (of whatever domain) that is there once on each side."""
    found = []
    for members in collected.values():
        if len(members[0]) + len(members[1]) < 3 or not all(members):
            continue
        ours, theirs = ([(pairs.sides[side].units[unit].op, unit) for unit in members[side]] for side in (0, 1))
        counts = [Counter(op for op, _ in side) for side in (ours, theirs)]
        where = dict(theirs)
        found += [(unit, where[op]) for op, unit in ours if counts[0][op] == counts[1][op] == 1]
    return found


def _take_in(pairs: Pairing, side: int, sets: _Sets) -> None:
    """Let a group that was joined across the sides take in the units without mates that nothing outside it uses."""
    for unit in reversed(pairs.free(side)):
        if sets.is_joined(side, unit):
            continue
        users = list(_users(pairs, side, unit))
        if users and sets.is_joined(side, users[0]) and len({sets.of(side, user) for user in users}) == 1:
            sets.unite(sets.of(side, unit), sets.of(side, users[0]))


def _users(pairs: Pairing, side: int, unit: int) -> Iterator[int]:
    outline = pairs.sides[side]
    return (user for name in outline.units[unit].outputs for user, _ in outline.consumers.get(name, ()))


def _close_up(pairs: Pairing, sets: _Sets) -> None:
    """Unite a joined group with the one that alone uses what it makes, when none of that is known on the other side."""
    leads_to: dict[int, tuple[set[int], set[int]]] = {}
    kept = set[int]()
    for side in (0, 1):
        outline, other = pairs.sides[side], pairs.sides[1 - side]
        known = other.producer.keys() | {claim for unit in other.units for claim in unit.claims}
        for unit in range(len(outline.units)):
            if not sets.is_joined(side, unit):
                continue
            group = sets.of(side, unit)
            for name in outline.units[unit].outputs:
                outside = {sets.of(side, user) for user, _ in outline.consumers.get(name, ())} - {group}
                leads_to.setdefault(group, (set(), set()))[side].update(outside)
                if outside and name in known:
                    kept.add(group)
    for group, (ours, theirs) in leads_to.items():
        if group not in kept and len(ours) == 1 and ours == theirs and (target := next(iter(ours))) in leads_to:
            sets.unite(sets.root(group), sets.root(target))
