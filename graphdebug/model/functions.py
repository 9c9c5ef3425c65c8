"""Calls of model-local functions: how large a model becomes with all of them written out, and the way to a function."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass

from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.refs import MAIN_GRAPH, parent_path


@dataclass(frozen=True, slots=True)
class Expansion:
    """``nodes``: nodes of the main graph with all calls written out; ``recursive``: functions that reach themselves."""

    nodes: int
    recursive: tuple[str, ...]


def expansion(graphs: Mapping[str, GraphIndex]) -> Expansion:
    """Count what the calls come to, in time linear in the file: two to the fortieth is a number, not a loop.

    Calls of functions that reach themselves count as one node.
    """
    own: Counter[str] = Counter()
    calls: dict[str, Counter[str]] = {}
    for path in graphs:
        index, body = graphs[path], _body(path)
        own[body] += len(index.nodes)
        called = calls.setdefault(body, Counter())
        for children in index.children.values():
            called.update(below for attribute, below in children if attribute == CALLED_FUNCTION)
    waiting = {body: len(called) for body, called in calls.items()}
    callers: dict[str, list[str]] = {}
    for body, called in calls.items():
        for callee in called:
            callers.setdefault(callee, []).append(body)
    total: dict[str, int] = {}
    ready = [body for body, count in waiting.items() if count == 0]
    while ready:
        body = ready.pop()
        total[body] = own[body] + sum(count * (total[callee] - 1) for callee, count in calls[body].items())
        for caller in callers.get(body, ()):
            waiting[caller] -= 1
            if waiting[caller] == 0:
                ready.append(caller)
    stuck = [body for body in calls if body not in total]
    main = own[MAIN_GRAPH] + sum(n * (total.get(callee, 1) - 1) for callee, n in calls[MAIN_GRAPH].items())
    return Expansion(main, tuple(body for body in stuck if body != MAIN_GRAPH))


def trail(graphs: Mapping[str, GraphIndex], path: str) -> tuple[str, ...]:
    """Return the paths of the graphs around the one at ``path``, from the main graph on.

    Around a function's body is the graph that calls it. Of several, it is the one nearest to the main graph, and the
    first in the file of those; a function that nothing calls stands below the main graph.
    """
    callers: dict[str, list[str]] = {}
    if path.startswith("fn:"):
        for caller in graphs:
            for children in graphs[caller].children.values():
                for attribute, below in children:
                    if attribute == CALLED_FUNCTION:
                        callers.setdefault(below, []).append(caller)
    inside: dict[str, str] = {path: ""}  # graph → the next one on the way to `path`
    waiting = deque([path])
    while waiting and MAIN_GRAPH not in inside:
        graph = waiting.popleft()
        above = parent_path(graph)
        for around in callers.get(graph, ()) if above is None else (above,):
            if around not in inside:
                inside[around] = graph
                waiting.append(around)
    if path == MAIN_GRAPH:
        return ()
    if MAIN_GRAPH not in inside:
        inside[MAIN_GRAPH] = path.partition("/")[0]
    way = [MAIN_GRAPH]
    while inside[way[-1]] != path:
        way.append(inside[way[-1]])
    return tuple(way)


def _body(path: str) -> str:
    """Return the path of the main graph or function that ``path`` is nested in."""
    return path.partition("/")[0] if path.startswith("fn:") else MAIN_GRAPH
