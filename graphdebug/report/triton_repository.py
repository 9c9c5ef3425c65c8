"""A model as a repository that a Triton Inference Server loads: ``NAME/config.pbtxt``, ``NAME/1/model.onnx``, warm-up.

The configuration is that of ``inference.ModelConfig`` (triton-inference-server/common, model_config.proto), written in
protobuf's text format.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.text_encoding import CEscape  # type: ignore[import-untyped]

from graphdebug.model.document import Model, open_model
from graphdebug.model.external import plain_file
from graphdebug.model.records import ModelLocation, ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.save import blocks, external_files, laid_out
from graphdebug.model.shapes import infer_types
from graphdebug.model.value_types import shown
from graphdebug.model.wire import Piece, Span
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import check_dims, make_feeds, suggest
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.triton_types import CONFIG_TYPES

MODEL_FILE = "model.onnx"
_NAME = re.compile(r"[\w.-]{1,128}")
_BLOCK = 1 << 20
_KINDS = ("auto", "cpu", "gpu")
BACKENDS = ("onnxruntime", "python")


class RepositoryError(Exception):
    """The model cannot be served as asked; the message is one sentence."""


@dataclass(frozen=True, slots=True)
class RepositoryOptions:
    """How a model is served.

    ``backend``: ``onnxruntime``, which NVIDIA's server images bring, or ``python``: a model.py that runs ONNX Runtime.
    ``max_batch``: the server may put requests together along the first dimension of every input and output, up to so
    many; 0: it passes requests on as they come. With it, ``preferred`` sizes and ``queue_delay`` (microseconds) rule
    dynamic batching. ``instances`` copies of the model run on ``kind`` of device. ``warm_up`` runs it on feeds first.
    """

    name: str = ""
    version: int = 1
    backend: str = "onnxruntime"
    max_batch: int = 0
    preferred: tuple[int, ...] = ()
    queue_delay: int = 0
    instances: int = 1
    kind: str = "auto"
    warm_up: bool = False


@dataclass(frozen=True, slots=True)
class RepositoryRequest:
    """Write a repository for ``model``; ``feeds`` are what it is warmed up with."""

    model: ModelLocation
    options: RepositoryOptions = field(default_factory=RepositoryOptions)
    feeds: FeedSpec = field(default_factory=FeedSpec)


def repository_job(request: RepositoryRequest, folder: Path, progress: Progress) -> tuple[str, ...]:
    """Write the files of a repository below ``folder``/``repository`` and return their names; a job function.

    Raises:
        RepositoryError, NotAModel, FeedError, ExternalDataError: one sentence each.
        OSError: a file cannot be read or written.
    """
    progress(None, "opening the model")
    model = open_model(request.model)
    files = repository(model, request.options, request.feeds)
    for name, content in files.items():
        progress(None, f"writing {name}")
        path = folder / "repository" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.writelines(content)
    return tuple(files)


def repository(
    model: Model, options: RepositoryOptions, feeds: FeedSpec | None = None
) -> Mapping[str, Iterable[bytes]]:
    """Return the files of a repository by their paths in it, each in blocks that are read when they are asked for.

    Raises:
        RepositoryError: an input or output cannot be served, or the options do not fit the model.
        FeedError: the warm-up cannot be made up.
        ExternalDataError: values of the model cannot be read.
    """
    name = options.name or re.sub(r"[^\w.-]+", "_", model.path.stem)[:128] or "model"
    _check(options, name)
    inputs, outputs = _ports(model)
    warm = _warm_up(model, inputs, options, feeds or FeedSpec()) if options.warm_up else {}
    folder = f"{name}/{options.version}"
    own, beside = laid_out(model, MODEL_FILE)
    for other in external_files(model):
        path = plain_file(model.path, other)
        beside[other] = [Span(0, path.stat().st_size, file=path)]
    files: dict[str, Iterable[bytes]] = {
        f"{name}/config.pbtxt": [_config(name, inputs, outputs, options, warm).encode()],
        f"{folder}/{MODEL_FILE}": _blocks(model, own),
        **{f"{folder}/{other}": _blocks(model, pieces) for other, pieces in beside.items()},
    }
    if options.backend == "python":
        files[f"{folder}/model.py"] = [(Path(__file__).parent / "triton_model.py.txt").read_bytes()]
    for position, array in enumerate(warm.values()):
        files[f"{name}/warmup/input_{position}"] = [_raw(array)]
    return files


def _blocks(model: Model, pieces: Sequence[Piece]) -> Iterator[bytes]:
    yield from blocks(model, pieces)


def _check(options: RepositoryOptions, name: str) -> None:
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise RepositoryError(f"A model on a server cannot be called {name!r}: take letters, digits, _, - and dots.")
    if options.backend not in BACKENDS:
        raise RepositoryError(f"There is no backend {options.backend!r} here; there are {', '.join(BACKENDS)}.")
    if options.kind not in _KINDS:
        raise RepositoryError(f"Instances run on {', '.join(_KINDS)}, not on {options.kind!r}.")
    if options.version < 1 or options.instances < 1 or options.max_batch < 0 or options.queue_delay < 0:
        raise RepositoryError("Versions and instances are counted from 1, batches and delays from 0.")
    if (options.preferred or options.queue_delay) and not options.max_batch:
        raise RepositoryError("Dynamic batching needs a largest batch: set it, too.")
    if any(not 1 <= size <= options.max_batch for size in options.preferred):
        raise RepositoryError(f"Preferred batches are between 1 and the largest, {options.max_batch}.")


def _ports(model: Model) -> tuple[list[ValueInfo], list[ValueInfo]]:
    """Return inputs and outputs with types that a configuration can state; types are inferred where they are missing.

    Raises:
        RepositoryError: one has no tensor type, or one that cannot be served.
    """
    inputs = list(model_inputs(model))
    names = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
    types = model.types[MAIN_GRAPH]
    if any(types.get(name, ValueType()).shape is None for name in names):
        types = {
            **infer_types(model)[MAIN_GRAPH],
            **{name: kind for name, kind in types.items() if kind.shape is not None},
        }
    outputs = [ValueInfo(name, types.get(name, ValueType(kind="unknown"))) for name in names]
    for role, values in (("Input", inputs), ("Output", outputs)):
        for value in values:
            if value.type.kind != "tensor" or value.type.dtype not in CONFIG_TYPES:
                what = value.type.dtype if value.type.kind == "tensor" else f"a {value.type.kind}"
                raise RepositoryError(
                    f"{role} {shown(value.name)} is {what or 'of no known type'}, which no server serves."
                )
            if value.type.shape is None:
                raise RepositoryError(f"{role} {shown(value.name)} has no known rank: state its shape in the model.")
    return inputs, outputs


def _config(
    name: str,
    inputs: Sequence[ValueInfo],
    outputs: Sequence[ValueInfo],
    options: RepositoryOptions,
    warm: Mapping[str, Any],
) -> str:
    """Return ``config.pbtxt``."""
    batched = options.max_batch > 0
    config: dict[str, Any] = {
        "name": name,
        "backend": options.backend,
        "max_batch_size": options.max_batch,
        "default_model_filename": MODEL_FILE if options.backend == "onnxruntime" else "model.py",
        "input": [_port(value, batched) for value in inputs],
        "output": [_port(value, batched) for value in outputs],
        "version_policy": {"all": {}},  # versions that are added later are served, too
        "instance_group": [{"count": options.instances, "kind": _Word(f"KIND_{options.kind.upper()}")}],
    }
    if batched:
        config["dynamic_batching"] = {
            "preferred_batch_size": list(options.preferred),
            "max_queue_delay_microseconds": options.queue_delay,
        }
    if warm:
        config["model_warmup"] = [_sample(inputs, warm, batched)]
    return "".join(_lines(config, ""))


class _Word(str):
    """A text that stands without quotes: the name of an enum's value."""


def _port(value: ValueInfo, batched: bool) -> dict[str, Any]:
    """Return what the configuration says of an input or output; ``dims`` are without the batch where there is one.

    Raises:
        RepositoryError: its first dimension is fixed, so that requests cannot be put together.
    """
    shape = [dim if isinstance(dim, int) else -1 for dim in value.type.shape or ()]
    if batched:
        if not shape or shape[0] != -1:
            raise RepositoryError(
                f"{shown(value.name)} has no open first dimension, so that requests cannot be put together in batches: "
                "leave the largest batch at 0, or open the dimension in the model."
            )
        shape = shape[1:]
    said: dict[str, Any] = {
        "name": value.name,
        "data_type": _Word(CONFIG_TYPES[value.type.dtype]),
        "dims": shape or [1],
    }
    # dims cannot be empty (ModelInput.dims), and without batches a server knows no scalars: they are vectors of one.
    return {**said, "reshape": {"shape": []}} if batched and not shape else said


def _sample(inputs: Sequence[ValueInfo], warm: Mapping[str, Any], batched: bool) -> dict[str, Any]:
    """Return one warm-up request, its values in files of ``warmup`` (ModelWarmup)."""
    entries = []
    for position, value in enumerate(inputs):
        shape = list(warm[value.name].shape)[1 if batched else 0 :] or [1]
        entry = {
            "data_type": _Word(CONFIG_TYPES[value.type.dtype]),
            "dims": shape,
            "input_data_file": f"input_{position}",
        }
        entries.append({"key": value.name, "value": entry})
    first = next(iter(warm.values()), None)
    size = int(first.shape[0]) if batched and first is not None else 0
    return {"name": "recorded", "batch_size": size, "inputs": entries}


def _warm_up(
    model: Model, inputs: Sequence[ValueInfo], options: RepositoryOptions, feeds: FeedSpec
) -> dict[str, np.ndarray[Any, Any]]:
    check_dims(feeds, inputs)
    made = make_feeds(inputs, feeds, suggest(model))
    sizes = {np.asarray(array).shape[:1] for array in made.values()}
    if options.max_batch and (len(sizes) != 1 or next(iter(sizes))[0] > options.max_batch):
        raise RepositoryError(f"The warm-up's inputs must be batches of one size, at most {options.max_batch}.")
    return {name: np.asarray(value) for name, value in made.items()}


def _raw(array: np.ndarray[Any, Any]) -> bytes:
    """Return a tensor as the server reads it: elements in C order; of texts, each with its length before it.

    Source: the Open Inference Protocol's binary data extension.
    """
    if array.dtype.kind not in "OUS":
        return np.ascontiguousarray(array).tobytes()
    texts = [str(text).encode() for text in array.reshape(-1).tolist()]
    return b"".join(len(text).to_bytes(4, "little") + text for text in texts)


def _lines(message: Mapping[str, Any], indent: str) -> Iterator[str]:
    """Yield a message in protobuf's text format."""
    for key, value in message.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, Mapping):
                yield f"{indent}{key} {{\n"
                yield from _lines(each, f"{indent}  ")
                yield f"{indent}}}\n"
            else:
                yield f"{indent}{key}: {_scalar(each)}\n"


def _scalar(value: Any) -> str:
    if isinstance(value, _Word):
        return value
    return f'"{CEscape(value, True)}"' if isinstance(value, str) else json.dumps(value)
