"""Going through every tensor that a model stores."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

from graphdebug.model.index import nested_graphs
from graphdebug.model.refs import MAIN_GRAPH, child_path, function_path


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A TensorProto and where it lies: ``node`` is None for an initializer. Training graphs count as main graph."""

    graph: str
    node: int | None
    tensor: onnx.TensorProto


def stored_tensors(model: onnx.ModelProto) -> Iterator[StoredTensor]:
    """Go through all initializers, sparse ones' parts and attribute tensors, in nested graphs and functions too."""
    yield from _in_graph(MAIN_GRAPH, model.graph)
    for function in model.functions:
        path = function_path(function.domain, function.name, function.overload)
        yield from _in_nodes(path, function.node)
    for training in model.training_info:
        yield from _in_graph(MAIN_GRAPH, training.initialization)
        yield from _in_graph(MAIN_GRAPH, training.algorithm)


def _in_graph(path: str, graph: onnx.GraphProto) -> Iterator[StoredTensor]:
    for tensor in graph.initializer:
        yield StoredTensor(path, None, tensor)
    for sparse in graph.sparse_initializer:
        yield StoredTensor(path, None, sparse.values)
        yield StoredTensor(path, None, sparse.indices)
    yield from _in_nodes(path, graph.node)


def _in_nodes(path: str, nodes: Iterator[onnx.NodeProto]) -> Iterator[StoredTensor]:
    for position, node in enumerate(nodes):
        if all(attribute.type in _PLAIN for attribute in node.attribute):
            continue
        for tensor in node_tensors(node):
            yield StoredTensor(path, position, tensor)
        for name, graph in nested_graphs(node):
            yield from _in_graph(child_path(path, position, name), graph)


def node_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    """Go through the tensors that a node's attributes hold, without those of nested graphs."""
    for attribute in node.attribute:
        yield from _in_attribute(attribute)


def _in_attribute(attribute: onnx.AttributeProto) -> Iterator[onnx.TensorProto]:
    """Go through an attribute's own tensors. Before IR version 2 attributes have no type, so what is set counts."""
    kind = attribute.type
    if kind == _KINDS.TENSOR or (kind == _KINDS.UNDEFINED and attribute.HasField("t")):
        yield attribute.t
    elif kind == _KINDS.TENSORS:
        yield from attribute.tensors
    elif kind == _KINDS.SPARSE_TENSOR:
        yield from (attribute.sparse_tensor.values, attribute.sparse_tensor.indices)
    elif kind == _KINDS.SPARSE_TENSORS:
        for sparse in attribute.sparse_tensors:
            yield from (sparse.values, sparse.indices)


_KINDS = onnx.AttributeProto
_PLAIN = frozenset(
    (_KINDS.INT, _KINDS.INTS, _KINDS.FLOAT, _KINDS.FLOATS, _KINDS.STRING, _KINDS.STRINGS)
)  # nearly all attributes: looked at in one go, since models have hundreds of thousands
