"""The job that has TensorRT look at a model, or build it, and keeps what it tells."""

import shutil
from contextlib import closing
from pathlib import Path

import onnx

from graphdebug.model.document import open_model
from graphdebug.model.engine_layers import layers_model
from graphdebug.runtime.backend import BackendError, BackendSpec, Mode, files_of
from graphdebug.runtime.engine_records import LAYERS_FILE, EngineRequest, EngineResult
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.spec import parse_spec
from graphdebug.runtime.tensorrt_backend import TensorRtBackend

LAYERS_MODEL = "layers.onnx"


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
