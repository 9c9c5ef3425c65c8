"""Uploads: make a quarantine folder, stream files into it, open what arrived. Nothing is held in memory.

``POST uploads`` → ``{"id"}``; ``PUT uploads/{id}/{name}`` once a file; ``POST uploads/{id}/open`` → ``{"job"}``;
``DELETE uploads/{id}`` when the user changed their mind. A file that does not arrive whole leaves nothing behind.
"""

import re
from pathlib import Path

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from graphdebug.api.answers import json_answer
from graphdebug.jobs import service
from graphdebug.workspace.disk import WorkspaceError, remove
from graphdebug.workspace.intake import MAX_UPLOAD, Incoming
from graphdebug.workspace.store import open_workspace

_BLOCK = 1 << 20
"""Bytes gathered before they are hashed and written by a thread, so that the event loop only passes them on."""

_ID = re.compile(r"\d+-\d+-[0-9a-f]{16}")


def begin(request: Request) -> Response:
    """Make room for an upload."""
    return json_answer({"id": open_workspace().quarantine().name, "limit": MAX_UPLOAD}, 201)


async def receive(request: Request) -> Response:
    """Stream one file of an upload to disk."""
    try:
        incoming = await to_thread.run_sync(Incoming, _folder(request), request.path_params["name"])
        incoming.check_size(int(request.headers.get("content-length", "0")))
        size = await _stream(request, incoming)
    except WorkspaceError as error:
        raise HTTPException(413 if "larger than" in str(error) else 400, str(error)) from error
    except ValueError as error:
        raise HTTPException(400, "The Content-Length header is not a number.") from error
    except ClientDisconnect:
        return Response(status_code=499)
    return json_answer({"bytes": size}, 201)


async def _stream(request: Request, incoming: Incoming) -> int:
    size = 0
    with incoming:
        block = bytearray()
        async for chunk in request.stream():
            block += chunk
            size += len(chunk)
            if len(block) >= _BLOCK:
                await to_thread.run_sync(incoming.write, bytes(block))
                block.clear()
        await to_thread.run_sync(incoming.write, bytes(block))
    return size


def open_(request: Request) -> Response:
    """Start to open what arrived; the answer names the job to watch."""
    return json_answer({"job": service.open_upload(open_workspace(), _folder(request))}, 202)


def forget(request: Request) -> Response:
    """Throw an upload away."""
    remove(_folder(request))
    return Response(status_code=204)


def _folder(request: Request) -> Path:
    """Return the quarantine folder that the request names; its id is checked before it becomes a path."""
    upload: str = request.path_params["id"]
    folder = open_workspace().root / "quarantine" / upload
    if not _ID.fullmatch(upload) or not folder.is_dir():
        raise HTTPException(404, "This upload is not there any more: drop the files again.")
    return folder


ROUTES = [
    Route("/uploads", begin, methods=["POST"]),
    Route("/uploads/{id}", forget, methods=["DELETE"]),
    Route("/uploads/{id}/open", open_, methods=["POST"]),
    Route("/uploads/{id}/{name:path}", receive, methods=["PUT"]),
]
