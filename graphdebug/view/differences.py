"""Two graphs side by side: what is the same, what was changed, what is in one only, what stands for several."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from itertools import islice

from graphdebug.model.engine_layers import DOMAIN
from graphdebug.model.records import ValueType
from graphdebug.view.fusing import Group, groups
from graphdebug.view.labels import shortened, type_label
from graphdebug.view.matching import NONE, Pairing, pairing
from graphdebug.view.outline import Outline, Unit

_MOST_SAID, _LONGEST_SAID = 12, 200
_MOST_FUSED = 12
COMMUTATIVE = frozenset(("Add", "Mul", "Max", "Min", "Sum", "Mean", "And", "Or", "Xor", "Equal"))
"""Operators whose inputs may come in any order."""


class Kind(StrEnum):
    """What became of a unit."""

    SAME = "same"
    CHANGED = "changed"
    FUSED = "fused"
    LEFT = "only left"
    RIGHT = "only right"


@dataclass(frozen=True, slots=True)
class Match:
    """Units (positions in their outlines, ascending) of both sides that belong together; ``what`` says what differs."""

    kind: Kind
    left: tuple[int, ...]
    right: tuple[int, ...]
    what: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matching:
    """All units of two graphs, each in one match, in the order of the graphs."""

    left: Outline
    right: Outline
    matches: tuple[Match, ...]

    @cached_property
    def differences(self) -> tuple[Match, ...]:
        """The matches that are not the same."""
        return tuple(match for match in self.matches if match.kind is not Kind.SAME)

    @property
    def sentence(self) -> str:
        """What differs, in one sentence: ``12 of 166 nodes differ: 3 changed, 8 fused, 1 only left``."""
        nodes = [
            (match.kind, max(self._nodes(match.left, self.left), self._nodes(match.right, self.right)))
            for match in self.matches
        ]
        counts = Counter[Kind]()
        for kind, count in nodes:
            counts[kind] += count
        total, differing = sum(counts.values()), sum(counts.values()) - counts[Kind.SAME]
        if not differing:
            return f"All {total:,} nodes are the same." if not self.differences else "Only inputs or outputs differ."
        parts = ", ".join(f"{counts[kind]:,} {kind}" for kind in Kind if kind is not Kind.SAME and counts[kind])
        return f"{differing:,} of {total:,} nodes differ: {parts}."

    @staticmethod
    def _nodes(units: tuple[int, ...], outline: Outline) -> int:
        return sum(outline.units[unit].is_node for unit in units)


def matching(left: Outline, right: Outline) -> Matching:
    """Match two graphs."""
    pairs = pairing(left, right)
    found = [*_credible(pairs, groups(pairs))]
    group_of: tuple[dict[int, int], dict[int, int]] = ({}, {})
    for number, group in enumerate(found):
        for side in (0, 1):
            group_of[side].update(dict.fromkeys(group[side], number))
    differ = _Differ(pairs, group_of, [bool(ours and theirs) for ours, theirs in found])
    matches = [differ.match(ours, theirs) for ours, theirs in found]
    return Matching(left, right, tuple(_in_order(matches)))


def _credible(pairs: Pairing, found: Iterable[Group]) -> Iterator[Group]:
    """Take apart groups that are large on both sides: nothing fuses dozens of nodes into dozens, these are others."""
    for ours, theirs in found:
        if min(len(ours), len(theirs)) <= _MOST_FUSED:
            yield ours, theirs
            continue
        mates = {unit: pairs.mates[0][unit] for unit in ours}
        yield from (((unit,), () if mate == NONE else (mate,)) for unit, mate in mates.items())
        yield from (((), (unit,)) for unit in theirs if pairs.mates[1][unit] == NONE)


def _in_order(matches: list[Match]) -> Iterator[Match]:
    """Yield matches by their place on the left; those only on the right after what comes before them there."""
    place = {unit: match.left[0] for match in matches for unit in match.right if match.left}
    last = -1
    after: dict[int, int] = {}
    for unit in sorted(unit for match in matches for unit in match.right):
        last = place.get(unit, last)
        after[unit] = last
    yield from sorted(
        matches,
        key=lambda match: (match.left[0], -1) if match.left else (after[match.right[0]], match.right[0]),
    )


class _Differ:
    """Says what differs between units that belong together."""

    def __init__(self, pairs: Pairing, group_of: tuple[dict[int, int], dict[int, int]], two_sided: list[bool]) -> None:
        self._pairs = pairs
        self._group_of = group_of
        self._two_sided = two_sided

    def match(self, left: tuple[int, ...], right: tuple[int, ...]) -> Match:
        if not right:
            return Match(Kind.LEFT, left, right)
        if not left:
            return Match(Kind.RIGHT, left, right)
        if len(left) > 1 or len(right) > 1:
            return Match(Kind.FUSED, left, right)
        said = islice(self._said(left[0], right[0]), _MOST_SAID)
        what = tuple(shortened(each, _LONGEST_SAID) for each in said)
        return Match(Kind.CHANGED if what else Kind.SAME, left, right, what)

    def _said(self, a: int, b: int) -> Iterator[str]:
        one, other = self._pairs.sides[0].units[a], self._pairs.sides[1].units[b]
        if (one.domain, one.op) != (other.domain, other.op):
            yield f"op: {_op(one)} → {_op(other)}"
        an_engines = DOMAIN in (one.domain, other.domain)  # a layer has attributes of its own, and no weights
        if not an_engines and self._pairs.detail(0, a) != self._pairs.detail(1, b):
            for name in sorted(one.attributes.keys() | other.attributes.keys()):
                before, after = one.attributes.get(name, "default"), other.attributes.get(name, "default")
                if before != after:
                    yield f"attribute {shortened(name)}: {before} → {after}"
            yield from _constants(one, other)
        yield from self._wiring(a, b)
        yield from self._types(one, other)

    def _wiring(self, a: int, b: int) -> Iterator[str]:
        """Say where another value comes in: one made by something that has its own counterpart."""
        left, right = self._pairs.sides
        one, other = left.units[a], right.units[b]
        moved = []
        for slot in range(min(len(one.inputs), len(other.inputs))):
            p, q = left.maker(a, slot), right.maker(b, slot)
            if p is None or q is None:
                continue
            ours, theirs = self._group_of[0][p[0]], self._group_of[1][q[0]]
            if ours != theirs and self._two_sided[ours] and self._two_sided[theirs]:
                moved.append((slot, ours, theirs, left.units[p[0]].title, right.units[q[0]].title))
        if one.op in COMMUTATIVE and sorted(each[1] for each in moved) == sorted(each[2] for each in moved):
            return
        for slot, _, _, before, after in moved:
            yield f"input {slot}: from {shortened(before)} → from {shortened(after)}"

    def _types(self, one: Unit, other: Unit) -> Iterator[str]:
        """Say what type differs here first: one that differs already in what comes in is not of this unit's making."""
        left, right = self._pairs.sides
        for ours, theirs in zip(one.inputs, other.inputs, strict=False):
            if _differ(left.types.get(ours), right.types.get(theirs)):
                return
        for slot, (ours, theirs) in enumerate(zip(one.outputs, other.outputs, strict=False)):
            before, after = left.types.get(ours), right.types.get(theirs)
            if _differ(before, after):
                yield f"type of output {slot}: {type_label(before)} → {type_label(after)}"


def _constants(one: Unit, other: Unit) -> Iterator[str]:
    if one.op in COMMUTATIVE and len(one.inputs) == len(other.inputs):
        sides = [sorted(_slot(unit, slot) for slot in range(len(unit.inputs))) for unit in (one, other)]
        if sides[0] == sides[1]:
            return
    for slot in range(max(len(one.constants), len(other.constants))):
        before, after = _slot(one, slot), _slot(other, slot)
        if before != after and not (before == after == "computed"):
            yield f"input {slot}: {before} → {after}"


def _slot(unit: Unit, slot: int) -> str:
    if slot >= len(unit.constants):
        return "none"
    return unit.constants[slot] or ("computed" if unit.inputs[slot] else "none")


def _op(unit: Unit) -> str:
    return shortened(f"{unit.domain}.{unit.op}" if unit.domain not in ("", DOMAIN) else unit.op, 40)


def _differ(one: ValueType | None, other: ValueType | None) -> bool:
    """Say whether two types that are known cannot be the same; a dimension that is no number fits any."""
    if one is None or other is None:
        return False
    if one.dtype and other.dtype and one.dtype != other.dtype:
        return True
    if one.shape is None or other.shape is None:
        return False
    pairs = zip(one.shape, other.shape, strict=False)
    return len(one.shape) != len(other.shape) or any(
        isinstance(ours, int) and isinstance(theirs, int) and ours != theirs for ours, theirs in pairs
    )
