"""Search in all graphs of a model: first in the one that is looked at, then from the main graph to the functions."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from graphdebug.model.document import Model
from graphdebug.model.records import Finding
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.view.labels import shortened
from graphdebug.view.query import QueryError
from graphdebug.view.search import LIMIT, Hit, Hits, search

MOST_GRAPHS, MOST_NODES = 100, 200_000
"""Graphs that are searched beside the one looked at, and nodes in them all."""


def search_everywhere(
    model: Model, graph: str, text: str, limit: int = LIMIT, findings: Sequence[Finding] = (), skip: int = 0
) -> Hits:
    """Find what fits a query in any graph; hits in another one than ``graph`` say so.

    Raises KeyError when there is no such graph, QueryError when the query makes no sense in any.
    """
    hits, total, problem = list[Hit](), 0, ""
    refused: QueryError | None = None
    paths, complete = searched(model, graph)
    for path in paths:
        try:
            found = search(model, path, text, limit - len(hits), findings, max(0, skip - total))
        except QueryError as error:  # a place that it speaks of may be in one graph only
            refused = refused or error
            continue
        hits += found.hits if path == graph else _elsewhere(model, found.hits)
        total += found.total
        problem = problem or found.problem
    if refused and not total:
        raise refused
    notice = "" if complete else f"This graph and {len(paths) - 1:,} others were searched; open one to search in it."
    return Hits(tuple(hits), total, "" if total else problem, notice)


def searched(model: Model, graph: str) -> tuple[list[str], bool]:
    """Return the graphs in which somebody searches who looks at ``graph``, and whether these are all."""
    paths, nodes = [graph], 0
    for path in model.graphs:
        if path == graph:
            continue
        nodes += len(model.graphs[path].nodes)
        if len(paths) > MOST_GRAPHS or nodes > MOST_NODES:
            return paths, False
        paths.append(path)
    return paths, True


def _elsewhere(model: Model, hits: Sequence[Hit]) -> Iterator[Hit]:
    for hit in hits:
        title = "main graph" if hit.graph == MAIN_GRAPH else shortened(model.graphs[hit.graph].title, 60)
        yield replace(hit, subtitle=f"in {title} · {hit.subtitle}")
