"""Which tensors of a model can be tapped, and the model that an engine gets to give them as outputs."""

from collections.abc import Iterable, Iterator, Sequence

import onnx

from graphdebug.model.document import Model
from graphdebug.model.index import display_name, nested_graphs
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import BackendError


def tappable(model: Model) -> list[str]:
    """Return the main graph's values that a run computes, in topological order, each once.

    Outputs that are inputs or initializers come first: no node makes them.
    """
    index = model.graphs[MAIN_GRAPH]
    names = dict.fromkeys(name for name in index.outputs if name not in index.producer)
    for node in index.order:
        names.update(dict.fromkeys(name for name in index.nodes[node].output if name))
    return list(names)


def chosen(model: Model, taps: Sequence[str] | None) -> list[str]:
    """Return the tensors to expose in topological order: those of ``taps`` (None: all) and the model's outputs.

    Raises:
        BackendError: a name in ``taps`` is no tensor that the main graph computes.
    """
    names = tappable(model)
    if taps is None:
        return names
    unknown = sorted(set(taps) - set(names))
    if unknown:
        raise BackendError(f"The model's main graph computes no tensor called {unknown[0]!r}.")
    wanted = {*taps, *model.graphs[MAIN_GRAPH].outputs}
    return [name for name in names if name in wanted]


def expose(proto: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """Return a copy of ``proto`` with ``names`` as outputs besides its own. Types are left to the engine to infer."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(proto)
    present = {output.name for output in proto.graph.output}
    exposed.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    return exposed


def named(model: Model) -> onnx.ModelProto:
    """Return the model with unnamed nodes called as they are shown (``Conv_17``), so that an engine can name them.

    A copy, where there are any: what we call nodes is never written to a file of the user's.
    """
    if all(node.name for index in model.graphs.values() for node in index.nodes):
        return model.proto
    copy = onnx.ModelProto()
    copy.CopyFrom(model.proto)
    for nodes in _node_lists(copy):
        for position, node in enumerate(nodes):
            node.name = display_name(node, position)
    return copy


def _node_lists(proto: onnx.ModelProto) -> Iterator[Sequence[onnx.NodeProto]]:
    """Go through the nodes of every graph: main, nested and functions' bodies."""
    waiting: list[Sequence[onnx.NodeProto]] = [proto.graph.node, *(function.node for function in proto.functions)]
    while waiting:
        nodes = waiting.pop()
        yield nodes
        waiting.extend(graph.node for node in nodes for _, graph in nested_graphs(node))


def model_inputs(model: Model) -> tuple[ValueInfo, ...]:
    """Return what must be fed, in the file's order, with the declared types."""
    types = model.types[MAIN_GRAPH]
    unknown = ValueType(kind="unknown")
    return tuple(ValueInfo(name, types.get(name, unknown)) for name in model.graphs[MAIN_GRAPH].inputs)
