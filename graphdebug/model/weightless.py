"""A model reduced to what checking and shape inference look at: its structure and its small constants."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError, is_external, locate
from graphdebug.model.index import nested_graphs
from graphdebug.model.refs import MAIN_GRAPH, NodeRef, child_path, function_path
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.walk import stored_tensors
from graphdebug.model.wire import THRESHOLD

_VALUES = (
    "raw_data",
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "string_data",
    "external_data",
    "data_location",
)
_TAG = re.compile(r"#(\d+)#")


@dataclass(frozen=True, slots=True)
class Weightless:
    """A self-contained copy of a model whose ``emptied`` tensors have type and shape, but no values.

    Each node's name is a tag, so that a message of onnx says which node it means, named or not; see `place`.
    """

    proto: onnx.ModelProto
    emptied: tuple[onnx.TensorProto, ...]
    nodes: tuple[NodeRef, ...]

    def node(self, tag: str) -> NodeRef:
        """Return the node that carries ``tag`` as its name."""
        return self.nodes[int(tag.strip("#"))]

    def place(self, model: Model, message: str) -> tuple[NodeRef | None, str]:
        """Return the first node that a message names, and the message with display names instead of tags."""
        found = [self.nodes[int(tag)] for tag in _TAG.findall(message) if int(tag) < len(self.nodes)]

        def name(tag: re.Match[str]) -> str:
            number = int(tag[1])
            if number >= len(self.nodes):
                return tag[0]
            node = self.nodes[number]
            return model.graphs[node.graph].names[node.index]

        return (found[0] if found else None), _TAG.sub(name, message)


def weightless(model: Model, limit: int = THRESHOLD) -> Weightless:
    """Return a copy of ``model`` without node metadata and without values of more than ``limit`` bytes.

    External values up to the limit are read in: shapes often lie there. What cannot be read is emptied.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model.proto)
    copy.ClearField("training_info")
    nodes: list[NodeRef] = []
    _tag(MAIN_GRAPH, copy.graph.node, nodes)
    for function in copy.functions:
        _tag(function_path(function.domain, function.name, function.overload), function.node, nodes)
    emptied: list[onnx.TensorProto] = []
    for stored in stored_tensors(copy):
        tensor = stored.tensor
        external = is_external(tensor)
        if not external and tensor.ByteSize() <= limit:
            continue
        values = _read(model, tensor) if external and payload_bytes(tensor) <= limit else b""
        for field in _VALUES:
            tensor.ClearField(field)
        if values:
            tensor.raw_data = values
        else:
            emptied.append(tensor)
    return Weightless(copy, tuple(emptied), tuple(nodes))


def _tag(path: str, nodes: Sequence[onnx.NodeProto], tagged: list[NodeRef]) -> None:
    for position, node in enumerate(nodes):
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
        node.name = f"#{len(tagged)}#"
        tagged.append(NodeRef(path, position))
        for attribute, graph in nested_graphs(node):
            _tag(child_path(path, position, attribute), graph.node, tagged)


def _read(model: Model, tensor: onnx.TensorProto) -> bytes:
    """Return the raw bytes of an external tensor; none when they cannot be read."""
    try:
        payload = locate(model.path, tensor, model.values)
        with payload.path.open("rb") as file:
            file.seek(payload.offset)
            return file.read(payload.length)
    except (ExternalDataError, OSError):
        return b""
