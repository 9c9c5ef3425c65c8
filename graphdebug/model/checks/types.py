"""Rules about element types: what an operator's schema allows, and what it makes of what it is given.

Only what schemas say is used, no inference of onnx's own: it is C++ that a model can bring down, and this may run in
the server (https://onnx.ai/onnx/repo-docs/IR.html, type constraints of formal parameters).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import onnx
from onnx import defs

from graphdebug.model.checks.operators import whose
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Finding, Severity, ValueType
from graphdebug.model.value_types import dtype_name, shown

_TYPE_ATTRIBUTES = ("to", "dtype", "output_dtype")
"""Attributes that say what element type comes out, where the inputs do not."""

_CONSTANTS = {"value_int": "int64", "value_float": "float", "value_string": "string"}
"""Attributes of Constant that are no tensors, and their element types; there is a list of each as well."""


@dataclass(frozen=True, slots=True)
class _Formal:
    """A formal parameter: the types it allows, and the type variable it shares with others (``""``: none)."""

    allowed: frozenset[str]
    variable: str


@dataclass(frozen=True, slots=True)
class _Signature:
    """The formal parameters of an operator; the last stands for all further ones when it is variadic."""

    inputs: tuple[_Formal, ...]
    outputs: tuple[_Formal, ...]
    variadic: tuple[bool, bool]

    def input(self, slot: int) -> _Formal | None:
        return _formal(self.inputs, slot, self.variadic[0])

    def output(self, slot: int) -> _Formal | None:
        return _formal(self.outputs, slot, self.variadic[1])


def type_findings(
    index: GraphIndex, position: int, versions: Mapping[str, int], types: Mapping[str, ValueType]
) -> Iterator[Finding]:
    """Check the element types that one node takes and makes, as far as they are known.

    ``versions`` are those of `operators.versions_at` its graph; ``types`` are by value, also of the graphs around it.
    """
    node = index.nodes[position]
    signature = _signature_of(node, versions)
    if signature is None:
        return
    for code, objection, name in (*_against_inputs(signature, node, types), *_against_outputs(node, versions, types)):
        yield Finding(Severity.ERROR, code, f"{whose(index, position)} {objection}.", index.path, position, name)


def _against_inputs(
    signature: _Signature, node: onnx.NodeProto, types: Mapping[str, ValueType]
) -> Iterator[tuple[str, str, str]]:
    first: dict[str, tuple[int, str]] = {}
    for slot, name in enumerate(node.input):
        formal, text = signature.input(slot), _type_text(types.get(name) if name else None)
        if formal is None or not text:
            continue
        if formal.allowed and text not in formal.allowed:
            allowed = ", ".join(sorted(map(_plain, formal.allowed)))
            yield "input-type", f"takes {_plain(text)} as input {slot}, but allows only {allowed}", name
        elif formal.variable:
            before, other = first.setdefault(formal.variable, (slot, text))
            if other != text:
                both = f"{_plain(other)} as input {before} and {_plain(text)} as input {slot}"
                yield "input-type", f"takes {both}, but they must be of one type", name


def _against_outputs(
    node: onnx.NodeProto, versions: Mapping[str, int], types: Mapping[str, ValueType]
) -> Iterator[tuple[str, str, str]]:
    for name, dtype in zip(node.output, made_dtypes(node, versions, types), strict=True):
        known = types.get(name)
        if dtype and known and known.kind == "tensor" and known.dtype not in ("", dtype):
            yield "output-type", f"makes {dtype}, but its output {shown(name)} is said to be {known.dtype}", name


def made_dtypes(node: onnx.NodeProto, versions: Mapping[str, int], types: Mapping[str, ValueType]) -> Sequence[str]:
    """Return the element type of each output of a node by its schema; ``""`` where it says nothing or is no tensor."""
    signature = _signature_of(node, versions)
    if signature is None:
        return [""] * len(node.output)
    bound: dict[str, str] = {}
    for slot, name in enumerate(node.input):
        formal, text = signature.input(slot), _type_text(types.get(name) if name else None)
        if formal and text and formal.variable and text in formal.allowed:
            bound.setdefault(formal.variable, text)
    return [_made(node, signature.output(slot), bound) if name else "" for slot, name in enumerate(node.output)]


def _made(node: onnx.NodeProto, formal: _Formal | None, bound: Mapping[str, str]) -> str:
    if formal is None:
        return ""
    text = bound.get(formal.variable, "") if formal.variable else ""
    if not text and len(formal.allowed) == 1:
        text = next(iter(formal.allowed))
    if not text:
        for attribute in node.attribute:
            if attribute.name in _TYPE_ATTRIBUTES and not attribute.ref_attr_name:
                return dtype_name(attribute.i)
            if attribute.name == "value" and node.op_type in ("Constant", "ConstantOfShape"):
                return dtype_name(attribute.t.data_type)
            if node.op_type == "Constant" and attribute.name.removesuffix("s") in _CONSTANTS:
                return _CONSTANTS[attribute.name.removesuffix("s")]
    return text.removeprefix("tensor(").removesuffix(")") if text.startswith("tensor(") else ""


def _signature_of(node: onnx.NodeProto, versions: Mapping[str, int]) -> _Signature | None:
    domain = "" if node.domain == "ai.onnx" else node.domain
    version = versions.get(domain)
    return None if version is None else _signature(domain, node.op_type, version)


@lru_cache(maxsize=4096)
def _signature(domain: str, op_type: str, version: int) -> _Signature | None:
    try:
        schema: Any = defs.get_schema(op_type, version, domain)
    except (defs.SchemaError, TypeError):
        return None
    variables = {constraint.type_param_str for constraint in schema.type_constraints}
    formals = [
        tuple(
            _Formal(frozenset(each.types), each.type_str if each.type_str in variables and each.is_homogeneous else "")
            for each in side
        )
        for side in (schema.inputs, schema.outputs)
    ]
    variadic = defs.OpSchema.FormalParameterOption.Variadic
    last = tuple(bool(side) and side[-1].option == variadic for side in (schema.inputs, schema.outputs))
    return _Signature(formals[0], formals[1], (last[0], last[1]))


def _formal(formals: Sequence[_Formal], slot: int, variadic: bool) -> _Formal | None:
    if slot < len(formals):
        return formals[slot]
    return formals[-1] if variadic else None


def _type_text(kind: ValueType | None) -> str:
    """Return a type as schemas write it; ``""`` when it is not known well enough."""
    if kind is None or not kind.dtype:
        return ""
    if kind.kind == "tensor":
        return f"tensor({kind.dtype})"
    return f"seq(tensor({kind.dtype}))" if kind.kind == "sequence" else ""


def _plain(text: str) -> str:
    return text.removeprefix("tensor(").removesuffix(")") if text.startswith("tensor(") else text
