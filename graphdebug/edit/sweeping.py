"""Removing what an edit left without a use: nodes, initializers and what is said of values that are gone."""

from collections.abc import Iterable

from graphdebug.edit.editor import Editor
from graphdebug.edit.uses import uses

_SAID = ("value_info", "quantization_annotation")


def sweep(editor: Editor, path: str, values: Iterable[str]) -> int:
    """Remove what made ``values`` if nothing uses them any more, and so on upstream. Returns how many nodes went.

    A graph's inputs stay: who feeds them should not have to know. Initializers that only what went used go, too.
    """
    removed = 0
    waiting = list(values)
    while waiting:
        index = editor.graph(path)
        unused = [name for name in dict.fromkeys(waiting) if name and not uses(editor, path, name)]
        editor.delete_named(path, "initializer", [name for name in unused if name in index.initializers])
        editor.delete_named(path, "sparse_initializer", [name for name in unused if name in index.sparse])
        makers = sorted({index.producer[name] for name in unused if name in index.producer})
        dead = [node for node in makers if not _is_used(editor, path, node)]
        waiting = [name for node in dead for name in _taken(editor, path, node)]
        forget(editor, path, [name for node in dead for name in index.nodes[node].output])
        editor.delete_nodes(path, dead)
        removed += len(dead)
    return removed


def forget(editor: Editor, path: str, values: Iterable[str]) -> None:
    """Remove what a graph says of values that it makes no longer: their types and quantization annotations."""
    names = set(filter(None, values))
    for field in _SAID:
        editor.delete_named(path, field, names)


def _is_used(editor: Editor, path: str, node: int) -> bool:
    return any(uses(editor, path, name) for name in editor.graph(path).nodes[node].output if name)


def _taken(editor: Editor, path: str, node: int) -> list[str]:
    """Return the values of this graph that a node and what is nested in it take."""
    index = editor.graph(path)
    captured = [name for name, users in index.captured.items() if node in users]
    return [*index.nodes[node].input, *captured]
