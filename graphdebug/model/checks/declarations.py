"""Rules about what a model declares: names and types of inputs and outputs, initializers, functions, metadata.

onnx's checker has these rules too, but stops at the first and names no place.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

import onnx

from graphdebug.model.document import Model
from graphdebug.model.records import Finding, Severity
from graphdebug.model.refs import MAIN_GRAPH, function_path
from graphdebug.model.value_types import dtype_name, shown

_INITIALIZERS_ARE_INPUTS = 3
"""Up to this IR version, every initializer must be an input of the graph as well."""


def declaration_findings(model: onnx.ModelProto) -> Iterator[Finding]:
    """Check what a model says of itself."""
    graph = model.graph
    if not graph.name:
        yield Finding(Severity.WARNING, "nameless-graph", "The graph has no name; ONNX demands one, engines do not.")
    for key in _repeated(entry.key for entry in model.metadata_props):
        sentence = f"The metadata have the key {shown(key)} more than once; only one of the values will be read."
        yield Finding(Severity.WARNING, "duplicate-metadata", sentence)
    yield from _values("input", graph.input)
    yield from _values("output", graph.output)
    yield from _initializers(model)


def signature_findings(model: Model) -> Iterator[Finding]:
    """Check what the functions of a model say of themselves."""
    paths = [function_path(each.domain, each.name, each.overload) for each in model.proto.functions]
    for path in _repeated(paths):
        sentence = (
            f"The model has more than one function {shown(model.graphs[path].title)}; only the first can be called."
        )
        yield Finding(Severity.ERROR, "duplicate-function", sentence, path)
    for function, path in zip(model.proto.functions, paths, strict=True):
        if not function.name or not function.HasField("domain"):
            lacks = "domain" if function.name else "name"
            sentence = f"Function {shown(function.name)} has no {lacks}, so engines find nothing to call."
            yield Finding(Severity.ERROR, "nameless-function", sentence, path)
        for name in _repeated((*function.attribute, *(each.name for each in function.attribute_proto))):
            sentence = f"Function {shown(function.name)} has the attribute {shown(name)} more than once."
            yield Finding(Severity.WARNING, "duplicate-attribute", sentence, path)


def _values(role: str, values: Iterable[onnx.ValueInfoProto]) -> Iterator[Finding]:
    for position, value in enumerate(values):
        yield from value_findings(role, position, value)


def value_findings(role: str, position: int, value: onnx.ValueInfoProto) -> Iterator[Finding]:
    """Check an ``input`` or ``output`` of the model, whose type must be stated; those of nested graphs need not be."""
    if not value.name:
        sentence = f"The model's {role} {position} has no name, so nothing can refer to it."
        yield Finding(Severity.ERROR, "nameless-value", sentence, MAIN_GRAPH)
    elif lacks := _lacks(value.type):
        sentence = f"The model's {role} {shown(value.name)} states no {lacks}; "
        sentence += "ONNX demands one." if role == "input" else "ONNX demands one, engines infer it."
        severity = Severity.ERROR if role == "input" else Severity.WARNING
        yield Finding(severity, "untyped-value", sentence, MAIN_GRAPH, tensor=value.name)
    elif value.type.HasField("tensor_type") and not value.type.tensor_type.HasField("shape"):
        sentence = f"The model's {role} {shown(value.name)} states no shape, not even how many dimensions it has; "
        sentence += "ONNX demands one, engines accept it."
        yield Finding(Severity.WARNING, "shapeless-value", sentence, MAIN_GRAPH, tensor=value.name)


def _lacks(kind: onnx.TypeProto) -> str:
    """Return what a type lacks to be one; nothing when it is complete but for the shape."""
    case = kind.WhichOneof("value")
    if case in ("tensor_type", "sparse_tensor_type"):
        return "" if dtype_name(getattr(kind, case).elem_type) else "element type"
    if case in ("sequence_type", "optional_type"):
        return _lacks(getattr(kind, case).elem_type) and "element type"
    if case == "map_type":
        return (
            "" if dtype_name(kind.map_type.key_type) and not _lacks(kind.map_type.value_type) else "key or value type"
        )
    return "" if case else "type"


def _initializers(model: onnx.ModelProto) -> Iterator[Finding]:
    stored = [*model.graph.initializer, *(sparse.values for sparse in model.graph.sparse_initializer)]
    for position, tensor in enumerate(stored):
        if not tensor.name:
            sentence = f"Initializer {position} has no name, so nothing can use it."
            yield Finding(Severity.ERROR, "nameless-value", sentence, MAIN_GRAPH)
    if 0 < model.ir_version <= _INITIALIZERS_ARE_INPUTS:
        inputs = {value.name for value in model.graph.input}
        for tensor in stored:
            if tensor.name and tensor.name not in inputs:
                sentence = f"Initializer {shown(tensor.name)} is no input of the graph; IR version {model.ir_version} "
                sentence += "demands that it is, engines do not."
                yield Finding(Severity.WARNING, "initializer-no-input", sentence, MAIN_GRAPH, tensor=tensor.name)


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
