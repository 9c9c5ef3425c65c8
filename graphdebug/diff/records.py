"""What a diff of two models says, as plain records: JSON by msgspec (docs/diff-schema.md)."""

from dataclasses import dataclass

from graphdebug.model.records import ModelLocation, ValueType
from graphdebug.view.differences import Kind

VERSION = 1
"""Of `ModelDiff` as JSON."""


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """Compare what two files say; nothing is run."""

    left: ModelLocation
    right: ModelLocation


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a model or a graph says of itself and that differs; None: one of them does not say it."""

    what: str
    left: str | None
    right: str | None


@dataclass(frozen=True, slots=True)
class End:
    """An input or output that differs: ``role`` is ``input`` or ``output``; no name: there is none on that side."""

    role: str
    left: str = ""
    right: str = ""
    left_type: ValueType | None = None
    right_type: ValueType | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A node: its index in its graph, the name it is shown by, its operator."""

    node: int
    name: str
    op: str


@dataclass(frozen=True, slots=True)
class NodeDiff:
    """Nodes that differ: ``what`` says in what, when they were changed; several are one on the other side if fused."""

    kind: Kind
    left: tuple[Place, ...]
    right: tuple[Place, ...]
    what: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GraphDiff:
    """Two graphs that stand for each other, by their paths; None: there is none on that side.

    ``same`` counts nodes that are the same, ``renamed`` those among them whose names differ (which is no difference).
    """

    left: str | None
    right: str | None
    title: str
    sentence: str
    facts: tuple[Fact, ...] = ()
    ends: tuple[End, ...] = ()
    nodes: tuple[NodeDiff, ...] = ()
    same: int = 0
    renamed: int = 0

    @property
    def differs(self) -> bool:
        """Say whether there is any difference."""
        return self.left is None or self.right is None or bool(self.facts or self.ends or self.nodes)


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored tensor: its graph, its name (of an unnamed one, where it is used) and type."""

    graph: str
    name: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class WeightDiff:
    """Stored values that differ; None: there are none on that side.

    ``differing`` of ``elements`` differ, in float64 by at most ``max_abs`` (None: not measured, or not finite on one
    side only). ``note`` says why values were not compared.
    """

    left: Stored | None
    right: Stored | None
    elements: int = 0
    differing: int = 0
    max_abs: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class ModelDiff:
    """All that differs between two models. ``weights_same`` pairs of stored tensors hold the same values."""

    version: int
    left: str
    right: str
    same: bool
    sentences: tuple[str, ...]
    facts: tuple[Fact, ...]
    graphs: tuple[GraphDiff, ...]
    weights: tuple[WeightDiff, ...]
    weights_same: int
