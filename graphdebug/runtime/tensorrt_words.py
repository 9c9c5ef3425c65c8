"""What TensorRT's parser complains of, at the nodes of the model."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of the parser. ``node`` is the main graph's node (None: not found); ``name`` and ``op`` as shown."""

    message: str
    node: int | None = None
    name: str = ""
    op: str = ""


@dataclass(frozen=True, slots=True)
class Subgraph:
    """A part of the main graph, by the positions of its nodes, that TensorRT takes or does not take."""

    nodes: tuple[int, ...]
    supported: bool


@dataclass(frozen=True, slots=True)
class Support:
    """What TensorRT ``version`` takes of a model. Nodes that no subgraph has were not looked at."""

    version: str
    supported: bool
    subgraphs: tuple[Subgraph, ...]
    complaints: tuple[Complaint, ...]


def complaints(model: Model, errors: Iterable[Mapping[str, Any]]) -> tuple[Complaint, ...]:
    """Return the parser's errors at the nodes that they are about, each once.

    From TensorRT 10 on an error names its node, which is found by that name; before, it only gives a position, which is
    that in the file as long as nothing was rewritten. A node inside a function is put at the call.
    """
    index = model.graphs[MAIN_GRAPH]
    found: dict[Complaint, None] = {}
    for error in errors:
        name, position = str(error.get("name") or ""), error.get("node")
        callers = [str(each) for each in error.get("functions") or ()]
        known = [index.names.index(each) for each in (*callers, name) if each in index.names]
        node = known[0] if known else None
        if node is None and not name and isinstance(position, int) and 0 <= position < len(index.nodes):
            node = position
        op = index.nodes[node].op_type if node is not None else str(error.get("op") or "")
        found[Complaint(str(error["message"]), node, index.names[node] if node is not None else name, op)] = None
    return tuple(found)


def refusal(model: Model, errors: Iterable[Mapping[str, Any]], version: str) -> str:
    """Return one sentence for a model that the parser does not take."""
    told = complaints(model, errors)
    if not told:
        return f"TensorRT {version} cannot read the model and gives no reason."
    first = told[0]
    at = f" at {first.name} ({first.op})" if first.name and first.op else f" at {first.name or first.op}"
    more = f" {len(told) - 1} more complaints follow." if len(told) > 1 else ""
    place = at if first.name or first.op else ""
    return f"TensorRT {version} cannot read the model{place}: {first.message.rstrip('.')}.{more}"
