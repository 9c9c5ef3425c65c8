"""Which stored tensors stand for each other: by where they are used."""

from collections.abc import Iterator
from dataclasses import dataclass

import onnx
from onnx import helper

from graphdebug.diff.records import Stored
from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.value_types import tensor_type
from graphdebug.view.contents import constant_owner

Key = tuple[str, str, int]

_PLAIN = {
    "value_int": (onnx.TensorProto.INT64, "i"),
    "value_ints": (onnx.TensorProto.INT64, "ints"),
    "value_float": (onnx.TensorProto.FLOAT, "f"),
    "value_floats": (onnx.TensorProto.FLOAT, "floats"),
    "value_string": (onnx.TensorProto.STRING, "s"),
    "value_strings": (onnx.TensorProto.STRING, "strings"),
}
"""Attributes of Constant that are no tensors: element type, and the field that holds them."""


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
    """The constants of two models that were paired so far, each pair once."""

    def __init__(self, left: Model, right: Model) -> None:
        """Pair nothing yet."""
        self.models = (left, right)
        self.pairs: dict[tuple[Key, Key], tuple[Tensor, Tensor]] = {}

    def pair(self, left: tuple[str, str], right: tuple[str, str]) -> bool:
        """Pair what two constants, each given by graph path and name, are stored as; False: in different ways."""
        found = [list(_stored(model, *place)) for model, place in zip(self.models, (left, right), strict=True)]
        if len(found[0]) != len(found[1]):
            return False
        for pair in zip(*found, strict=True):
            self.add(*pair)
        return True

    def is_constant(self, side: int, graph: str, name: str) -> bool:
        """Say whether a value is a constant."""
        return bool(name) and constant_owner(self.models[side], graph, name) is not None

    def add(self, left: Tensor, right: Tensor) -> None:
        """Pair two stored tensors."""
        self.pairs.setdefault((left.key, right.key), (left, right))

    def pair_attributes(self, left: tuple[str, int], right: tuple[str, int]) -> None:
        """Pair the tensors that attributes of two nodes, each given by graph path and index, hold under one name."""
        ours, theirs = (_held(model, *place) for model, place in zip(self.models, (left, right), strict=True))
        for name, tensor in ours.items():
            if name in theirs:
                self.add(tensor, theirs[name])


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


def _stored(model: Model, path: str, name: str) -> Iterator[Tensor]:
    """Go through the tensors that a constant is stored as, behind any Identity."""
    owner = constant_owner(model, path, name)
    while owner is not None and (node := _maker(owner, name)) is not None and node.op_type == "Identity":
        name = node.input[0]
        owner = constant_owner(model, owner.path, name)
    if owner is not None:
        yield from _tensors(owner, name)


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
            elif attribute.name in _PLAIN:
                yield _tensor(index, name, _as_tensor(attribute))


def _as_tensor(attribute: onnx.AttributeProto) -> onnx.TensorProto:
    """Return the tensor that a Constant makes of numbers or texts."""
    kind, field = _PLAIN[attribute.name]
    value = getattr(attribute, field)
    if isinstance(value, int | float | bytes):
        return helper.make_tensor("", kind, [], [value])  # type: ignore[list-item]
    return helper.make_tensor("", kind, [len(value)], list(value))


def _tensor(index: GraphIndex, name: str, proto: onnx.TensorProto, part: int = 0) -> Tensor:
    return Tensor(Stored(index.path, name, tensor_type(proto)), proto, part)


def _held(model: Model, path: str, node: int) -> dict[str, Tensor]:
    """Return the tensors that a node's attributes hold, by attribute."""
    index = model.graphs[path]
    held = {each.name: each.t for each in index.nodes[node].attribute if each.HasField("t")}
    return {name: _tensor(index, f"{name} of {index.names[node]}", proto, node) for name, proto in held.items()}
