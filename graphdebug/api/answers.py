"""How routes answer: JSON, files with sensible names, and errors as one sentence."""

import re
from pathlib import Path
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

_UNFIT = re.compile(r"[^\w.+ -]+")


def json_answer(value: Any, status: int = 200) -> Response:
    """Return any record msgspec can encode as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def file_answer(path: Path, name: str) -> Response:
    """Send a file as a download called ``name``, streamed from disk.

    It is never compressed on the way: weights do not shrink, and the browser can show how far it is.
    """
    if not path.is_file():
        raise HTTPException(404, "This file is not there any more.")
    headers = {"Content-Encoding": "identity", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
    return FileResponse(path, media_type="application/octet-stream", filename=file_name(name), headers=headers)


def file_name(name: str) -> str:
    """Return ``name`` without anything a file system or a shell could take amiss."""
    return _UNFIT.sub("_", name).strip(" .") or "download"


def on_error(request: Request, error: Exception) -> Response:
    """Answer an exception with its sentence."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    sentence = str(error.detail if isinstance(error, HTTPException) else error)
    return JSONResponse({"error": sentence}, status_code=status)
