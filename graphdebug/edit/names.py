"""Names for what an edit makes: new in the whole model, so that nothing is shadowed or taken for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import onnx

from graphdebug.model.index import nested_graphs

if TYPE_CHECKING:
    from graphdebug.edit.editor import Editor


class NewNames:
    """Hands out names that nothing in the model has yet, nodes nor values."""

    def __init__(self, editor: Editor) -> None:
        """Look at nothing yet."""
        self._editor = editor
        self._taken: set[str] | None = None

    def new(self, wish: str) -> str:
        """Return ``wish``, or ``wish_1``, ``wish_2``… when it is taken."""
        taken = self.taken
        name, number = wish, 0
        while name in taken:
            number += 1
            name = f"{wish}_{number}"
        taken.add(name)
        return name

    @property
    def taken(self) -> set[str]:
        """All names of nodes and values, in every graph. Those that an edit removed count until it is over."""
        if self._taken is None:
            self._taken = set()
            proto = self._editor.proto
            _collect(proto.graph, self._taken)
            for function in proto.functions:
                _collect(function, self._taken)
        return self._taken


def _collect(graph: onnx.GraphProto | onnx.FunctionProto, names: set[str]) -> None:
    for node in graph.node:
        names.add(node.name)
        names.update(node.input)
        names.update(node.output)
        for _, below in nested_graphs(node):
            _collect(below, names)
    if isinstance(graph, onnx.GraphProto):
        names.update(entry.name for entry in (*graph.input, *graph.output, *graph.value_info, *graph.initializer))
        names.update(sparse.values.name for sparse in graph.sparse_initializer)
    else:
        names.update((*graph.input, *graph.output, *(entry.name for entry in graph.value_info)))
