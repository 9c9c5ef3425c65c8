"""The tree of module scopes of a graph: what can be collapsed into one box.

A group's id is ``s:`` and its path, joined by slashes; it is the same whenever the same model is opened. Groups that
would only add a click are not made: a group of one node is that node, a group of one group is merged with it. Where
a level has very many groups, runs of repeated blocks (``layers.0`` … ``layers.31``) are folded under one more.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import origin

MAX_DEPTH = 32
"""Deeper scopes are cut: names are hostile, real modules are not nested like this."""
MANY_GROUPS = 64
PAGE_ABOVE, PAGE = 150, 50
MANY_NODES, NODE_PAGE = 20_000, 1_000
"""Of more nodes directly in one scope, groups are made: nobody wants to see them all, and no browser to draw them."""
SHORTEST_RUN = 4

_ESCAPES = str.maketrans({"%": "%25", "/": "%2F", ",": "%2C", "~": "%7E"})
_NUMBER = re.compile(r"\d{1,9}")


@dataclass(frozen=True, eq=False)
class ScopeNode:
    """A group: ``nodes`` (indices) directly in it, ``children`` below it, ``count`` of nodes in all.

    ``class_name`` is the PyTorch class, when the exporter left it. The root has the id ``""``. ``blocks`` is the
    number of repeated blocks under a group that only folds them.
    """

    id: str
    title: str
    nodes: tuple[int, ...] = ()
    children: tuple["ScopeNode", ...] = ()
    class_name: str = ""
    blocks: int = 0
    count: int = field(init=False)

    def __post_init__(self) -> None:
        """Count once."""
        object.__setattr__(self, "count", len(self.nodes) + sum(child.count for child in self.children))

    def walk(self) -> Iterator["ScopeNode"]:
        """Go through this group and all below, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def all_nodes(self) -> list[int]:
        """Return the indices of all nodes in the group, at any depth."""
        return [node for group in self.walk() for node in group.nodes]


def scope_tree(index: GraphIndex, folded: frozenset[int] = frozenset()) -> ScopeNode:
    """Return the root of the scopes of a graph's nodes, leaving out the ``folded`` ones."""
    order = [node for node in index.order if node not in folded]
    scopes, classes = _scopes(index, order)
    root = _Draft()
    for node in order:
        group = root
        for part in scopes[node]:
            group = group.children.setdefault(part, _Draft())
        group.nodes.append(node)
    return _root(root, classes)


@dataclass
class _Draft:
    """A scope while the tree is being built."""

    nodes: list[int] = field(default_factory=list)
    children: dict[str, "_Draft"] = field(default_factory=dict)


Path = tuple[str, ...]


def _scopes(index: GraphIndex, order: Sequence[int]) -> tuple[dict[int, Path], dict[Path, str]]:
    """Return each node's scope and each scope's class. A node without one gets what its consumers' scopes share."""
    scopes: dict[int, Path] = {}
    classes: dict[Path, str] = {}
    for node in order:
        where = origin(index.nodes[node])
        scopes[node] = where.scope[:MAX_DEPTH]
        if len(where.classes) == len(where.scope):
            for depth, name in enumerate(where.classes[:MAX_DEPTH], start=1):
                classes.setdefault(where.scope[:depth], name.rpartition(".")[2])
    if any(scopes.values()):
        for node in reversed(order):
            if not scopes[node]:
                scopes[node] = _shared_scope(index, node, scopes)
    return scopes, classes


def _shared_scope(index: GraphIndex, node: int, scopes: dict[int, Path]) -> Path:
    users = {user for name in index.nodes[node].output for user, _ in index.consumers.get(name, ())}
    found = [scopes[user] for user in users if user != node and user in scopes]
    if not found:
        return ()
    shared = 0
    while all(len(scope) > shared and scope[shared] == found[0][shared] for scope in found):
        shared += 1
    return found[0][:shared]


def _root(draft: _Draft, classes: dict[Path, str]) -> ScopeNode:
    """Finish the whole tree; a single group that holds everything is opened."""
    path: Path = ()
    while not draft.nodes and len(draft.children) == 1:
        [(part, draft)] = draft.children.items()
        path = (*path, part)
    return _finish(draft, path, "", classes, is_root=True)


def _finish(draft: _Draft, path: Path, title: str, classes: dict[Path, str], *, is_root: bool = False) -> ScopeNode:
    while not is_root and not draft.nodes and len(draft.children) == 1:
        [(part, draft)] = draft.children.items()
        path, title = (*path, part), f"{title}/{part}"
    nodes, children = list(draft.nodes), list[ScopeNode]()
    for part, below in draft.children.items():
        child = _finish(below, (*path, part), part, classes)
        if child.count == 1:
            nodes.extend(child.all_nodes())
        else:
            children.append(child)
    group_id = "s:" + "/".join(part.translate(_ESCAPES) for part in path)
    if len(nodes) > MANY_NODES:
        children = _fold_runs(_pages(nodes, group_id), group_id) + children
        nodes = []
    return ScopeNode(
        id="" if is_root else group_id,
        title=title,
        nodes=tuple(nodes),
        children=tuple(_fold_runs(children, group_id)),
        class_name=classes.get(path, ""),
    )


def _pages(nodes: list[int], parent_id: str) -> list[ScopeNode]:
    """Put nodes that stand in the order of the graph into groups of neighbours."""
    parts = -(-len(nodes) // NODE_PAGE)
    pages = [tuple(nodes[len(nodes) * i // parts : len(nodes) * (i + 1) // parts]) for i in range(parts)]
    return [ScopeNode(f"{parent_id}/~n{page[0]}..{page[-1]}", f"nodes {page[0]} … {page[-1]}", page) for page in pages]


def _fold_runs(groups: list[ScopeNode], parent_id: str) -> list[ScopeNode]:
    """Fold runs of repeated blocks, and page what is still too much for one level."""
    if len(groups) <= MANY_GROUPS:
        return groups
    runs = _runs(groups)
    if len(runs) > 1 or len(groups) > PAGE_ABOVE:
        groups = [folded for run in runs for folded in _fold(run, parent_id)]
    while len(groups) > PAGE_ABOVE:
        groups = [_folder(page, parent_id) for page in _even_parts(groups)]
    return groups


def _runs(groups: list[ScopeNode]) -> list[list[ScopeNode]]:
    """Split into runs of neighbours whose titles differ only by a number that counts up."""
    runs: list[list[ScopeNode]] = []
    for group in groups:
        if runs and _follows(runs[-1][-1].title, group.title):
            runs[-1].append(group)
        else:
            runs.append([group])
    return runs


def _follows(title: str, following: str) -> bool:
    number, next_number = _NUMBER.search(title), _NUMBER.search(following)
    if not number or not next_number or int(next_number[0]) != int(number[0]) + 1:
        return False
    return _NUMBER.sub("#", title, count=1) == _NUMBER.sub("#", following, count=1)


def _fold(run: list[ScopeNode], parent_id: str) -> list[ScopeNode]:
    if len(run) < SHORTEST_RUN:
        return run
    return [_folder(part, parent_id) for part in (_even_parts(run) if len(run) > MANY_GROUPS else [run])]


def _even_parts(groups: list[ScopeNode]) -> list[list[ScopeNode]]:
    """Split into parts of nearly equal length, at most PAGE."""
    parts = -(-len(groups) // PAGE)
    return [groups[len(groups) * i // parts : len(groups) * (i + 1) // parts] for i in range(parts)]


def _folder(groups: list[ScopeNode], parent_id: str) -> ScopeNode:
    first, last = groups[0], groups[-1]
    low, high = (group.title.partition(" … ")[0] for group in (first, last))
    high = last.title.rpartition(" … ")[2] or high
    names = [name.translate(_ESCAPES) for name in (low, high)]
    same_class = {group.class_name for group in groups}
    return ScopeNode(
        id=f"{parent_id}/~{names[0]}..{names[1]}",
        title=f"{low} … {high}",
        children=tuple(groups),
        class_name=same_class.pop() if len(same_class) == 1 else "",
        blocks=sum(group.blocks or 1 for group in groups),
    )
