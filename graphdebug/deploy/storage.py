"""Rules about how a model is written down, wherever it goes: names, constants in nodes, files beside it."""

from collections.abc import Iterator

from graphdebug.deploy.records import DeployFinding
from graphdebug.deploy.subject import Subject, in_words, remedy
from graphdebug.edit.changing import NameNodes
from graphdebug.edit.constants import ConstantToInitializer
from graphdebug.model.external import is_external
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Severity
from graphdebug.model.units import size_text
from graphdebug.model.value_types import stored_bytes
from graphdebug.model.walk import stored_tensors

_LARGE = 1 << 20
"""Bytes from which on a value in a Constant node is large."""
_MOST_OF_PROTOBUF = 2 << 30
"""Bytes that a protobuf message may have."""


def storage_rules(subject: Subject) -> Iterator[DeployFinding]:
    """Report names that reports of engines cannot tell apart, large Constants, and data that must travel along."""
    for path, index in subject.model.graphs.items():
        yield from _names(path, index)
    for at in subject.nodes():
        if at.node.op_type != "Constant" or at.domain or at.index.path.startswith("fn:"):
            continue
        size = sum(stored_bytes(each.t) or 0 for each in at.node.attribute if each.HasField("t"))
        target = at.target()
        if size >= _LARGE:
            sentence = (
                f"A Constant node holds {size_text(size)}: some tools copy it with the graph; an initializer is not."
            )
            helps = remedy(ConstantToInitializer(node=target)) if target is not None else None
            yield at.found(Severity.INFO, "large-constant", sentence, helps)
    yield from _size(subject)


def _names(path: str, index: GraphIndex) -> Iterator[DeployFinding]:
    unnamed = [position for position, node in enumerate(index.nodes) if not node.name]
    if unnamed:
        nodes = f"{len(unnamed):,} node{'s have' if len(unnamed) > 1 else ' has'}"
        sentence = f"{nodes} no name: an engine's complaints and profiles cannot say which it is."
        helps = remedy(NameNodes())
        yield DeployFinding(
            Severity.INFO, "unnamed-node", sentence, path, unnamed[0], None, index.names[unnamed[0]], helps
        )
    seen: set[str] = set()
    for position, node in enumerate(index.nodes):
        if node.name and node.name in seen:
            sentence = f"Another node is called {in_words(node.name)}, too: profiles and taps mix them up."
            yield DeployFinding(Severity.INFO, "duplicate-node-name", sentence, path, position, None, node.name)
        seen.add(node.name)


def _size(subject: Subject) -> Iterator[DeployFinding]:
    sizes = {True: 0, False: 0}
    for stored in stored_tensors(subject.model.proto):
        beside = is_external(stored.tensor) and not _in_the_file(subject, stored.tensor)
        sizes[beside] += stored_bytes(stored.tensor) or 0
    if sizes[True]:
        sentence = f"{size_text(sizes[True])} of values lie in files beside the model: they must travel along."
        yield DeployFinding(Severity.INFO, "external-data", sentence)
    if sizes[False] > _MOST_OF_PROTOBUF:
        sentence = f"{size_text(sizes[False])} of values in one file: protobuf reads 2 GiB at most."
        yield DeployFinding(Severity.ERROR, "too-large-for-one-file", sentence)


def _in_the_file(subject: Subject, tensor: object) -> bool:
    entries = {each.key: each.value for each in tensor.external_data}  # type: ignore[attr-defined]
    return entries.get("location") == subject.model.path.name
