"""Finding in a graph: hits as one types, and the boxes to let stand out for a query (docs/search.md)."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graphdebug.api.answers import json_answer
from graphdebug.api.details import NotFoundError, index_of
from graphdebug.api.models import find_entry, find_model
from graphdebug.model.document import Model
from graphdebug.model.records import Finding
from graphdebug.view.completion import Suggestion, complete
from graphdebug.view.everywhere import search_everywhere, searched
from graphdebug.view.findable import findable
from graphdebug.view.query import QueryError
from graphdebug.view.search import Highlight, Hits, highlight

_LONGEST_SKIP = 9
"""Digits of the number of hits to leave out."""


@dataclass(frozen=True, slots=True)
class Found(Hits):
    """What the search box shows: hits in all graphs, and how the query can go on in the one looked at."""

    suggestions: tuple[Suggestion, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and by somebody who looks at which graph."""

    model: Model
    findings: tuple[Finding, ...]
    graph: str
    text: str


def find(asked: Question, skip: int = 0) -> Found:
    """Search, and suggest how to go on; a query that makes no sense is a problem to show, not an error.

    Raises:
        NotFoundError: there is no such graph.
    """
    index_of(asked.model, asked.graph)
    suggestions = () if skip else complete(asked.model, asked.graph, asked.text, asked.findings)
    try:
        found = search_everywhere(asked.model, asked.graph, asked.text, findings=asked.findings, skip=skip)
    except QueryError as error:
        return Found((), 0, str(error), suggestions=suggestions)
    return Found(found.hits, found.total, found.problem, found.notice, suggestions)


def _highlight(asked: Question) -> Highlight:
    index_of(asked.model, asked.graph)
    return highlight(asked.model, asked.graph, asked.text, asked.findings)


def _search_answer(request: Request) -> Response:
    skip = request.query_params.get("skip", "0")
    if not skip.isdecimal() or len(skip) > _LONGEST_SKIP:
        raise HTTPException(400, "The number of hits to leave out is a whole number.")
    asked = _question(request)
    response = _answer(lambda: find(asked, int(skip)))
    if not asked.text:  # somebody is about to type
        response.background = BackgroundTask(_prepare, asked)
    return response


def _prepare(asked: Question) -> None:
    paths, _ = searched(asked.model, asked.graph)
    for path in paths:
        findable(asked.model, path).prepare()


def _highlight_answer(request: Request) -> Response:
    asked = _question(request)
    return _answer(lambda: _highlight(asked))


def _question(request: Request) -> Question:
    query = request.query_params
    entry = find_entry(request.path_params["id"])
    return Question(find_model(entry), entry.record.findings, query.get("graph", ""), query.get("q", ""))


def _answer(ask: Callable[[], Found | Highlight]) -> Response:
    try:
        return json_answer(ask())
    except NotFoundError as error:
        raise HTTPException(404, str(error)) from error
    except QueryError as error:
        raise HTTPException(400, str(error)) from error


ROUTES: list[BaseRoute] = [
    Route("/models/{id}/search", _search_answer),
    Route("/models/{id}/highlight", _highlight_answer),
]
