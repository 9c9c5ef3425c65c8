"""What an edit touched, told in the model as it is afterwards: later splices move what earlier ones did."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx

from graphdebug.edit.editor import name_of
from graphdebug.edit.following import followed, path_of
from graphdebug.edit.splice import Splice, Step, at
from graphdebug.model.document import Model
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex, free_names

Way = tuple[Step, ...]

MOST = 500
"""After more splices than this, or in more places, all of the model counts as touched."""

_GRAPHS = frozenset(("graph", "functions", "g", "graphs"))
"""Fields that hold graphs."""
_NAMED: Mapping[str, type[Any]] = {
    "input": onnx.ValueInfoProto,
    "output": onnx.ValueInfoProto,
    "value_info": onnx.ValueInfoProto,
    "initializer": onnx.TensorProto,
    "sparse_initializer": onnx.SparseTensorProto,
}
"""Fields of a graph that hold what has a value's name."""


@dataclass
class Touched:
    """Of one graph: positions of nodes that were changed or made, names of values that were made, used or typed anew.

    ``nodes`` whose ``inside`` is touched only are not in it themselves.
    """

    nodes: set[int] = field(default_factory=set)
    inside: set[int] = field(default_factory=set)
    values: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Changes:
    """What was touched, by graph path. ``header``: the IR version, operator sets or functions were, too."""

    graphs: Mapping[str, Touched]
    header: bool = False


def touched(model: Model, splices: Iterable[Splice]) -> Changes:
    """Return what ``splices`` touched of a model, which is as they left it."""
    done = list(splices)
    marks = _Marks()
    for splice in done:
        if len(done) > MOST or len(marks.ways) > MOST or not marks.add(splice):
            return Changes({path: _all(model.graphs[path]) for path in model.graphs}, True)
    found: dict[str, Touched] = {}
    for way, names in marks.names.items():
        if (path := path_of(model.proto, way)) is not None:
            found.setdefault(path, Touched()).values |= names
    for way, whole in marks.ways.items():
        path, (kind, position) = path_of(model.proto, way[:-1]), way[-1]
        if path is None or position >= len(getattr(model.graphs[path].proto, kind)):
            continue
        here = found.setdefault(path, Touched())
        if kind != "node":
            here.values.add(name_of(at(model.proto, way)))
        elif whole:
            here.nodes.add(position)
            _take_in(model, found, path, position)
        else:
            here.inside.add(position)
    for path in model.graphs if marks.domains else ():
        nodes = enumerate(model.graphs[path].nodes)
        found.setdefault(path, Touched()).nodes.update(n for n, node in nodes if node.domain in marks.domains)
    return Changes(found, marks.header)


class _Marks:
    """Ways to nodes (True: touched themselves, False: inside) and other named entries; names by the way to a graph."""

    def __init__(self) -> None:
        self.ways: dict[Way, bool] = {}
        self.names: dict[Way, set[str]] = {}
        self.header = False
        self.domains: set[str] = set()

    def add(self, splice: Splice) -> bool:
        """Take a splice into account; False when it concerns all of the model."""
        self.ways = {to: whole for way, whole in self.ways.items() if (to := followed(way, [splice]))}
        self.names = {to: names for way, names in self.names.items() if (to := followed(way, [splice]))}
        if not splice.way:
            self.header |= splice.field in ("ir_version", "opset_import", "functions")
            if splice.field == "opset_import":
                self._import(splice)
            return splice.field not in ("graph", "functions")
        if any(field == "opset_import" for field, _ in splice.way):
            return False  # another version: every operator may mean something else
        if splice.way[0][0] not in ("graph", "functions"):
            return True  # metadata, training graphs: nothing that is checked here
        self.header |= splice.way[0][0] == "functions"
        home = next(depth for depth in range(len(splice.way), 0, -1) if splice.way[depth - 1][0] in _GRAPHS)
        for depth in range(1, home):
            if splice.way[depth][0] == "node":
                self.ways.setdefault(splice.way[: depth + 1], False)
        graph, rest = splice.way[:home], splice.way[home:]
        if rest:
            if rest[0][0] == "node" or rest[0][0] in _NAMED:
                self.ways[*graph, rest[0]] = True
            if len(rest) == 1 and splice.field in ("input", "output"):
                self._name(graph, (str(name) for name in (*splice.removed, *splice.added) if name))
        elif splice.field == "opset_import":
            self._import(splice)
        elif splice.field == "node":
            self._nodes(graph, splice)
        elif splice.field in _NAMED:
            self._name(graph, (_name(splice.field, value) for value in (*splice.removed, *splice.added)))
        return True

    def _name(self, graph: Way, names: Iterable[str]) -> None:
        self.names.setdefault(graph, set()).update(names)

    def _import(self, splice: Splice) -> None:
        for value in (*splice.removed, *splice.added):
            assert isinstance(value, bytes)
            domain = onnx.OperatorSetIdProto.FromString(value).domain
            self.domains |= {"", "ai.onnx"} if domain in ("", "ai.onnx") else {domain}

    def _nodes(self, graph: Way, splice: Splice) -> None:
        """Nodes that were only moved are not touched."""
        stayed = Counter(splice.removed) & Counter(splice.added)
        for values in (splice.removed, splice.added):
            left = Counter(stayed)
            for offset, value in enumerate(values):
                if left[value]:
                    left[value] -= 1
                    continue
                if values is splice.added:
                    self.ways[*graph, ("node", splice.start + offset)] = True
                assert isinstance(value, bytes)
                self._name(graph, _names(onnx.NodeProto.FromString(value)))


def _names(node: onnx.NodeProto) -> Iterator[str]:
    yield from filter(None, (*node.input, *node.output))
    for attribute in node.attribute:
        for graph in (*([attribute.g] if attribute.HasField("g") else ()), *attribute.graphs):
            yield from free_names(graph)


def _name(kind: str, value: Any) -> str:
    return name_of(value if isinstance(value, str) else _NAMED[kind].FromString(value))


def _all(index: GraphIndex) -> Touched:
    names: Sequence[Iterable[str]] = (index.producer, index.consumers, index.captured, index.inputs, index.defaults)
    return Touched(
        set(range(len(index.nodes))), values={*index.outputs, *index.initializers, *index.sparse}.union(*names)
    )


def _take_in(model: Model, found: dict[str, Touched], path: str, position: int) -> None:
    """A node that is touched is touched with all that is nested in it."""
    for attribute, below in model.graphs[path].children.get(position, ()):
        if attribute != CALLED_FUNCTION:
            found[below] = _all(model.graphs[below])
            for inner in found[below].nodes:
                _take_in(model, found, below, inner)
