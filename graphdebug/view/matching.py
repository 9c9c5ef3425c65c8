"""Which unit of one graph is which of another: by names, by what leads to and from them, by their neighbours.

Names go first, but only where the wiring does not contradict them: exporters number names anew. Then units whose whole
ancestry (or posterity) is unique and the same on both sides; then from what is matched to what it is connected with;
then what stands in the same scope. Every step looks at each unit and line a fixed number of times, in a fixed order.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence

from graphdebug.view.outline import Outline, Unit

NONE = -1
Key = Callable[[int, int], Hashable]
"""Side (0: left, 1: right) and unit → what must be equal for units to be taken for the same."""


class Pairing:
    """Pairs of units, one of each side. ``mates[side][unit]`` is its partner, NONE without one."""

    def __init__(self, left: Outline, right: Outline) -> None:
        """Pair nothing yet."""
        self.sides = (left, right)
        self.mates = tuple([NONE] * len(side.units) for side in self.sides)
        numbers: dict[Hashable, int] = {}
        self.details = tuple(
            [numbers.setdefault(_detail(unit), len(numbers)) for unit in side.units] for side in self.sides
        )
        """Number of all that can be said of a unit by itself: operator, attributes, constants."""

    def pair(self, left: int, right: int) -> bool:
        """Pair two units, unless one of them has a mate."""
        if self.mates[0][left] != NONE or self.mates[1][right] != NONE:
            return False
        self.mates[0][left], self.mates[1][right] = right, left
        return True

    def free(self, side: int) -> list[int]:
        """Return the units of a side that have no mate."""
        return [unit for unit, mate in enumerate(self.mates[side]) if mate == NONE]

    def op(self, side: int, unit: int) -> Hashable:
        """Return a unit's operator."""
        found = self.sides[side].units[unit]
        return found.domain, found.op

    def detail(self, side: int, unit: int) -> Hashable:
        """Return the number of a unit's details."""
        return self.details[side][unit]


def pairing(left: Outline, right: Outline) -> Pairing:
    """Pair the units of two graphs."""
    pairs = Pairing(left, right)
    _by_name(pairs, pairs.detail)
    down, up = (_fingerprints(pairs, side) for side in (_downward, _upward))
    for prints in (down, up):
        _by_unique(pairs, prints)
    _by_name(pairs, pairs.op)
    _spread(pairs, lambda side, unit: (pairs.detail(side, unit), up[side][unit]))
    _spread(pairs, pairs.detail)
    _spread(pairs, pairs.op)
    for key in (pairs.detail, pairs.op):
        _by_scope(pairs, key)
    _spread(pairs, pairs.op)
    return pairs


def _detail(unit: Unit) -> Hashable:
    return unit.domain, unit.op, tuple(sorted(unit.attributes.items())), unit.constants


# Names


def _by_name(pairs: Pairing, key: Key) -> None:
    """Pair units of one name (of a value they make, else their own), scope and ``key``, where wiring allows it."""
    left, right = pairs.sides
    wanted: dict[int, int] = {}
    taken = set[int]()

    def want(a: int, b: int) -> None:
        free = pairs.mates[0][a] == NONE and pairs.mates[1][b] == NONE and a not in wanted and b not in taken
        if free and key(0, a) == key(1, b) and left.units[a].scope == right.units[b].scope:
            wanted[a] = b
            taken.add(b)

    for name, (a, slot) in left.producer.items():
        b, other = right.producer.get(name, (NONE, slot))
        if b != NONE and slot == other:
            want(a, b)
    ours, theirs = (_by_own_name(side.units) for side in pairs.sides)
    for own, a in ours.items():
        if own in theirs:
            want(a, theirs[own])
    for a, b in wanted.items():
        if not _contradicted(pairs, wanted, taken, a, b):
            pairs.pair(a, b)


def _by_own_name(units: Sequence[Unit]) -> dict[tuple[bool, str], int]:
    """Return name → unit, of those names that only one has; outputs of the graph are apart from nodes."""
    names: list[tuple[bool, str]] = [(unit.is_node, unit.name) for unit in units]
    counts = Counter(names)
    return {name: at for at, name in enumerate(names) if name[1] and counts[name] == 1}


def _contradicted(pairs: Pairing, wanted: dict[int, int], taken: set[int], a: int, b: int) -> bool:
    """Say whether what comes into both has other mates, and nowhere is the same."""
    left, right = pairs.sides
    known = False
    for slot in range(min(len(left.units[a].inputs), len(right.units[b].inputs))):
        p, q = left.maker(a, slot), right.maker(b, slot)
        if p is None or q is None:
            continue
        mate = wanted.get(p[0], pairs.mates[0][p[0]])
        if mate == q[0]:
            return False
        known |= mate != NONE and (q[0] in taken or pairs.mates[1][q[0]] != NONE)
    return known


# What leads to a unit, and what it leads to


def _fingerprints(pairs: Pairing, of_side: Callable[[Pairing, int, dict[Hashable, int]], list[int]]) -> list[list[int]]:
    numbers: dict[Hashable, int] = {}
    return [of_side(pairs, side, numbers) for side in (0, 1)]


def _downward(pairs: Pairing, side: int, numbers: dict[Hashable, int]) -> list[int]:
    """Return a number by unit: the same for those with the same details and the same ancestry."""
    outline, details = pairs.sides[side], pairs.details[side]
    found = [NONE] * len(details)
    for unit in range(len(details)):
        makers = (outline.maker(unit, slot) for slot in range(len(outline.units[unit].inputs)))
        before = tuple([(found[maker[0]], maker[1]) if maker else None for maker in makers])
        found[unit] = numbers.setdefault((details[unit], before), len(numbers))
    return found


def _upward(pairs: Pairing, side: int, numbers: dict[Hashable, int]) -> list[int]:
    """Return a number by unit: the same for those with the same details and the same posterity."""
    outline, details = pairs.sides[side], pairs.details[side]
    found = [NONE] * len(details)
    for unit in reversed(range(len(details))):
        uses = [outline.consumers.get(name, ()) for name in outline.units[unit].outputs]
        after = tuple([tuple(sorted([(slot, found[user]) for user, slot in each])) for each in uses])
        found[unit] = numbers.setdefault((details[unit], after), len(numbers))
    return found


def _by_unique(pairs: Pairing, prints: list[list[int]]) -> None:
    """Pair units whose fingerprint nobody else has."""
    counts = [Counter(side) for side in prints]
    where = {number: unit for unit, number in enumerate(prints[1])}
    for a, number in enumerate(prints[0]):
        if counts[0][number] == counts[1][number] == 1:
            pairs.pair(a, where[number])


# Neighbours and scopes


def _spread(pairs: Pairing, key: Key) -> None:
    """Pair what comes into paired units at the same place, and what uses what they make, wherever ``key`` agrees."""
    left, right = pairs.sides
    if not pairs.free(0) or not pairs.free(1):
        return
    waiting = deque((a, b) for a, b in enumerate(pairs.mates[0]) if b != NONE)
    while waiting:
        a, b = waiting.popleft()
        one, other = left.units[a], right.units[b]
        found = list[tuple[int, int]]()
        for slot in range(min(len(one.inputs), len(other.inputs))):
            p, q = left.maker(a, slot), right.maker(b, slot)
            if p and q and p[1] == q[1] and key(0, p[0]) == key(1, q[0]):
                found.append((p[0], q[0]))
        for ours, theirs in zip(one.outputs, other.outputs, strict=False):
            found += _in_order([(_free_users(pairs, side, name, key)) for side, name in enumerate((ours, theirs))])
        waiting.extend(each for each in found if pairs.pair(*each))


def _free_users(pairs: Pairing, side: int, name: str, key: Key) -> dict[Hashable, list[int]]:
    found: dict[Hashable, list[int]] = {}
    for unit, slot in pairs.sides[side].consumers.get(name, ()):
        if pairs.mates[side][unit] == NONE:
            found.setdefault((slot, key(side, unit)), []).append(unit)
    return found


def _in_order(groups: Sequence[dict[Hashable, list[int]]]) -> list[tuple[int, int]]:
    """Pair the members of groups that are equally large on both sides, one by one."""
    left, right = groups
    return [
        pair
        for key, ours in left.items()
        if len(ours) == len(theirs := right.get(key, []))
        for pair in zip(ours, theirs, strict=True)
    ]


def _by_scope(pairs: Pairing, key: Key) -> None:
    """Pair what is left in scopes of the same name, where as many of a kind are left; ends of the graph as well."""
    groups: list[dict[Hashable, list[int]]] = [{}, {}]
    for side in (0, 1):
        for unit in pairs.free(side):
            found = pairs.sides[side].units[unit]
            if found.scope or not found.is_node:
                groups[side].setdefault((found.scope, key(side, unit)), []).append(unit)
    for a, b in _in_order(groups):
        pairs.pair(a, b)
