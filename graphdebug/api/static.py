"""The ES modules of the pages' components, served as they lie in ``graphdebug/ui``.

The address holds a digest of all of them, so browsers keep them for good and still see every change.
"""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

_ROOT = Path(__file__).resolve().parents[1] / "ui"


@cache
def _modules() -> dict[str, Path]:
    """Return every module by its path below ``graphdebug/ui``: what may be asked for, and nothing else."""
    return {path.relative_to(_ROOT).as_posix(): path for path in sorted(_ROOT.rglob("*.js"))}


@cache
def _digest() -> str:
    content = sha256()
    for name, path in _modules().items():
        content.update(name.encode() + b"\0" + path.read_bytes())
    return content.hexdigest()[:16]


def module_path(name: str) -> str:
    """Return where a module (``graph_view/js/view.js``) is served, relative to the server's root.

    Raises:
        KeyError: there is no such module.
    """
    _modules()[name]
    return f"graphdebug/static/{_digest()}/{name}"


def module_paths(folder: str) -> list[str]:
    """Return where all modules below ``folder`` (``graph_view/js/``) are served."""
    return [module_path(name) for name in _modules() if name.startswith(folder)]


def _serve(request: Request) -> Response:
    path = _modules().get(request.path_params["name"])
    if path is None:
        raise HTTPException(404, "There is no such module.")
    is_current = request.path_params["digest"] == _digest()
    caching = "public, max-age=31536000, immutable" if is_current else "no-store"
    headers = {"Cache-Control": caching, "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type="text/javascript", headers=headers)


ROUTES: list[BaseRoute] = [Route("/static/{digest}/{name:path}", _serve)]
