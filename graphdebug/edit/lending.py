"""A model lent to a tool that rewrites models, and what comes back: weights as they lie, and nothing lost on the way.

A tool sees large initializers as inputs of the model: it can do nothing to them. What it returns is put together with
what the model had, for tools drop much that they do not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from onnx import numpy_helper

from graphdebug.edit.declaring import declared
from graphdebug.edit.editor import Editor, name_of
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import stored_values
from graphdebug.edit.opsets import plain
from graphdebug.edit.values import LARGE, chunks, with_values
from graphdebug.model.external import is_external
from graphdebug.model.index import free_names, function_key, nested_graphs
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.units import size_text
from graphdebug.model.value_types import tensor_type
from graphdebug.model.walk import stored_tensors

MOST = 1 << 28
"""Bytes of all values together that are read in for a tool."""

_Key = tuple[int, tuple[int, ...], bytes]


@dataclass(frozen=True, slots=True)
class Lent:
    """A model as a tool gets it: small values are in it, large initializers (``hidden``) are inputs."""

    proto: onnx.ModelProto
    hidden: frozenset[str]
    stored: dict[_Key, onnx.TensorProto]
    """Each tensor as the model stores it, by its values."""


def lend(editor: Editor, limit: int) -> Lent:
    """Return a copy of the model for a tool; it gets initializers of up to ``limit`` bytes.

    Raises:
        EditError: values that must be read in cannot be, or are too many.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(editor.proto)
    inputs = {entry.name for entry in copy.graph.input}
    hidden = [tensor for tensor in copy.graph.initializer if payload_bytes(tensor) > limit]
    names = frozenset(tensor.name for tensor in hidden)
    kept = [tensor for tensor in copy.graph.initializer if tensor.name not in names]
    entries = [declared(tensor.name, tensor_type(tensor)) for tensor in hidden if tensor.name not in inputs]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(kept)
    copy.graph.input.extend(entries)
    lent = Lent(copy, names, {})
    total = 0
    for each in stored_tensors(copy):
        tensor = each.tensor
        original = onnx.TensorProto()
        original.CopyFrom(tensor)
        total += payload_bytes(tensor)
        if total > MOST:
            raise EditError(
                f"The model has more than {size_text(MOST)} of values that the tool would get: lower the limit."
            )
        if is_external(tensor):
            values = numpy_helper.from_array(stored_values(editor, tensor)).raw_data
            for name in ("external_data", "data_location"):
                tensor.ClearField(name)
            tensor.raw_data = values
        if key := _key(tensor):
            lent.stored.setdefault(key, original)
    return lent


def taken_back(editor: Editor, lent: Lent, after: onnx.ModelProto) -> onnx.ModelProto:
    """Return the model with what a tool made of its main graph; inputs and outputs, and what is said of them, stay.

    Raises:
        EditError: the tool changed the inputs or outputs; new values are large, and there is no folder for them.
    """
    made = onnx.ModelProto()
    made.CopyFrom(editor.proto)
    names = [entry.name for entry in after.graph.output]
    if names != [entry.name for entry in made.graph.output]:
        raise EditError("The tool changed the outputs of the model, so its result is not taken.")
    for each in stored_tensors(after):
        _give_back(editor, lent, each.tensor)
    nodes = list(_restored(made.graph.node, after.graph.node))
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    _put_initializers(made.graph, lent, after.graph)
    for field in ("value_info", "quantization_annotation"):
        _keep_made(made.graph, getattr(editor.proto.graph, field), field)
    _put_imports(made, after)
    known = {function_key(each.domain, each.name, each.overload) for each in made.functions}
    new = [each for each in after.functions if function_key(each.domain, each.name, each.overload) not in known]
    made.functions.extend(new)
    return made


def _give_back(editor: Editor, lent: Lent, tensor: onnx.TensorProto) -> None:
    """Let values that a tool returns as it got them be stored as they were; large new ones go to a file."""
    key = _key(tensor)
    original = lent.stored.get(key) if key else None
    name = tensor.name
    if original is not None:
        tensor.CopyFrom(original)
        tensor.name = name
        if not name:
            tensor.ClearField("name")
    elif payload_bytes(tensor) > LARGE:
        values = numpy_helper.to_array(tensor)
        tensor.CopyFrom(with_values(editor, tensor, tensor.data_type, tensor.dims, chunks(values)))


def _put_initializers(graph: onnx.GraphProto, lent: Lent, after: onnx.GraphProto) -> None:
    """Keep the order of initializers: those that are used yet, then new ones."""
    used = {name for node in graph.node for name in node.input} | {entry.name for entry in graph.output}
    used.update(name for node in graph.node for _, below in nested_graphs(node) for name in free_names(below))
    used.update(entry.name for entry in graph.input)
    returned = {tensor.name: tensor for tensor in after.initializer}
    before = {tensor.name for tensor in graph.initializer}
    kept = [
        tensor if tensor.name in lent.hidden else returned[tensor.name]
        for tensor in graph.initializer
        if tensor.name in used and (tensor.name in lent.hidden or tensor.name in returned)
    ]
    kept += [tensor for name, tensor in returned.items() if name not in before]
    copies = [onnx.TensorProto.FromString(tensor.SerializeToString()) for tensor in kept]
    del graph.initializer[:]
    graph.initializer.extend(copies)


def _put_imports(made: onnx.ModelProto, after: onnx.ModelProto) -> None:
    known = {each.domain: each for each in made.opset_import}
    for each in after.opset_import:
        if each.domain in known:
            known[each.domain].version = each.version
        elif any(node.domain == each.domain for node in after.graph.node):
            made.opset_import.add().CopyFrom(each)


def _restored(before: Sequence[onnx.NodeProto], after: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Go through what a tool returned: nodes that it left alone as they were, others with what was said of them."""
    by_output = {name: node for node in before for name in node.output if name}
    by_inputs = {(node.op_type, *node.input): node for node in before}
    for node in after:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        old = next((by_output[name] for name in node.output if name in by_output), None)
        if old is None or _operator(old) != _operator(node):
            old = by_inputs.get((node.op_type, *node.input))
        if old is not None and _operator(old) == _operator(node):
            _say(copy, old, ("name", "doc_string", "metadata_props", "device_configurations", "overload"))
            inside = dict(nested_graphs(old))
            for name, graph in nested_graphs(copy):
                if name in inside:
                    _restore(graph, inside[name])
            if _plain(old) == _plain(copy):
                copy.CopyFrom(old)
        yield copy


def _restore(graph: onnx.GraphProto, old: onnx.GraphProto) -> None:
    """Give back to a nested graph that a tool returned what it dropped."""
    nodes = list(_restored(old.node, graph.node))
    del graph.node[:]
    graph.node.extend(nodes)
    ends = [[entry.name for entry in (*each.input, *each.output)] for each in (graph, old)]
    same = ("input", "output") if ends[0] == ends[1] else ()
    _say(graph, old, ("name", "doc_string", "metadata_props", *same))
    _keep_made(graph, old.value_info, "value_info")


def _say(message: Any, old: Any, fields: Iterable[str]) -> None:
    """Let a message say in some fields what another says."""
    kept = type(old)()
    kept.CopyFrom(old)
    for field in old.DESCRIPTOR.fields:
        if field.name not in fields:
            kept.ClearField(field.name)
    for name in fields:
        message.ClearField(name)
    message.MergeFrom(kept)


def _keep_made(graph: onnx.GraphProto, entries: Iterable[Any], field: str) -> None:
    """Let a graph say of its values (in ``field``) what ``entries`` say, of those that it makes."""
    made = {name for node in graph.node for name in node.output} | {each.name for each in graph.initializer}
    kept = [type(entry).FromString(entry.SerializeToString()) for entry in entries if name_of(entry) in made]
    graph.ClearField(field)
    getattr(graph, field).extend(kept)


def _operator(node: onnx.NodeProto) -> tuple[str, str]:
    return plain(node.domain), node.op_type


def _plain(node: onnx.NodeProto) -> tuple[list[str], list[str], list[bytes]]:
    """Return what a node does, as far as it can be compared."""
    attributes = sorted(each.SerializeToString(deterministic=True) for each in node.attribute)
    return list(node.input), list(node.output), attributes


def _key(tensor: onnx.TensorProto) -> _Key | None:
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError):
        return None
    data = values.tobytes() if values.dtype != object else repr(values.tolist()).encode()
    return tensor.data_type, tuple(tensor.dims), hashlib.sha256(data).digest()
