"""A model's own file, as it was opened."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphdebug.api.answers import file_answer
from graphdebug.workspace.store import open_workspace


def model_file(request: Request) -> Response:
    """Send the model file (without the external data beside it)."""
    entry = open_workspace().model(request.path_params["id"])
    if entry is None:
        raise HTTPException(404, "This model is not in the workspace: it was deleted.")
    return file_answer(Path(entry.location.path), entry.name)


ROUTES = [Route("/models/{id}/file", model_file)]
