"""The job that records a part's place in the whole: its inputs and outputs in a run.

With them the part can be debugged alone, on another machine or another engine.
"""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from onnx import numpy_helper

from graphdebug.edit.editor import Editor
from graphdebug.edit.extraction import ExtractPart
from graphdebug.edit.targets import find_value
from graphdebug.extract.difference import difference
from graphdebug.extract.errors import ExtractError
from graphdebug.extract.part import learned_types, with_known_types, write_part
from graphdebug.extract.records import (
    EXPECTED_FILE,
    FEEDS_FILE,
    PARTS_FOLDER,
    BoundaryRequest,
    BoundaryResult,
    Difference,
)
from graphdebug.model.cutting import is_typed
from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ValueInfo
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.tensors import read_tensor
from graphdebug.model.value_types import shown
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.events import Progress
from graphdebug.runtime.recorded import TENSORS_FILE
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import RunRequest
from graphdebug.runtime.run import run_job
from graphdebug.runtime.store import ArrayReader, ArrayWriter
from graphdebug.runtime.values import type_of

Read = Callable[[str], NDArray[Any]]
"""Reads what was recorded of a value."""

DATA_SET = "test_data_set_0"
"""Where ONNX's own tests keep ``input_0.pb``…, ``output_0.pb``… of a model (onnx/backend/test)."""


def boundary_job(request: BoundaryRequest, folder: Path, progress: Progress) -> BoundaryResult:
    """Write a part, and its inputs and outputs in a run of the whole, below ``folder``; a job function.

    Raises:
        ExtractError, EditError: there is no such part, or what passes its border cannot be recorded.
        NotAModel, BackendError, FeedError, SpecError: one sentence each.
        OSError: a file cannot be read or written.
    """
    started = time.perf_counter()
    progress(None, "inferring shapes")
    model = with_known_types(open_model(request.model))
    named = _names_in_main_graph(model, request.part)
    unknown = [name for name in named if not is_typed(model, MAIN_GRAPH, name)]
    learned = learned_types(request.model, unknown, request.feeds, request.backend, folder, progress)
    target = folder / PARTS_FOLDER
    target.mkdir()
    progress(None, "writing the part")
    notes = write_part(model, request.part, learned, target / request.name)
    part = open_model(target / request.name)
    inputs, outputs = part.graphs[MAIN_GRAPH].inputs, part.graphs[MAIN_GRAPH].outputs
    read = _record(model, request, (*inputs, *outputs), folder / "run", progress)
    progress(None, "writing what was recorded")
    (target / DATA_SET).mkdir()
    fed = _write(read, inputs, target / FEEDS_FILE, target / DATA_SET, "input")
    expected = _write(read, outputs, target / EXPECTED_FILE, target / DATA_SET, "output")
    progress(None, "running the part alone")
    differences = _differences(part, request.backend, read, inputs, outputs)
    shutil.rmtree(folder / "run")
    others = sorted(path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file())
    files = tuple(dict.fromkeys((request.name, *others)))
    return BoundaryResult(files, fed, expected, differences, notes, time.perf_counter() - started)


def _names_in_main_graph(model: Model, part: ExtractPart) -> list[str]:
    """Return the names of the inputs and outputs that were asked for, each once.

    Raises:
        ExtractError: a value of the part's border lies in a body or a function.
        EditError: there is no such value.
    """
    editor = Editor(model)
    border = [find_value(editor, value) for value in (*part.inputs, *part.outputs)]
    for found in border:
        if found.graph != MAIN_GRAPH:
            raise ExtractError(
                f"{shown(found.name)} lies in a nested graph or a function, where nothing can be tapped: take the "
                "values around it in the main graph."
            )
    return list(dict.fromkeys(found.name for found in border))


def _record(model: Model, request: BoundaryRequest, names: Sequence[str], folder: Path, progress: Progress) -> Read:
    """Run the whole model with ``names`` exposed and return what reads the value of one; constants are not run for.

    Raises:
        ExtractError: a value is no tensor, or the backend does not give it out.
    """
    stored = model.graphs[MAIN_GRAPH].initializers
    folder.mkdir()
    asked = tuple(dict.fromkeys(name for name in names if name not in stored))
    run = run_job(RunRequest(request.model, request.backend, request.feeds, asked, Mode.ISOLATED), folder, progress)
    rows = {row.name: row for row in run.rows}
    for name in asked:
        if name not in rows or not rows[name].stored:
            why = rows[name].note if name in rows else run.untapped.get(name, "it is not given out")
            raise ExtractError(f"{shown(name)} cannot be recorded: {why}. Take other values for the part's border.")
    reader = ArrayReader(folder / TENSORS_FILE)

    def read(name: str) -> NDArray[Any]:
        return read_tensor(model, stored[name]) if name in stored else reader.read(name)

    return read


def _write(read: Read, names: Sequence[str], archive: Path, folder: Path, role: str) -> tuple[ValueInfo, ...]:
    """Write values to an .npz and, one by one, as ``input_0.pb``…; return their names and types."""
    kinds = []
    with ArrayWriter(archive) as writer:
        for number, name in enumerate(names):
            array = read(name)
            writer.write(name, array)
            (folder / f"{role}_{number}.pb").write_bytes(numpy_helper.from_array(array, name).SerializeToString())
            kinds.append(ValueInfo(name, type_of(array)))
    return tuple(kinds)


def _differences(
    part: Model, spec: str, read: Read, inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[Difference, ...]:
    """Run the part alone on what was recorded at its inputs."""
    with closing(backend(spec).prepare(part, Mode.PLAIN)) as session:
        found = session.infer({name: read(name) for name in inputs}, session.outputs)
    return tuple(difference(name, read(name), found[name]) for name in outputs)
