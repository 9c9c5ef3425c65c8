"""What an operator takes as widgets: its attributes, and constants for its inputs."""

from collections.abc import Sequence
from typing import Any

import msgspec
import onnx
import pandas as pd
import streamlit as st
from onnx import AttributeProto, defs

from graphdebug.edit.attributes import Attribute, attribute_types, from_proto
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import NewConstant


def constants_field(key: str, op: str, domain: str) -> tuple[NewConstant, ...]:
    """Write constants for the other inputs of a new node, by the names that its operator gives them."""
    schema = _schema(op, domain) if op else None
    if schema is None:
        return ()
    made = []
    for slot, name in enumerate((each.name for each in schema.inputs[1:]), 1):
        optional = " (optional)" if schema.min_input <= slot else ""
        text = st.text_input(f"Constant {name}{optional}", key=f"{key}:{op}:{slot}", placeholder="0.5 or [1, 2, 3]")
        if text.strip():
            try:
                made.append(NewConstant(input=slot, values=msgspec.json.decode(text)))
            except msgspec.DecodeError:
                made.append(NewConstant(input=slot, values=text, dtype="string"))
    return tuple(made)


def attribute_field(node: onnx.NodeProto, key: str) -> Attribute:
    """Choose an attribute of the node, or name a new one, and write its value."""
    present = {each.name: from_proto(each) for each in node.attribute}
    schema = _schema(node.op_type, node.domain)
    known = dict(schema.attributes) if schema else {}
    name = st.selectbox(
        "Attribute", list(dict.fromkeys([*present, *known])), None, key=f"{key}:name", accept_new_options=True
    )
    if not name:
        raise EditError("Choose an attribute, or write a new name.")
    now = present.get(name) or (_default(known[name]) if name in known else Attribute(name, "int", 0))
    types = attribute_types()
    kind = st.selectbox("Type", types, types.index(now.type), key=f"{key}:{name}:type")
    text = st.text_area(
        "Value",
        _written(now) if kind == now.type else "",
        key=f"{key}:{name}:{kind}",
        help="A number or a text; a list in brackets; of a tensor its dtype, shape and values as JSON.",
    )
    return Attribute(name, kind, _read(kind, text))


def attributes_field(label: str, key: str, op: str, domain: str) -> tuple[Attribute, ...]:
    """Write attributes of a new node in a table that knows those of its operator."""
    schema = _schema(op, domain) if op else None
    rows = [_default(each) for each in schema.attributes.values()] if schema else []
    table = pd.DataFrame(
        [{"name": row.name, "type": row.type, "value": ""} for row in rows], columns=["name", "type", "value"]
    )
    st.caption(f"{label}: those left empty keep their defaults")
    edited = st.data_editor(
        table,
        key=f"{key}:{domain}:{op}",
        num_rows="dynamic",
        hide_index=True,
        column_config={"type": st.column_config.SelectboxColumn(options=list(attribute_types()))},
    )
    cells = edited.fillna("").astype(str)[["name", "type", "value"]].itertuples(index=False)
    written = [(name, kind or "int", text) for name, kind, text in cells if name and text.strip()]
    return tuple(Attribute(name, kind, _read(kind, text)) for name, kind, text in written)


def _written(attribute: Attribute) -> str:
    return attribute.value if isinstance(attribute.value, str) else msgspec.json.encode(attribute.value).decode()


def _read(kind: str, text: str) -> Any:
    """Read what was written for an attribute of type ``kind``."""
    text = text.strip()
    if kind == "string":
        return text
    if kind == "strings" and not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    if kind in ("ints", "floats") and not text.startswith("["):
        text = f"[{text}]"
    if kind == "float" and text.lstrip("+-").lower() in ("nan", "inf"):
        return text
    try:
        return msgspec.json.decode(text or "null")
    except msgspec.DecodeError as error:
        raise EditError(f"{text[:40]!r} is no {kind}: {error}.") from None


def _schema(op: str, domain: str) -> Any:
    try:
        return defs.get_schema(op, "" if domain == "ai.onnx" else domain)
    except defs.SchemaError:
        return None


def _default(known: Any) -> Attribute:
    """Return an attribute of an operator with its default value."""
    if known.default_value.name:
        return from_proto(known.default_value)
    return Attribute(known.name, AttributeProto.AttributeType.Name(known.type.value).lower(), "")


@st.cache_data(show_spinner=False)
def operators() -> list[str]:
    schemas: Sequence[Any] = defs.get_all_schemas()
    return sorted({schema.name for schema in schemas if not schema.domain and not schema.deprecated})
