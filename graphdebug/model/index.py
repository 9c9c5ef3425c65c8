"""An index of one graph: who makes a value, who uses it, what lies below, in which order it can run.

Built in one pass and never fails: cyclic, duplicate, dangling and empty names all index; the findings name them.
"""

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import onnx

from graphdebug.model.refs import MAIN_GRAPH, child_path, function_path

Graph = onnx.GraphProto | onnx.FunctionProto

CALLED_FUNCTION = ""
"""In `GraphIndex.children`, the attribute name of a child that is the body of the function a node calls."""

_GRAPH, _GRAPHS, _UNDEFINED = (
    onnx.AttributeProto.GRAPH,
    onnx.AttributeProto.GRAPHS,
    onnx.AttributeProto.UNDEFINED,
)


@dataclass(frozen=True)
class GraphIndex:
    """One graph of a model: main, nested or a function's body. ``proto`` and all names are the file's own."""

    path: str
    title: str
    proto: Graph
    nodes: list[onnx.NodeProto]
    names: list[str]
    """Display name of each node: its own, or ``Conv_17`` when it has none."""
    inputs: list[str]
    """What must be fed, in the file's order: inputs that have an initializer as default are left out."""
    defaults: list[str]
    """Inputs that have an initializer (all of them before IR version 4): they may be fed."""
    outputs: list[str]
    initializers: dict[str, onnx.TensorProto]
    sparse: dict[str, onnx.SparseTensorProto]
    producer: dict[str, int]
    """Value → the node that makes it (the first, when the file wrongly has several)."""
    consumers: dict[str, list[tuple[int, int]]]
    """Value → (node, input slot) for each direct use. `captured` holds the indirect ones."""
    taken: list[list[str]] = field(repr=False)
    """The values that each node, and what is nested in it, takes."""
    captured: dict[str, list[int]]
    """Value of this graph, or of one around it → nodes whose nested graphs use it."""
    children: dict[int, list[tuple[str, str]]]
    """Node → (attribute, graph path); the attribute is `CALLED_FUNCTION` for the body of a called function."""
    subgraphs: dict[str, onnx.GraphProto] = field(repr=False)
    """Graph path → nested graph, directly below."""

    @cached_property
    def order(self) -> list[int]:
        """A topological order: the file's own where it is one, else the nearest to it; nodes of a cycle come last."""
        order = self._runnable
        done = set(order)
        return order + [position for position in range(len(self.nodes)) if position not in done]

    @cached_property
    def stuck(self) -> frozenset[int]:
        """The nodes that can never run, because they are on a cycle or behind one."""
        return frozenset(range(len(self.nodes))) - set(self._runnable)

    @cached_property
    def _runnable(self) -> list[int]:
        return _order(self)

    @cached_property
    def outer(self) -> list[str]:
        """Values used here (or below) and made neither here nor given as input: an enclosing graph's, or missing."""
        used = dict.fromkeys([*self.consumers, *self.captured, *(name for name in self.outputs if name)])
        return [name for name in used if not self.defines(name)]

    def defines(self, name: str) -> bool:
        """Say whether this very graph makes ``name`` or gets it as an input or initializer."""
        return name in self.producer or name in self._given

    def is_used(self, name: str) -> bool:
        """Say whether a node, a nested graph or the graph's outputs use ``name``."""
        return name in self.consumers or name in self.captured or name in self._outputs

    def users(self, name: str) -> list[int]:
        """Return the nodes that use a value, themselves or in a graph that they hold, each once."""
        direct = (node for node, _ in self.consumers.get(name, ()))
        return list(dict.fromkeys((*direct, *self.captured.get(name, ()))))

    @cached_property
    def _given(self) -> frozenset[str]:
        return frozenset((*self.inputs, *self.defaults, *self.initializers, *self.sparse))

    @cached_property
    def _outputs(self) -> frozenset[str]:
        return frozenset(self.outputs)


def index_graph(path: str, title: str, proto: Graph, functions: Mapping[tuple[str, str, str], str]) -> GraphIndex:
    """Index one graph. ``functions`` is (domain, name, overload) → graph path of every model-local function."""
    nodes = list(proto.node)
    names: list[str] = []
    producer: dict[str, int] = {}
    consumers: dict[str, list[tuple[int, int]]] = {}
    taken: list[list[str]] = []
    captured: dict[str, list[int]] = {}
    children: dict[int, list[tuple[str, str]]] = {}
    subgraphs: dict[str, onnx.GraphProto] = {}
    for position, node in enumerate(nodes):
        names.append(display_name(node, position))
        inputs = list(node.input)
        for slot, name in enumerate(inputs):
            if name:
                consumers.setdefault(name, []).append((position, slot))
        taken.append(inputs if all(inputs) else [name for name in inputs if name])
        for name in node.output:
            if name:
                producer.setdefault(name, position)
        for attribute, graph in nested_graphs(node):
            below = child_path(path, position, attribute)
            children.setdefault(position, []).append((attribute, below))
            subgraphs[below] = graph
            for name in free_names(graph):
                users = captured.setdefault(name, [])
                if not users or users[-1] != position:
                    users.append(position)
                    taken[position].append(name)
        if functions and (called := functions.get(function_key(node.domain, node.op_type, node.overload))):
            children.setdefault(position, []).append((CALLED_FUNCTION, called))
    initializers: dict[str, onnx.TensorProto] = {}
    sparse: dict[str, onnx.SparseTensorProto] = {}
    if isinstance(proto, onnx.GraphProto):
        initializers = {tensor.name: tensor for tensor in proto.initializer}
        sparse = {tensor.values.name: tensor for tensor in proto.sparse_initializer}
    given = _names(proto.input)
    return GraphIndex(
        path=path,
        title=title,
        proto=proto,
        nodes=nodes,
        names=names,
        inputs=[name for name in given if name not in initializers and name not in sparse],
        defaults=[name for name in given if name in initializers or name in sparse],
        outputs=_names(proto.output),
        initializers=initializers,
        sparse=sparse,
        producer=producer,
        consumers=consumers,
        taken=taken,
        captured=captured,
        children=children,
        subgraphs=subgraphs,
    )


class Graphs(Mapping[str, GraphIndex]):
    """All graphs of a model by graph path, indexed when first asked for.

    Iteration goes through the main graph, what is nested in it, then the functions.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        """Look at nothing yet."""
        self._model = model
        self._indexed: dict[str, GraphIndex] = {}

    def __getitem__(self, path: str) -> GraphIndex:
        """Return the index of the graph at ``path``; KeyError when the model has none there."""
        if path not in self._indexed:
            self._indexed[path] = self._index(path)
        return self._indexed[path]

    def __iter__(self) -> Iterator[str]:
        """Go through all graph paths."""
        waiting = [MAIN_GRAPH, *self._bodies][::-1]
        while waiting:
            path = waiting.pop()
            yield path
            waiting.extend(reversed(self[path].subgraphs))

    def __len__(self) -> int:
        """Count the graphs."""
        return sum(1 for _ in self)

    @cached_property
    def functions(self) -> dict[tuple[str, str, str], str]:
        """(domain, name, overload) → graph path of each model-local function's body."""
        return {
            function_key(function.domain, function.name, function.overload): path
            for path, function in self._bodies.items()
        }

    @cached_property
    def _bodies(self) -> dict[str, onnx.FunctionProto]:
        bodies: dict[str, onnx.FunctionProto] = {}
        for function in self._model.functions:
            bodies.setdefault(function_path(function.domain, function.name, function.overload), function)
        return bodies

    def _index(self, path: str) -> GraphIndex:
        if path == MAIN_GRAPH:
            return index_graph(path, self._model.graph.name or "main graph", self._model.graph, self.functions)
        if path in self._bodies:
            function = self._bodies[path]
            title = f"{function.domain}::{function.name}" if function.domain else function.name
            return index_graph(path, title, function, self.functions)
        parent, slash, step = path.rpartition("/")
        if not slash and path.startswith("fn:"):
            raise KeyError(path)
        above = self[parent]
        graph = above.subgraphs[path]
        node, _, attribute = step.partition(".")
        return index_graph(path, f"{above.names[int(node)]} · {attribute}", graph, self.functions)


def display_name(node: onnx.NodeProto, position: int) -> str:
    """Return what a node is called: its own name, or ``Conv_17`` for an unnamed one at ``position`` of its graph."""
    return node.name or f"{node.op_type}_{position}"


def function_key(domain: str, name: str, overload: str) -> tuple[str, str, str]:
    """Return what identifies a function or a call to it; ``ai.onnx`` is another spelling of the default domain."""
    return ("" if domain == "ai.onnx" else domain, name, overload)


def nested_graphs(node: onnx.NodeProto) -> Iterator[tuple[str, onnx.GraphProto]]:
    """Go through the graphs that a node's attributes hold, with the attribute's name (``branches[2]`` in a list)."""
    for attribute in node.attribute:
        kind = attribute.type
        if kind == _GRAPH or (kind == _UNDEFINED and attribute.HasField("g")):
            yield attribute.name, attribute.g
        elif kind == _GRAPHS:
            for position, graph in enumerate(attribute.graphs):
                yield f"{attribute.name}[{position}]", graph


def free_names(graph: onnx.GraphProto) -> Collection[str]:
    """Return the values that a nested graph takes from the graphs around it, in order of first use."""
    made = set(_names(graph.input))
    made.update(tensor.name for tensor in graph.initializer)
    made.update(tensor.values.name for tensor in graph.sparse_initializer)
    used: dict[str, None] = {}
    for node in graph.node:
        made.update(node.output)
        used.update(dict.fromkeys(node.input))
        for _, below in nested_graphs(node):
            used.update(dict.fromkeys(free_names(below)))
    used.update(dict.fromkeys(_names(graph.output)))
    return [name for name in used if name and name not in made]


def _names(values: Collection[onnx.ValueInfoProto] | Collection[str]) -> list[str]:
    """Return the names of a graph's (ValueInfoProto) or a function's (plain strings) inputs or outputs."""
    return [value if isinstance(value, str) else value.name for value in values]


def _order(index: GraphIndex) -> list[int]:
    """Kahn's algorithm, always taking the node that comes first in the file; nodes behind a cycle are left out."""
    needs: list[set[int]] = [set() for _ in index.nodes]
    for name, position in index.producer.items():
        for user, _ in index.consumers.get(name, ()):
            needs[user].add(position)
        for user in index.captured.get(name, ()):
            needs[user].add(position)
    if all(not before or max(before) < position for position, before in enumerate(needs)):
        return list(range(len(needs)))
    users: list[list[int]] = [[] for _ in needs]
    for position, before in enumerate(needs):
        for producer in before:
            users[producer].append(position)
    missing = [len(before) for before in needs]
    ready = [position for position, count in enumerate(missing) if count == 0]
    order: list[int] = []
    while ready:
        position = heapq.heappop(ready)
        order.append(position)
        for user in users[position]:
            missing[user] -= 1
            if missing[user] == 0:
                heapq.heappush(ready, user)
    return order
