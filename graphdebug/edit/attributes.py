"""Attributes of nodes as plain records: what a recipe holds and a form shows, of every type that ONNX has."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Any

import ml_dtypes  # noqa: F401 - teaches numpy the element types that it lacks
import msgspec
import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from onnx import helper, numpy_helper

from graphdebug.edit.errors import EditError
from graphdebug.model.value_types import dtype_name, dtype_number, shown

_TYPES = {name.lower(): number for name, number in onnx.AttributeProto.AttributeType.items() if number}
_NAMES = {number: name for name, number in _TYPES.items()}
_FIELDS = {
    "float": "f",
    "int": "i",
    "string": "s",
    "tensor": "t",
    "graph": "g",
    "sparse_tensor": "sparse_tensor",
    "type_proto": "tp",
    "floats": "floats",
    "ints": "ints",
    "strings": "strings",
    "tensors": "tensors",
    "graphs": "graphs",
    "sparse_tensors": "sparse_tensors",
    "type_protos": "type_protos",
}
_MESSAGES: dict[str, type[Any]] = {
    "graph": onnx.GraphProto,
    "sparse_tensor": onnx.SparseTensorProto,
    "type_proto": onnx.TypeProto,
}
_SMALL = 1000
"""Tensors of at most so many elements are written as numbers, larger ones as the bytes of their protobuf."""


class Attribute(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """An attribute. ``type`` is ONNX's name of its type in lower case; ``value`` fits it:

    a number, a text, a list of them; for a tensor ``{"dtype": "float", "shape": [2], "values": [1.0, 2.0]}`` (numbers
    in row-major order); for what JSON cannot say, ``{"proto": …}``, the serialised message in base64 (also of a tensor;
    of a string, ``{"bytes": …}``). Numbers that JSON lacks are the texts ``nan``, ``inf`` and ``-inf``.
    ``of``: the attribute of the function around it that it takes its value from, instead of ``value``.
    """

    name: str
    type: str
    value: Any = None
    of: str = ""


def attribute_types() -> tuple[str, ...]:
    """Return the names of all attribute types."""
    return tuple(_TYPES)


def to_proto(attribute: Attribute) -> onnx.AttributeProto:
    """Return an attribute's message.

    Raises:
        EditError: the value does not fit the type.
    """
    if attribute.type not in _TYPES:
        raise EditError(f"Attribute {shown(attribute.name)}: there is no type {shown(attribute.type)}.")
    made = onnx.AttributeProto(name=attribute.name, type=_TYPES[attribute.type])
    if attribute.of:
        made.ref_attr_name = attribute.of
        return made
    try:
        _fill(made, attribute.type, attribute.value)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, DecodeError, binascii.Error) as error:
        raise EditError(f"Attribute {shown(attribute.name)} is no {attribute.type}: {error}.") from None
    return made


def from_proto(proto: onnx.AttributeProto) -> Attribute:
    """Return an attribute as a record. One without a type (before IR version 2) is of the type of what is set."""
    kind = _NAMES.get(proto.type) or next((name for name, field in _FIELDS.items() if _is_set(proto, field)), "int")
    if proto.ref_attr_name:
        return Attribute(proto.name, kind, of=proto.ref_attr_name)
    value = getattr(proto, _FIELDS[kind])
    if kind in _LISTS:
        return Attribute(proto.name, kind, [_plain(kind.removesuffix("s"), each) for each in value])
    return Attribute(proto.name, kind, _plain(kind, value))


_LISTS = frozenset(name for name in _FIELDS if name.endswith("s"))


def _is_set(proto: onnx.AttributeProto, field: str) -> bool:
    return bool(getattr(proto, field)) if field in _LISTS else bool(proto.HasField(field))


def _fill(made: onnx.AttributeProto, kind: str, value: Any) -> None:
    field = _FIELDS[kind]
    if kind in _LISTS:
        getattr(made, field).extend(_made(kind.removesuffix("s"), each) for each in value)
    elif isinstance(one := _made(kind, value), int | float | bytes):
        setattr(made, field, one)
    else:
        getattr(made, field).CopyFrom(one)


def _made(kind: str, value: Any) -> Any:
    if kind == "int":
        if isinstance(value, bool) or int(value) != value:
            raise ValueError(f"{value!r} is no whole number")
        return int(value)
    if kind == "float":
        return float(value)
    if kind == "string":
        return value.encode() if isinstance(value, str) else base64.b64decode(value["bytes"], validate=True)
    if kind == "tensor" and "proto" not in value:
        return _tensor(value)
    message: type[Any] = _MESSAGES.get(kind, onnx.TensorProto)
    return message.FromString(base64.b64decode(value["proto"], validate=True))


def _plain(kind: str, value: Any) -> Any:
    if kind == "int":
        return int(value)
    if kind == "float":
        return _number(value)
    if kind == "string":
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"bytes": base64.b64encode(value).decode()}
    if kind == "tensor" and (said := _tensor_values(value)):
        return said
    return {"proto": base64.b64encode(value.SerializeToString(deterministic=True)).decode()}


def _number(value: float) -> float | str:
    return float(value) if math.isfinite(value) else str(float(value))


def _tensor(value: dict[str, Any]) -> onnx.TensorProto:
    number = dtype_number(value["dtype"])
    if not number:
        raise ValueError(f"there is no element type {value['dtype']!r}")
    shape = tuple(int(dim) for dim in value["shape"])
    if number == onnx.TensorProto.STRING:
        return helper.make_tensor(value.get("name", ""), number, shape, [text.encode() for text in value["values"]])
    dtype = helper.tensor_dtype_to_np_dtype(number)
    values = np.array(value["values"], dtype=np.float64 if dtype.kind not in "iub" else dtype).astype(dtype)
    return numpy_helper.from_array(values.reshape(shape), value.get("name", ""))


def _tensor_values(tensor: onnx.TensorProto) -> dict[str, Any] | None:
    """Say a small tensor in numbers, if its message can be made of them again."""
    if tensor.external_data or math.prod(tensor.dims) > _SMALL:
        return None
    kind = dtype_name(tensor.data_type)
    if tensor.data_type == onnx.TensorProto.STRING or kind.startswith("complex"):
        return None
    whole = "int" in kind or kind == "bool"
    try:
        values = numpy_helper.to_array(tensor).astype(np.int64 if whole else np.float64).ravel().tolist()
    except (TypeError, ValueError):
        return None
    plain = values if whole else [_number(value) for value in values]
    said: dict[str, Any] = {"dtype": kind, "shape": list(tensor.dims), "values": plain}
    if tensor.name:
        said["name"] = tensor.name
    same = _tensor(said).SerializeToString(deterministic=True) == tensor.SerializeToString(deterministic=True)
    return said if same else None
