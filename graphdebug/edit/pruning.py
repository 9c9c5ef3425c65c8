"""Operations that take out what a model holds twice or for nothing."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import stored_values
from graphdebug.edit.operation import Operation
from graphdebug.edit.sweeping import forget
from graphdebug.edit.uses import Use, redirect, uses
from graphdebug.edit.values import chunks
from graphdebug.model.index import GraphIndex, free_names
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.units import size_text

_Like = tuple[int, tuple[int, ...]]


class ShareDuplicates(Operation, frozen=True):
    """Join initializers of one graph that are equal to the byte, in type, shape and values: the first one stays.

    Those that are inputs or outputs of their graph or named in annotations are left alone.
    """

    keeps_results: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What it does."""
        return "Share equal initializers"

    def apply(self, editor: Editor) -> None:
        """Join them; large values are compared by a hash, a stretch at a time.

        Raises:
            EditError: values cannot be read.
        """
        joined = saved = 0
        for path in list(editor.graphs):
            index = editor.graph(path)
            # Positions of uses hold while only names of inputs change, so all are looked up before the first change.
            doubles = [
                (name, first, uses(editor, path, name)) for first, *others in _equal(editor, index) for name in others
            ]
            gone = [name for name, first, found in doubles if _redirected(editor, path, found, first)]
            saved += sum(payload_bytes(index.initializers[name]) for name in gone)
            joined += len(gone)
            editor.delete_named(path, "initializer", gone)
            forget(editor, path, gone)
        editor.notes.append(
            f"{_counted(joined, 'initializer')} went, {size_text(saved)} less." if joined else "No two are equal."
        )


class DropUnused(Operation, frozen=True):
    """Remove initializers that nothing uses, and declared types of values that are not there."""

    keeps_results: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What it does."""
        return "Drop what is unused"

    def apply(self, editor: Editor) -> None:
        """Remove them. Inputs' defaults, quantization parameters and what training needs are used."""
        dropped = said = 0
        functions = tuple(f"{each.domain}::{each.name}/" for each in editor.proto.functions)
        for path in list(editor.graphs):
            index = editor.graph(path)
            used = {*index.consumers, *index.captured, *index.outputs, *index.defaults, *_named(editor, index)}
            unused = [name for name in (*index.initializers, *index.sparse) if name not in used]
            # A model may state the types within functions as `domain::name/value` of the main graph.
            said_of = [entry.name for entry in index.proto.value_info if not entry.name.startswith(functions)]
            nothing = [name for name in said_of if not index.defines(name)]
            for field in ("initializer", "sparse_initializer"):
                editor.delete_named(path, field, unused)
            editor.delete_named(path, "value_info", [*unused, *nothing])
            dropped, said = dropped + len(unused), said + len(nothing)
        parts = [_counted(dropped, "initializer")] * bool(dropped) + [_counted(said, "declared type")] * bool(said)
        editor.notes.append(f"{' and '.join(parts)} went." if parts else "Nothing is unused.")


def _equal(editor: Editor, index: GraphIndex) -> list[list[str]]:
    """Return the names of initializers that are equal, in groups of two and more."""
    fixed = {*index.defaults, *index.outputs, *_named(editor, index)}
    alike: dict[_Like, list[onnx.TensorProto]] = {}
    for name, tensor in index.initializers.items():
        if name not in fixed:
            alike.setdefault((tensor.data_type, tuple(tensor.dims)), []).append(tensor)
    groups: dict[tuple[_Like, bytes], list[str]] = {}
    for like, tensors in alike.items():
        for tensor in tensors if len(tensors) > 1 else ():
            groups.setdefault((like, _digest(editor, tensor)), []).append(tensor.name)
    return [names for names in groups.values() if len(names) > 1]


def _digest(editor: Editor, tensor: onnx.TensorProto) -> bytes:
    digest = hashlib.sha256()
    if tensor.data_type == onnx.TensorProto.STRING:
        for text in tensor.string_data:
            digest.update(len(text).to_bytes(8, "little") + text)
        return digest.digest()
    for chunk in chunks(stored_values(editor, tensor)):
        digest.update(chunk.tobytes())
    return digest.digest()


def _redirected(editor: Editor, path: str, found: list[Use], name: str) -> bool:
    """Let uses take ``name``; say whether that was possible."""
    try:
        redirect(editor, path, found, name)
    except EditError:  # a nested graph calls something else by that name
        return False
    return True


def _named(editor: Editor, index: GraphIndex) -> set[str]:
    """Return the values that are named elsewhere than in the graph: by quantization annotations and for training."""
    said = getattr(index.proto, "quantization_annotation", ())
    names = {entry.value for each in said for entry in each.quant_parameter_tensor_names}
    if index.path == MAIN_GRAPH:
        for info in editor.proto.training_info:
            names.update(*map(free_names, (info.initialization, info.algorithm)))
            for binding in (*info.initialization_binding, *info.update_binding):
                names.update((binding.key, binding.value))
    return names


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
