"""Which group of one graph stands for which of another: one that holds nearly all counterparts of its nodes."""

from collections import Counter

from graphdebug.view.contents import Contents
from graphdebug.view.differences import Matching
from graphdebug.view.outline import Outline

Path = tuple[str, ...]
"""Ids of groups, the outermost first."""

_NEARLY_ALL = 0.8
_LEVELS = 8
"""As many groups around a node are looked at, the innermost."""


def group_mates(matching: Matching, left: Contents, right: Contents) -> tuple[dict[str, str], dict[str, str]]:
    """Return group id → id of its counterpart, of the left's and of the right's groups that have one.

    Counterparts outside of any group say nothing: what an optimiser makes often has no scope.
    """
    paths = _paths(matching.left, left), _paths(matching.right, right)
    votes: tuple[dict[str, Counter[str]], dict[str, Counter[str]]] = ({}, {})
    voters: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for match in matching.matches:
        if not match.left or not match.right:
            continue
        sides = [[paths[side][unit] for unit in units] for side, units in enumerate((match.left, match.right))]
        for side in (0, 1):
            beside = max(sides[1 - side], key=len)
            for group in dict.fromkeys(group for path in sides[side] for group in path) if beside else ():
                voters[side][group] += 1
                votes[side].setdefault(group, Counter()).update(beside)
    depths = [{group: depth for path in side for depth, group in enumerate(path)} for side in paths]
    one, other = (
        {
            group: mate
            for group, found in votes[side].items()
            if (mate := _elected(group, found, voters[side][group], depth))
        }
        for side, depth in ((0, depths[1]), (1, depths[0]))
    )
    return one, other


def _elected(group: str, votes: Counter[str], voters: int, depth: dict[str, int]) -> str:
    """Return the group of the same id, if it has the votes, else the innermost that has."""
    enough = [each for each, count in votes.items() if count >= _NEARLY_ALL * voters]
    return group if group in enough else max(enough, key=lambda each: (depth[each], votes[each]), default="")


def _paths(outline: Outline, contents: Contents) -> list[Path]:
    """Return the groups around each unit, the innermost ones; inputs and outputs of the graph have none."""
    known: dict[str, Path] = {"": ()}
    for group in contents.groups:  # parents first
        known[group] = (*known[contents.parents[group]], group)
    inner = {group: path[-_LEVELS:] for group, path in known.items()}
    return [
        inner[contents.group_of.get(int(unit.id[2:]), "")] if unit.is_node and unit.id.startswith("n:") else ()
        for unit in outline.units
    ]
