"""The fields of an operation as widgets: what they mean is told by their types and names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import onnx
import pandas as pd
import streamlit as st
from onnx import AttributeProto, defs

from graphdebug.edit.attributes import Attribute, attribute_types, from_proto
from graphdebug.edit.constants import InputToInitializer
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import SetValues
from graphdebug.edit.making import NewConstant
from graphdebug.edit.merging import MergeModel
from graphdebug.edit.nodes import UseTarget
from graphdebug.edit.operation import Operation
from graphdebug.edit.targets import Graph, Node, Value, graph_target, node_target, value_target
from graphdebug.edit.uses import OUTPUT, uses
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import NodeRef, TensorRef
from graphdebug.model.value_types import dtype_name
from graphdebug.ui import state
from graphdebug.ui.edit_session import offer_file
from graphdebug.ui.kept_files import ask_for_file
from graphdebug.ui.words import plain

_MOST_VALUES = 400
_FILES: Mapping[type[Operation], str] = {SetValues: "npy", InputToInitializer: "npy", MergeModel: "model"}
"""What the field ``file`` of an operation means."""
_SLOTS = ("input", "a", "b")
"""Fields that are the number of an input of the node."""
_DTYPES = tuple(
    name
    for name in map(dtype_name, onnx.TensorProto.DataType.values())
    if name and not name.startswith(("complex", "float4", "float6", "int2", "uint2"))
)


@dataclass(frozen=True)
class Subject:
    """What an operation is about: nodes and values of one graph of a model."""

    model: Model
    graph: str
    nodes: tuple[int, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def index(self) -> GraphIndex:
        """The graph."""
        return self.model.graphs[self.graph]

    @property
    def editor(self) -> "Editor":
        """What targets are made with."""
        return _editor(self.model)


@st.cache_resource(max_entries=4, show_spinner=False, hash_funcs={Model: id})
def _editor(model: Model) -> Editor:
    return Editor(model)


def field(
    operation: type[Operation], name: str, kind: Any, default: Any, subject: Subject, key: str, said: Mapping[str, Any]
) -> Any:
    """Draw the widget of a field and return its value; ``said`` are the fields before it.

    Raises:
        EditError: what was written is not what the field holds.
    """
    label = name.replace("_", " ").capitalize()
    if kind == Node:
        return node_target(subject.editor, NodeRef(subject.graph, subject.nodes[0]))
    if kind == tuple[Node, ...]:
        return tuple(node_target(subject.editor, NodeRef(subject.graph, node)) for node in subject.nodes)
    if kind == Graph:
        return graph_target(subject.editor, subject.graph)
    if kind in (Value, Value | None):
        return _value(label, subject, key, default)
    if kind == tuple[Value, ...]:
        return tuple(_target(subject, each) for each in _values(label, subject, key, default))
    if kind == tuple[UseTarget, ...] | None:
        return _uses(label, subject, key, said)
    if kind == dict[int, int] | None:
        return _bypass(subject, key)
    if kind == tuple[Attribute, ...]:
        return _attributes(label, key, str(said.get("op", "")), str(said.get("domain", "")))
    if kind == tuple[NewConstant, ...]:
        return _constants(key, str(said.get("op", "")), str(said.get("domain", "")))
    if kind == Attribute:
        return _attribute(subject, key)
    if kind is bool:
        return st.checkbox(label, bool(default), key=key)
    if kind is int and name in _SLOTS and len(subject.nodes) == 1:
        return _slot(label, subject, 0 if default is msgspec.NODEFAULT else default, key)
    if kind is int:
        return int(st.number_input(label, value=0 if default is msgspec.NODEFAULT else default, step=1, key=key))
    if name == "file" and operation in _FILES:
        return _file(operation, key)
    if kind is str:
        return _text(label, name, default, key)
    return _json(label, kind, default, key)


def _file(operation: type[Operation], key: str) -> str:
    """Ask for a file of values, or for a model of the workspace; return the name that it goes by."""
    if _FILES[operation] == "npy":
        path = ask_for_file(state.workspace(), ["npy"], "", key)
        return offer_file(Path(path)) if path else ""
    models = {entry.name: entry for entry in state.workspace().models() if not entry.source}
    chosen = st.selectbox("Model", list(models), None, key=key, placeholder="another model of the workspace")
    if chosen is None:
        raise EditError("Choose a model: open it first if it is not there.")
    return offer_file(Path(models[chosen].location.path))


def _text(label: str, name: str, default: Any, key: str) -> str:
    given = "" if default is msgspec.NODEFAULT or default is None else str(default)
    if name == "op":
        return st.selectbox(label, _operators(), None, key=key, accept_new_options=True, placeholder="Relu") or ""
    if name in ("to", "dtype"):
        options = [*([""] if given == "" and default is not msgspec.NODEFAULT else []), *_DTYPES]
        return st.selectbox(label, options, options.index(given) if given in options else 0, key=key)
    return st.text_input(label, given, key=key)


def _json(label: str, kind: Any, default: Any, key: str) -> Any:
    given = "" if default is msgspec.NODEFAULT else msgspec.json.encode(default).decode()
    text = st.text_input(label, given, key=key, placeholder="[1, 3, 224, 224]", help="As JSON, like [1, 3, 224, 224].")
    try:
        return msgspec.json.decode(text or "null", type=kind)
    except msgspec.DecodeError as error:
        raise EditError(f"{label}: {error}.") from None


def _slot(label: str, subject: Subject, default: int, key: str) -> int:
    """Choose an input of the node; one more than it has can be connected."""
    inputs = list(subject.index.nodes[subject.nodes[0]].input)
    titles = {at: f"{at}: {name or 'left out'}" for at, name in enumerate(inputs)} | {
        len(inputs): f"{len(inputs)}: new"
    }
    chosen = st.selectbox(label, list(titles), min(default, len(inputs)), key=key, format_func=titles.__getitem__)
    return int(chosen)


def _known_values(subject: Subject) -> list[str]:
    """Return the values one is likely to mean, the nearest first."""
    index = subject.index
    near = list(subject.values)
    for node in subject.nodes:
        near += [*index.nodes[node].output, *index.nodes[node].input]
    others = [*index.inputs, *index.producer, *index.initializers]
    return [name for name in dict.fromkeys([*near, *others]) if name][: max(_MOST_VALUES, len(near))]


def _target(subject: Subject, name: str) -> Value:
    """Say which value is meant by a name, also one of a graph around this one."""
    if subject.index.defines(name) or not subject.graph:
        return value_target(subject.editor, TensorRef(subject.graph, name)) if subject.index.defines(name) else name
    return name


def _value(label: str, subject: Subject, key: str, default: Any) -> Value:
    options = _known_values(subject)
    optional = default is not msgspec.NODEFAULT
    chosen = st.selectbox(
        label, options, None if optional or not options else 0, key=key, accept_new_options=True, placeholder="a value"
    )
    return _target(subject, chosen) if chosen else ""


def _values(label: str, subject: Subject, key: str, default: Any) -> list[str]:
    given = list(subject.values) if default is msgspec.NODEFAULT else []
    return st.multiselect(label, _known_values(subject), given, key=key, accept_new_options=True)


def _uses(label: str, subject: Subject, key: str, said: Mapping[str, Any]) -> tuple[UseTarget, ...] | None:
    """Choose among the uses of the value; none chosen: all."""
    value = said.get("value")
    name = getattr(value, "name", value)
    if not name or len(found := uses(subject.editor, subject.graph, name)) < 2:
        return None
    titles = {}
    for use in found:
        index = subject.model.graphs[use.graph]
        if use.node == OUTPUT:
            titles[use] = "the graph's output" if use.graph == subject.graph else f"the output of {index.title}"
        else:
            titles[use] = f"{index.nodes[use.node].op_type} {index.names[use.node]} · input {use.slot}"
    options = [use for use in found if use.node != OUTPUT or use.graph == subject.graph]
    chosen = st.multiselect(label, options, key=key, format_func=titles.__getitem__, placeholder=f"all {len(found)}")
    if not chosen:
        return None
    return tuple(
        UseTarget()
        if use.node == OUTPUT
        else UseTarget(node_target(subject.editor, NodeRef(use.graph, use.node)), use.slot)
        for use in chosen
    )


def _bypass(subject: Subject, key: str) -> dict[int, int] | None:
    """Choose which input takes the place of each output that is used."""
    index = subject.index
    node = index.nodes[subject.nodes[0]]
    inputs = [slot for slot, name in enumerate(node.input) if name]
    used = [slot for slot, name in enumerate(node.output) if name and index.is_used(name)]
    if len(inputs) < 2 or not used:
        return None
    chosen: dict[int, int] = {}
    for slot in used:
        taken = st.selectbox(
            f"In place of {plain(node.output[slot])}",
            inputs,
            None,
            key=f"{key}:{slot}",
            format_func=lambda at: f"input {at}: {node.input[at]}",
            placeholder="the one input that fits",
        )
        if taken is not None:
            chosen[slot] = taken
    return chosen or None


def _constants(key: str, op: str, domain: str) -> tuple[NewConstant, ...]:
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


def _attribute(subject: Subject, key: str) -> Attribute:
    """Choose an attribute of the node, or name a new one, and write its value."""
    node = subject.index.nodes[subject.nodes[0]]
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


def _attributes(label: str, key: str, op: str, domain: str) -> tuple[Attribute, ...]:
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
def _operators() -> list[str]:
    schemas: Sequence[Any] = defs.get_all_schemas()
    return sorted({schema.name for schema in schemas if not schema.domain and not schema.deprecated})
