"""A model on disk, opened: the protobuf without its weights, and an index of every graph in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import msgspec
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from graphdebug.model.formats import known_format
from graphdebug.model.index import GraphIndex, Graphs
from graphdebug.model.records import ModelLocation, ValueInfo, ValueType
from graphdebug.model.text import repair_text
from graphdebug.model.value_types import declared_types
from graphdebug.model.wire import NotAModel, strip

__all__ = ["TYPES_FILE", "Model", "NotAModel", "Types", "open_model", "parse_model", "read_structure"]

TYPES_FILE = "types.json"
"""Beside a skeleton: graph path → list of ValueInfo, the inferred types."""

Types = Mapping[str, Mapping[str, ValueType]]
"""Graph path → value name → type."""


@dataclass(frozen=True)
class Model:
    """A model. ``proto`` is the truth; its large ``raw_data`` are external references into the file ``path`` itself.

    ``inferred`` are types beyond those that the model declares.
    """

    proto: onnx.ModelProto
    path: Path
    inferred: Types | None = None
    types_file: Path | None = None
    """Where `inferred` is read from when first needed, if it was not given."""
    values: Path | None = None
    """The folder for large values that an edit makes (`external.NEW_VALUES`); never the model's own."""

    @cached_property
    def graphs(self) -> Graphs:
        """Every graph of the model by its path (refs.py), indexed when first asked for."""
        return Graphs(self.proto)

    @property
    def functions(self) -> Mapping[tuple[str, str, str], str]:
        """(domain, name, overload) → graph path of each model-local function's body."""
        return self.graphs.functions

    @cached_property
    def types(self) -> Types:
        """Graph path → value name → type: inferred where known, and what the model declares."""
        inferred = self.inferred
        if inferred is None:
            inferred = _read_types(self.types_file) if self.types_file else {}
        return _KnownTypes(self.graphs, inferred)

    def with_types(self, inferred: Types) -> "Model":
        """Return the same model with these inferred types."""
        known = replace(self, inferred=inferred)
        known.__dict__["graphs"] = self.graphs  # the same protobuf: no need to index it again
        return known


class _KnownTypes(Mapping[str, Mapping[str, ValueType]]):
    """Declared and inferred types of each graph, joined when first asked for."""

    def __init__(self, graphs: Mapping[str, GraphIndex], inferred: Types) -> None:
        self._graphs = graphs
        self._inferred = inferred
        self._joined: dict[str, Mapping[str, ValueType]] = {}

    def __getitem__(self, path: str) -> Mapping[str, ValueType]:
        if path not in self._joined:
            declared = declared_types(self._graphs[path].proto)
            self._joined[path] = {**declared, **self._inferred.get(path, {})}
        return self._joined[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._graphs)

    def __len__(self) -> int:
        return len(self._graphs)


def open_model(location: ModelLocation | Path | str) -> Model:
    """Open a model file without reading its weights, and without checking it: `check.findings` does that.

    A location with a skeleton is opened from the skeleton; ``types.json`` beside the skeleton gives inferred types.

    Raises:
        NotAModel: the file is no ONNX model; one sentence says why.
        OSError: the file cannot be read.
    """
    if not isinstance(location, ModelLocation):
        location = ModelLocation(str(location))
    path, values = Path(location.path), Path(location.values) if location.values else None
    if not location.skeleton:
        return Model(read_structure(path)[1], path, values=values)
    skeleton = Path(location.skeleton)
    types_file = skeleton.with_name(TYPES_FILE)
    proto = parse_model(skeleton.read_bytes(), path.name)
    return Model(proto, path, types_file=types_file if types_file.is_file() else None, values=values)


def read_structure(path: Path) -> tuple[bytes, onnx.ModelProto]:
    """Read a model file without its weights: the bytes of the skeleton, and what they say.

    Raises:
        NotAModel: the file is no ONNX model; one sentence says why, and what it is instead if that is known.
        OSError: the file cannot be read.
    """
    try:
        skeleton = strip(path).model
        return skeleton, parse_model(skeleton, path.name)
    except NotAModel:
        with path.open("rb") as file:
            other = known_format(file.read(64))
        if other:
            raise NotAModel(f"{path.name} is {other}, not an ONNX model.") from None
        raise


def parse_model(data: bytes, name: str) -> onnx.ModelProto:
    """Parse a serialised ModelProto, or raise NotAModel; ``name`` is what the sentence calls it.

    Strings that are not UTF-8 are rewritten, see text.py.
    """
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except DecodeError:
        raise NotAModel(f"{name} is not an ONNX model: protobuf cannot decode it.") from None
    repair_text(proto, data)
    if not proto.HasField("graph"):
        raise NotAModel(f"{name} is not an ONNX model: it has no graph.")
    if not proto.ir_version and not proto.opset_import:
        raise NotAModel(f"{name} is not an ONNX model: it states neither an IR version nor an operator set.")
    return proto


def _read_types(path: Path) -> Types:
    stored = msgspec.json.decode(path.read_bytes(), type=dict[str, list[ValueInfo]])
    return {graph: {value.name: value.type for value in values} for graph, values in stored.items()}
