"""Attributes of a node as people read them."""

from collections.abc import Iterable, Sized
from dataclasses import dataclass

import onnx
from onnx import defs

from graphdebug.model.value_types import dtype_name, value_type

LONGEST = 200
"""Characters of a rendered attribute; the rest is cut."""
_SHOWN_ELEMENTS = 32
_Kind = onnx.AttributeProto


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: ``type`` as ONNX calls it (``ints``), ``text`` short; ``is_default``: not set, from the schema."""

    name: str
    type: str
    text: str
    is_default: bool = False


def attributes(node: onnx.NodeProto, schema: defs.OpSchema | None) -> tuple[Attribute, ...]:
    """Return a node's attributes in the file's order, then the schema's defaults of those that are not set."""
    given = [Attribute(each.name, _type_name(each.type), render(each)) for each in node.attribute]
    names = {each.name for each in given}
    defaults = [
        Attribute(name, _type_name(each.default_value.type), render(each.default_value), is_default=True)
        for name, each in sorted(schema.attributes.items() if schema else ())
        if name not in names and each.default_value.type != _Kind.UNDEFINED
    ]
    return (*given, *defaults)


def render(attribute: onnx.AttributeProto) -> str:
    """Return an attribute's value as short text; what it holds is never executed or followed."""
    if attribute.ref_attr_name:
        return f"@{attribute.ref_attr_name} (of the function)"
    return _cut(_value(attribute))


def _value(attribute: onnx.AttributeProto) -> str:
    kind = attribute.type
    if kind == _Kind.FLOAT:
        return f"{attribute.f:.7g}"
    if kind == _Kind.INT:
        return str(attribute.i)
    if kind == _Kind.STRING:
        return attribute.s.decode(errors="replace")
    if kind == _Kind.FLOATS:
        return _list(f"{value:.7g}" for value in attribute.floats[:_SHOWN_ELEMENTS]) + _more(attribute.floats)
    if kind == _Kind.INTS:
        return _list(map(str, attribute.ints[:_SHOWN_ELEMENTS])) + _more(attribute.ints)
    if kind == _Kind.STRINGS:
        texts = (text.decode(errors="replace") for text in attribute.strings[:_SHOWN_ELEMENTS])
        return _list(texts) + _more(attribute.strings)
    if kind == _Kind.TENSOR:
        return _tensor(attribute.t)
    if kind == _Kind.SPARSE_TENSOR:
        return f"sparse {dtype_name(attribute.sparse_tensor.values.data_type)} {list(attribute.sparse_tensor.dims)}"
    if kind == _Kind.GRAPH:
        return f"graph of {len(attribute.g.node)} nodes"
    if kind == _Kind.GRAPHS:
        return f"{len(attribute.graphs)} graphs"
    if kind == _Kind.TENSORS:
        return f"{len(attribute.tensors)} tensors"
    if kind == _Kind.TYPE_PROTO:
        stated = value_type(attribute.tp)
        return f"{stated.kind} of {stated.dtype or 'an unknown type'}"
    return ""


def _tensor(tensor: onnx.TensorProto) -> str:
    """Return type and shape; small values as well, where they lie in the protobuf itself."""
    title = f"{dtype_name(tensor.data_type) or 'unknown type'} {list(tensor.dims)}"
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.ByteSize() > 4096:
        return title
    try:
        values = onnx.numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, MemoryError):
        return title
    flat = values.reshape(-1)[:_SHOWN_ELEMENTS].tolist()
    shown = [f"{value:.7g}" if isinstance(value, float) else str(value) for value in flat]
    return f"{title} = " + (shown[0] if values.ndim == 0 and shown else _list(shown) + _more(range(values.size)))


def _type_name(kind: int) -> str:
    try:
        return str(_Kind.AttributeType.Name(kind)).lower()
    except ValueError:
        return str(kind)


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(texts)}]"


def _more(values: Sized) -> str:
    count = len(values)
    return f" … {count} in all" if count > _SHOWN_ELEMENTS else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
