"""What is declared of a node's outputs after the node was changed."""

from __future__ import annotations

from graphdebug.edit.editor import Editor
from graphdebug.edit.fitting import value_type
from graphdebug.edit.opsets import holder, versions
from graphdebug.edit.splice import at
from graphdebug.edit.staleness import forget_types
from graphdebug.model.checks.types import made_dtypes
from graphdebug.model.records import ValueType
from graphdebug.model.refs import NodeRef, parent_path
from graphdebug.model.value_types import declared_type


def settle_types(editor: Editor, ref: NodeRef) -> None:
    """Remove the ``value_info`` of what a node makes, and of what is behind it, if its element type is another now.

    Engines refuse a wrong element type and put up with a wrong shape. What the graph declares of its outputs stays.
    """
    node = editor.graph(ref.graph).nodes[ref.index]
    types = {name: _type(editor, ref.graph, name) for name in node.input if name}
    imported = versions(at(editor.proto, holder(ref.graph, editor)))
    made = made_dtypes(node, imported, {name: known for name, known in types.items() if known})
    graph = editor.message(ref.graph)
    wrong = [
        name
        for name, dtype in zip(node.output, made, strict=True)
        if dtype and (known := declared_type(graph, name)) and known.kind == "tensor" and known.dtype not in ("", dtype)
    ]
    if wrong:
        editor.delete_named(ref.graph, "value_info", wrong)
        forget_types(editor, ref.graph, wrong, shapes=False)


def _type(editor: Editor, path: str | None, name: str) -> ValueType | None:
    """Return the type of a value that a graph makes, or one around it."""
    while path is not None and not editor.graph(path).defines(name):
        path = parent_path(path)
    return None if path is None else value_type(editor, path, name)
