"""What models, graphs and functions say of themselves besides their nodes, as texts by name."""

from collections.abc import Iterable, Iterator, Mapping

import onnx

from graphdebug.diff.records import Fact
from graphdebug.model.index import Graph


def model_facts(left: onnx.ModelProto, right: onnx.ModelProto) -> tuple[Fact, ...]:
    """Return what two models say differently of themselves."""
    return _differing(dict(_of_model(left)), dict(_of_model(right)))


def graph_facts(left: Graph, right: Graph) -> tuple[Fact, ...]:
    """Return what two graphs say differently of themselves."""
    return _differing(dict(_of_graph(left)), dict(_of_graph(right)))


def _differing(left: Mapping[str, str], right: Mapping[str, str]) -> tuple[Fact, ...]:
    return tuple(
        Fact(what, left.get(what), right.get(what))
        for what in dict.fromkeys((*left, *right))
        if left.get(what) != right.get(what)
    )


def _of_model(model: onnx.ModelProto) -> Iterator[tuple[str, str]]:
    yield "IR version", str(model.ir_version)
    yield from _opsets(model.opset_import)
    for what, value in (
        ("producer", model.producer_name),
        ("producer version", model.producer_version),
        ("domain", model.domain),
        ("model version", str(model.model_version or "")),
        ("doc string", model.doc_string),
        ("training graphs", str(len(model.training_info) or "")),
        ("device configurations", str(len(model.configuration) or "")),
    ):
        if value:
            yield what, value
    yield from _metadata(model.metadata_props)


def _of_graph(graph: Graph) -> Iterator[tuple[str, str]]:
    if isinstance(graph, onnx.FunctionProto):
        yield from _opsets(graph.opset_import)
        names = [*graph.attribute, *(each.name for each in graph.attribute_proto)]
        if names:
            yield "attributes", ", ".join(names)
    elif graph.name:
        yield "name", graph.name
    if graph.doc_string:
        yield "doc string", graph.doc_string
    if isinstance(graph, onnx.GraphProto) and graph.quantization_annotation:
        yield "quantization annotations", str(len(graph.quantization_annotation))
    yield from _metadata(graph.metadata_props)


def _opsets(imports: Iterable[onnx.OperatorSetIdProto]) -> Iterator[tuple[str, str]]:
    for entry in imports:
        yield f"opset {entry.domain or 'ai.onnx'}", str(entry.version)


def _metadata(entries: Iterable[onnx.StringStringEntryProto]) -> Iterator[tuple[str, str]]:
    for entry in entries:
        yield f"metadata {entry.key}", entry.value
