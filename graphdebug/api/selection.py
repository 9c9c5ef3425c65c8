"""What the graph view asks about a set of boxes: their names, what crosses their border, the part between values."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graphdebug.api.answers import json_answer
from graphdebug.api.details import NotFoundError, index_of
from graphdebug.api.forms import read_form
from graphdebug.api.models import find_entry, find_model
from graphdebug.model.cutting import cut
from graphdebug.model.document import Model
from graphdebug.view.contents import contents
from graphdebug.view.selection import border, nodes_of


@dataclass(frozen=True, slots=True)
class Selected:
    """Names of boxes, in the order asked for, and values that enter and leave them; values themselves do both."""

    names: tuple[str, ...]
    entering: tuple[str, ...]
    leaving: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Between:
    """The part of a graph between values: its drawn ``nodes``, group id → how many of them it holds at any depth.

    ``places``: value → ids of boxes at which to mark it when no line shows it, the innermost first. ``count``: all
    nodes of the part, also those drawn as part of others.
    """

    nodes: tuple[int, ...]
    groups: dict[str, int]
    places: dict[str, tuple[str, ...]]
    count: int


def selected(model: Model, graph: str, ids: tuple[str, ...]) -> Selected:
    """Describe the boxes with these ids. NotFoundError: there is no such graph."""
    index = index_of(model, graph)
    crossing = border(index, nodes_of(model, graph, ids))
    values = tuple(each[2:] for each in ids if each.startswith(("v:", "i:", "o:")))
    names = []
    for each in ids:
        kind, _, name = each.partition(":")
        if kind != "n":
            names.append(name)
        elif name.isdecimal() and int(name) < len(index.names):
            names.append(index.names[int(name)])
    return Selected(tuple(names), (*crossing.entering, *values), (*crossing.leaving, *values))


def between(model: Model, graph: str, starts: tuple[str, ...], ends: tuple[str, ...]) -> Between:
    """Return where the part from ``starts`` to ``ends`` is drawn. NotFoundError: there is no such graph."""
    index, shown = index_of(model, graph), contents(model, graph)
    nodes = cut(model, graph, starts, ends).nodes
    drawn = tuple(node for node in nodes if node not in shown.host)
    groups = Counter(group for node in drawn for group in shown.around(shown.group_of.get(node, "")))
    places: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys((*starts, *ends)):
        node = index.producer.get(name)
        if node is None:
            places[name] = (f"i:{name}", f"o:{name}")
        else:
            node = shown.host.get(node, node)
            places[name] = (f"n:{node}", *shown.around(shown.group_of.get(node, "")))
    return Between(drawn, dict(groups), places, len(nodes))


def _strings(text: str) -> tuple[str, ...]:
    try:
        return tuple(msgspec.json.decode(text or "[]", type=list[str]))
    except msgspec.DecodeError as error:
        raise HTTPException(400, "A list of names is a JSON array of strings.") from error


async def _selected(request: Request) -> Response:
    form = await read_form(request)
    return await _answer(request, lambda model: selected(model, form.get("graph", ""), _strings(form.get("ids", ""))))


async def _between(request: Request) -> Response:
    form = await read_form(request)
    starts, ends = _strings(form.get("from", "")), _strings(form.get("to", ""))
    return await _answer(request, lambda model: between(model, form.get("graph", ""), starts, ends))


async def _answer(request: Request, ask: Callable[[Model], Selected | Between]) -> Response:
    def answer() -> Response:
        try:
            return json_answer(ask(find_model(find_entry(request.path_params["id"]))))
        except NotFoundError as error:
            raise HTTPException(404, str(error)) from error

    return await run_in_threadpool(answer)


ROUTES: list[BaseRoute] = [
    Route("/models/{id}/selection", _selected, methods=["POST"]),
    Route("/models/{id}/part", _between, methods=["POST"]),
]
