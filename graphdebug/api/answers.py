"""How routes answer: JSON, files with sensible names, and errors as one sentence."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

_BLOCK = 1 << 20
_DOWNLOAD = {"Content-Encoding": "identity", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""Not compressed on the way: weights do not shrink, and the browser can show how far it is."""
_UNFIT = re.compile(r"[^\w.+ -]+")


def json_answer(value: Any, status: int = 200) -> Response:
    """Return any record msgspec can encode as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def file_answer(path: Path, name: str) -> Response:
    """Send a file as a download called ``name``, streamed from disk."""
    if not path.is_file():
        raise HTTPException(404, "This file is not there any more.")
    return FileResponse(path, media_type="application/octet-stream", filename=file_name(name), headers=_DOWNLOAD)


def part_answer(path: Path, start: int, length: int, name: str) -> Response:
    """Send ``length`` bytes of a file from ``start`` on as a download called ``name``, streamed from disk."""
    headers = _DOWNLOAD | {
        "Content-Length": str(length),
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(name))}",
    }
    return StreamingResponse(
        _blocks(path.open("rb"), start, length), media_type="application/octet-stream", headers=headers
    )


def blocks_answer(blocks: Iterator[bytes | memoryview], name: str, length: int | None = None) -> Response:
    """Send what ``blocks`` yields as a download called ``name``; ``length`` is how many bytes that is, when known."""
    headers = _DOWNLOAD | {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file_name(name))}"}
    if length is not None:
        headers["Content-Length"] = str(length)
    return StreamingResponse(blocks, media_type="application/octet-stream", headers=headers)


def _blocks(file: BinaryIO, start: int, length: int) -> Iterator[bytes]:
    with file:
        file.seek(start)
        while length and (block := file.read(min(length, _BLOCK))):
            length -= len(block)
            yield block


def file_name(name: str) -> str:
    """Return ``name`` without anything a file system or a shell could take amiss."""
    return _UNFIT.sub("_", name).strip(" .") or "download"


def on_error(request: Request, error: Exception) -> Response:
    """Answer an exception with its sentence."""
    status = error.status_code if isinstance(error, HTTPException) else 400
    sentence = str(error.detail if isinstance(error, HTTPException) else error)
    return JSONResponse({"error": sentence}, status_code=status)
