"""A model reduced to what checking and shape inference look at: its structure and its small constants."""

from dataclasses import dataclass

import onnx

from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError, is_external, locate
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.walk import stored_tensors
from graphdebug.model.wire import THRESHOLD

_VALUES = (
    "raw_data",
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "string_data",
    "external_data",
    "data_location",
)


@dataclass(frozen=True, slots=True)
class Weightless:
    """A copy of a model whose ``emptied`` tensors have type and shape, but no values. Self-contained."""

    proto: onnx.ModelProto
    emptied: tuple[onnx.TensorProto, ...]


def weightless(model: Model, limit: int = THRESHOLD) -> Weightless:
    """Return a copy of ``model`` without node metadata and without values of more than ``limit`` bytes.

    External values up to the limit are read in: shapes often lie there. What cannot be read is emptied.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model.proto)
    for node in copy.graph.node:
        node.ClearField("metadata_props")
    emptied: list[onnx.TensorProto] = []
    for stored in stored_tensors(copy):
        tensor = stored.tensor
        if is_external(tensor) or tensor.ByteSize() > limit:
            values = b""
            if is_external(tensor) and payload_bytes(tensor) <= limit:
                values = _read(model, tensor)
            for field in _VALUES:
                tensor.ClearField(field)
            if values:
                tensor.raw_data = values
            else:
                emptied.append(tensor)
    return Weightless(copy, tuple(emptied))


def _read(model: Model, tensor: onnx.TensorProto) -> bytes:
    """Return the raw bytes of an external tensor; none when they cannot be read."""
    try:
        payload = locate(model.path, tensor)
        with payload.path.open("rb") as file:
            file.seek(payload.offset)
            return file.read(payload.length)
    except (ExternalDataError, OSError):
        return b""
