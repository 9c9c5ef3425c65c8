"""Which group of one graph stands for which of another: the smallest that holds all counterparts of its nodes."""

from graphdebug.view.contents import Contents
from graphdebug.view.differences import Matching
from graphdebug.view.outline import Outline

Path = tuple[str, ...]
"""Ids of groups, the outermost first."""


def group_mates(matching: Matching, left: Contents, right: Contents) -> tuple[dict[str, str], dict[str, str]]:
    """Return group id → id of its counterpart, of the left's and of the right's groups that have one."""
    paths = _paths(matching.left, left), _paths(matching.right, right)
    found: tuple[dict[str, Path], dict[str, Path]] = ({}, {})
    for match in matching.matches:
        ours, theirs = ([paths[side][unit] for unit in units] for side, units in enumerate((match.left, match.right)))
        for side, own, others in ((0, ours, theirs), (1, theirs, ours)):
            if not others:
                continue
            common = others[0]
            for other in others[1:]:
                common = _common(common, other)
            for group in {group for path in own for group in path}:
                known = found[side].get(group)
                found[side][group] = common if known is None else _common(known, common)
    return _innermost(found[0]), _innermost(found[1])


def _innermost(paths: dict[str, Path]) -> dict[str, str]:
    return {group: path[-1] for group, path in paths.items() if path}


def _paths(outline: Outline, contents: Contents) -> list[Path]:
    """Return the groups around each unit; inputs and outputs of the graph have none."""
    known: dict[str, Path] = {"": ()}
    for group in contents.groups:  # parents first
        known[group] = (*known[contents.parents[group]], group)
    return [
        known[contents.group_of.get(int(unit.id[2:]), "")] if unit.is_node and unit.id.startswith("n:") else ()
        for unit in outline.units
    ]


def _common(one: Path, other: Path) -> Path:
    if one == other:
        return one
    length = 0
    for ours, theirs in zip(one, other, strict=False):
        if ours != theirs:
            break
        length += 1
    return one[:length]
