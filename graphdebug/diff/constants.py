"""Which stored tensors stand for each other: by where they are used, through what is computed from them alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx

from graphdebug.diff.records import Stored
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.value_types import tensor_type
from graphdebug.view.contents import constant_owner

Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A stored tensor of a model. ``part`` tells apart what has one name: a sparse tensor's values and indices."""

    stored: Stored
    proto: onnx.TensorProto
    part: int = 0

    @property
    def key(self) -> Key:
        """What identifies it in its model."""
        return self.stored.graph, self.stored.name, self.part


class Constants:
    """The constants of two models that were paired so far, each pair of places once."""

    def __init__(self, left: Model, right: Model) -> None:
        """Pair nothing yet."""
        self.models = (left, right)
        self.pairs: dict[tuple[Key, Key], tuple[Tensor, Tensor]] = {}
        self._seen: dict[tuple[str, str, str, str], str] = {}

    def pair(self, left: tuple[str, str], right: tuple[str, str]) -> str:
        """Pair what two constants, each given by graph path and name, are made from.

        Returns what differs in how they are made from stored values, ``""``: nothing.
        """
        key = (*left, *right)
        if key not in self._seen:
            self._seen[key] = ""  # what is on its way counts as the same: a cycle must not go on for ever
            self._seen[key] = self._paired(left, right)
        return self._seen[key]

    def is_constant(self, side: int, graph: str, name: str) -> bool:
        """Say whether a value is a constant."""
        return bool(name) and constant_owner(self.models[side], graph, name) is not None

    def add(self, left: Tensor, right: Tensor) -> None:
        """Pair two stored tensors."""
        self.pairs.setdefault((left.key, right.key), (left, right))

    def pair_attributes(self, left: tuple[str, int], right: tuple[str, int]) -> None:
        """Pair the tensors that attributes of two nodes, each given by graph path and index, hold under one name."""
        ours, theirs = (_held(model, *place) for model, place in zip(self.models, (left, right), strict=True))
        for name in ours.keys() & theirs.keys():
            self.add(ours[name], theirs[name])

    def _paired(self, left: tuple[str, str], right: tuple[str, str]) -> str:
        (ours, name), (theirs, other_name) = (
            _source(model, *place) for model, place in zip(self.models, (left, right), strict=True)
        )
        if ours is None or theirs is None:
            return "a constant on one side only"
        found = list(_tensors(ours, name)), list(_tensors(theirs, other_name))
        if found[0] and len(found[0]) == len(found[1]):
            for pair in zip(*found, strict=True):
                self.add(*pair)
            return ""
        one, other = _maker(ours, name), _maker(theirs, other_name)
        if found[0] or found[1] or one is None or other is None:
            return "stored on one side, computed from constants on the other"
        if (one.domain, one.op_type) != (other.domain, other.op_type) or len(one.input) != len(other.input):
            return f"computed from constants by {one.op_type} → by {other.op_type}"
        if plain_attributes(one) != plain_attributes(other):
            return f"the attributes of the {one.op_type} that computes it"
        sides = zip(one.input, other.input, strict=True)
        said = (self.pair((ours.path, a), (theirs.path, b)) for a, b in sides if a or b)
        return next(filter(None, list(said)), "")


def plain_attributes(node: onnx.NodeProto) -> dict[str, bytes]:
    """Return a node's attributes but for tensors and graphs, exactly."""
    kinds = onnx.AttributeProto
    others = (kinds.TENSOR, kinds.TENSORS, kinds.GRAPH, kinds.GRAPHS, kinds.SPARSE_TENSOR, kinds.SPARSE_TENSORS)
    return {each.name: _exact(each) for each in node.attribute if each.type not in others}


def stored_tensors(model: Model, path: str) -> Iterator[Tensor]:
    """Go through the initializers of a graph and its Constants, sparse ones' values and indices."""
    index = model.graphs[path]
    for name in (*index.initializers, *index.sparse):
        yield from _tensors(index, name)
    for node in index.nodes:
        if node.op_type == "Constant" and node.output:
            yield from _tensors(index, node.output[0])


def _exact(attribute: onnx.AttributeProto) -> bytes:
    bare = onnx.AttributeProto()
    bare.CopyFrom(attribute)
    for field in ("name", "doc_string"):
        bare.ClearField(field)
    return bytes(bare.SerializeToString(deterministic=True))


def _source(model: Model, path: str, name: str) -> tuple[GraphIndex | None, str]:
    """Return the graph that holds a constant, and its name there, behind any Identity."""
    owner = constant_owner(model, path, name)
    while owner is not None and (node := _maker(owner, name)) is not None and node.op_type == "Identity":
        path, name = owner.path, node.input[0]
        owner = constant_owner(model, path, name)
    return owner, name


def _maker(index: GraphIndex, name: str) -> onnx.NodeProto | None:
    return index.nodes[index.producer[name]] if name in index.producer else None


def _tensors(index: GraphIndex, name: str) -> Iterator[Tensor]:
    """Go through the tensors that a value is stored as; none when it is computed."""
    if name in index.initializers:
        yield _tensor(index, name, index.initializers[name])
    elif name in index.sparse:
        sparse = index.sparse[name]
        yield _tensor(index, name, sparse.values)
        yield _tensor(index, name, sparse.indices, 1)
    elif (node := _maker(index, name)) is not None and node.op_type == "Constant":
        for attribute in node.attribute:
            if attribute.name == "value" and attribute.HasField("t"):
                yield _tensor(index, name, attribute.t)
            elif attribute.name == "sparse_value" and attribute.HasField("sparse_tensor"):
                yield _tensor(index, name, attribute.sparse_tensor.values)
                yield _tensor(index, name, attribute.sparse_tensor.indices, 1)


def _tensor(index: GraphIndex, name: str, proto: onnx.TensorProto, part: int = 0) -> Tensor:
    return Tensor(Stored(index.path, name, tensor_type(proto)), proto, part)


def _held(model: Model, path: str, node: int) -> dict[str, Tensor]:
    """Return the tensors that a node's attributes hold, by attribute."""
    index = model.graphs[path]
    held = {each.name: each.t for each in index.nodes[node].attribute if each.HasField("t")}
    return {name: _tensor(index, f"{name} of {index.names[node]}", proto, node) for name, proto in held.items()}
