"""Rules about operators: versions, operators that exist, their inputs, outputs and attributes, functions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import onnx
from onnx import defs, helper

from graphdebug.model.checks.graphs import listed
from graphdebug.model.document import Model
from graphdebug.model.functions import expansion
from graphdebug.model.index import GraphIndex, function_key
from graphdebug.model.records import Finding, Severity
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import LARGEST_EXPANSION
from graphdebug.model.value_types import shown

_ANY = onnx.AttributeProto.UNDEFINED


@dataclass(frozen=True, slots=True)
class _Operator:
    """What a schema demands. ``required`` are the input slots that may not be left empty."""

    inputs: tuple[int, int]
    outputs: tuple[int, int]
    required: frozenset[int]
    attributes: Mapping[str, int]
    mandatory: frozenset[str]
    deprecated: bool


def version_findings(model: onnx.ModelProto) -> Iterator[Finding]:
    """Check the IR version and the imported operator sets."""
    if model.ir_version < 1:
        yield Finding(Severity.ERROR, "ir-version", "The model states no IR version.")
    elif model.ir_version > onnx.IR_VERSION:
        sentence = f"IR version {model.ir_version} is newer than the newest known here ({onnx.IR_VERSION})."
        yield Finding(Severity.WARNING, "ir-version", sentence)
    if not model.opset_import and model.ir_version >= 3:
        yield Finding(Severity.ERROR, "no-opset", "The model imports no operator set, so no operator has a meaning.")
    seen: set[str] = set()
    for entry in model.opset_import:
        domain = _domain(entry.domain)
        title = _title(domain)
        if domain in seen:
            sentence = f"The operator set of {title} is imported more than once."
            yield Finding(Severity.ERROR, "duplicate-opset", sentence)
        seen.add(domain)
        newest = _newest(domain)
        if newest is None:
            continue
        if not 1 <= entry.version <= newest:
            sentence = f"Version {entry.version} of {title} is not known here; versions 1 to {newest} are."
            yield Finding(Severity.ERROR, "unknown-opset", sentence)
        elif model.ir_version < _ir_version_of(domain, entry.version):
            needs = _ir_version_of(domain, entry.version)
            sentence = f"Version {entry.version} of {title} came with IR version {needs}, but the model states "
            yield Finding(Severity.WARNING, "ir-version", sentence + f"{model.ir_version}; some engines refuse it.")


def function_findings(model: Model) -> Iterator[Finding]:
    """Check that functions end, and that writing out their calls does not explode."""
    calls = expansion(model.graphs)
    if calls.recursive:
        titles = listed(model.graphs[path].title for path in calls.recursive)
        sentence = f"{len(calls.recursive):,} function(s) call themselves, or others that do, without end: {titles}."
        yield Finding(Severity.ERROR, "function-recursion", sentence, calls.recursive[0])
    if calls.nodes > LARGEST_EXPANSION:
        sentence = f"Writing out the function calls gives {calls.nodes:,} nodes; engines do so and run out of memory."
        yield Finding(Severity.ERROR, "function-expansion", sentence)


def operator_findings(model: Model, path: str, index: GraphIndex) -> Iterator[Finding]:
    """Check every node of one graph against its operator."""
    versions = versions_at(model, path)
    custom: dict[str, dict[str, int]] = {}
    for position, node in enumerate(index.nodes):
        yield from node_findings(model, index, position, versions)
        domain = _domain(node.domain)
        if _newest(domain) is None and not _is_call(model, node):
            counts = custom.setdefault(domain, {})
            counts[node.op_type] = counts.get(node.op_type, 0) + 1
    for domain, counts in custom.items():
        sentence = (
            f"{sum(counts.values()):,} node(s) are of {_title(domain)}, unknown to ONNX itself: {listed(counts)}."
        )
        yield Finding(Severity.INFO, "custom-op", sentence, path)


def node_findings(model: Model, index: GraphIndex, position: int, versions: Mapping[str, int]) -> Iterator[Finding]:
    """Check one node against its operator; ``versions`` are those of `versions_at` its graph."""
    node = index.nodes[position]
    if _is_call(model, node):
        return
    domain = _domain(node.domain)
    version, newest = versions.get(domain), _newest(domain)
    place: dict[str, Any] = {"graph": index.path, "node": position}
    if version is None:
        sentence = f"{whose(index, position)} is of {_title(domain)}, whose operator set the model does not import."
        yield Finding(Severity.ERROR, "domain-not-imported", sentence, **place)
    if newest is None:
        return
    operator = _operator(domain, node.op_type, version or 1)
    if operator is not None:
        for code, objection in _against(operator, node):
            yield Finding(Severity.ERROR, code, f"{whose(index, position)} {objection}", **place)
    elif version is not None and version <= newest:
        sentence = f"{whose(index, position)}: {_why_unknown(domain, node.op_type, version)}"
        yield Finding(Severity.ERROR, "unknown-op", sentence, **place)


def _is_call(model: Model, node: onnx.NodeProto) -> bool:
    return function_key(node.domain, node.op_type, node.overload) in model.functions


def _against(operator: _Operator, node: onnx.NodeProto) -> Iterator[tuple[str, str]]:
    """Hold a node against its schema: codes, and what is to be said of the node."""
    if operator.deprecated:
        yield "deprecated-op", "was removed from this operator set."
        return
    for what, names, (least, most) in (
        ("input", node.input, operator.inputs),
        ("output", node.output, operator.outputs),
    ):
        count = len(names)
        if not least <= count <= most:
            limit = f"{least}" if least == most else f"at least {least}" if count < least else f"at most {most}"
            yield f"{what}-count", f"has {count} {what}(s), but must have {limit}."
    for slot, name in enumerate(node.input):
        if not name and slot in operator.required:
            yield "missing-input", f"has no input {slot}, which may not be left out."
    given: set[str] = set()
    for attribute in node.attribute:
        name = attribute.name
        if name in given:
            yield "duplicate-attribute", f"has the attribute {shown(name)} twice."
        given.add(name)
        wanted = operator.attributes.get(name)
        if wanted is None:
            yield "unknown-attribute", f"has an attribute {shown(name)} that the operator does not know."
        elif attribute.type not in (wanted, _ANY):
            kinds = f"{_kind(attribute.type)}, but must be {_kind(wanted)}"
            yield "attribute-type", f"has an attribute {shown(name)} that is {kinds}."
    for name in sorted(operator.mandatory - given):
        yield "missing-attribute", f"lacks the attribute {shown(name)}, which it must have."


def whose(index: GraphIndex, position: int) -> str:
    """Return what a sentence about a node begins with: its name and operator."""
    return f"{shown(index.names[position])} ({shown(index.nodes[position].op_type)[1:-1]})"


def versions_at(model: Model, path: str) -> dict[str, int]:
    """Return domain → version where ``path`` lies: the model's imports, or those of the function."""
    imports = model.proto.opset_import
    if path.startswith("fn:"):
        imports = model.graphs[path.partition("/")[0]].proto.opset_import
    versions = {_domain(entry.domain): entry.version for entry in imports}
    if path == MAIN_GRAPH and model.proto.ir_version < 3:
        versions.setdefault("", 1)  # before IR version 3 there was but one operator set
    return versions


@lru_cache(maxsize=4096)
def _operator(domain: str, op_type: str, version: int) -> _Operator | None:
    try:
        schema: Any = defs.get_schema(op_type, version, domain)
    except (defs.SchemaError, TypeError):
        return None
    single = defs.OpSchema.FormalParameterOption.Single
    return _Operator(
        (schema.min_input, schema.max_input),
        (schema.min_output, schema.max_output),
        frozenset(slot for slot, formal in enumerate(schema.inputs) if formal.option == single),
        {name: int(attribute.type.value) for name, attribute in schema.attributes.items()},
        frozenset(name for name, attribute in schema.attributes.items() if attribute.required),
        schema.deprecated,
    )


def _why_unknown(domain: str, op_type: str, version: int) -> str:
    since = [schema.since_version for schema in _history().get((domain, op_type), ())]
    if since:
        return f"the operator exists from version {min(since)} of {_title(domain)}, but the model imports {version}."
    return f"{_title(domain)} has no such operator."


@lru_cache(maxsize=1)
def _history() -> dict[tuple[str, str], list[defs.OpSchema]]:
    history: dict[tuple[str, str], list[defs.OpSchema]] = {}
    for schema in defs.get_all_schemas_with_history():
        history.setdefault((schema.domain, schema.name), []).append(schema)
    return history


@lru_cache(maxsize=1)
def _ir_versions() -> dict[tuple[str, int], int]:
    """(domain, version) → the IR version it came with."""
    return {(_domain(domain), version): ir for (domain, version), ir in helper.OP_SET_ID_VERSION_MAP.items()}


def _ir_version_of(domain: str, version: int) -> int:
    return _ir_versions().get((domain, version), 0)


@lru_cache(maxsize=256)
def _newest(domain: str) -> int | None:
    """Return the newest known version of a domain that ONNX itself defines; None for a custom domain."""
    if domain == "":
        return int(defs.onnx_opset_version())
    known = [version for name, version in _ir_versions() if name == domain]
    schemas = [schema.since_version for schema in defs.get_all_schemas() if schema.domain == domain]
    return max(known + schemas, default=None)


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _title(domain: str) -> str:
    return f"domain {shown(domain)}" if domain else "the standard operator set"


def _kind(number: int) -> str:
    try:
        return str(onnx.AttributeProto.AttributeType.Name(number))
    except ValueError:
        return f"type {number}"
