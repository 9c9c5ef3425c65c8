"""Questions too long for a URL: a form in the body of a POST."""

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

_LONGEST_BODY = 4 << 20


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; of a repeated one the last. HTTPException 413 for a form that is too long."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise HTTPException(413, "This question is too long.")
    return dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
