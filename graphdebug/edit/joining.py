"""Another model on its way into this one: its file, the values that it stores, its functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.values import chunks, with_values
from graphdebug.model.document import Model, NotAModel, open_model
from graphdebug.model.external import ExternalDataError, is_external
from graphdebug.model.index import function_key
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import TensorError, read_tensor
from graphdebug.model.value_types import shown


def opened(editor: Editor, name: str) -> Model:
    """Open the model that an operation names.

    Raises:
        EditError: there is no such file, or it is no model.
    """
    try:
        return open_model(editor.file(name))
    except NotAModel as error:
        raise EditError(str(error)) from None


def take_values(editor: Editor, other: Model, tensors: Iterable[onnx.TensorProto]) -> None:
    """Let the edit take over the values of ``tensors`` of the other model that lie outside of its protobuf.

    Raises:
        EditError: they cannot be read, or are large and the edit has no folder for them.
    """
    for tensor in tensors:
        if is_external(tensor):
            try:
                values = read_tensor(other, tensor)
            except (TensorError, ExternalDataError, OSError) as error:
                raise EditError(f"{shown(tensor.name)} of {shown(other.path.name)} cannot be read: {error}") from None
            tensor.CopyFrom(with_values(editor, tensor, tensor.data_type, tensor.dims, chunks(values)))


def add_functions(editor: Editor, theirs: onnx.ModelProto) -> None:
    """Add the other model's functions.

    Raises:
        EditError: both models have one of that name, and not the same.
    """
    ours: Mapping[tuple[str, str, str], onnx.FunctionProto] = {
        function_key(each.domain, each.name, each.overload): each for each in editor.proto.functions
    }
    for function in theirs.functions:
        known = ours.get(function_key(function.domain, function.name, function.overload))
        if known is None:
            editor.splice((), "functions", len(editor.proto.functions), 0, [function])
        elif known != function:
            raise EditError(
                f"Both models have a function {shown(function.name)}, and not the same one: inline one first."
            )


def raise_ir_version(editor: Editor, other: Model) -> None:
    """Let the model state the other's IR version if that is newer."""
    if other.proto.ir_version > editor.proto.ir_version:
        editor.set_field((), "ir_version", other.proto.ir_version)
        editor.notes.append(
            f"The model states IR version {other.proto.ir_version} now, as {shown(other.path.name)} does."
        )


def append(editor: Editor, field: str, entries: Sequence[Any], path: str = MAIN_GRAPH) -> None:
    """Put entries behind those that a field of a graph has."""
    if entries:
        editor.splice(editor.way(path), field, len(getattr(editor.message(path), field)), 0, entries)
