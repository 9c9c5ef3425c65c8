"""A model as a file to take away: as it was opened, or as it was edited; with its external data, as a zip."""

import re
from collections.abc import Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphdebug.api.answers import blocks_answer, file_answer
from graphdebug.api.editing import files_named, recipe_text, script_of
from graphdebug.api.models import find_entry, find_model
from graphdebug.api.zipping import zipped
from graphdebug.edit.errors import EditError
from graphdebug.model.external import ExternalDataError, plain_file
from graphdebug.model.save import blocks, external_files, laid_out
from graphdebug.model.wire import Piece, Span, size
from graphdebug.report.triton_repository import BACKENDS, RepositoryError, RepositoryOptions, repository
from graphdebug.workspace.entries import ModelEntry
from graphdebug.workspace.store import open_workspace

_LONGEST = 100


def model_file(request: Request) -> Response:
    """Send a model: its file, or a zip of it and of the files that hold its values. Nothing is held in memory."""
    entry = find_entry(request.path_params["id"])
    model = find_model(entry)
    try:
        others = external_files(model)
        if not entry.source and not others:
            return file_answer(Path(entry.location.path), entry.name)
        own, beside = laid_out(model, entry.name)
        for name in others:
            path = plain_file(model.path, name)
            beside[name] = [Span(0, path.stat().st_size, file=path)]
    except ExternalDataError as error:
        raise HTTPException(422, str(error)) from error
    except OSError as error:
        raise HTTPException(404, f"A file of this model cannot be read: {error.strerror or error}.") from error
    if not beside:
        return blocks_answer(blocks(model, own), entry.name, sum(map(size, own)))
    return blocks_answer(
        zipped({name: blocks(model, pieces) for name, pieces in {entry.name: own, **beside}.items()}),
        f"{Path(entry.name).stem}.zip",
    )


def triton_repository(request: Request) -> Response:
    """Send a model as a zip of a repository that a Triton server loads; ``backend`` says what runs it there."""
    entry = find_entry(request.path_params["id"])
    chosen = RepositoryOptions(
        name=re.sub(r"[^\w.-]+", "_", Path(entry.name).stem)[:_LONGEST].strip(".") or "model",
        backend=request.query_params.get("backend", BACKENDS[0]),
    )
    try:
        files = repository(find_model(entry), chosen)
    except (RepositoryError, ExternalDataError) as error:
        raise HTTPException(422, str(error)) from error
    except OSError as error:
        raise HTTPException(404, f"A file of this model cannot be read: {error.strerror or error}.") from error
    return blocks_answer(zipped(files), f"{Path(entry.name).stem}-triton.zip")


def recipe(request: Request) -> Response:
    """Send the edits of a draft as a recipe; with the files that they name, as a zip."""
    entry, workspace = find_entry(request.path_params["id"]), open_workspace()
    return _written(entry, "recipe", ".json", recipe_text(workspace, entry), files_named(workspace, entry))


def script(request: Request) -> Response:
    """Send the edits of a draft as a Python script; with the values that it reads, as a zip."""
    entry = find_entry(request.path_params["id"])
    try:
        made = script_of(open_workspace(), entry)
    except EditError as error:
        raise HTTPException(422, str(error)) from error
    return _written(entry, "edit", ".py", made.text, made.files)


def _written(entry: ModelEntry, kind: str, suffix: str, text: str, beside: Mapping[str, bytes | Path]) -> Response:
    """Send a text named after the model, with the files that it needs as a zip."""
    name, content = f"{Path(entry.name).stem}.{kind}", text.encode()
    if not beside:
        return blocks_answer(iter([content]), f"{name}{suffix}", len(content))
    files: dict[str, list[Piece]] = {f"{name}{suffix}": [content]}
    for each, held in beside.items():
        files[each] = [held if isinstance(held, bytes) else Span(0, held.stat().st_size, file=held)]
    model = find_model(entry)
    return blocks_answer(zipped({each: blocks(model, held) for each, held in files.items()}), f"{name}.zip")


ROUTES = [
    Route("/models/{id}/file", model_file),
    Route("/models/{id}/triton", triton_repository),
    Route("/models/{id}/recipe", recipe),
    Route("/models/{id}/script", script),
]
