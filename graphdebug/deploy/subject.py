"""What rules look at: a model with its types, and what they say of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import msgspec
import onnx
from onnx import defs

from graphdebug.deploy.records import DeployFinding, Remedy
from graphdebug.deploy.targets import Target
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import plain, versions
from graphdebug.edit.targets import NodeTarget
from graphdebug.model.document import Model
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.records import Severity, ValueType

_LAST_IN_WORDS = 60
"""Letters of a name in a sentence."""


@dataclass(frozen=True, slots=True)
class At:
    """A node: the graph, its position there, the operator set of its domain that it works with (None: not imported)."""

    index: GraphIndex
    position: int
    node: onnx.NodeProto
    opset: int | None
    unique: bool = True
    """No other node of the graph has its name."""

    @property
    def domain(self) -> str:
        """The domain of its operator, ``""`` for ONNX's own."""
        return plain(self.node.domain)

    @property
    def op(self) -> str:
        """What sentences call its operator: ``Conv``, ``com.acme::Fuse``."""
        return in_words(f"{self.domain}::{self.node.op_type}" if self.domain else self.node.op_type)

    @property
    def name(self) -> str:
        """What it is called."""
        return self.index.names[self.position]

    @property
    def is_call(self) -> bool:
        """Say whether it calls a function of the model."""
        return any(attribute == CALLED_FUNCTION for attribute, _ in self.index.children.get(self.position, ()))

    def target(self) -> NodeTarget | None:
        """Say which node is meant, for an operation; None when its name is not unique in its graph."""
        if not self.unique:
            return None
        return NodeTarget(self.name, self.node.op_type, self.node.domain, graph=self.index.path)

    def found(
        self, severity: Severity, rule: str, message: str, remedy: Remedy | None = None, tensor: str | None = None
    ) -> DeployFinding:
        """Return a finding at this node."""
        return DeployFinding(severity, rule, message, self.index.path, self.position, tensor, self.name, remedy)


@dataclass(frozen=True)
class Subject:
    """A model that shall run at a target. ``types`` are declared and inferred ones by graph path and value."""

    model: Model
    target: Target
    _kept: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def opsets(self) -> Mapping[str, int]:
        """Domain → version of the operator sets that the model imports."""
        return versions(self.model.proto)

    def nodes(self) -> Iterator[At]:
        """Go through all nodes: of the main graph, of what is nested in it, of functions."""
        for path, index in self.model.graphs.items():
            imports = self._imports(path)
            names = Counter(index.names)
            for position, node in enumerate(index.nodes):
                unique = names[index.names[position]] == 1
                yield At(index, position, node, imports.get(plain(node.domain)), unique)

    def types(self, path: str) -> Mapping[str, ValueType]:
        """Return what is known of the values of a graph; nothing of those of a function."""
        return self.model.types[path]

    def constants(self, path: str) -> frozenset[str]:
        """Return the values of a graph that are the same in every run, worked out by nodes or stored."""
        known: dict[str, frozenset[str]] = self._kept
        if path not in known:
            known[path] = _constants(self.model.graphs[path])
        return known[path]

    def _imports(self, path: str) -> Mapping[str, int]:
        if not path.startswith("fn:"):
            return self.opsets
        function = self.model.graphs[path.partition("/")[0]].proto
        assert isinstance(function, onnx.FunctionProto)
        return {**self.opsets, **versions(function)}


def remedy(*operations: Operation, title: str = "") -> Remedy:
    """Return operations as a remedy."""
    return Remedy(title or operations[0].title, tuple(msgspec.to_builtins(each) for each in operations))


def in_words(name: str) -> str:
    """Return a name from a file for a sentence: on one line, printable, short."""
    kept = "".join(char if char.isprintable() else "�" for char in name)
    return kept if len(kept) <= _LAST_IN_WORDS else f"{kept[: _LAST_IN_WORDS - 1]}…"


@lru_cache(4096)
def schema_of(op: str, domain: str, opset: int) -> Any:
    """Return what ONNX says of an operator in a version of its operator set; None when it knows none."""
    try:
        return defs.get_schema(op, opset, domain)
    except defs.SchemaError:
        return None


def has_body(schema: Any) -> bool:
    """Say whether ONNX defines an operator by others, so that an engine without a kernel can put those in its place."""
    return bool(schema.has_function or schema.has_context_dependent_function)


def _constants(index: GraphIndex) -> frozenset[str]:
    """Return initializers (without those that may be fed), Constants, and what is worked out from nothing else."""
    known = {name for name in (*index.initializers, *index.sparse) if name not in index.defaults}
    for position in index.order:
        node = index.nodes[position]
        random = node.op_type.startswith(("Random", "Multinomial", "Bernoulli"))
        if not random and position not in index.children and all(name in known for name in index.taken[position]):
            known.update(name for name in node.output if name)
    return frozenset(known)
