"""What a graph declares of a value: the entry with its type in ``input``, ``output`` and ``value_info``."""

from __future__ import annotations

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.fitting import value_type
from graphdebug.edit.uses import renamed
from graphdebug.model.records import ValueType
from graphdebug.model.value_types import dtype_number


def declaration(editor: Editor, path: str, name: str) -> onnx.ValueInfoProto:
    """Return a new entry for a value: as the graph declares it, else of the type that was inferred before the edit.

    Where nothing is known, and for types that an inferred one does not say in full (maps), it has no type.
    """
    graph = editor.message(path)
    if isinstance(graph, onnx.GraphProto):
        for entry in (*graph.value_info, *graph.input, *graph.output):
            if entry.name == name:
                return renamed(entry, name)  # type: ignore[no-any-return]
    return declared(name, value_type(editor, path, name) or ValueType(kind="unknown"))


def declared(name: str, known: ValueType) -> onnx.ValueInfoProto:
    """Return an entry that gives a value a type."""
    entry = onnx.ValueInfoProto(name=name)
    if known.kind in ("sequence", "optional"):
        _fill(getattr(entry.type, f"{known.kind}_type").elem_type.tensor_type, known)
    elif known.kind in ("tensor", "sparse_tensor") and known.dtype:
        _fill(getattr(entry.type, f"{known.kind}_type"), known)
    return entry


def _fill(tensor: onnx.TypeProto.Tensor | onnx.TypeProto.SparseTensor, known: ValueType) -> None:
    tensor.elem_type = dtype_number(known.dtype)
    if known.shape is None:
        return
    tensor.shape.SetInParent()
    for length in known.shape:
        dim = tensor.shape.dim.add()
        if isinstance(length, int):
            dim.dim_value = length
        elif length:
            dim.dim_param = length
