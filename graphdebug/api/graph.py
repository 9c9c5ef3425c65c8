"""The graph view's questions: scenes, details, weights. JSON and packed bytes; names are data, never HTML."""

import asyncio
import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graphdebug.api.answers import blocks_answer, json_answer
from graphdebug.api.details import NotFoundError, index_of, initializer, node_details, value_details
from graphdebug.api.forms import read_form
from graphdebug.api.group_details import group_details
from graphdebug.api.initializers import describe_initializer
from graphdebug.api.models import find_entry, find_model
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.records import Finding, ModelLocation
from graphdebug.model.tensors import TensorError, read_tensor
from graphdebug.runtime.store import StoreError, npy_blocks, storable
from graphdebug.view.pack import pack
from graphdebug.view.scene import default_expanded, reveal, scene

_KEPT_SCENES, _LAYOUTS_AT_ONCE = 48, 4
_LONGEST_NAME = 80


@dataclass(frozen=True, slots=True)
class SceneQuestion:
    """Which scene is wanted. ``expanded`` None: the useful level; ``reveal``: the id of what must become visible."""

    graph: str
    expanded: tuple[str, ...] | None
    flat: bool
    direction: str
    reveal: str


def question(query: Mapping[str, str]) -> SceneQuestion:
    """Read a question from query parameters; HTTPException 400 for one that makes no sense."""
    direction = query.get("direction", "down")
    if direction not in ("down", "right"):
        raise HTTPException(400, "The direction of a graph is down or right.")
    expanded = query.get("expanded")
    groups = None if expanded is None else tuple(sorted({each for each in expanded.split(",") if each}))
    return SceneQuestion(query.get("graph", ""), groups, query.get("flat") == "1", direction, query.get("reveal", ""))


def packed_scene(model: Model, findings: tuple[Finding, ...], wanted: SceneQuestion) -> bytes:
    """Lay out and pack a scene (docs/architecture.md, "The packed scene").

    Raises:
        NotFoundError: there is no such graph.
    """
    index_of(model, wanted.graph)
    expanded = default_expanded(model, wanted.graph) if wanted.expanded is None else frozenset(wanted.expanded)
    around = frozenset[str]()
    if wanted.reveal:
        around = reveal(model, wanted.graph, _box_of(model, wanted.graph, wanted.reveal))
    if not wanted.flat:
        expanded |= around
    return pack(scene(model, wanted.graph, expanded, wanted.flat, wanted.direction, findings, first=around))


def _box_of(model: Model, graph: str, thing: str) -> str:
    """Return the id of the box at which to see a thing: of a value (``v:name``), its producer or its first user."""
    if not thing.startswith("v:"):
        return thing
    index, name = model.graphs[graph], thing[2:]
    users = [node for node, _ in index.consumers.get(name, ())] + index.captured.get(name, [])
    node = index.producer.get(name, users[0] if users else None)
    return f"n:{node}" if node is not None else f"o:{name}"


class _Scenes:
    """The last scenes, packed and compressed; each is made once, however many ask for it at the same time."""

    def __init__(self) -> None:
        self._making: dict[tuple[ModelLocation, SceneQuestion], threading.Lock] = {}
        self._scenes: OrderedDict[tuple[ModelLocation, SceneQuestion], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, location: ModelLocation, wanted: SceneQuestion, make: Callable[[], bytes]) -> bytes:
        key = location, wanted
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                if known := self._scenes.get(key):
                    self._scenes.move_to_end(key)
                    self._making.pop(key, None)
                    return known
            try:
                made = gzip.compress(make(), compresslevel=2, mtime=0)
                with self._lock:
                    self._scenes[key] = made
                    while len(self._scenes) > _KEPT_SCENES:
                        self._scenes.popitem(last=False)
                return made
            finally:
                with self._lock:
                    self._making.pop(key, None)


_scenes = _Scenes()
_layouts = ThreadPoolExecutor(_LAYOUTS_AT_ONCE, thread_name_prefix="layout")
"""Threads of their own: scenes that take long leave those of all other routes alone."""


def _scene_answer(request: Request, query: Mapping[str, str]) -> Response:
    wanted = question(query)
    entry = find_entry(request.path_params["id"])
    model = find_model(entry)
    body = _scenes.get(entry.location, wanted, lambda: packed_scene(model, entry.record.findings, wanted))
    headers = {"ETag": f'"{sha256(body).hexdigest()[:24]}"', "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    else:
        body = gzip.decompress(body)
    return Response(body, media_type="application/octet-stream", headers=headers)


async def _scene(request: Request) -> Response:
    """Answer with a scene. A list of groups too long for a URL comes as a form in the body of a POST."""
    query: Mapping[str, str] = request.query_params
    if request.method == "POST":
        query = await read_form(request)
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_layouts, _answer, lambda: _scene_answer(request, query))


def _details(request: Request) -> Response:
    query = request.query_params
    entry = find_entry(request.path_params["id"])
    model = find_model(entry)
    return _answer(
        lambda: json_answer(details(model, entry.record.findings, query.get("graph", ""), query.get("id", "")))
    )


def details(model: Model, findings: tuple[Finding, ...], graph: str, box: str) -> Any:
    """Describe what has the id ``box`` in ``graph``: ``n:12``, ``s:group``, ``i:input``, ``o:output`` or ``v:value``.

    Raises:
        NotFoundError: nothing there has this id.
    """
    kind, _, name = box.partition(":")
    if kind == "n" and name.isdecimal() and len(name) < 12:
        return node_details(model, graph, int(name), findings)
    if kind == "s":
        return group_details(model, graph, box)
    if kind in ("i", "o", "v"):
        return value_details(model, graph, name, findings)
    raise NotFoundError("Nothing in this graph has that id.")


def _initializer(request: Request) -> Response:
    query = request.query_params
    model = find_model(find_entry(request.path_params["id"]))
    parts = [part for part in query.get("slice", "").split(",") if part]
    if not all(part.isdecimal() and len(part) < 18 for part in parts):
        raise HTTPException(400, "A slice is a list of indices, like 0,3.")

    def ask() -> Response:
        tensor = initializer(model, query.get("graph", ""), query.get("name", ""))
        return json_answer(describe_initializer(model, tensor, [int(part) for part in parts]))

    return _answer(ask)


def _initializer_file(request: Request) -> Response:
    """Send a weight as .npy; element types that NumPy lacks go in a wider one that holds them exactly."""
    query = request.query_params
    model = find_model(find_entry(request.path_params["id"]))
    name = query.get("name", "")

    def ask() -> Response:
        values, _ = storable(read_tensor(model, initializer(model, query.get("graph", ""), name)))
        return blocks_answer(npy_blocks(values), f"{name[-_LONGEST_NAME:]}.npy")

    return _answer(ask)


def _answer(ask: Callable[[], Response]) -> Response:
    try:
        return ask()
    except NotFoundError as error:
        raise HTTPException(404, str(error)) from error
    except (TensorError, ExternalDataError, StoreError) as error:
        raise HTTPException(422, str(error)) from error
    except OSError as error:
        raise HTTPException(404, f"A file of this model cannot be read: {error.strerror or error}.") from error


ROUTES: list[BaseRoute] = [
    Route("/models/{id}/scene", _scene, methods=["GET", "POST"]),
    Route("/models/{id}/details", _details),
    Route("/models/{id}/initializer", _initializer),
    Route("/models/{id}/initializer.npy", _initializer_file),
]
