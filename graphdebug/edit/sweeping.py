"""Removing what an edit left without a use: nodes, initializers and what is said of values that are gone."""

from collections.abc import Iterable

from graphdebug.edit.editor import Editor
from graphdebug.edit.opsets import inputs_too
from graphdebug.model.index import GraphIndex

_SAID = ("value_info", "quantization_annotation")


def sweep(editor: Editor, path: str, values: Iterable[str]) -> int:
    """Remove what made ``values`` if nothing uses them any more, and so on upstream. Returns how many nodes went.

    A graph's inputs stay: who feeds them should not have to know. Initializers that only what went used go, too.
    """
    index = editor.graph(path)
    dead, unused = _dead(index, values)
    given = () if inputs_too(editor.proto) else index.defaults
    constants = unused.intersection((*index.initializers, *index.sparse)).difference(given)
    for field in ("initializer", "sparse_initializer"):
        editor.delete_named(path, field, constants)
    editor.delete_named(path, "input", constants)
    forget(editor, path, [name for node in dead for name in index.nodes[node].output])
    editor.delete_nodes(path, dead)
    return len(dead)


def forget(editor: Editor, path: str, values: Iterable[str]) -> None:
    """Remove what a graph says of values that it makes no longer: their types and quantization annotations."""
    names = set(filter(None, values))
    for field in _SAID:
        editor.delete_named(path, field, names)


def _dead(index: GraphIndex, values: Iterable[str]) -> tuple[set[int], set[str]]:
    """Return the nodes that are of no use if ``values`` are not wanted for their own sake, and the values of no use."""
    taken = index.taken
    outputs = frozenset(index.outputs)
    dead: set[int] = set()

    def is_unused(name: str) -> bool:
        users = (*(node for node, _ in index.consumers.get(name, ())), *index.captured.get(name, ()))
        return name not in outputs and dead.issuperset(users)

    unused: set[str] = set()
    waiting = [name for name in values if name]
    while waiting:
        name = waiting.pop()
        if name in unused or not is_unused(name):
            continue
        unused.add(name)
        maker = index.producer.get(name)
        if maker is not None and all(is_unused(each) for each in index.nodes[maker].output if each):
            dead.add(maker)
            waiting += taken[maker]
    return dead, unused
