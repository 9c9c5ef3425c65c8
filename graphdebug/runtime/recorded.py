"""Tensors recorded elsewhere, whichever form they come in: what reads them, and what writes a run's for other programs.

Forms: ``.npz``, a folder of ``.npy`` files, ONNX test data (protos.py) and Polygraphy's JSON (polygraphy.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from onnx import numpy_helper

from graphdebug.model.document import Model, open_model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import shown
from graphdebug.runtime.backend import Value
from graphdebug.runtime.events import Progress
from graphdebug.runtime.polygraphy import SUFFIX, PolygraphyReader, inputs_json, iteration_files, results_json
from graphdebug.runtime.protos import TestDataReader, is_test_data
from graphdebug.runtime.requests import WriteRequest
from graphdebug.runtime.store import INDEX_MEMBER, ArrayReader, FolderIndex, StoreError, npy_blocks, storable

TENSORS_FILE, FEEDS_FILE = "tensors.npz", "feeds.npz"
"""What a run leaves in its job's folder."""


class Recorded(Protocol):
    """Values by tensor name, each read only when asked for."""

    names: Sequence[str]

    def __contains__(self, name: str) -> bool:
        """Return whether there is a value for this tensor."""
        ...

    def read(self, name: str) -> Value:
        """Return the value of a tensor; KeyError when there is none, StoreError when it is broken."""
        ...


Files = Mapping[str, Iterable[bytes]]


class Form(StrEnum):
    """How tensors are written for other programs."""

    NPZ = "npz"
    NPY = "npy"
    POLYGRAPHY = "polygraphy"
    ONNX = "onnx"


def open_recorded(path: Path, model: Model | None = None, runner: str = "", iteration: int = 0) -> Recorded:
    """Return what reads the values at ``path``, in whichever form they are.

    Args:
        path: a file or a folder.
        model: says which file of ONNX test data is which input or output.
        runner: of Polygraphy's results, which runner's (its name's beginning is enough); the first when empty.
        iteration: of Polygraphy's results, which iteration, and of ONNX test data which ``test_data_set_…``, from 0.

    Raises:
        StoreError: it is none of these forms, or has no such runner or iteration.
        OSError: it cannot be read.
    """
    if path.suffix.lower() == SUFFIX or (path.is_dir() and iteration_files(path)):
        return PolygraphyReader(path, runner, iteration)
    if is_test_data(path):
        return TestDataReader(path, model, iteration)
    if iteration:
        raise StoreError(f"{path.name} holds one iteration, there is no number {iteration}.")
    return ArrayReader(path)


def written(form: Form, tensors: Recorded, feeds: Recorded, model: Model | None = None) -> Files:
    """Return the files that hold what a run recorded, by name in one folder, each made block by block when asked for.

    Polygraphy gets ``outputs.json`` and ``inputs.json``. ONNX test data holds the inputs and outputs of ``model``, in
    its order; tensors between them have no place there.

    Raises:
        StoreError: an input or output that ONNX test data needs was not recorded.
        ValueError: ``form`` is an .npz, which is what runs leave themselves.
    """
    if form is Form.POLYGRAPHY:
        return {"outputs.json": results_json(_arrays(tensors)), "inputs.json": inputs_json(_arrays(feeds))}
    if form is Form.NPY:
        return _npy_files(tensors)
    if form is Form.ONNX and model is not None:
        return _proto_files(tensors, feeds, model)
    raise ValueError(f"{form} is not written here.")


def write_job(request: WriteRequest, folder: Path, progress: Progress) -> None:
    """Write a run's tensors and feeds in another form into ``files`` below ``folder``; a job function.

    Raises:
        StoreError: see `written`.
        OSError: a file cannot be read or written.
    """
    progress(None, "writing")
    target = folder / "files"
    target.mkdir()
    form, run = Form(request.form), Path(request.run)
    model = open_model(request.model) if form is Form.ONNX else None
    for name, blocks in written(form, ArrayReader(run / TENSORS_FILE), ArrayReader(run / FEEDS_FILE), model).items():
        with (target / name).open("wb") as file:
            file.writelines(blocks)


def _arrays(recorded: Recorded) -> Iterator[tuple[str, NDArray[Any]]]:
    for name in recorded.names:
        yield name, recorded.read(name)


def _npy_files(tensors: Recorded) -> Files:
    """Return a file for each tensor, and last one that says what file names and NumPy's types cannot."""
    index = FolderIndex()
    files: dict[str, Iterable[bytes]] = {}
    for name in tensors.names:
        file = index.file_of(name)
        files[file] = _npy(tensors, name, file, index)
    return {**files, INDEX_MEMBER: _index(index)}


def _npy(tensors: Recorded, name: str, file: str, index: FolderIndex) -> Iterator[bytes]:
    array = tensors.read(name)
    stored, _ = storable(array)
    if stored.dtype != array.dtype and not array.dtype.hasobject:
        index.widened(file, array.dtype)
    yield from map(bytes, npy_blocks(stored))


def _index(index: FolderIndex) -> Iterator[bytes]:
    yield index.text()


def _proto_files(tensors: Recorded, feeds: Recorded, model: Model) -> Files:
    main = model.graphs[MAIN_GRAPH]
    files: dict[str, Iterable[bytes]] = {}
    for role, names, recorded in (("input", main.inputs, feeds), ("output", main.outputs, tensors)):
        for position, name in enumerate(names):
            if name not in recorded:
                raise StoreError(
                    f"ONNX test data holds every {role} of the model, but {shown(name)} was not recorded: record the "
                    "model's outputs, too."
                )
            files[f"{role}_{position}.pb"] = _proto(recorded, name)
    return files


def _proto(recorded: Recorded, name: str) -> Iterator[bytes]:
    array = np.asarray(recorded.read(name))
    if array.dtype.kind == "U":
        array = array.astype(object)
    yield numpy_helper.from_array(array, name).SerializeToString()
