"""What an operation is about, said so that it is found again: also in another export of the same network.

A node is told by its name and operator and by its *place*: the how-manieth of its operator in its module scope. Names
that exporters make up change from export to export, places rarely do. A target that does not fit exactly one thing is
refused, and so is one whose name and place point at different things: nothing is ever guessed. A mark that the
network's own code put on a tensor counts more than all else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import msgspec
import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.marks import has_mark, marks, without_mark
from graphdebug.model.origin import fx_node, origin
from graphdebug.model.refs import NodeRef, TensorRef, child_path, parent_path
from graphdebug.model.value_types import shown

_MOST_NAMED = 4
_MOST_COMPARED = 2000
_NEAR = 0.4
"""How alike (0 to 1, difflib) a module's name must be to be offered: it stands for the whole path."""


class Place(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The ``ordinal``-th (from 0) of the ``count`` nodes of one operator in a module scope of one graph."""

    ordinal: int
    count: int
    scope: tuple[str, ...] = ()


class Body(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The graph that attribute ``attribute`` of a node holds (``branches[2]`` in a list)."""

    node: NodeTarget
    attribute: str


class NodeTarget(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A node of graph ``graph``: the main graph (``""``), a function (``fn:domain:name:overload``) or a body.

    What is not said (``""``, None) is not asked for. ``domain`` counts only where ``op`` is said.
    """

    name: str = ""
    op: str = ""
    domain: str = ""
    place: Place | None = None
    graph: str | Body = ""


class ValueTarget(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A value: the one with the mark ``mark``, which the network's own code put on it; else output ``output`` of
    ``node``; without a node, what ``graph`` calls ``name``. Of several with the mark, that in ``node``'s module scope.
    """

    name: str = ""
    node: NodeTarget | None = None
    output: int = 0
    graph: str | Body = ""
    mark: str = ""


Node = NodeTarget | str
"""A string is a name, as the graph view shows it, in the main graph."""

Value = ValueTarget | str
"""A string is the name of a value of the main graph."""

Graph = str | Body


def find_graph(editor: Editor, graph: Graph) -> str:
    """Return the path of a graph.

    Raises:
        EditError: there is none, or several could be meant.
    """
    if isinstance(graph, str):
        editor.graph(graph)
        return graph
    ref = find_node(editor, graph.node)
    path = child_path(ref.graph, ref.index, graph.attribute)
    editor.graph(path)
    return path


def find_node(editor: Editor, target: Node) -> NodeRef:
    """Return the one node that is meant.

    Raises:
        EditError: there is none, several could be meant, or its name (unless an exporter made it up) and its place
            contradict each other.
    """
    if isinstance(target, str):
        target = NodeTarget(target)
    path = find_graph(editor, target.graph)
    index = editor.graph(path)
    named = [at for at in _named(index, target.name) if _fits(index, at, target)] if target.name else []
    placed = _placed(index, target) if target.place else []
    if target.place is None:
        found = named if target.name else [at for at in range(len(index.nodes)) if _fits(index, at, target)]
    elif not placed:
        # What else is in the scope has changed: a name counts that is not made up, where the scope is still the same.
        same = [at for at in named if origin(index.nodes[at]).scope == target.place.scope]
        found = [at for at in same if not _is_made_up(index.nodes[at])]
    elif (named := [at for at in named if not _is_made_up(index.nodes[at])]) and placed[0] not in named:
        raise EditError(
            f"{_described(target)} could be {_list(index, named)} by its name and {_list(index, placed)} by its place: "
            "say which."
        )
    else:
        found = placed
        if target.name not in ("", index.names[placed[0]]):
            editor.notes.append(f"{_described(target)} is called {shown(index.names[placed[0]])} here.")
    if len(found) == 1:
        return NodeRef(path, found[0])
    if found:
        raise EditError(f"{_described(target)} could be {_list(index, found)}: say which.")
    raise EditError(f"There is no {_described(target, article=False)}{_where(index)}{_reason(index, target)}.")


def find_value(editor: Editor, target: Value) -> TensorRef:
    """Return the one value that is meant.

    Raises:
        EditError: there is none, several could be meant, or its name and its maker contradict each other.
    """
    if isinstance(target, str):
        target = ValueTarget(target)
    if target.mark:
        return _marked(editor, target)
    if target.node is None:
        path = find_graph(editor, target.graph)
        index = editor.graph(path)
        if not (index.defines(target.name) or index.is_used(target.name)):
            raise EditError(f"There is no value called {shown(target.name)}{_where(index)}.")
        return TensorRef(path, target.name)
    ref = find_node(editor, target.node)
    index = editor.graph(ref.graph)
    outputs = index.nodes[ref.index].output
    if target.output >= len(outputs) or not outputs[target.output]:
        raise EditError(f"Node {shown(index.names[ref.index])} has no output {target.output}.")
    return TensorRef(ref.graph, outputs[target.output])


def node_target(editor: Editor, ref: NodeRef) -> NodeTarget:
    """Say which node is meant by ``ref``, as exactly as can be."""
    index = editor.graph(ref.graph)
    node = index.nodes[ref.index]
    scope = origin(node).scope
    alike = _alike(index, node.domain, node.op_type, scope)
    place = Place(alike.index(ref.index), len(alike), scope)
    return NodeTarget(node.name, node.op_type, node.domain, place, graph_target(editor, ref.graph))


def value_target(editor: Editor, ref: TensorRef) -> ValueTarget:
    """Say which value is meant by ``ref``, as exactly as can be."""
    index = editor.graph(ref.graph)
    maker = index.producer.get(ref.name)
    if maker is None:
        return ValueTarget(ref.name, graph=graph_target(editor, ref.graph))
    node = node_target(editor, NodeRef(ref.graph, maker))
    output = list(index.nodes[maker].output).index(ref.name)
    return ValueTarget(ref.name, node, output, mark=_own_mark(editor, ref, node))


def graph_target(editor: Editor, path: str) -> Graph:
    """Say which graph is meant by ``path``."""
    parent = parent_path(path)
    if parent is None:
        return path
    index = editor.graph(parent)
    for node, children in index.children.items():
        for attribute, below in children:
            if below == path and attribute != CALLED_FUNCTION:
                return Body(node_target(editor, NodeRef(parent, node)), attribute)
    raise EditError(f"The model has no graph {path!r}.")


def _marked(editor: Editor, target: ValueTarget) -> TensorRef:
    known = marks(editor.graphs)
    found = _with_mark(editor, known, target.mark, target.node)
    mark = shown(target.mark)
    if len(found) == 1:
        if target.name not in ("", found[0].name):
            editor.notes.append(f"The mark {mark} is on {shown(found[0].name)} here.")
        return found[0]
    if found:
        raise EditError(f"The mark {mark} is on {_names([ref.name for ref in found])}: say which by its node's place.")
    if target.mark in known:
        raise EditError(
            f"The mark {mark} is on no tensor any more: the exporter's optimiser merged what makes it with other nodes."
        )
    there = f"its marks are {_names(list(known))}" if known else "it has none at all"
    raise EditError(f"The model has no mark {mark}: {there}.")


def _with_mark(
    editor: Editor, known: Mapping[str, Sequence[TensorRef]], mark: str, node: NodeTarget | None
) -> Sequence[TensorRef]:
    """Return the values with a mark; if there are several and the place of ``node`` is said, those of its scope."""
    found = known.get(mark, ())
    if len(found) < 2 or node is None or node.place is None:
        return found
    scope = without_mark(node.place.scope)
    return [ref for ref in found if without_mark(_maker_scope(editor, ref)) == scope] or found


def _maker_scope(editor: Editor, ref: TensorRef) -> tuple[str, ...]:
    index = editor.graph(ref.graph)
    return origin(index.nodes[index.producer[ref.name]]).scope


def _own_mark(editor: Editor, ref: TensorRef, node: NodeTarget) -> str:
    """Return a mark that is on this value only, as far as ``node`` tells; ``""`` when it has none."""
    index = editor.graph(ref.graph)
    if not has_mark(index.nodes[index.producer[ref.name]]):
        return ""
    known = marks(editor.graphs)
    return next((mark for mark in known if list(_with_mark(editor, known, mark, node)) == [ref]), "")


def _named(index: GraphIndex, name: str) -> list[int]:
    return [at for at, known in enumerate(index.names) if known == name]


def _is_made_up(node: onnx.NodeProto) -> bool:
    """Say whether an exporter made a node's name up by counting: in the next export it may be another node's."""
    return bool(fx_node(node)) or re.fullmatch(rf"(.*/)?{re.escape(node.op_type)}(_\d+)?", node.name or "") is not None


def _fits(index: GraphIndex, at: int, target: NodeTarget) -> bool:
    node = index.nodes[at]
    return not target.op or (node.op_type, node.domain) == (target.op, target.domain)


def _placed(index: GraphIndex, target: NodeTarget) -> list[int]:
    assert target.place is not None
    alike = _alike(index, target.domain, target.op, target.place.scope)
    if len(alike) != target.place.count or target.place.ordinal >= len(alike):
        return []
    return [alike[target.place.ordinal]]


def _alike(index: GraphIndex, domain: str, op: str, scope: tuple[str, ...]) -> list[int]:
    return [
        at
        for at, node in enumerate(index.nodes)
        if node.op_type == op and node.domain == domain and origin(node).scope == scope
    ]


def _described(target: NodeTarget, *, article: bool = True) -> str:
    parts = [target.op or "node"]
    if target.name:
        parts.append(shown(target.name))
    if target.place:
        scope = f" in {shown('.'.join(target.place.scope))}" if target.place.scope else ""
        parts.append(f"(number {target.place.ordinal + 1} of {target.place.count}{scope})")
    text = " ".join(parts)
    return f"The {text}" if article else text


def _list(index: GraphIndex, found: Sequence[int]) -> str:
    return _names([index.names[at] for at in found])


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(shown, names[:_MOST_NAMED])) + more


def _reason(index: GraphIndex, target: NodeTarget) -> str:
    """Say what is another here than where the target was written down, and what comes nearest."""
    if target.place is None or not target.op:
        near = get_close_matches(target.name, index.names[:_MOST_COMPARED], 1)
        return f"; {shown(near[0])} comes nearest" if near else ""
    scope, op = target.place.scope, target.op
    module = f"the module {shown('.'.join(scope))}" if scope else "what is in no module"
    alike = _alike(index, target.domain, op, scope)
    if alike:
        one = "is" if len(alike) == 1 else "are"
        return f": in {module} there {one} {len(alike):,} {op} now ({_list(index, alike)}), not {target.place.count:,}"
    homes = {origin(node).scope for node in index.nodes if (node.op_type, node.domain) == (op, target.domain)}
    is_there = any(origin(node).scope[: len(scope)] == scope for node in index.nodes)
    gone = f"there is no {op} in {module} any more" if is_there else f"{module} is not there any more"
    written = {".".join(home): home for home in homes}
    near = get_close_matches(".".join(scope), list(written)[:_MOST_COMPARED], 1, _NEAR)
    if not near:
        return f": {gone}"
    count = len(_alike(index, target.domain, op, written[near[0]]))
    return f": {gone}; {shown(near[0])} comes nearest, with {count:,} {op}"


def _where(index: GraphIndex) -> str:
    return f" in {shown(index.title)}" if index.path else ""
