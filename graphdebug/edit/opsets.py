"""Operator sets: which version of a domain a graph works with, and what ONNX says of an operator there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx
from onnx import defs

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.splice import Step, at
from graphdebug.model.index import function_key, nested_graphs
from graphdebug.model.value_types import shown

_CONSTANT_INITIALIZERS_SINCE = 4
"""The IR version since which an initializer need not be an input, too (docs/IR.md of ONNX)."""

_VARIADIC = 1000
"""An operator that is said to take more inputs takes any number."""


def holder(path: str, editor: Editor) -> tuple[Step, ...]:
    """Return the way to what imports operator sets for the graph at ``path``: the model, or a function."""
    return editor.way(path)[:1] if path.startswith("fn:") else ()


def inputs_too(model: onnx.ModelProto) -> bool:
    """Say whether each initializer of the main graph is an input, too; else such an input is one with a default."""
    return bool(model.ir_version < _CONSTANT_INITIALIZERS_SINCE)


def versions(imports: onnx.ModelProto | onnx.FunctionProto) -> dict[str, int]:
    """Return domain → version of the operator sets that a model or a function imports."""
    return {plain(each.domain): each.version for each in imports.opset_import}


def plain(domain: str) -> str:
    """Return a domain as it is compared: ``ai.onnx`` is another spelling of the default one."""
    return "" if domain == "ai.onnx" else domain


def schema(op: str, domain: str, version: int | None) -> Any:
    """Return what ONNX says of an operator in a version of its operator set; None when it knows none."""
    if not version:
        return None
    try:
        return defs.get_schema(op, version, plain(domain))
    except defs.SchemaError:
        return None


def known_attributes(editor: Editor, path: str, op: str, domain: str) -> frozenset[str] | None:
    """Return the names of the attributes that an operator has, as a node of the graph at ``path`` calls it.

    None when nobody says: neither a function of the model nor ONNX.
    """
    for function in editor.proto.functions:
        if function_key(function.domain, function.name, "") == function_key(domain, op, ""):
            return frozenset((*function.attribute, *(each.name for each in function.attribute_proto)))
    found = schema(op, domain, versions(at(editor.proto, holder(path, editor))).get(plain(domain)))
    return None if found is None else frozenset(found.attributes)


def most_inputs(editor: Editor, path: str, op: str, domain: str, present: int) -> int:
    """Return how many inputs a node of an operator may have, one that has ``present`` already.

    Where nobody says, or any number will do, it may have one more.
    """
    for function in editor.proto.functions:
        if function_key(function.domain, function.name, "") == function_key(domain, op, ""):
            return max(present, len(function.input))
    found = schema(op, domain, versions(at(editor.proto, holder(path, editor))).get(plain(domain)))
    return present + 1 if found is None or found.max_input > _VARIADIC else max(present, found.max_input)


def all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """Go through nodes and those of the graphs nested in them."""
    for node in nodes:
        yield node
        for _, graph in nested_graphs(node):
            yield from all_nodes(graph.node)


def agree(ours: Mapping[str, int], theirs: Mapping[str, int], nodes: Iterable[onnx.NodeProto], whose: str) -> None:
    """See to it that nodes mean the same under our operator sets as under theirs (``whose``).

    Versions may differ where each operator that is used was last changed before both.

    Raises:
        EditError: one means something else.
    """
    for domain, op in sorted({(plain(node.domain), node.op_type) for node in all_nodes(nodes)}):
        mine, other = ours.get(domain), theirs.get(domain)
        if mine is None or other is None or mine == other:
            continue
        here, there = schema(op, domain, mine), schema(op, domain, other)
        if here is None or there is None or here.since_version != there.since_version:
            title = shown(domain) if domain else "ONNX"
            raise EditError(
                f"{op} means something else here: {whose} uses version {other} of the operator set {title}, this model "
                f"version {mine}. Convert one of them first."
            )


def import_missing(editor: Editor, path: str, theirs: Mapping[str, int], nodes: Iterable[onnx.NodeProto]) -> None:
    """Import what nodes use and is not imported yet for the graph at ``path``, in their version."""
    used = {plain(node.domain) for node in all_nodes(nodes)}
    for way in {(): None, holder(path, editor): None}:
        imports = at(editor.proto, way)
        present = versions(imports)
        new = [
            onnx.OperatorSetIdProto(domain=domain, version=version)
            for domain, version in theirs.items()
            if domain in used and domain not in present
        ]
        if new:
            editor.splice(way, "opset_import", len(imports.opset_import), 0, new)
