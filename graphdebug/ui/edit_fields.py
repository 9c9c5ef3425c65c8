"""The fields of an operation as widgets: what they mean is told by their types and names."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec
import onnx
import streamlit as st

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.constants import InputToInitializer
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import SetValues
from graphdebug.edit.making import NewConstant
from graphdebug.edit.merging import MergeModel
from graphdebug.edit.nodes import UseTarget
from graphdebug.edit.operation import Operation
from graphdebug.edit.putting_back import PutBack
from graphdebug.edit.targets import Graph, Node, Value, ValueTarget, graph_target, node_target, value_target
from graphdebug.edit.uses import OUTPUT, uses
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import MAIN_GRAPH, NodeRef, TensorRef
from graphdebug.model.value_types import dtype_name
from graphdebug.ui import state
from graphdebug.ui.edit_attributes import attribute_field, attributes_field, constants_field, operators
from graphdebug.ui.edit_labels import label as said_as
from graphdebug.ui.edit_session import offer_file
from graphdebug.ui.edit_values import values_field
from graphdebug.ui.kept_files import ask_for_file
from graphdebug.ui.words import plain, plural

_MOST_VALUES = 400
_FILES: Mapping[type[Operation], str] = {
    SetValues: "npy",
    InputToInitializer: "npy",
    MergeModel: "model",
    PutBack: "model",
}
"""What the field ``file`` of an operation means."""
_SLOTS = ("input", "a", "b")
"""Fields that are the number of an input of the node."""
DTYPES = tuple(
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
    def editor(self) -> Editor:
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
    label = said_as(operation, name)
    if kind == Node:
        return node_target(subject.editor, NodeRef(subject.graph, subject.nodes[0]))
    if name == "keep_nodes":
        return _selected_nodes(label, subject, key)
    if kind == tuple[Node, ...]:
        return tuple(node_target(subject.editor, NodeRef(subject.graph, node)) for node in subject.nodes)
    if kind == Graph:
        return graph_target(subject.editor, subject.graph)
    if kind in (Value, Value | None):
        return _value(label, subject, key, default)
    if kind in (tuple[Value, ...], tuple[ValueTarget, ...]):
        return tuple(_target(subject, each) for each in _values(label, subject, key, default))
    if kind == tuple[UseTarget, ...] | None:
        return _uses(label, subject, key, said) or None
    if kind == tuple[UseTarget, ...]:
        return _uses(label, subject, key, said, none="none")
    if kind == dict[int, tuple[UseTarget, ...]]:
        outputs = enumerate(subject.index.nodes[subject.nodes[0]].output)
        chosen = {at: _chosen_uses(label, subject, each, f"{key}:{at}", "none") for at, each in outputs if each}
        return {at: targets for at, targets in chosen.items() if targets}
    if name == "connect":
        return _connect(label, subject, str(said["file"]), key)
    if kind == dict[str, Value]:
        return _ends(label, subject, str(said["file"]), name, key)
    if kind == tuple[Value, ...] | None:
        return tuple(_target(subject, each) for each in _values(label, subject, key, None)) or None
    if kind == dict[int, int] | None:
        return _bypass(subject, key)
    if kind == tuple[Attribute, ...]:
        return attributes_field(label, key, str(said.get("op", "")), str(said.get("domain", "")))
    if kind == tuple[NewConstant, ...]:
        return constants_field(key, str(said.get("op", "")), str(said.get("domain", "")))
    if kind == Attribute:
        return attribute_field(subject.index.nodes[subject.nodes[0]], key)
    if kind is bool:
        return st.checkbox(label, bool(default), key=key)
    if kind is int and name in _SLOTS and len(subject.nodes) == 1:
        return _slot(label, subject, 0 if default is msgspec.NODEFAULT else default, key)
    if kind is int:
        return int(st.number_input(label, value=0 if default is msgspec.NODEFAULT else default, step=1, key=key))
    if name == "values" and operation is SetValues:
        initializer = said["initializer"]
        return values_field(subject.model, subject.graph, getattr(initializer, "name", initializer), key)
    if name == "file" and operation in _FILES:
        return _file(operation, key)
    if kind in (str, str | None):
        return _text(label, name, default, key) or ("" if kind is str else None)
    if get_origin(kind) is Literal:
        return st.selectbox(label, get_args(kind), key=key)
    if name == "shape":
        return _shape(label, key)
    if name == "lengths":
        return _lengths(subject, key)
    if kind == int | str:
        text = st.text_input(label, key=key, placeholder="8, or a name such as batch")
        return int(text) if text.strip().isdecimal() else text.strip()
    if kind in (tuple[str, ...], tuple[str, ...] | None):
        text = st.text_input(label, key=key, placeholder="a, b")
        names = tuple(part.strip() for part in text.split(",") if part.strip())
        return names or (None if default is None else default)
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
        hint = "one such as Relu, or your own"
        chosen = st.selectbox(label, operators(), None, key=key, accept_new_options=True, placeholder=hint)
        if not chosen:
            raise EditError("Choose an operator.")
        return chosen
    if name in ("to", "dtype"):
        chosen = st.selectbox(label, DTYPES, None, key=key, placeholder="an element type")
        if chosen is None and default is msgspec.NODEFAULT:
            raise EditError("Choose an element type.")
        return chosen or given
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


def _shape(label: str, key: str) -> tuple[int | str | None, ...] | None:
    """Write a shape as people do: ``1, 3, height, ?``."""
    return read_shape(st.text_input(label, key=key, placeholder="1, 3, height, ?   (empty: as it is)"))


def read_shape(text: str) -> tuple[int | str | None, ...] | None:
    """Return the shape that somebody wrote: ``1, 3, height, ?``; None when nothing is there."""
    parts = [part.strip() for part in text.strip("[]() ").replace("×", ",").split(",")]
    if not text.strip():
        return None
    return tuple(int(part) if part.isdecimal() else None if part in ("?", "") else part for part in parts)


def _lengths(subject: Subject, key: str) -> dict[str, int]:
    """Ask for the length of each symbolic dimension."""
    types = subject.model.types[MAIN_GRAPH]
    inputs = subject.model.graphs[MAIN_GRAPH].inputs
    shapes = [types[name].shape or () for name in inputs if name in types]
    dims = dict.fromkeys(dim for shape in shapes for dim in shape if isinstance(dim, str))
    if not dims:
        raise EditError("The inputs have no symbolic dimensions.")
    asked = {dim: st.number_input(plain(dim), 1, value=None, step=1, key=f"{key}:{dim}") for dim in dims}
    return {dim: int(length) for dim, length in asked.items() if length is not None}


def _known_values(subject: Subject) -> list[str]:
    """Return the values one is likely to mean, the nearest first."""
    index = subject.index
    near = list(subject.values)
    for node in subject.nodes:
        near += [*index.nodes[node].output, *index.nodes[node].input]
    others = islice(chain(index.inputs, index.producer, index.initializers), _MOST_VALUES)
    return [name for name in dict.fromkeys([*near, *others]) if name]


def _target(subject: Subject, name: str) -> Value:
    """Say which value is meant by a name, also one of a graph around this one."""
    if not subject.index.defines(name):
        return name
    return value_target(subject.editor, TensorRef(subject.graph, name))


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


def _uses(label: str, subject: Subject, key: str, said: Mapping[str, Any], none: str = "all") -> tuple[UseTarget, ...]:
    """Choose among the uses of the value, where it has several; ``none`` says what it means when none is chosen."""
    value = said.get("value")
    name = getattr(value, "name", value)
    if not name or len(uses(subject.editor, subject.graph, name)) < 2:
        return ()
    return _chosen_uses(label, subject, name, key, none)


def _chosen_uses(label: str, subject: Subject, name: str, key: str, none: str) -> tuple[UseTarget, ...]:
    """Choose among the uses of a value."""
    found = uses(subject.editor, subject.graph, name)
    if not found:
        return ()
    titles = {}
    for use in found:
        index = subject.model.graphs[use.graph]
        if use.node == OUTPUT:
            titles[use] = "the graph's output" if use.graph == subject.graph else f"the output of {index.title}"
        else:
            titles[use] = f"{index.nodes[use.node].op_type} {index.names[use.node]} · input {use.slot}"
    options = [use for use in found if use.node != OUTPUT or use.graph == subject.graph]
    hint = f"{none} of {len(found)}"
    chosen = st.multiselect(label, options, key=key, format_func=titles.__getitem__, placeholder=hint)
    return tuple(
        UseTarget()
        if use.node == OUTPUT
        else UseTarget(node_target(subject.editor, NodeRef(use.graph, use.node)), use.slot)
        for use in chosen
    )


def _selected_nodes(label: str, subject: Subject, key: str) -> tuple[Node, ...]:
    """Ask whether the field means the selected nodes."""
    if not subject.nodes:
        st.caption(f"{label}: select them in the graph.")
        return ()
    said = f"{label}: {plural(len(subject.nodes), 'selected one')}"
    if not st.checkbox(said, key=f"{key}:{len(subject.nodes)}"):
        return ()
    return tuple(node_target(subject.editor, NodeRef(subject.graph, node)) for node in subject.nodes)


def _connect(label: str, subject: Subject, file: str, key: str) -> dict[str, str]:
    """Ask which output of the model feeds each input of another one."""
    other = next((entry for entry in state.workspace().models() if Path(entry.location.path).name == file), None)
    if other is None:
        return {}
    st.caption(label)
    outputs = subject.model.graphs[MAIN_GRAPH].outputs
    inputs = [value.name for value in other.record.summary.inputs]
    usual = dict(zip(inputs, outputs, strict=False)) if len(inputs) == len(outputs) == 1 else {}
    fed = {}
    for name in inputs:
        given = name if name in outputs else usual.get(name)
        chosen = st.selectbox(
            plain(name),
            outputs,
            outputs.index(given) if given in outputs else None,
            key=f"{key}:{other.id}:{name}",
            placeholder="nothing: it stays an input",
        )
        if chosen is not None:
            fed[chosen] = name
    return fed


def _ends(label: str, subject: Subject, file: str, which: str, key: str) -> dict[str, Value]:
    """Ask which value each input or output (``which``) of another model is; those called the same need no asking."""
    other = next((entry for entry in state.workspace().models() if Path(entry.location.path).name == file), None)
    if other is None:
        return {}
    st.caption(label)
    said: dict[str, Value] = {}
    for value in getattr(other.record.summary, which):
        chosen = st.selectbox(
            plain(value.name),
            _known_values(subject),
            None,
            key=f"{key}:{other.id}:{value.name}",
            accept_new_options=True,
            placeholder="called the same" if subject.index.defines(value.name) else "a value",
        )
        if chosen is not None:
            said[value.name] = _target(subject, chosen)
    return said


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
