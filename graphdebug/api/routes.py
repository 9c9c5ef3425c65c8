"""All HTTP routes, mounted under ``/graphdebug`` beside the Streamlit pages."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount

from graphdebug.api import downloads, graph, jobs, matches, pictures, search, selection, static, uploads
from graphdebug.api.answers import on_error
from graphdebug.api.guard import LOOPBACK, Guard
from graphdebug.workspace.disk import WorkspaceError

ROUTES: list[BaseRoute] = [
    *static.ROUTES,
    *graph.ROUTES,
    *search.ROUTES,
    *selection.ROUTES,
    *matches.ROUTES,
    *uploads.ROUTES,
    *jobs.ROUTES,
    *downloads.ROUTES,
    *pictures.ROUTES,
]


def routes(hosts: Sequence[str] = (), base: str = "") -> list[BaseRoute]:
    """Return what the server mounts.

    Args:
        hosts: host names to answer to (Streamlit's ``server.allowedHosts``); none means this machine only.
        base: path under which the whole app is served (Streamlit's ``server.baseUrlPath``).
    """
    app = Starlette(
        routes=ROUTES,
        middleware=[Middleware(Guard, hosts=tuple(hosts) or LOOPBACK)],
        exception_handlers={HTTPException: on_error, WorkspaceError: on_error},
    )
    prefix = f"/{base.strip('/')}" if base.strip("/") else ""
    return [Mount(f"{prefix}/graphdebug", app=app)]
