"""The job that lets ONNX Runtime write a model as it would run it: the graph after its optimisations."""

from pathlib import Path

from graphdebug.model.document import open_model
from graphdebug.runtime.events import Progress
from graphdebug.runtime.onnxruntime_backend import save_optimized
from graphdebug.runtime.onnxruntime_local import LocalEngine
from graphdebug.runtime.onnxruntime_options import configuration
from graphdebug.runtime.requests import OptimizeRequest, OptimizeResult
from graphdebug.runtime.spec import parse_spec

_FILES = "files"
"""Folder of what is written, in the job's."""


def optimize_job(request: OptimizeRequest, folder: Path, progress: Progress) -> OptimizeResult:
    """Write the optimised model into ``files`` of ``folder``; a job function.

    Raises:
        NotAModel, BackendError, SpecError: one sentence each.
        OSError: the disk is full.
    """
    progress(None, "opening the model")
    model = open_model(request.model)
    path = folder / _FILES / request.name
    path.parent.mkdir()
    progress(None, f"optimising with ONNX Runtime, level {request.level}")
    save_optimized(LocalEngine(), model, configuration(parse_spec(f"onnxruntime:opt={request.level}")), path)
    return OptimizeResult(str(path))
