"""Recorded inputs: ONNX test data sets, Polygraphy's JSON, .npz, .npy and .pb files. Nothing is ever unpickled."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdebug.model.records import ValueInfo
from graphdebug.model.value_types import shown
from graphdebug.runtime.backend import Value
from graphdebug.runtime.feed_errors import FeedError
from graphdebug.runtime.protos import numbered_files, read_proto
from graphdebug.runtime.recorded import Recorded, open_recorded
from graphdebug.runtime.store import StoreError

_LISTED = 8


def load_dataset(path: Path, wanted: Sequence[ValueInfo], inputs: Sequence[ValueInfo]) -> dict[str, Value]:
    """Return the values that a data set has for ``wanted``, by input name.

    Args:
        path: a folder of ``input_0.pb``… (in the order of ``inputs``), a folder of ``NAME.npy``, an ``.npz``,
            a ``.json`` of Polygraphy's (its first iteration), or a single ``.npy`` or
            ``.pb`` for a model with one input.
        wanted: the inputs to look for.
        inputs: all inputs of the model, in its order.

    Raises:
        FeedError: a file is broken or not of a known kind.
        ValueError: the data set cannot be read, or is none of this model's inputs.
    """
    files = files_of(path, [value.name for value in inputs])
    return {value.name: load_value(files[value.name], "", value) for value in wanted if value.name in files}


def files_of(path: Path, names: Sequence[str]) -> dict[str, Path]:
    """Return the files of a data set that inputs are read from, by input name, for those that it has.

    ``names`` are all inputs of the model, in its order.

    Raises:
        ValueError: it cannot be read, or has values for none of the inputs: it was made for another model.
    """
    if path.is_dir():
        numbered = numbered_files(path)
        there = {
            name: numbered["input", position] for position, name in enumerate(names) if ("input", position) in numbered
        }
        if there:
            return there
    if path.suffix in (".npy", ".pb") and path.is_file():
        if len(names) != 1:
            raise ValueError(
                f"{path.name} is a single tensor, but the model has {_listed('input', names)}: give it to one of them."
            )
        return {names[0]: path}
    reader = _reader(path)
    there = {name: path for name in names if name in reader}
    if names and not there and (reader.names or path.is_dir()):
        has = _listed("array", reader.names) if reader.names else "neither input_0.pb nor an array"
        raise ValueError(f"The data set {path.name} has {has}, but the model has {_listed('input', names)}.")
    return there


def load_value(path: Path, member: str, value: ValueInfo) -> Value:
    """Return what the file at ``path`` holds for an input: ``.npy``, an ``.npz`` or a ``.json`` of Polygraphy's with
    ``member``, a folder of ``.npy`` or a ``.pb``.

    ``member`` may be left out when there is one array or one called like the input.

    Raises:
        FeedError: the file is missing, broken or not of a known kind.
    """
    try:
        if path.suffix == ".pb":
            return read_proto(path, value.type.kind)
        if path.suffix == ".npy":
            array: NDArray[Any] = np.load(path, allow_pickle=False)  # what needs pickling is a ValueError
            return array
        reader = open_recorded(path)
        name = member or (value.name if value.name in reader else "")
        if not name and len(reader.names) == 1:
            name = reader.names[0]
        if name not in reader:
            has = ", ".join(list(reader.names)[:8])
            raise FeedError(value.name, f"finds no array {member or value.name!r} in {path.name}, which has {has}")
        return reader.read(name)
    except OSError as error:
        raise FeedError(value.name, f"cannot be read from {path}: {error.strerror or error}") from error
    except (StoreError, ValueError, EOFError) as error:
        pickled = "allow_pickle" in str(error)
        why = "it holds Python objects, which are never unpickled" if pickled else str(error).rstrip(".")
        raise FeedError(value.name, f"cannot be read from {path.name}: {why}") from error


def _listed(noun: str, names: Sequence[str]) -> str:
    """Return ``the inputs 'a', 'b', …``."""
    if not names:
        return f"no {noun}s"
    more = ", …" if len(names) > _LISTED else ""
    return f"the {noun}{'s' if len(names) > 1 else ''} {', '.join(map(shown, names[:_LISTED]))}{more}"


def _reader(path: Path) -> Recorded:
    try:
        return open_recorded(path)
    except (OSError, StoreError) as error:
        raise ValueError(f"The data set {path} cannot be read: {str(error).rstrip('.')}.") from error
