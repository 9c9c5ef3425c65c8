"""The job that has TensorRT look at a model, or build it, and keeps what it tells."""

import shutil
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import onnx

from graphdebug.model.document import open_model
from graphdebug.model.engine_layers import layers_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import BackendError, BackendSpec, Mode, files_of
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.tensorrt_backend import TensorRtBackend
from graphdebug.runtime.tensorrt_session import LAYERS_FILE
from graphdebug.runtime.tensorrt_words import Support

LAYERS_MODEL = "layers.onnx"


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Ask TensorRT what it takes of a model and, with ``build``, have it build an engine.

    ``dims`` fixes free dimensions by name; those that ``backend`` gives shapes for are not asked for.
    """

    model: ModelLocation
    backend: str = "tensorrt"
    build: bool = True
    dims: dict[str, int] | None = None


@dataclass(frozen=True, slots=True)
class EngineResult:
    """What TensorRT said. ``environment`` is what was really built; empty: nothing was.

    Then `layers.json` (what the inspector tells) and `layers.onnx` (the same as a graph) lie in the job's folder.
    """

    support: Support
    environment: dict[str, str]


def engine_job(request: EngineRequest, folder: Path, progress: Progress) -> EngineResult:
    """List what TensorRT takes and build an engine; a job function. A model that it does not take whole is not built.

    Raises:
        NotAModel, BackendError, SpecError: one sentence each.
    """
    progress(None, "opening the model")
    spec: BackendSpec = parse_spec(request.backend)
    runner = backend(spec, progress)
    if not isinstance(runner, TensorRtBackend):
        raise BackendError(f"Engines are built by tensorrt, not by {spec.name}.")
    model = open_model(request.model)
    support = runner.support(model)
    if not request.build or not support.supported:
        return EngineResult(support, {})
    with closing(runner.prepare(model, Mode.PLAIN)) as session:
        if LAYERS_FILE not in files_of(session):  # it is built for the shapes of the first run
            session.infer(make_feeds(session.inputs, FeedSpec(dims=request.dims or {}), suggest(model)), [])
        layers = folder / LAYERS_FILE
        shutil.copyfile(files_of(session)[LAYERS_FILE], layers)
        onnx.save(layers_model(layers.read_text(encoding="utf-8")), folder / LAYERS_MODEL)
        return EngineResult(support, dict(session.environment))
