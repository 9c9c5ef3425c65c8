"""The job that makes a graph of what TensorRT tells of an engine's layers."""

from pathlib import Path

import onnx

from graphdebug.model.engine_layers import LayersError, layers_model
from graphdebug.runtime.events import Progress
from graphdebug.runtime.requests import LayersRequest, OptimizeResult

_FILES = "files"


def layers_job(request: LayersRequest, folder: Path, progress: Progress) -> OptimizeResult:
    """Write the layers as a model into ``files`` of ``folder``; a job function.

    Raises:
        LayersError: one sentence.
        OSError: the file cannot be read, or the disk is full.
    """
    progress(None, "reading the layers")
    try:
        text = Path(request.path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LayersError("The file is no text: it holds no layer information.") from None
    path = folder / _FILES / request.name
    path.parent.mkdir()
    onnx.save(layers_model(text), path)
    return OptimizeResult(str(path))
