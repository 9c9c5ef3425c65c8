"""Where to cut, said otherwise than by values: a module scope, or what lies around a node."""

from collections.abc import Collection
from difflib import get_close_matches

from graphdebug.edit.errors import EditError
from graphdebug.model.cutting import listed
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.origin import origin
from graphdebug.model.refs import TensorRef
from graphdebug.model.value_types import shown
from graphdebug.view.selection import border

_MOST_NAMED = 4


def nodes_in_scope(index: GraphIndex, scope: str) -> frozenset[int]:
    """Return the nodes of a graph that lie in a module scope (``encoder.layers.3``).

    Raises:
        EditError: none does; the sentence names scopes that are called nearly so.
    """
    wanted = tuple(scope.replace("/", ".").split("."))
    scopes = [tuple(".".join(origin(node).scope).split(".")) for node in index.nodes]  # a part may be ``layers.1``
    found = frozenset(at for at, path in enumerate(scopes) if path[: len(wanted)] == wanted)
    if found:
        return found
    known = {".".join(path[:depth]) for path in scopes for depth in range(1, len(path) + 1)} - {""}
    near = get_close_matches(scope, sorted(known), _MOST_NAMED, 0.5) or sorted(
        path for path in known if "." not in path
    )
    said = f"there are {listed(near)}" if near else "its nodes carry no scopes"
    raise EditError(f"No node of {shown(index.title)} lies in the scope {shown(scope)}: {said}.")


def nodes_around(index: GraphIndex, name: str, hops: int) -> frozenset[int]:
    """Return a node of a graph, told by the name shown, and all that are at most ``hops`` edges away.

    Raises:
        EditError: no node, or more than one, is called so.
    """
    named = [at for at, known in enumerate(index.names) if known == name]
    if len(named) != 1:
        near = listed(get_close_matches(name, index.names, _MOST_NAMED))
        said = f"{len(named)} nodes are" if named else "No node is"
        hint = f": there are {near}" if near and not named else ""
        raise EditError(f"{said} called {shown(name)} in {shown(index.title)}{hint}.")
    return neighbourhood(index, named, hops)


def neighbourhood(index: GraphIndex, nodes: Collection[int], hops: int) -> frozenset[int]:
    """Return nodes of a graph and all that are at most ``hops`` edges away from one of them."""
    found = front = set(nodes)
    for _ in range(hops):
        before = {index.producer[value] for node in front for value in index.taken[node] if value in index.producer}
        behind = {user for node in front for value in index.nodes[node].output if value for user in index.users(value)}
        front = (before | behind) - found
        found = found | front
    return frozenset(found)


def ends_of(model: Model, graph: str, nodes: Collection[int]) -> tuple[list[TensorRef], list[TensorRef]]:
    """Return what enters and what leaves nodes of a graph; of what nothing uses only if there is nothing else."""
    index = model.graphs[graph]
    around = border(index, nodes)
    used = [name for name in around.leaving if index.is_used(name)]
    entering = [TensorRef(graph, name) for name in around.entering]
    return entering, [TensorRef(graph, name) for name in used or around.leaving]


def value_called(model: Model, graph: str, name: str) -> TensorRef:
    """Return the value called so: of the graph at ``graph``, of one around it, or of the only other graph that has it.

    Raises:
        EditError: there is none, or several other graphs have one.
    """
    index = model.graphs[graph]
    if index.defines(name) or index.is_used(name):
        return TensorRef(graph, name)
    others = [path for path in model.graphs if model.graphs[path].defines(name)]
    if len(others) == 1:
        return TensorRef(others[0], name)
    if others:
        titles = listed([model.graphs[path].title for path in others])
        raise EditError(f"Values in {titles} are called {shown(name)}: say with the graph's path which one is meant.")
    known = [each for path in model.graphs for each in (*model.graphs[path].inputs, *model.graphs[path].producer)]
    near = listed(get_close_matches(name, known, _MOST_NAMED))
    raise EditError(f"There is no value called {shown(name)}{f': there are {near}' if near else ''}.")
