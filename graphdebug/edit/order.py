"""Keeping nodes in an order in which they can run: ONNX wants what makes a value before what uses it."""

from graphdebug.edit.editor import Editor


def keep_order(editor: Editor, path: str) -> None:
    """Move as few stretches of nodes as needed for a topological order. What is on a cycle stays: a check names it."""
    index = editor.graph(path)
    order = index.order
    wrong = [at for at, node in enumerate(order) if at != node]
    if not wrong or index.stuck:
        return
    first, last = wrong[0], wrong[-1]
    nodes = [index.nodes[node] for node in order[first : last + 1]]
    editor.splice(editor.way(path), "node", first, last - first + 1, nodes)


def place_for(editor: Editor, path: str, inputs: list[str]) -> int:
    """Return the first position in a graph at which all of ``inputs`` have been made."""
    producer = editor.graph(path).producer
    return max((producer[name] + 1 for name in inputs if name in producer), default=0)
