"""What may talk to the HTTP routes: requests for a host we answer to, and changes only from our own pages.

A page elsewhere can make a browser send requests here (CSRF), or point its own name at this machine (DNS rebinding).
So the ``Host`` must be a known one; and a request that changes something must carry ``X-Graphdebug: 1``, which a
foreign page cannot add without asking first, and an ``Origin``, where there is one, of this very host.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""The hosts answered to when no others are named."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware that refuses with a sentence what the rules above do not allow."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str]) -> None:
        """Answer to ``hosts``: names, ``*.example.com`` for subdomains, ``*`` for any."""
        self._app = app
        self._hosts = tuple(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on or refuse it."""
        if scope["type"] == "http":
            refusal = refuse(scope["method"], Headers(scope=scope), self._hosts)
            if refusal:
                await JSONResponse({"error": refusal}, status_code=403)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def refuse(method: str, headers: Headers, hosts: Sequence[str]) -> str:
    """Return why a request is refused, in one sentence; empty when it is not."""
    host = headers.get("host", "")
    if not _answers_to(_host_name(host), hosts):
        return (
            f"This server does not answer to the host name {host!r}; see server.allowedHosts in .streamlit/config.toml."
        )
    if method in _SAFE:
        return ""
    if headers.get("x-graphdebug") != "1":
        return "A request that changes something needs the header X-Graphdebug: 1."
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        return f"This request comes from another site ({origin!r})."
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "This request comes from another site."
    return ""


def _host_name(host: str) -> str:
    """Return the name in a Host header, without port and brackets, in lower case."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _answers_to(name: str, hosts: Sequence[str]) -> bool:
    return any(
        allowed == "*"
        or name == allowed.lower().strip("[]")
        or (allowed[:2] == "*." and name.endswith(allowed[1:].lower()))
        for allowed in hosts
    )
