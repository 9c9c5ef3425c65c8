"""Everything that is wrong or odd about a model, each with its place and a plain sentence.

Our own rules come first and always finish; onnx's checker, which stops at its first objection, has the last word.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx
import onnx.checker

from graphdebug.model.checks.declarations import declaration_findings, signature_findings
from graphdebug.model.checks.graphs import graph_findings, listed
from graphdebug.model.checks.operators import function_findings, operator_findings, version_findings
from graphdebug.model.checks.tensors import tensor_findings
from graphdebug.model.document import Model, Types
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Finding, Severity, ValueType, worst_first
from graphdebug.model.shapes import Complaint
from graphdebug.model.value_types import shown
from graphdebug.model.weightless import weightless

KEPT_PER_CODE = 8
"""More findings of a kind than this are counted, not listed."""

_NAMED = re.compile(r"(?:tensor name: |value_info name: |Sparse tensor \()([^)]+)\)")
"""The name of a value in a message of the checker."""
_LACKS = re.compile(r"Field '(\w+)' of '(\w+)' is required (?:but missing|to be non-empty)")
_NOUNS = {"attr": "attribute", "value_info": "value", "init": "initializer"}


def findings(model: Model, types: Types, complaints: Sequence[Complaint] = ()) -> tuple[Finding, ...]:
    """Check a model: errors first, then warnings, then what is worth knowing.

    ``types`` are inferred types (what they lack is reported when there are any at all), ``complaints`` what inference
    objected to. Linear in the size of the model; never raises for what is in the file; reads no large values.
    Of more than `KEPT_PER_CODE` of a kind, the rest is counted.
    """
    return worst_first(_capped(every_finding(model, types, complaints)))


def every_finding(model: Model, types: Types, complaints: Sequence[Complaint] = ()) -> list[Finding]:
    """Check a model as `findings` does; return all there is."""
    found = [*version_findings(model.proto), *declaration_findings(model.proto), *signature_findings(model)]
    found += [*function_findings(model), *tensor_findings(model)]
    for path in model.graphs:
        index = model.graphs[path]
        found += graph_findings(model.graphs, path)
        found += operator_findings(model, path, index)
        if types:
            found += _untyped(index, types)
    found += map(objection, complaints)
    found += _checker(model, found)
    return found


def _untyped(index: GraphIndex, types: Types) -> Iterator[Finding]:
    """Report nodes with outputs whose shapes are not fully known. A function's body has none of its own."""
    if index.path.startswith("fn:"):
        return
    known = types.get(index.path, {})
    unknown = {node for name, node in index.producer.items() if not _is_known(known.get(name))}
    if unknown:
        nodes = sorted(unknown)
        names = listed(index.names[node] for node in nodes)
        sentence = (
            f"The output shapes of {len(nodes):,} of {len(index.nodes):,} nodes are not fully known before a run: "
        )
        sentence += f"{names}."
        yield Finding(Severity.INFO, "shape-not-inferred", sentence, index.path, nodes[0])


def _is_known(kind: ValueType | None) -> bool:
    """Say whether a value's shape is known, symbolic names included. Containers have none to know."""
    return kind is not None and (kind.kind != "tensor" or (kind.shape is not None and None not in kind.shape))


def objection(complaint: Complaint) -> Finding:
    """Return what inference objected to as a finding."""
    message = _sentence(complaint.message)
    if complaint.node is None:
        return Finding(Severity.ERROR, "shape-conflict", f"Shapes or types at a {complaint.op} do not fit: {message}")
    sentence = f"Shapes or types do not fit at this {complaint.op}: {message}"
    return Finding(Severity.ERROR, "shape-conflict", sentence, complaint.node.graph, complaint.node.index)


def _checker(model: Model, found: Iterable[Finding]) -> Iterator[Finding]:
    """Ask onnx.checker about a copy without weights, and keep what our rules did not say of the same place."""
    bare = weightless(model)
    for tensor in bare.emptied:
        tensor.ClearField("dims")
        tensor.dims.append(0)  # no values wanted; the real dimensions are checked by our rules
    try:
        onnx.checker.check_model(bare.proto)
    except Exception as error:  # ValidationError and others from the C++ side, all with a sentence
        node, message = bare.place(model, str(error))
        problem, _, context = message.partition("==> Context:")
        place: dict[str, Any]
        if node:
            place = {"graph": node.graph, "node": node.index}
            said = any((finding.graph, finding.node) == (node.graph, node.index) for finding in found)
        else:
            place = _place_of_value(model, problem)
            said = _said_already(problem, {each.code for each in found if each.severity is not Severity.INFO})
        if said:
            return
        where = f" (in {shown(context.strip())})" if context.strip() and not node else ""
        plain = _LACKS.sub(lambda field: f"some {_NOUNS.get(field[2], field[2])} has no {field[1]}", problem)
        sentence = f"The ONNX checker objects: {_sentence(plain)}{where}"
        yield Finding(Severity.ERROR, "onnx-checker", sentence, **place)


def _place_of_value(model: Model, problem: str) -> dict[str, Any]:
    """Return where the value that a message names is, as fields of a finding; nothing when it names none we know."""
    named = _NAMED.search(problem)
    if not named:
        return {}
    name = named[1]
    for path in model.graphs:
        index = model.graphs[path]
        if index.defines(name):
            return {"graph": path, "node": index.producer.get(name), "tensor": name}
        for values, sparse in index.sparse.items():
            if sparse.indices.name == name:
                return {"graph": path, "tensor": values}
    return {}


_SAME = {
    "of 'value_info' is required": {"nameless-value", "untyped-value"},
    "of 'type' is required": {"untyped-value", "shapeless-value"},
    "Unrecognized type value case": {"untyped-value"},
    "'name' of 'graph'": {"nameless-graph"},
    "'name' of 'init'": {"nameless-value"},
    "must have a non-empty name": {"nameless-value"},
    "not in graph input": {"initializer-no-input"},
    "metadata_props": {"duplicate-metadata"},
    "of 'function' is required": {"nameless-function"},
    "multiple local functions": {"duplicate-function"},
    "duplicate attributes": {"duplicate-attribute"},
    "'data_type' of 'tensor'": {"bad-tensor"},
    "one and only one value field": {"bad-tensor"},
    "should not have data field": {"bad-tensor"},
    "No Opset registered": {"domain-not-imported"},
    "single static assignment": {"duplicate-name"},
    "topologically sorted": {"graph-cycle", "dangling-input", "nodes-out-of-order"},
    "function references": {"function-recursion"},
    "Negative dimension": {"negative-dimension"},
    "product overflow": {"dims-overflow"},
    "raw_data size": {"dims-mismatch"},
    "IR version": {"ir-version"},
    "ir_version": {"ir-version"},
    "opset": {"unknown-opset", "no-opset", "duplicate-opset"},
    "No Op registered": {"unknown-op"},
}


def _said_already(problem: str, codes: set[str]) -> bool:
    return any(words in problem and codes & ours for words, ours in _SAME.items())


def _sentence(text: str) -> str:
    """Return a message of onnx as one sentence on one line."""
    line = " ".join(text.split())
    line = "".join(char for char in line if char.isprintable())
    return (line if len(line) <= 400 else line[:399] + "…").rstrip(". ") + "."


def _capped(found: Iterable[Finding]) -> Iterator[Finding]:
    """Let the first findings of each kind through and count the others."""
    counts: dict[str, int] = {}
    last: dict[str, Finding] = {}
    for finding in found:
        count = counts[finding.code] = counts.get(finding.code, 0) + 1
        last[finding.code] = finding
        if count <= KEPT_PER_CODE:
            yield finding
    for code, count in counts.items():
        if count > KEPT_PER_CODE:
            rest = count - KEPT_PER_CODE
            yield Finding(last[code].severity, code, f"… and {rest:,} more like this.", last[code].graph)
