"""Inferred types, written into the model."""

from __future__ import annotations

from typing import ClassVar

import onnx

from graphdebug.edit.declaring import declared
from graphdebug.edit.editor import Editor
from graphdebug.edit.operation import Operation
from graphdebug.model.records import Dim, ValueType
from graphdebug.model.shapes import infer_types
from graphdebug.model.value_types import value_type


class WriteShapes(Operation, frozen=True):
    """Write the types and shapes that can be inferred into the model, where other programs look for them.

    What is declared already stays; only dimensions that it leaves open are filled in. (Functions get no types: they
    are for any.)
    """

    heavy: ClassVar[bool] = True
    keeps_results: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What it does."""
        return "Write inferred shapes"

    def apply(self, editor: Editor) -> None:
        """Write them."""
        types = infer_types(editor.model)
        new = filled = 0
        for path in [path for path in editor.graphs if types.get(path)]:
            graph, way = editor.message(path), editor.way(path)
            for field in ("value_info", "output"):
                for position, entry in enumerate(getattr(graph, field)):
                    better = _filled(entry, types[path].get(entry.name))
                    if better is not None:
                        editor.splice(way, field, position, 1, [better])
                        filled += 1
            said = {entry.name for field in (graph.value_info, graph.input, graph.output) for entry in field}
            made = [name for node in graph.node for name in node.output if name]
            entries = [declared(name, types[path][name]) for name in made if name not in said and name in types[path]]
            entries = [entry for entry in entries if entry.HasField("type")]
            if entries:
                editor.splice(way, "value_info", len(graph.value_info), 0, entries)
            new += len(entries)
        editor.notes.append(f"{new:,} values got a type, {filled:,} a more exact one.")


def _filled(entry: onnx.ValueInfoProto, known: ValueType | None) -> onnx.ValueInfoProto | None:
    """Return an entry with the dimensions that it leaves open filled in; None when there are none, or not the same."""
    said = value_type(entry.type)
    if known is None or known.shape is None or said.kind != "tensor" or known.kind != "tensor":
        return None
    if said.dtype not in ("", known.dtype) or (said.shape is not None and len(said.shape) != len(known.shape)):
        return None
    shape: tuple[Dim, ...] = known.shape
    if said.shape is not None:
        shape = tuple(new if old is None else old for old, new in zip(said.shape, known.shape, strict=True))
    if ValueType(known.dtype, shape) == said:
        return None
    made = onnx.ValueInfoProto()
    made.CopyFrom(entry)
    tensor, better = made.type.tensor_type, declared(entry.name, ValueType(known.dtype, shape)).type.tensor_type
    tensor.elem_type = better.elem_type
    tensor.shape.SetInParent()
    for position, dim in enumerate(better.shape.dim):
        if said.shape is None:
            tensor.shape.dim.add().CopyFrom(dim)
        elif said.shape[position] is None and dim.WhichOneof("value"):
            tensor.shape.dim[position].MergeFrom(dim)
    return made
