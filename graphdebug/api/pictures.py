"""A graph as a file to download: what one sees, or what was selected and what is next to it."""

import shutil
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from graphdebug.api.answers import file_answer
from graphdebug.api.forms import read_form
from graphdebug.api.graph import question
from graphdebug.api.models import find_entry, find_model
from graphdebug.report.drawing import DRAW_JOB, FORMATS, LIMITS, Drawn, DrawRequest
from graphdebug.runtime.events import WorkerError
from graphdebug.runtime.process import start
from graphdebug.view.selection import nodes_of
from graphdebug.workspace.entries import ModelEntry

_MOST_AROUND = 2_000
_MOST_ENTRIES = 64
_at_once = ThreadPoolExecutor(1, thread_name_prefix="pictures")
"""One after the other: a large picture takes seconds and hundreds of megabytes."""


class _Overlay(msgspec.Struct):
    """Colours laid over the graph: boxes by colour, and label and colour of each entry of the legend."""

    title: str = ""
    legend: list[tuple[str, str]] = []
    colors: dict[str, list[str]] = {}


def draw_request(entry: ModelEntry, query: Mapping[str, str]) -> DrawRequest:
    """Read what to draw: as a scene is asked for, with ``format``, ``theme``, ``overlay`` (JSON), and ``ids`` (JSON) of
    boxes to draw around, if any.

    Raises:
        HTTPException: 400, it makes no sense.
    """
    wanted = question(query)
    kind = query.get("format", "")
    if kind not in FORMATS:
        raise HTTPException(400, f"A graph can be saved as {', '.join(FORMATS)}.")
    around: tuple[int, ...] = ()
    if query.get("ids"):
        try:
            ids = msgspec.json.decode(query["ids"], type=tuple[str, ...])
        except msgspec.DecodeError as error:
            raise HTTPException(400, "ids is a JSON list of boxes.") from error
        around = nodes_of(find_model(entry), wanted.graph, ids)
        if not around:
            raise HTTPException(400, "Select nodes or groups first: nothing else has surroundings.")
        if len(around) > _MOST_AROUND:
            raise HTTPException(400, f"{len(around):,} nodes are too many for a picture of a selection.")
    try:
        overlay = msgspec.json.decode(query.get("overlay") or "{}", type=_Overlay)
    except msgspec.DecodeError as error:
        raise HTTPException(400, "overlay is JSON with title, legend and colors.") from error
    return DrawRequest(
        entry.location,
        kind,
        wanted.graph,
        wanted.expanded,
        wanted.flat,
        wanted.direction,
        around,
        theme=query.get("theme", "light"),
        colors={box: color for color, boxes in overlay.colors.items() for box in boxes},
        legend=tuple(overlay.legend[:_MOST_ENTRIES]),
        legend_title=overlay.title,
    )


async def _picture(request: Request) -> Response:
    query = await read_form(request)
    entry = find_entry(request.path_params["id"])
    wanted = await run_in_threadpool(draw_request, entry, query)
    return await run_in_threadpool(lambda: _at_once.submit(_draw, entry, wanted).result())


def _draw(entry: ModelEntry, wanted: DrawRequest) -> Response:
    folder = Path(tempfile.mkdtemp(prefix="graphdebug-"))
    try:
        with start(DRAW_JOB, wanted, folder, LIMITS) as worker:
            drawn = worker.result(Drawn)
        part = f" {wanted.graph}" if wanted.graph else ""
        answer = file_answer(folder / drawn.file, f"{Path(entry.name).stem}{part}.{wanted.format}")
        answer.headers["X-Notice"] = " ".join(drawn.notices).encode("ascii", "replace").decode()
        answer.background = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
        return answer
    except WorkerError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise HTTPException(422, error.failure.message) from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


ROUTES: list[BaseRoute] = [Route("/models/{id}/picture", _picture, methods=["POST"])]
