"""Messages of a model as Python expressions that make them, for scripts (script.py)."""

from __future__ import annotations

import keyword
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

Bytes = Callable[[bytes], str]
"""How bytes are written: as a literal, or as an expression that fetches them."""

_MOST_ELEMENTS = 100
"""A tensor of more elements is written as bytes."""

_HELPERS = {"op_type", "inputs", "outputs", "name", "doc_string", "domain", "overload", "kwargs"}
"""Arguments of `onnx.helper.make_node`: an attribute of such a name cannot be given there."""


def literal(value: Any, said: Bytes) -> str:
    """Return a Python expression that makes exactly ``value``: a message, text, bytes, number or list of them."""
    if isinstance(value, bytes):
        return said(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(literal(each, said) for each in value)}]"
    if isinstance(value, float):
        return _number(value)
    if not hasattr(value, "DESCRIPTOR"):
        return repr(value)
    short = _SHORT.get(type(value))
    text = short(value, said) if short else None
    return text or _constructed(value, said)


def fields_of(message: Any) -> dict[str, Any]:
    """Return the fields that are set, by name: lists, messages, texts, bytes and numbers."""
    return {field.name: list(value) if field.is_repeated else value for field, value in message.ListFields()}


def _constructed(message: Any, said: Bytes) -> str:
    """Return ``onnx.Message(field=…)``."""
    fields, kind = fields_of(message), message.DESCRIPTOR.full_name
    if _bytes(type(message)(**fields)) == _bytes(message) and not any(keyword.iskeyword(name) for name in fields):
        arguments = (f"{name}={_field(message, name, value, said)}" for name, value in fields.items())
        return f"{kind}({', '.join(arguments)})"
    return f"{kind}.FromString({said(_bytes(message))})"


def _field(message: Any, name: str, value: Any, said: Bytes) -> str:
    """Write a field; numbers of single precision with as few digits as tell them."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.cpp_type == field.CPPTYPE_FLOAT:
        return f"[{', '.join(map(_single, value))}]" if field.is_repeated else _single(value)
    return literal(value, said)


def _node(node: onnx.NodeProto, said: Bytes) -> str | None:
    names = [attribute.name for attribute in node.attribute]
    if not all(name.isidentifier() and not keyword.iskeyword(name) and name not in _HELPERS for name in names):
        return None
    said_so = {field: getattr(node, field) for field in ("name", "domain", "overload") if node.HasField(field)}
    values = {}
    for attribute in node.attribute:
        value = _attribute_value(attribute)
        if value is None:
            return None
        values[attribute.name] = value
    made = helper.make_node(node.op_type, node.input, node.output, **said_so, **values)
    if _bytes(made) != _bytes(node):
        return None
    arguments = [repr(node.op_type), repr(list(node.input)), repr(list(node.output))]
    arguments += [f"{name}={value!r}" for name, value in said_so.items()]
    arguments += [f"{each.name}={_attribute_text(each, said)}" for each in node.attribute]
    return f"helper.make_node({', '.join(arguments)})"


def _attribute(attribute: onnx.AttributeProto, said: Bytes) -> str | None:
    value = _attribute_value(attribute)
    if value is None or _bytes(helper.make_attribute(attribute.name, value)) != _bytes(attribute):
        return None
    return f"helper.make_attribute({attribute.name!r}, {_attribute_text(attribute, said)})"


def _attribute_value(attribute: onnx.AttributeProto) -> Any:
    """Return what `onnx.helper` makes the attribute of; None where it cannot."""
    kinds = onnx.AttributeProto
    if attribute.ref_attr_name or attribute.type not in (
        kinds.INT, kinds.FLOAT, kinds.STRING, kinds.INTS, kinds.FLOATS, kinds.STRINGS, kinds.TENSOR
    ):  # fmt: skip
        return None
    value = helper.get_attribute_value(attribute)
    return None if value == [] else value


def _attribute_text(attribute: onnx.AttributeProto, said: Bytes) -> str:
    value = helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.FLOAT:
        return _single(value)
    if attribute.type == onnx.AttributeProto.FLOATS:
        return f"[{', '.join(map(_single, value))}]"
    if attribute.type == onnx.AttributeProto.STRING:
        return _text(value)
    if attribute.type == onnx.AttributeProto.STRINGS:
        return f"[{', '.join(map(_text, value))}]"
    return literal(list(value) if attribute.type == onnx.AttributeProto.INTS else value, said)


def _tensor(tensor: onnx.TensorProto, said: Bytes) -> str | None:
    kinds = helper.get_all_tensor_dtypes()
    if tensor.data_type not in kinds or tensor.external_data or int(np.prod(tensor.dims)) > _MOST_ELEMENTS:
        return None
    try:
        array = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, RuntimeError):
        return None
    if array.dtype.kind not in "biuf" or array.dtype.isbuiltin != 1 or 0 in array.shape:
        return None
    if _bytes(numpy_helper.from_array(array, tensor.name)) != _bytes(tensor) or not np.isfinite(array).all():
        return None
    return f"numpy_helper.from_array(np.array({_numbers(array)}, np.{array.dtype}), {tensor.name!r})"


def _numbers(array: Any) -> str:
    if array.ndim:
        return f"[{', '.join(map(_numbers, array))}]"
    return _single(float(array)) if array.dtype == np.float32 else repr(array.item())


def _value_info(info: onnx.ValueInfoProto, said: Bytes) -> str | None:
    tensor = info.type.tensor_type
    shape: list[int | str | None] | None = None
    if tensor.HasField("shape"):
        shape = [
            dim.dim_param if dim.HasField("dim_param") else dim.dim_value if dim.HasField("dim_value") else None
            for dim in tensor.shape.dim
        ]
    kinds = {number: name for name, number in onnx.TensorProto.DataType.items()}
    if tensor.elem_type not in kinds:
        return None
    made = helper.make_tensor_value_info(info.name, tensor.elem_type, shape)
    if _bytes(made) != _bytes(info):
        return None
    return f"helper.make_tensor_value_info({info.name!r}, onnx.TensorProto.{kinds[tensor.elem_type]}, {shape!r})"


_SHORT: dict[type, Callable[[Any, Bytes], str | None]] = {
    onnx.NodeProto: _node,
    onnx.AttributeProto: _attribute,
    onnx.TensorProto: _tensor,
    onnx.ValueInfoProto: _value_info,
}


def _number(value: float) -> str:
    return repr(value) if np.isfinite(value) else f"float({str(value)!r})"


def _single(value: float) -> str:
    return _number(float(str(np.float32(value))))


def _text(value: bytes) -> str:
    try:
        return repr(value.decode())
    except UnicodeDecodeError:
        return repr(value)


def _bytes(message: Any) -> bytes:
    return bytes(message.SerializeToString(deterministic=True))
