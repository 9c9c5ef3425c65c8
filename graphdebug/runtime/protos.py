"""Values in protobuf files of their own, as ONNX's test data has them: ``input_0.pb``…, ``output_0.pb``….

The format is that of ``onnx.backend.test``: a TensorProto, SequenceProto or OptionalProto a file, numbered in the order
of the model's inputs and outputs.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import numpy_helper

from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Value
from graphdebug.runtime.store import StoreError

_NUMBERED = re.compile(r"(input|output)_(\d+)\.pb")
_SETS = re.compile(r"test_data_set_(\d+)")
_LARGEST = 1 << 31
"""Bytes: no protobuf message is larger."""


class TestDataReader:
    """Reads the values of a ``test_data_set`` folder, each only when asked for."""

    __test__ = False  # it is no test

    def __init__(self, folder: Path, model: Model | None, number: int = 0) -> None:
        """Name the files after the inputs and outputs of ``model``; without one, as the tensors in them are called.

        ``number`` says which folder is meant when ``folder`` holds several ``test_data_set_0``….

        Raises:
            StoreError: there is no such folder, or nothing in it.
            OSError: it cannot be read.
        """
        self._folder = _data_set(folder, number)
        self._kinds: Mapping[str, str] = {}
        numbered = numbered_files(self._folder)
        if model is None:
            self._files = {_name_in(file) or file.stem: file for file in numbered.values()}
        else:
            index = model.graphs[MAIN_GRAPH]
            self._kinds = {name: kind.kind for name, kind in model.types[MAIN_GRAPH].items()}
            names = {"input": [*index.inputs, *index.defaults], "output": index.outputs}
            self._files = {
                names[role][position]: file
                for (role, position), file in numbered.items()
                if position < len(names[role])
            }
        self.names: Sequence[str] = list(self._files)

    def __contains__(self, name: str) -> bool:
        """Return whether there is a value for this tensor."""
        return name in self._files

    def read(self, name: str) -> Value:
        """Return the value of tensor ``name``.

        Raises:
            KeyError: there is no such value.
            StoreError: the file is broken.
            OSError: it cannot be read.
        """
        file = self._files[name]
        try:
            return read_proto(file, self._kinds.get(name, "tensor"))
        except ValueError as error:
            raise StoreError(f"{file.name} cannot be read: {str(error).rstrip('.')}.") from error


def is_test_data(path: Path) -> bool:
    """Return whether a path is a folder of such files, or of folders of them."""
    return path.is_dir() and bool(numbered_files(path) or any(_SETS.fullmatch(each.name) for each in path.iterdir()))


def numbered_files(folder: Path) -> dict[tuple[str, int], Path]:
    """Return the files of a folder by role (``input`` or ``output``) and number, inputs first."""
    found = {(match[1], int(match[2])): file for file in folder.iterdir() if (match := _NUMBERED.fullmatch(file.name))}
    return dict(sorted(found.items()))


def read_proto(path: Path, kind: str) -> Value:
    """Return the value in a file, of the ``kind`` that a type has (``tensor``, ``sequence``, ``optional``).

    Raises:
        ValueError: it holds no such value; half a sentence.
        OSError: it cannot be read.
    """
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is larger than a protobuf file can be")
    kinds: Mapping[str, Any] = {"sequence": onnx.SequenceProto, "optional": onnx.OptionalProto}
    proto = kinds.get(kind, onnx.TensorProto)()
    try:
        proto.ParseFromString(path.read_bytes())
    except DecodeError:
        raise ValueError(f"it holds no {type(proto).__name__}") from None
    return _decode(proto)


def _data_set(folder: Path, number: int) -> Path:
    if numbered_files(folder):
        if number:
            raise StoreError(f"{folder.name} is a single data set, there is no number {number}.")
        return folder
    chosen = folder / f"test_data_set_{number}"
    if not chosen.is_dir() or not numbered_files(chosen):
        raise StoreError(f"{folder.name} has no {chosen.name} with input_0.pb or output_0.pb.")
    return chosen


def _name_in(file: Path) -> str:
    """Return what the tensor in a file is called; empty when that cannot be told."""
    tensor = onnx.TensorProto()
    try:
        if file.stat().st_size <= _LARGEST:
            tensor.ParseFromString(file.read_bytes())
    except DecodeError:
        return ""
    return str(tensor.name)


def _decode(proto: Any) -> Value:
    if isinstance(proto, onnx.TensorProto):
        if proto.data_location == onnx.TensorProto.EXTERNAL:
            raise ValueError("its values lie in another file, which is not allowed here")
        return numpy_helper.to_array(proto)
    if isinstance(proto, onnx.SequenceProto):
        for field in ("tensor_values", "sequence_values", "optional_values"):
            if len(getattr(proto, field)):
                return [_decode(element) for element in getattr(proto, field)]
        return []
    if isinstance(proto, onnx.OptionalProto):
        for field in ("tensor_value", "sequence_value", "optional_value"):
            if proto.HasField(field):
                return _decode(getattr(proto, field))
        return None
    raise ValueError(f"values of kind {type(proto).__name__} are not supported")
