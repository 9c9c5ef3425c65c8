"""Jobs over HTTP: where one stands, stop it, take its files away."""

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from graphdebug.api.answers import blocks_answer, file_answer, json_answer, part_answer
from graphdebug.api.models import find_entry, find_model
from graphdebug.api.zipping import file_blocks, zipped
from graphdebug.extract.records import PARTS_FOLDER
from graphdebug.jobs import service
from graphdebug.runtime.recorded import FEEDS_FILE, TENSORS_FILE, Form, written
from graphdebug.runtime.store import ArrayReader, StoreError
from graphdebug.workspace.entries import JobEntry, JobState
from graphdebug.workspace.store import open_workspace

_NAME = 80
"""Letters of a tensor's name that name its file, the last ones: there names differ."""


def state(request: Request) -> Response:
    """Return where a job stands."""
    return json_answer(_described(_job(request)))


def cancel(request: Request) -> Response:
    """Stop a job, whichever server of the workspace runs it."""
    job = _job(request)
    service.cancel(open_workspace(), job.id)
    return json_answer(_described(_job(request)), 202)


def download(request: Request) -> Response:
    """Send one of the files that a job left, named after the job: ``resnet50-tensors.npz``."""
    job = _job(request)
    name = request.path_params["name"]
    # Membership, not joining paths: only a plain file directly in the job's folder has such a name.
    if name not in {path.name for path in job.folder.glob("*") if path.is_file() and not path.is_symlink()}:
        raise HTTPException(404, f"This job has no file {name!r}.")
    stem = job.title.removesuffix(".onnx")
    return file_answer(job.folder / name, f"{stem}-{name}" if stem else name)


def parts(request: Request) -> Response:
    """Send what a split or a record of boundary data left, as one zip; it grows as it is sent."""
    job = _job(request)
    folder = job.folder / PARTS_FOLDER
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if job.state is not JobState.DONE or not files:
        raise HTTPException(404, "This job left no parts.")
    members = {path.relative_to(folder).as_posix(): file_blocks(path) for path in files}
    return blocks_answer(zipped(members), f"{job.title.removesuffix('.onnx') or 'model'}-parts.zip")


def tensors(request: Request) -> Response:
    """Send what a run recorded in another form, made while it is sent: Polygraphy's JSON, else a zip of files."""
    job = _job(request)
    form, part = request.path_params["form"], request.query_params.get("part", "outputs.json")
    stem = job.title.removesuffix(".onnx") or "run"
    try:
        model = find_model(find_entry(job.model_id or "")) if form == Form.ONNX else None
        files = written(Form(form), ArrayReader(job.folder / TENSORS_FILE), ArrayReader(job.folder / FEEDS_FILE), model)
        if form == Form.POLYGRAPHY:
            return blocks_answer(iter(files[part]), f"{stem}-{part}")
    except FileNotFoundError as error:
        raise HTTPException(404, "This job recorded no tensors.") from error
    except (KeyError, ValueError) as error:
        raise HTTPException(404, "Tensors are not written in this form.") from error
    except (StoreError, OSError) as error:
        raise HTTPException(422, str(error)) from error
    folder = "test_data_set_0/" if form == Form.ONNX else ""
    return blocks_answer(zipped({f"{folder}{name}": blocks for name, blocks in files.items()}), f"{stem}-{form}.zip")


def tensor(request: Request) -> Response:
    """Send one tensor of a run as .npy: the bytes of its member of ``tensors.npz``, as they are."""
    name = request.query_params.get("name", "")
    try:
        path, start, length = ArrayReader(_job(request).folder / "tensors.npz").npy(name)
        return part_answer(path, start, length, f"{name[-_NAME:]}.npy")
    except (KeyError, FileNotFoundError) as error:
        raise HTTPException(404, "This job recorded no such tensor.") from error
    except (StoreError, OSError) as error:
        raise HTTPException(422, str(error)) from error


def _job(request: Request) -> JobEntry:
    job = open_workspace().job(request.path_params["id"])
    if job is None:
        raise HTTPException(404, "This job is not in the workspace: it was deleted.")
    return job


def _described(job: JobEntry) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "model": job.model_id,
        "state": job.state,
        "progress": job.progress,
        "message": job.message,
        "failure": job.failure,
        "summary": job.summary,
    }


ROUTES = [
    Route("/jobs/{id}", state),
    Route("/jobs/{id}/cancel", cancel, methods=["POST"]),
    Route("/jobs/{id}/tensor", tensor),
    Route("/jobs/{id}/tensors/{form}", tensors),
    Route("/jobs/{id}/files/{name}", download),
    Route("/jobs/{id}/parts", parts),
]
