"""The job that opens a model: walk, parse, infer shapes, check, summarise; leave what other processes need."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec

from graphdebug.model.check import findings
from graphdebug.model.document import TYPES_FILE, Model, Types, open_model, read_structure
from graphdebug.model.placing import place_files
from graphdebug.model.records import CheckRequest, ModelRecord, OpenRequest, ValueInfo
from graphdebug.model.save import external_files
from graphdebug.model.shapes import Inference, infer
from graphdebug.model.summary import summarise

SKELETON_FILE = "skeleton.onnx"

Progress = Callable[[float | None, str], None]


def open_job(request: OpenRequest, folder: Path, progress: Progress) -> ModelRecord:
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
    record = _examined(model, folder, progress, infer_shapes=request.infer_shapes)
    return replace(record, findings=(*unplaced, *record.findings), seconds=time.perf_counter() - start)


def check_job(request: CheckRequest, folder: Path, progress: Progress) -> ModelRecord:
    """Look again at a model that was opened before and may have been edited; write ``types.json`` to ``folder``.

    Raises:
        NotAModel: what was kept of it is no ONNX model.
        OSError: it cannot be read, or ``folder`` cannot be written to.
    """
    start = time.perf_counter()
    progress(0.0, "reading the structure")
    record = _examined(open_model(request.model), folder, progress)
    return replace(record, seconds=time.perf_counter() - start)


def _examined(model: Model, folder: Path, progress: Progress, *, infer_shapes: bool = True) -> ModelRecord:
    progress(0.2, "inferring shapes")
    inference = infer(model) if infer_shapes else Inference({})
    write_types(folder / TYPES_FILE, inference.types)
    progress(0.6, "checking")
    found = findings(model, inference.types, inference.complaints)
    progress(0.9, "summarising")
    return ModelRecord(summarise(model, inference.types), found, (model.path.name, *external_files(model)))


def write_types(path: Path, types: Types) -> None:
    """Write inferred types as `open_model` reads them."""
    stored = {graph: [ValueInfo(name, kind) for name, kind in values.items()] for graph, values in types.items()}
    path.write_bytes(msgspec.json.encode(stored))
