"""Operations on the values of initializers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation, value_text
from graphdebug.edit.staleness import forget_types
from graphdebug.edit.targets import Value, find_value
from graphdebug.edit.uses import renamed
from graphdebug.edit.values import chunks, from_file, from_numbers, number_range, with_values
from graphdebug.model.external import ExternalDataError
from graphdebug.model.refs import TensorRef
from graphdebug.model.tensors import Array, TensorError, read_tensor
from graphdebug.model.value_types import dtype_name, dtype_number, shown

_NOT_CAST = ("string", "complex64", "complex128")


class SetValues(Operation, frozen=True):
    """Give an initializer other values: ``values`` (numbers, or lists of them) or those of the ``.npy`` file ``file``.

    Type and shape stay the same; with ``reshape``, the shape becomes that of the new values.
    """

    initializer: Value
    values: Any = None
    file: str = ""
    reshape: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"Set the values of {value_text(self.initializer)}"

    def apply(self, editor: Editor) -> None:
        """Set the values.

        Raises:
            EditError: it is no initializer, or the values do not fit.
        """
        ref, position, tensor = find_initializer(editor, self.initializer)
        array = given_values(editor, self.values, self.file, tensor.data_type, ref.name)
        old = tuple(tensor.dims)
        if not self.reshape:
            array = shaped(array, old, ref.name)
        new = with_values(editor, tensor, tensor.data_type, array.shape, chunks(array))
        editor.splice(editor.way(ref.graph), "initializer", position, 1, [new])
        if array.shape != old:
            _redeclare(editor, ref, new)
            forget_types(editor, ref.graph, [ref.name], shapes=True)


class CastInitializer(Operation, frozen=True):
    """Convert an initializer to element type ``to``. What that does to the values is noted."""

    initializer: Value
    to: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"Cast {value_text(self.initializer)} to {self.to}"

    def apply(self, editor: Editor) -> None:
        """Convert the values.

        Raises:
            EditError: it is no initializer, or one of the types cannot be converted.
        """
        ref, position, tensor = find_initializer(editor, self.initializer)
        number, old = element_type(self.to), dtype_name(tensor.data_type)
        if old == self.to:
            raise EditError(f"{shown(ref.name)} is {old} already.")
        if bad := next((kind for kind in (old, self.to) if kind in _NOT_CAST or not kind), None):
            raise EditError(f"Values of type {bad or 'unknown'} are not cast.")
        array = stored_values(editor, tensor)
        lost = {"out of its range": 0, "rounded": 0}
        new = with_values(editor, tensor, number, tensor.dims, _converted(array, number, lost))
        editor.splice(editor.way(ref.graph), "initializer", position, 1, [new])
        if said := [f"{count:,} {what}" for what, count in lost.items() if count]:
            editor.notes.append(f"{shown(ref.name)} as {self.to}: of {array.size:,} values {' and '.join(said)}.")
        _redeclare(editor, ref, new)
        forget_types(editor, ref.graph, [ref.name], shapes=False)


def find_initializer(editor: Editor, target: Value) -> tuple[TensorRef, int, onnx.TensorProto]:
    """Return an initializer, its position in its graph and its tensor.

    Raises:
        EditError: there is none.
    """
    ref = find_value(editor, target)
    index = editor.graph(ref.graph)
    if ref.name in index.sparse:
        raise EditError(f"{shown(ref.name)} is a sparse initializer: its values are not changed here.")
    if ref.name not in index.initializers:
        made = ref.name in index.producer and index.nodes[index.producer[ref.name]].op_type == "Constant"
        raise EditError(f"{shown(ref.name)} is no initializer{': make one of its Constant first' if made else ''}.")
    tensors = editor.message(ref.graph).initializer
    position = next(at for at in range(len(tensors) - 1, -1, -1) if tensors[at].name == ref.name)
    return ref, position, tensors[position]


def stored_values(editor: Editor, tensor: onnx.TensorProto) -> Array:
    """Return the values of a tensor of the model, mapped if they are large.

    Raises:
        EditError: they cannot be read.
    """
    try:
        return read_tensor(editor.source, tensor)
    except (TensorError, ExternalDataError) as error:
        raise EditError(str(error)) from None
    except OSError as error:
        raise EditError(f"The values of {shown(tensor.name)} cannot be read: {error.strerror}.") from None


def given_values(editor: Editor, values: Any, file: str, data_type: int, whose: str) -> Array:
    """Return the values that an operation gives: numbers, or those of a file.

    Raises:
        EditError: both or none are given, or they do not fit the type.
    """
    if (values is None) == (not file):
        raise EditError(f"Say the values of {shown(whose)}: either as numbers or by the name of a .npy file.")
    if file:
        return from_file(editor.file(file), data_type, whose)
    return from_numbers(values, data_type, whose)


def shaped(array: Array, shape: tuple[int, ...], whose: str) -> Array:
    """Return values in the shape they must have: they have it, or are one flat list of them.

    Raises:
        EditError: they do not fit it.
    """
    if array.shape == shape:
        return array
    if array.ndim <= 1 and array.size == math.prod(shape):
        return array.reshape(shape)
    raise EditError(
        f"{shown(whose)} is {_dims(shape)}, the values are {_dims(array.shape)}: let the shape change, or give others."
    )


def element_type(name: str) -> int:
    """Return the number of an element type.

    Raises:
        EditError: there is none of that name.
    """
    if not dtype_number(name):
        raise EditError(f"There is no element type {shown(name)}.")
    return dtype_number(name)


def _converted(array: Array, number: int, lost: dict[str, int]) -> Iterator[Array]:
    """Convert a stretch at a time; count in ``lost`` what is out of range and what does not come back the same."""
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
    low, high = number_range(dtype)
    finite_only = "int" in dtype_name(number)
    for chunk in chunks(array):
        with np.errstate(all="ignore"):
            made, wide = chunk.astype(dtype), chunk.astype(np.float64)
            outside = ~((wide >= low) & (wide <= high)) & (np.isfinite(wide) | finite_only)
            changed = (made.astype(chunk.dtype) != chunk) & ~np.isnan(wide)
        lost["out of its range"] += int(outside.sum())
        lost["rounded"] += int((changed & ~outside).sum())
        yield made


def _redeclare(editor: Editor, ref: TensorRef, tensor: onnx.TensorProto) -> None:
    """Let what the graph declares of an initializer (as an input, in ``value_info``) agree with it again."""
    for field in ("input", "value_info", "output"):
        for position, entry in enumerate(getattr(editor.message(ref.graph), field)):
            if entry.name == ref.name and entry.type.HasField("tensor_type"):
                new = renamed(entry, ref.name)
                new.type.tensor_type.elem_type = tensor.data_type
                if new.type.tensor_type.HasField("shape"):
                    del new.type.tensor_type.shape.dim[:]
                    for length in tensor.dims:
                        new.type.tensor_type.shape.dim.add(dim_value=length)
                editor.splice(editor.way(ref.graph), field, position, 1, [new])


def _dims(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "a scalar"
