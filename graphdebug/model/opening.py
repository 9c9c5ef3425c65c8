"""The job that opens a model: walk, parse, infer shapes, check, summarise; leave what other processes need."""

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from graphdebug.model.check import findings
from graphdebug.model.document import TYPES_FILE, Model, Types, read_structure
from graphdebug.model.placing import place_files
from graphdebug.model.records import ModelRecord, OpenRequest, ValueInfo
from graphdebug.model.save import external_files
from graphdebug.model.shapes import Inference, infer
from graphdebug.model.summary import summarise

SKELETON_FILE = "skeleton.onnx"


def open_job(request: OpenRequest, folder: Path, progress: Callable[[float | None, str], None]) -> ModelRecord:
    """Open the model at ``request.path``; write ``skeleton.onnx`` and ``types.json`` (see OpenRequest) to ``folder``.

    Raises:
        NotAModel: the file is no ONNX model; one sentence says why.
        OSError: it cannot be read, or ``folder`` cannot be written to.
    """
    start = time.perf_counter()
    path = Path(request.path)
    progress(0.0, "reading the structure")
    skeleton, proto = read_structure(path)
    model = Model(proto, path)
    (folder / SKELETON_FILE).write_bytes(skeleton)
    del skeleton
    unplaced = place_files(model) if request.uploaded else ()
    progress(0.2, "inferring shapes")
    inference = infer(model) if request.infer_shapes else Inference({})
    write_types(folder / TYPES_FILE, inference.types)
    progress(0.6, "checking")
    found = (*unplaced, *findings(model, inference.types, inference.complaints))
    progress(0.9, "summarising")
    summary = summarise(model, inference.types)
    files = (path.name, *external_files(model))
    return ModelRecord(summary, found, files, time.perf_counter() - start)


def write_types(path: Path, types: Types) -> None:
    """Write inferred types as `open_model` reads them."""
    stored = {graph: [ValueInfo(name, kind) for name, kind in values.items()] for graph, values in types.items()}
    path.write_bytes(msgspec.json.encode(stored))
