"""A model while it is being edited: looking at it and changing it by splices, which are noted down.

An `Editor` works on a copy, so that the model it began with, and everything that looks at that, stays as it is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx

from graphdebug.edit import splice
from graphdebug.edit.errors import EditError
from graphdebug.edit.names import NewNames
from graphdebug.edit.splice import Splice, Step
from graphdebug.edit.ways import graph_way
from graphdebug.model.document import Model
from graphdebug.model.index import Graph, GraphIndex, Graphs
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import shown

_MOST_RUNS = 100
"""What is deleted in more runs is done in one splice."""


class Editor:
    """What an operation works with. ``notes`` are sentences for the user about what was done.

    Positions of nodes and indexes (`graph`) hold until the next change of that graph.
    """

    def __init__(self, model: Model, files: Path | None = None) -> None:
        """Begin to edit a copy of ``model``. ``files`` is the folder of files that operations name.

        Large values that operations make go to the folder ``model.values`` (values.py).
        """
        self._files = files
        self.proto = onnx.ModelProto()
        self.proto.CopyFrom(model.proto)
        self.splices: list[Splice] = []
        self.notes: list[str] = []
        self._model = model
        self._graphs: Graphs | None = model.graphs
        self.names = NewNames(self)

    @property
    def model(self) -> Model:
        """The model as it is now. It must not be edited further: what looks at it would see half of it."""
        model = replace(self._model, proto=self.proto)
        if self._graphs is not None:
            model.__dict__["graphs"] = self._graphs  # no need to index it again
        return model

    @property
    def source(self) -> Model:
        """The model as it was at the beginning: its types are known as far as its author or a check went."""
        return self._model

    def file(self, name: str) -> Path:
        """Return the file that an operation names.

        Raises:
            EditError: the name leads elsewhere, or there is no such file.
        """
        if self._files is None or name != Path(name).name or not (self._files / name).is_file():
            raise EditError(f"There is no file {shown(name)} beside the operations.")
        return self._files / name

    # Looking

    @property
    def graphs(self) -> Graphs:
        """Every graph by its path, as it is now."""
        if self._graphs is None:
            self._graphs = Graphs(self.proto)
        return self._graphs

    def graph(self, path: str = MAIN_GRAPH) -> GraphIndex:
        """Return the index of one graph as it is now.

        Raises:
            EditError: there is no such graph.
        """
        try:
            return self.graphs[path]
        except (KeyError, IndexError, ValueError):
            raise EditError(f"The model has no graph {path!r}.") from None

    def message(self, path: str = MAIN_GRAPH) -> Graph:
        """Return the protobuf of one graph as it is now; it is changed only by splices."""
        found: Graph = splice.at(self.proto, self.way(path))
        return found

    def way(self, path: str = MAIN_GRAPH) -> tuple[Step, ...]:
        """Return the way to a graph's message."""
        return graph_way(self.proto, path)

    # Changing

    def splice(
        self, way: Sequence[Step], field: str, start: int = 0, count: int = 0, added: Sequence[Any] = ()
    ) -> None:
        """Replace ``count`` values of a field, from ``start`` on, by ``added`` (messages, texts or numbers)."""
        done = splice.made(self.proto, way, field, start, count, added)
        splice.apply(self.proto, done)
        self.splices.append(done)
        self._graphs = None

    def insert_nodes(self, path: str, position: int, nodes: Sequence[onnx.NodeProto]) -> None:
        """Insert nodes before the one at ``position``."""
        self.splice(self.way(path), "node", position, 0, nodes)

    def replace_node(self, path: str, position: int, node: onnx.NodeProto) -> None:
        """Put a node in the place of another."""
        self.splice(self.way(path), "node", position, 1, [node])

    def delete_nodes(self, path: str, positions: Iterable[int]) -> None:
        """Delete nodes."""
        self._delete(path, "node", positions)

    def keep(self, way: Sequence[Step], field: str, positions: Iterable[int]) -> None:
        """Keep only these entries of a list, in their order."""
        entries = getattr(splice.at(self.proto, way), field)
        kept = sorted(set(positions))
        doomed = _runs(sorted(set(range(len(entries))).difference(kept)))
        if len(doomed) <= _MOST_RUNS:
            for start, count in doomed[::-1]:
                self.splice(way, field, start, count)
        else:
            first, end = doomed[0][0], sum(doomed[-1])
            self.splice(way, field, first, end - first, [entries[at] for at in kept if first <= at < end])

    def delete_named(self, path: str, field: str, names: Iterable[str]) -> None:
        """Delete what carries one of these names from ``initializer``, ``value_info``, ``input``, ``output``…"""
        gone = set(names)
        entries = getattr(self.message(path), field, ())
        self._delete(path, field, [at for at, entry in enumerate(entries) if name_of(entry) in gone])

    def _delete(self, path: str, field: str, positions: Iterable[int]) -> None:
        way = self.way(path)
        for start, count in _runs(sorted(set(positions)))[::-1]:
            self.splice(way, field, start, count)

    def set_input(self, path: str, node: int, slot: int, name: str) -> None:
        """Connect input ``slot`` of a node to another value; ``""`` leaves an optional input out."""
        self._set(path, node, "input", slot, name)

    def set_output(self, path: str, node: int, slot: int, name: str) -> None:
        """Give output ``slot`` of a node another name."""
        self._set(path, node, "output", slot, name)

    def _set(self, path: str, node: int, field: str, slot: int, name: str) -> None:
        way = (*self.way(path), ("node", node))
        present = len(getattr(splice.at(self.proto, way), field))
        if slot < present:
            self.splice(way, field, slot, 1, [name])
        else:
            self.splice(way, field, present, 0, [*[""] * (slot - present), name])

    def set_field(self, way: Sequence[Step], field: str, value: Any) -> None:
        """Set a field that is not repeated; None clears it."""
        self.splice(way, field, 0, 1, [] if value is None else [value])


def name_of(entry: Any) -> str:
    """Return the name of what stands in a graph: a text (inputs of functions), a sparse tensor, a named message."""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, onnx.SparseTensorProto):
        return str(entry.values.name)
    if isinstance(entry, onnx.TensorAnnotation):
        return str(entry.tensor_name)
    return str(entry.name)


def _runs(positions: Sequence[int]) -> list[tuple[int, int]]:
    """Return ascending positions as runs: (first, how many)."""
    runs: list[tuple[int, int]] = []
    for position in positions:
        if runs and sum(runs[-1]) == position:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((position, 1))
    return runs
