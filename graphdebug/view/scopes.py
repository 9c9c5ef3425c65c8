"""The tree of module scopes of a graph: what can be collapsed into one box.

A group's id is ``s:`` and its path, joined by slashes; it is the same whenever the same model is opened. Groups that
would only add a click are not made: a group of one node is that node, a group of one group is merged with it. What
names do not say is found afterwards, in ``structure``.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import origin

MAX_DEPTH = 32
"""Deeper scopes are cut: names are hostile, real modules are not nested like this."""

_ESCAPES = str.maketrans({"%": "%25", "/": "%2F", ",": "%2C", "~": "%7E"})


@dataclass(frozen=True, eq=False)
class ScopeNode:
    """A group: ``nodes`` (indices) directly in it, ``children`` below it, ``count`` of nodes in all.

    ``class_name`` is the PyTorch class, when the exporter left it. The root has the id ``""``. ``repeats`` is the
    number of equal blocks in a group that only folds them.
    """

    id: str
    title: str
    nodes: tuple[int, ...] = ()
    children: tuple["ScopeNode", ...] = ()
    class_name: str = ""
    repeats: int = 0
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
    return ScopeNode(
        id="" if is_root else group_id,
        title=title,
        nodes=tuple(nodes),
        children=tuple(children),
        class_name=classes.get(path, ""),
    )
