"""One part as a file of its own, and what a run of the whole tells about the values at its border."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np

from graphdebug.edit.extraction import ExtractPart, InputType
from graphdebug.edit.operation import edited
from graphdebug.model.document import Model
from graphdebug.model.records import ModelLocation, ValueType
from graphdebug.model.save import save
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.backend import Mode, Value
from graphdebug.runtime.events import Progress
from graphdebug.runtime.requests import FeedSpec, RunRequest
from graphdebug.runtime.run import run_job
from graphdebug.runtime.store import ArrayWriter


def with_known_types(model: Model) -> Model:
    """Return the model with inferred types, if it does not have them yet."""
    return model if model.types_file is not None else model.with_types(infer_types(model))


def write_part(model: Model, part: ExtractPart, learned: Mapping[str, ValueType], path: Path) -> tuple[str, ...]:
    """Write a part of a model to a file and return what is to be said of it.

    Files that hold values of the model are copied beside it. ``learned`` are types of inputs and outputs that the model
    does not know.

    Raises:
        EditError: there is no such part.
        OSError: a file cannot be read or written.
    """
    types = {name: InputType(kind.dtype, kind.shape) for name, kind in learned.items()}
    done = edited(model, msgspec.structs.replace(part, types=types | part.types))
    save(done.model, path)
    return done.notes


def learned_types(
    model: ModelLocation, names: Sequence[str], feeds: FeedSpec, backend: str, folder: Path, progress: Progress
) -> dict[str, ValueType]:
    """Run the whole model once and return the types of values as they came out, dimensions left open."""
    if not names:
        return {}
    scratch = folder / "learned"
    scratch.mkdir()
    try:
        result = run_job(RunRequest(model, backend, feeds, tuple(names), Mode.ISOLATED), scratch, progress)
    finally:
        shutil.rmtree(scratch)
    return {row.name: replace(row.type, shape=_open(row.type)) for row in result.rows}


def feed_archive(values: Mapping[str, Value], path: Path) -> None:
    """Write the values that are arrays to an .npz."""
    with ArrayWriter(path) as writer:
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                writer.write(name, value)


def _open(kind: ValueType) -> tuple[None, ...] | None:
    return None if kind.shape is None else (None,) * len(kind.shape)
