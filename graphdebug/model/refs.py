"""Stable references into a model: (graph path, kind, name or index).

A *graph path* names one graph of a model as a string that fits into a URL:

* ``""`` is the main graph;
* ``"12.then_branch"`` is the graph attribute ``then_branch`` of node 12 of the main graph, and
  ``"12.body/3.else_branch"`` is one level further down;
* ``"fn:domain:name:overload"`` is the body of a model-local function (``/12.then_branch`` may follow).

Where a name from the file holds ``%``, ``/`` or ``:``, these are written ``%25``, ``%2F`` and ``%3A``.

Nodes are referred to by their index in the graph's node list: names may be empty or not unique.
"""

from dataclasses import dataclass

MAIN_GRAPH = ""


@dataclass(frozen=True, slots=True, order=True)
class NodeRef:
    """A node: ``graph`` is a graph path, ``index`` the position in that graph's node list."""

    graph: str
    index: int


@dataclass(frozen=True, slots=True, order=True)
class TensorRef:
    """A value (tensor, sequence, optional…) by its name in one graph."""

    graph: str
    name: str


def child_path(parent: str, node_index: int, attribute: str) -> str:
    """Return the path of the graph held by ``attribute`` of node ``node_index`` in graph ``parent``."""
    step = f"{node_index}.{_quoted(attribute)}"
    return f"{parent}/{step}" if parent else step


def function_path(domain: str, name: str, overload: str = "") -> str:
    """Return the path of a model-local function's body."""
    return ":".join(("fn", _quoted(domain), _quoted(name), _quoted(overload)))


def parent_path(path: str) -> str | None:
    """Return the path of the enclosing graph; None for the main graph and for a function's body."""
    if not path or (path.startswith("fn:") and "/" not in path):
        return None
    return path.rpartition("/")[0]


def _quoted(name: str) -> str:
    return name.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")
