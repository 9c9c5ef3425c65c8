"""Values that an edit gives to stored tensors: from numbers, files or other values; large ones go to files."""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import onnx
from onnx import helper, numpy_helper

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.model.external import NEW_VALUES
from graphdebug.model.tensors import Array, release
from graphdebug.model.units import size_text
from graphdebug.model.value_types import dtype_name, shown, stored_bytes

LARGE = 1 << 20
"""Values of more bytes go to a file in the folder of the edit (`Model.values`)."""

MOST_NUMBERS = 1000
"""So many values may be given as numbers; more are given as a file."""

_CHUNK = 1 << 18
"""Elements handled at a time: a multiple of 8, so that elements narrower than a byte fill their bytes."""

_VALUES = ("raw_data", "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


def with_values(
    editor: Editor,
    tensor: onnx.TensorProto,
    data_type: int,
    dims: Sequence[int],
    chunks: Iterable[Array],
    large: int = LARGE,
) -> onnx.TensorProto:
    """Return a copy of ``tensor`` with other values, type and dimensions; its name and what else it says stay.

    ``chunks`` are the values in row-major order; those of more than ``large`` bytes are written to a file as they come.

    Raises:
        EditError: they are large, and the edit has no folder for them.
    """
    made = onnx.TensorProto()
    made.CopyFrom(tensor)
    for field in (*_VALUES, "external_data", "data_location", "segment"):
        made.ClearField(field)
    made.data_type = data_type
    made.dims[:] = dims
    if data_type == onnx.TensorProto.STRING:
        made.string_data.extend(str(text).encode() for chunk in chunks for text in chunk.ravel())
        return made
    size = stored_bytes(made) or 0
    raw = (numpy_helper.from_array(chunk).raw_data for chunk in chunks)
    if size <= (large if editor.source.values else LARGE):
        made.raw_data = b"".join(raw)
        return made
    if editor.source.values is None:
        raise EditError(f"New values of {shown(tensor.name)} take {size_text(size)}, and there is no folder for them.")
    entries = {"location": _written(editor.source.values, raw), "offset": "0", "length": str(size)}
    for key, value in entries.items():
        made.external_data.add(key=key, value=value)
    made.data_location = onnx.TensorProto.EXTERNAL
    return made


def chunks(array: Array) -> Iterator[Array]:
    """Go through the elements of an array in row-major order, a stretch at a time; mapped memory is given back."""
    if array.flags.c_contiguous:
        flat = array.reshape(-1)
        for start in range(0, flat.size, _CHUNK):
            yield flat[start : start + _CHUNK]
            release(array)
    else:
        yield from np.nditer(array, ["external_loop", "buffered", "zerosize_ok"], order="C", buffersize=_CHUNK)


def from_numbers(values: Any, data_type: int, whose: str) -> Array:
    """Return nested lists of numbers (or texts) as an array of an element type; ``whose`` they are is said in errors.

    Numbers that JSON lacks are the texts ``nan``, ``inf`` and ``-inf``.

    Raises:
        EditError: they are too many, of different lengths, or do not fit the type.
    """
    flat, shape = _flat(values, whose)
    if len(flat) > MOST_NUMBERS:
        raise EditError(f"{len(flat):,} values of {shown(whose)} are too many to be written down: give a .npy file.")
    if data_type == onnx.TensorProto.STRING:
        return np.array([str(each) for each in flat], object).reshape(shape)
    dtype = np.dtype(helper.tensor_dtype_to_np_dtype(data_type))
    kind = dtype_name(data_type)
    try:
        if "int" in kind or kind == "bool":
            return np.array([_whole(each, dtype) for each in flat], np.object_).astype(dtype).reshape(shape)
        numbers = np.array([float(each) for each in flat], np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise EditError(f"These are no values for {shown(whose)}, which is {kind}: {error}.") from None
    with np.errstate(over="ignore", invalid="ignore"):
        made = numbers.astype(dtype)
        lost = np.isfinite(numbers) & ~np.isfinite(made.astype(np.complex128))
    if lost.any():
        raise EditError(f"{numbers[lost][0]:g} is too large for {shown(whose)}, which is {kind}.")
    return made.reshape(shape)


def from_file(path: Path, data_type: int, whose: str) -> Array:
    """Return the array in a ``.npy`` file, mapped, as an element type that it must have (types numpy lacks: as bytes).

    Raises:
        EditError: the file is no array, or one of another type.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, SyntaxError, TypeError, ArithmeticError, RecursionError) as error:
        raise EditError(f"{shown(path.name)} is no .npy file: {error}.") from None
    if not isinstance(array, np.ndarray):
        array.close()
        raise EditError(f"{shown(path.name)} holds several arrays: give a .npy file of one.")
    kind = dtype_name(data_type)
    if data_type == onnx.TensorProto.STRING:
        if array.dtype.kind in "U":
            return array
    else:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(data_type))
        if array.dtype.kind == "V" and array.dtype.itemsize == dtype.itemsize and array.dtype.fields is None:
            return np.asarray(array.view(dtype))
        if array.dtype.newbyteorder("=") == dtype:
            return array if array.dtype == dtype else np.asarray(array).astype(dtype)
    raise EditError(f"{shown(path.name)} holds {array.dtype} and {shown(whose)} is {kind}: convert one of them first.")


def number_range(dtype: np.dtype[Any]) -> tuple[float, float]:
    """Return the least and the greatest (finite) number of an element type."""
    if dtype.kind == "b":
        return 0, 1
    try:
        info: Any = ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
        return int(info.min), int(info.max)
    except ValueError:
        info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
        return float(info.min), float(info.max)


def _flat(values: Any, whose: str) -> tuple[list[Any], tuple[int, ...]]:
    if not isinstance(values, list | tuple):
        return [values], ()
    parts = [_flat(each, whose) for each in values]
    shapes = {shape for _, shape in parts}
    if len(shapes) > 1:
        raise EditError(f"The lists of values of {shown(whose)} are of different lengths.")
    return [each for flat, _ in parts for each in flat], (len(values), *(shapes.pop() if shapes else ()))


def _whole(value: Any, dtype: np.dtype[Any]) -> int:
    low, high = number_range(dtype)
    if isinstance(value, str) or not math.isfinite(value) or int(value) != value:
        raise ValueError(f"{value!r} is no whole number")
    if not low <= int(value) <= high:
        raise ValueError(f"{int(value)} is not between {low} and {high}")
    return int(value)


def _written(folder: Path, raw: Iterable[bytes]) -> str:
    """Write bytes to a file called after their digest: the same values are one file, also when done again."""
    digest = hashlib.sha256()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".", delete=False) as file:
        written = Path(file.name)
        try:
            for each in raw:
                digest.update(each)
                file.write(each)
        except BaseException:
            written.unlink()
            raise
    written.replace(folder / digest.hexdigest())
    return NEW_VALUES + digest.hexdigest()
