"""What is declared of values and may be wrong after a change of types or shapes upstream."""

from __future__ import annotations

from collections.abc import Iterable

from graphdebug.edit.editor import Editor
from graphdebug.edit.opsets import holder, schema, versions
from graphdebug.edit.splice import at
from graphdebug.model.index import CALLED_FUNCTION
from graphdebug.model.refs import MAIN_GRAPH, parent_path

Behind = dict[str, set[str]]
"""Graph path → values."""


def behind(editor: Editor, path: str, values: Iterable[str], *, shapes: bool, sure: bool = False) -> Behind:
    """Return the values whose type may change with that of ``values``, themselves included, in every graph.

    ``shapes``: shapes change, so everything downstream may; else only element types do, and they pass through a node
    as its schema says. ``sure``: not through nodes of which nothing is known.
    """
    found: Behind = {}
    _spread(editor, path, set(values), shapes, sure, found)
    return found


def forget_types(editor: Editor, path: str, values: Iterable[str], *, shapes: bool) -> None:
    """Remove the ``value_info`` of what is behind ``values`` (not theirs), and note how many there were."""
    start = set(values)
    before = len(editor.splices)
    for graph, names in behind(editor, path, start, shapes=shapes).items():
        editor.delete_named(graph, "value_info", names - start if graph == path else names)
    if count := sum(len(splice.removed) for splice in editor.splices[before:]):
        what = "type of a value" if count == 1 else "types of values"
        editor.notes.append(f"{count:,} declared {what} downstream went, for they may be others now.")


def _spread(editor: Editor, path: str, values: set[str], shapes: bool, sure: bool, found: Behind) -> None:
    known = found.setdefault(path, set())
    waiting = list(values - known)
    known.update(waiting)
    if not waiting:
        return
    index = editor.graph(path)
    imported = versions(at(editor.proto, holder(path, editor)))

    def outputs(node: int, slot: int) -> list[str]:
        said = index.nodes[node]
        rule = schema(said.op_type, said.domain, imported.get(said.domain)) if node not in index.children else None
        if rule is None:
            return [] if sure else list(said.output)
        if shapes:
            return list(said.output)
        kind = rule.inputs[min(slot, len(rule.inputs) - 1)].type_str if rule.inputs else ""
        last = len(rule.outputs) - 1
        return [name for at, name in enumerate(said.output) if rule.outputs[min(at, last)].type_str == kind]

    while waiting:
        name = waiting.pop()
        made: list[str] = []
        for node, slot in index.consumers.get(name, ()):
            made += outputs(node, slot)
            for attribute, below in index.children.get(node, ()):
                given = editor.graph(below).inputs
                entered = given[slot : slot + 1] if attribute == CALLED_FUNCTION else given
                _spread(editor, below, set(entered), shapes, sure, found)
        for node in index.captured.get(name, ()):
            made += outputs(node, 0)
            for attribute, below in index.children.get(node, ()):
                if attribute != CALLED_FUNCTION and name in editor.graph(below).outer:
                    _spread(editor, below, {name}, shapes, sure, found)
        fresh = set(filter(None, made)) - known
        known |= fresh
        waiting.extend(fresh)
    if not sure and known.intersection(index.outputs):
        for above, node in _holders(editor, path):
            _spread(editor, above, set(filter(None, editor.graph(above).nodes[node].output)), shapes, sure, found)


def _holders(editor: Editor, path: str) -> list[tuple[str, int]]:
    """Return the nodes that hold a nested graph or call a function: graph path and position."""
    above = parent_path(path)
    if above is not None:
        return [(above, int(path.rpartition("/")[2].partition(".")[0]))]
    if path == MAIN_GRAPH:
        return []
    call = (CALLED_FUNCTION, path)
    return [
        (each, node) for each in editor.graphs for node, held in editor.graph(each).children.items() if call in held
    ]
