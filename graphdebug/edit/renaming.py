"""Copies of nodes and graphs under other names, so that they can stand in another graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import onnx

from graphdebug.edit.uses import renamed

Resolve = Callable[[onnx.AttributeProto], onnx.AttributeProto | None]
"""Given an attribute that refers to one of the function around it, return what it is; None: it is left out."""


class Scope:
    """The new names of a graph's values: what is not known gets one when it is first met."""

    def __init__(
        self, new: Callable[[str], str], known: Mapping[str, str] | None = None, outer: Scope | None = None
    ) -> None:
        """``new`` makes names; ``known`` are given ones (``""`` for a value that is left out)."""
        self._new, self._names, self._outer = new, dict(known or {}), outer

    def __getitem__(self, name: str) -> str:
        """Return a value's new name; an input that is left out stays so."""
        if not name or name in self._names:
            return self._names.get(name, "")
        if self._outer is not None:
            return self._outer[name]
        return self._names.setdefault(name, self._new(name))

    def node(self, name: str) -> str:
        """Return a new name for a node; one without a name has none again."""
        return self._new(name) if name else ""

    def within(self, defined: Iterable[str]) -> Scope:
        """Return the scope of a nested graph, which defines values of its own."""
        return Scope(self._new, {name: self._new(name) for name in dict.fromkeys(defined) if name}, self)


def renamed_node(node: onnx.NodeProto, scope: Scope, resolve: Resolve | None = None) -> onnx.NodeProto:
    """Return a copy of a node under new names, nested graphs included.

    Attributes that refer to the function's are put in as ``resolve`` gives them; without it they stay.
    """
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [scope[name] for name in node.input]
    copy.output[:] = [scope[name] for name in node.output]
    if node.name:
        copy.name = scope.node(node.name)
    for configuration in copy.device_configurations:
        for sharding in configuration.sharding_spec:
            sharding.tensor_name = scope[sharding.tensor_name]
    del copy.attribute[:]
    copy.attribute.extend(_attributes(node, scope, resolve))
    return copy


def renamed_graph(graph: onnx.GraphProto, outer: Scope, resolve: Resolve | None = None) -> onnx.GraphProto:
    """Return a copy of a nested graph under new names."""
    scope = outer.within(_defined(graph))
    copy = onnx.GraphProto()
    copy.CopyFrom(graph)
    for field in ("input", "output", "value_info", "initializer", "sparse_initializer", "quantization_annotation"):
        entries = getattr(copy, field)
        changed = [renamed_entry(entry, scope) for entry in entries]
        del entries[:]
        entries.extend(changed)
    del copy.node[:]
    copy.node.extend(renamed_node(node, scope, resolve) for node in graph.node)
    return copy


def renamed_entry(entry: Any, scope: Scope) -> Any:
    """Return a copy of what a graph says of a value (its type, its values, an annotation) under its new name."""
    if isinstance(entry, onnx.SparseTensorProto):
        return renamed(entry, scope[entry.values.name])
    if not isinstance(entry, onnx.TensorAnnotation):
        return renamed(entry, scope[entry.name])
    copy = renamed(entry, scope[entry.tensor_name])
    for parameter in copy.quant_parameter_tensor_names:
        parameter.value = scope[parameter.value]
    return copy


def _attributes(node: onnx.NodeProto, scope: Scope, resolve: Resolve | None) -> Iterator[onnx.AttributeProto]:
    for attribute in node.attribute:
        if attribute.ref_attr_name and resolve is not None:
            value = resolve(attribute)
            if value is not None:
                yield value
            continue
        copy = onnx.AttributeProto()
        copy.CopyFrom(attribute)
        if attribute.HasField("g"):
            copy.g.CopyFrom(renamed_graph(attribute.g, scope, resolve))
        for position, graph in enumerate(attribute.graphs):
            copy.graphs[position].CopyFrom(renamed_graph(graph, scope, resolve))
        yield copy


def _defined(graph: onnx.GraphProto) -> Iterator[str]:
    yield from (entry.name for entry in (*graph.input, *graph.initializer))
    yield from (entry.values.name for entry in graph.sparse_initializer)
    yield from (name for node in graph.node for name in node.output)
