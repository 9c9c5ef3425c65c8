"""Keeping nodes in an order in which they can run: ONNX wants what makes a value before what uses it.

An edit asks for this while the graph is changing, so it looks at the nodes themselves: an index costs much more.
"""

from collections.abc import Collection, Sequence

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.model.index import free_names, nested_graphs


def keep_order(editor: Editor, path: str) -> None:
    """Move as few stretches of nodes as needed for a topological order. What is on a cycle stays: a check names it."""
    if _is_in_order(editor.message(path).node):
        return
    index = editor.graph(path)
    order = index.order
    wrong = [at for at, node in enumerate(order) if at != node]
    if not wrong or index.stuck:
        return
    first, last = wrong[0], wrong[-1]
    nodes = [index.nodes[node] for node in order[first : last + 1]]
    editor.splice(editor.way(path), "node", first, last - first + 1, nodes)


def place_for(editor: Editor, path: str, inputs: Collection[str]) -> int:
    """Return the first position in a graph at which all of ``inputs`` have been made."""
    wanted = set(inputs) - {""}
    nodes = editor.message(path).node
    return next((at + 1 for at in reversed(range(len(nodes))) if not wanted.isdisjoint(nodes[at].output)), 0)


def _is_in_order(nodes: Sequence[onnx.NodeProto]) -> bool:
    made = {name for node in nodes for name in node.output}
    for node in nodes:
        # What is left in `made` is made here or later.
        if any(name in made for name in node.input if name):
            return False
        if any(name in made for _, graph in nested_graphs(node) for name in free_names(graph)):
            return False
        made.difference_update(node.output)
    return True
