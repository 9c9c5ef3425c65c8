"""Operations on symbolic dimensions and the batch size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation
from graphdebug.edit.staleness import forget_types
from graphdebug.edit.uses import renamed
from graphdebug.model.external import ExternalDataError
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Dim
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import TensorError, read_tensor
from graphdebug.model.value_types import shown, value_type

_MOST_NAMED = 4


class RenameDim(Operation, frozen=True):
    """Give a symbolic dimension another name, wherever the model declares a type with it."""

    name: str
    to: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"Rename dimension {shown(self.name)} to {shown(self.to)}"

    def apply(self, editor: Editor) -> None:
        """Rename it.

        Raises:
            EditError: there is none of that name, or the new name is empty.
        """
        if not self.to:
            raise EditError("A dimension needs a name.")
        if self.to != self.name and self.to in _symbols(editor):
            editor.notes.append(f"{shown(self.to)} was there already: the two are one dimension now.")
        replace_symbols(editor, {self.name: self.to})


class FreezeDims(Operation, frozen=True):
    """Give symbolic dimensions (name → length) their length, wherever the model declares a type with them."""

    lengths: dict[str, int]

    @property
    def title(self) -> str:
        """What it does."""
        return f"Freeze {', '.join(f'{shown(name)} to {length}' for name, length in self.lengths.items())}"

    def apply(self, editor: Editor) -> None:
        """Freeze them.

        Raises:
            EditError: there is no dimension of such a name, or a length is none.
        """
        if bad := next((length for length in self.lengths.values() if length < 0), None):
            raise EditError(f"{bad} is no length.")
        replace_symbols(editor, self.lengths)


class SetBatch(Operation, frozen=True):
    """Set the first dimension of inputs and outputs to a length or a symbolic name.

    ``values`` are the inputs and outputs that have a batch; None: all whose first dimension is that of the first input,
    and outputs of which it is not known.
    """

    batch: int | str
    values: tuple[str, ...] | None = None

    @property
    def title(self) -> str:
        """What it does."""
        return f"Set the batch to {self.batch if isinstance(self.batch, int) else shown(self.batch)}"

    def apply(self, editor: Editor) -> None:
        """Set it. Reshapes to a shape that begins with the old batch are named in a note.

        Raises:
            EditError: no input has a batch, or it is no length.
        """
        if self.batch == "" or (isinstance(self.batch, int) and self.batch < 0):
            raise EditError(f"{self.batch!r} is no batch: give a length or a name.")
        index = editor.graph()
        firsts = {name: first for name in (*index.inputs, *index.outputs) if (first := _first(index, name))}
        if unknown := [name for name in self.values or () if name not in firsts]:
            raise EditError(f"{shown(unknown[0])} is no input or output with a first dimension.")
        meant = firsts if self.values is None else self.values
        old = next((firsts[name] for name in index.inputs if name in firsts and name in meant), None)
        if old is None:
            raise EditError("No input has a first dimension: declare its shape first.")
        chosen = set(self.values or ())
        if self.values is None:
            chosen |= {name for name, first in firsts.items() if first == old}
            chosen |= {name for name in index.outputs if firsts.get(name) == (None,)}
        if isinstance(old[0], str) and self.values is None:
            replace_symbols(editor, {old[0]: self.batch})
        else:
            forget_types(editor, MAIN_GRAPH, chosen.intersection(index.inputs), shapes=True)

        def changed(entry: onnx.ValueInfoProto) -> onnx.ValueInfoProto | None:
            return _with_first(entry, self.batch) if entry.name in chosen else None

        for field in ("input", "output"):
            _each(editor, MAIN_GRAPH, field, changed)
        if left := [name for name in firsts if name not in chosen]:
            editor.notes.append(f"No batch, so left as they are: {_listed(left)}.")
        if isinstance(old[0], int) and old[0] != self.batch and (fixed := _reshapes(editor, old[0])):
            editor.notes.append(f"To a shape that begins with {old[0]}, perhaps the batch, go {_listed(fixed)}.")


def replace_symbols(editor: Editor, new: Mapping[str, int | str]) -> None:
    """Replace symbolic dimensions in every type that inputs, outputs and ``value_info`` of any graph declare.

    Raises:
        EditError: there is none of such a name.
    """
    if missing := next((name for name in new if name not in (known := _symbols(editor))), None):
        there = f": there are {_listed(sorted(known))}" if known else ""
        raise EditError(f"There is no dimension called {shown(missing)}{there}.")

    def changed(entry: onnx.ValueInfoProto) -> onnx.ValueInfoProto | None:
        if not any(dim.dim_param in new for dim in _dims(entry.type) if dim.dim_param):
            return None
        copy: onnx.ValueInfoProto = renamed(entry, entry.name)
        for dim in _dims(copy.type):
            if dim.dim_param in new:
                _set(dim, new[dim.dim_param])
        return copy

    for path in list(editor.graphs):
        for field in ("input", "output", "value_info"):
            _each(editor, path, field, changed)


def _each(
    editor: Editor, path: str, field: str, change: Callable[[onnx.ValueInfoProto], onnx.ValueInfoProto | None]
) -> None:
    """Put in place of each entry of a graph's field what ``change`` makes of it, if anything."""
    way = editor.way(path)
    for position, entry in enumerate(getattr(editor.message(path), field)):
        if isinstance(entry, onnx.ValueInfoProto) and (new := change(entry)) is not None:
            editor.splice(way, field, position, 1, [new])


def _symbols(editor: Editor) -> set[str]:
    found: set[str] = set()
    for path in editor.graphs:
        graph = editor.message(path)
        for entry in (*graph.input, *graph.output, *graph.value_info):
            if isinstance(entry, onnx.ValueInfoProto):
                found.update(dim.dim_param for dim in _dims(entry.type))
    return found - {""}


def _dims(kind: onnx.TypeProto) -> list[onnx.TensorShapeProto.Dimension]:
    """Return the dimensions of a type, of what it holds for containers."""
    case = kind.WhichOneof("value")
    if case in ("tensor_type", "sparse_tensor_type"):
        return list(getattr(kind, case).shape.dim)
    if case in ("sequence_type", "optional_type"):
        return _dims(getattr(kind, case).elem_type)
    return _dims(kind.map_type.value_type) if case == "map_type" else []


def _set(dim: onnx.TensorShapeProto.Dimension, length: int | str) -> None:
    if isinstance(length, int):
        dim.dim_value = length
    else:
        dim.dim_param = length


def _first(index: GraphIndex, name: str) -> tuple[Dim, ...]:
    """Return the first dimension that the main graph declares of an input or output: ``()`` when it has none."""
    graph = index.proto
    for entry in (*graph.input, *graph.output):
        if entry.name == name:
            known = value_type(entry.type)
            return known.shape[:1] if known.kind == "tensor" and known.shape else ()
    return ()


def _with_first(entry: onnx.ValueInfoProto, batch: int | str) -> onnx.ValueInfoProto | None:
    new: onnx.ValueInfoProto = renamed(entry, entry.name)
    if new.type.tensor_type.shape.dim:
        _set(new.type.tensor_type.shape.dim[0], batch)
    return new if new.SerializeToString() != entry.SerializeToString() else None


def _reshapes(editor: Editor, batch: int) -> list[str]:
    """Return the Reshape nodes to a constant shape that begins with ``batch``."""
    found = []
    for path in editor.graphs:
        index = editor.graph(path)
        for position, node in enumerate(index.nodes):
            shape = _constant(index, node.input[1]) if node.op_type == "Reshape" and len(node.input) > 1 else None
            if shape is None or shape.data_type != onnx.TensorProto.INT64 or len(shape.dims) != 1 or not shape.dims[0]:
                continue
            try:
                if int(read_tensor(editor.source, shape)[0]) == batch:
                    found.append(index.names[position])
            except (TensorError, ExternalDataError, OSError):
                continue
    return found


def _constant(index: GraphIndex, name: str) -> onnx.TensorProto | None:
    if name in index.initializers:
        return index.initializers[name]
    maker = index.nodes[index.producer[name]] if name in index.producer else None
    if maker is None or maker.op_type != "Constant":
        return None
    return next((attribute.t for attribute in maker.attribute if attribute.name == "value"), None)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(map(shown, names[:_MOST_NAMED])) + more
