"""Groups that no name speaks of: rows of equal blocks folded into one, and long stretches of loose nodes divided.

A row of equal blocks (``layers.0`` … ``layers.11``) becomes one group, ``layers.0–11 ×12``, that holds the first block
and a group of all others: opened, it shows one block in full and says that the rest is like it. Such groups are
groups like any other: their ids depend on the model alone.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, groupby, pairwise

import numpy as np

from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import origin
from graphdebug.view.labels import telling_ops
from graphdebug.view.repeats import FEWEST, Form, Likeness, Row, crossing, rows
from graphdebug.view.scopes import ScopeNode

MANY_LOOSE = 48
"""More nodes directly in one group are too many to be read: stretches of them become groups."""
SHORTEST_STRETCH = 8
PART = 24
"""Items that a part has on average when something is divided."""
MOST_ITEMS, PAGE = 150, 50
LEAST_FOLDED = 15
"""A row of fewer nodes is not worth a click."""
MOST_ROWS = 64
"""Rows looked for among the items of one group."""
MOST_NESTED = 64

Item = int | ScopeNode
_NUMBER = re.compile(r"\d{1,9}")
_LAST_NUMBER = re.compile(r"\d{1,9}(?=\D*$)")


def structured(tree: ScopeNode, index: GraphIndex, likeness: Likeness) -> ScopeNode:
    """Return the tree of scopes with rows folded, loose nodes grouped and levels kept small."""
    return _Structure(index, likeness).of(tree)


def is_part(group: ScopeNode) -> bool:
    """Say whether a group is only a part of something too long: neither a scope nor a row."""
    return group.id.rpartition("/")[2].startswith("~n")


class _Structure:
    def __init__(self, index: GraphIndex, likeness: Likeness) -> None:
        self._index = index
        self._likeness = likeness
        self._forms: dict[int | str, Form] = {}
        """By node, and by group id."""
        self._rows: dict[tuple[int, ...], list[Row]] = {}
        """What was found in a sequence of parts is used for every other that is the same."""

    def of(self, group: ScopeNode) -> ScopeNode:
        """Return a group with all below it structured."""
        children = [self.of(child) for child in group.children]
        inside: list[Item] = [*group.nodes, *children]
        items = sorted(inside, key=lambda item: self._form(item).first)
        if items:
            self._forms[group.id] = self._likeness.part(list(map(self._form, items)))
        arranged = self._arranged(items, group.id or "s:", 0)
        return group if arranged is items and children == [*group.children] else _filled(group, arranged)

    def _form(self, item: Item) -> Form:
        key = item if isinstance(item, int) else item.id
        form = self._forms.get(key)
        if form is None:
            form = self._forms[key] = (
                self._likeness.node(item) if isinstance(item, int) else self._form_of(_inside(item))
            )
        return form

    def _form_of(self, items: Sequence[Item]) -> Form:
        return self._likeness.part(sorted(map(self._form, items), key=lambda form: form.first))

    def _arranged(self, items: list[Item], parent: str, depth: int) -> list[Item]:
        loose = sum(isinstance(item, int) for item in items)
        if depth == MOST_NESTED or (len(items) - loose < FEWEST and loose <= MANY_LOOSE):
            return items
        items = self._fold_rows(items, parent, depth)
        loose = sum(isinstance(item, int) for item in items)
        if loose > MANY_LOOSE:
            items = self._group_stretches(items, parent, depth)
        while len(items) > MOST_ITEMS:
            items = [self._part(part, parent, depth) for part in self._divided(items, PAGE)]
        return items

    # -- Rows of equal blocks --------------------------------------------------------------------------------------

    def _fold_rows(self, items: list[Item], parent: str, depth: int) -> list[Item]:
        forms = list(map(self._form, items))
        numbers = tuple(form.number for form in forms)
        if numbers not in self._rows:
            self._rows[numbers] = rows(np.array(numbers, dtype=np.int64), crossing(forms), MOST_ROWS)
        crowded = sum(isinstance(item, int) for item in items) > MANY_LOOSE
        folded: dict[int, tuple[int, ScopeNode]] = {}
        for row in self._rows[numbers]:
            first, blocks = self._equal_blocks(items, row, crowded=crowded)
            if blocks:
                folded[first] = first + row.period * len(blocks), self._row(blocks, parent, depth)
        found: list[Item] = []
        place = 0
        while place < len(items):
            after, item = folded.get(place, (place + 1, items[place]))
            found.append(item)
            place = after
        return found

    def _equal_blocks(self, items: Sequence[Item], row: Row, *, crowded: bool) -> tuple[int, list[Sequence[Item]]]:
        """Return the longest run of blocks in a row that are equal also in how they are wired, and where it begins."""
        blocks = [items[first : first + row.period] for first in range(row.start, row.stop, row.period)]
        if _is_loose(blocks[0]) and (row.period == 1 or not crowded):
            return row.start, []
        alike = [(self._form_of(block).number, tuple(map(_pattern, block))) for block in blocks]
        runs = [list(run) for _, run in groupby(range(len(blocks)), key=alike.__getitem__)]
        run = max(runs, key=len)
        enough = len(run) >= FEWEST and len(run) * sum(map(_count, blocks[run[0]])) >= LEAST_FOLDED
        return row.start + run[0] * row.period, [blocks[number] for number in run] if enough else []

    def _row(self, blocks: Sequence[Sequence[Item]], parent: str, depth: int) -> ScopeNode:
        """Return the group of a row: the first block, and the others in a group of their own."""
        named = all(len(block) == 1 for block in blocks)
        groups = [
            block[0]
            if isinstance(block[0], ScopeNode) and named
            else self._block(block, parent, depth, f"block {number}" if _is_loose(block) else _range(block))
            for number, block in enumerate(blocks, start=1)
        ]
        title = self._ops(blocks[0]) if _is_loose(blocks[0]) else _span([groups[0], groups[-1]])
        rest_title = _span(groups[1:]) if named else _span(groups[1:]).replace("block ", "blocks ", 1)
        rest = replace(self._row_of(groups[1:], parent), title=rest_title)
        rest = _filled(rest, self._paged(list(groups[1:]), rest.id, depth))
        return replace(self._row_of(groups, parent), title=title, children=(groups[0], rest))

    def _row_of(self, groups: Sequence[ScopeNode], parent: str) -> ScopeNode:
        classes = {group.class_name for group in groups}
        class_name = classes.pop() if len(classes) == 1 else ""
        return ScopeNode(self._id(groups, parent, "x"), "", class_name=class_name, repeats=len(groups))

    def _paged(self, items: list[Item], parent: str, depth: int) -> list[Item]:
        while len(items) > MOST_ITEMS:
            items = [self._part(part, parent, depth) for part in self._divided(items, PAGE)]
        return items

    def _block(self, items: Sequence[Item], parent: str, depth: int, title: str) -> ScopeNode:
        group = ScopeNode(self._id(items, parent, "n"), title)
        return _filled(group, self._arranged(list(items), group.id, depth + 1))

    # -- Loose nodes -----------------------------------------------------------------------------------------------

    def _group_stretches(self, items: list[Item], parent: str, depth: int) -> list[Item]:
        """Put stretches of loose nodes into groups: what comes from one line of source code, else parts of them."""
        found: list[Item] = []
        for is_loose, run in groupby(items, key=lambda item: isinstance(item, int)):
            stretch = list(run)
            if not is_loose or len(stretch) < SHORTEST_STRETCH:
                found += stretch
                continue
            lines = [list(same) for _, same in groupby(stretch, key=self._source)]
            for line in lines if len(lines) <= len(stretch) // FEWEST else [stretch]:
                source = self._source(line[0]) if len(lines) > 1 else ""
                if len(line) < FEWEST:
                    found += line
                elif source or (len(line) <= MANY_LOOSE and len(line) < len(items)):
                    found.append(self._part(line, parent, depth, source))
                else:
                    found += [self._part(part, parent, depth) for part in self._divided(line, PART)]
        return found

    def _source(self, item: Item) -> str:
        """Return the source line that a node comes from, without its folder."""
        return origin(self._index.nodes[item]).source.rpartition("/")[2] if isinstance(item, int) else ""

    def _part(self, items: Sequence[Item], parent: str, depth: int, title: str = "") -> ScopeNode:
        loose = any(isinstance(item, int) for item in items)
        return self._block(items, parent, depth, title or (self._ops(items) if loose else _range(items)))

    def _divided(self, items: Sequence[Item], size: int) -> list[Sequence[Item]]:
        """Divide into parts of about ``size`` items, at most PART parts, where the fewest values pass."""
        passing = crossing(list(map(self._form, items)))
        parts = max(2, min(PART, -(-len(items) // size)))
        reach = len(items) // (3 * parts)
        cuts = [0]
        for number in range(1, parts):
            aim = len(items) * number // parts
            around = range(max(cuts[-1] + 1, aim - reach), max(aim + reach + 1, cuts[-1] + 2))
            cuts.append(min(around, key=lambda cut: (passing[cut], abs(cut - aim))))
        cuts.append(len(items))
        return [items[start:stop] for start, stop in pairwise(cuts)]

    def _id(self, items: Sequence[Item], parent: str, letter: str) -> str:
        first, last = self._index.order[self._form(items[0]).first], self._index.order[self._form(items[-1]).last]
        return f"{parent}/~{letter}{first}..{last}"

    def _ops(self, items: Sequence[Item]) -> str:
        return telling_ops([self._index.nodes[node] for node in chain.from_iterable(map(_nodes, items))], 3)


def _nodes(item: Item) -> list[int]:
    return [item] if isinstance(item, int) else item.all_nodes()


def _inside(group: ScopeNode) -> list[Item]:
    return [*group.nodes, *group.children]


def _count(item: Item) -> int:
    return 1 if isinstance(item, int) else item.count


def _is_loose(items: Sequence[Item]) -> bool:
    return all(isinstance(item, int) for item in items)


def _filled(group: ScopeNode, items: Sequence[Item]) -> ScopeNode:
    nodes = tuple(item for item in items if isinstance(item, int))
    return replace(group, nodes=nodes, children=tuple(item for item in items if isinstance(item, ScopeNode)))


def _pattern(item: Item) -> str:
    """Return a group's title with its numbers left out; blocks of one row have the same."""
    return "" if isinstance(item, int) else _NUMBER.sub("#", item.title)


def _span(groups: Sequence[ScopeNode]) -> str:
    """Return ``layers.0–11`` for groups of which the last number in the title counts up, else ``a … b``."""
    low, high = groups[0].title, groups[-1].title
    number = _LAST_NUMBER.search(high)
    if low != high and number and _LAST_NUMBER.sub("#", low) == _LAST_NUMBER.sub("#", high):
        return _LAST_NUMBER.sub(lambda found: f"{found[0]}–{number[0]}", low)
    return low if low == high else f"{low} … {high}"


def _range(items: Sequence[Item]) -> str:
    return _span([item for item in items if isinstance(item, ScopeNode)])
