"""Feeds: a value for every input of a model, made up reproducibly or read from files.

A made-up value depends on the seed and the input's *name* only, so that renaming, reordering or removing other inputs
leaves it alone.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from onnx import helper

from graphdebug.model.document import Model
from graphdebug.model.records import Dim, ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.units import size_text
from graphdebug.model.value_types import dtype_number
from graphdebug.runtime.backend import Value
from graphdebug.runtime.datasets import load_dataset, load_value
from graphdebug.runtime.dims import check_dims, dim_name, symbolic_dims
from graphdebug.runtime.feed_errors import FeedError
from graphdebug.runtime.images import load_image
from graphdebug.runtime.requests import FeedSpec, InputFeed

__all__ = ["FeedError", "check_dims", "dim_name", "make_feeds", "suggest", "symbolic_dims"]

_BYTES_LIMIT = 16_000_000_000
_INTEGERS_UP_TO = 10
"""Integers without a better range are drawn from [0, 10): most are indices or small counts."""
_SMALLEST_RANGE = 2
_PASSED_THROUGH = frozenset(
    {"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Slice", "Expand"}
)
"""Operators that hand indices on unchanged on their way to a Gather."""


def make_feeds(
    inputs: Sequence[ValueInfo], spec: FeedSpec, suggestions: Mapping[str, InputFeed] | None = None
) -> dict[str, Value]:
    """Return a value for each of ``inputs``.

    What ``spec.inputs`` says of an input wins, then the data set, then ``suggestions`` (see ``suggest``), then random
    values that fit the dtype. Symbolic dimensions are those of the files that were given, else ``spec.dims``, else 1.

    Raises:
        FeedError: a file does not fit its input, or an input cannot be made up; names the input.
    """
    values: dict[str, Value] = {}
    if spec.dataset:
        rest = [value for value in inputs if value.name not in spec.inputs]
        values.update(load_dataset(Path(spec.dataset), rest, list(inputs)))
    for value in inputs:
        feed = spec.inputs.get(value.name)
        if feed is not None and feed.kind == "file":
            values[value.name] = load_value(Path(feed.path), feed.member, value)
    fixed: dict[str, int] = {}
    for value in inputs:
        if value.name in values:
            values[value.name] = _checked(value, values[value.name], fixed)
    dims = {**spec.dims, **fixed}
    for value in inputs:
        if value.name not in values:
            feed = spec.inputs.get(value.name) or (suggestions or {}).get(value.name) or InputFeed()
            values[value.name] = _made(value, feed, dims, spec.seed)
    return {value.name: values[value.name] for value in inputs}


def suggest(model: Model) -> dict[str, InputFeed]:
    """Return feeds that suit the inputs better than the default: indices that stay within the tables they look up.

    An integer input that reaches a Gather's indices draws below the length of the gathered axis, where that is known.
    A mask of integers is all ones, as for a batch without padding. An optional has no value.
    """
    index = model.graphs[MAIN_GRAPH]
    types = model.types[MAIN_GRAPH]
    suggested: dict[str, InputFeed] = {}
    for name in index.inputs:
        kind = types.get(name, ValueType())
        if kind.kind == "optional":
            suggested[name] = InputFeed("none")
        if kind.kind != "tensor" or kind.dtype not in ("int32", "int64"):
            continue
        lengths = _table_lengths(model, name)
        if lengths:
            suggested[name] = InputFeed(low=0.0, high=float(min(lengths)))
        elif "mask" in name.lower():
            suggested[name] = InputFeed(kind="constant", value=1.0)
    return suggested


def _table_lengths(model: Model, name: str) -> list[int]:
    """Return the lengths of the tables that values of input ``name`` index, following operators that hand them on."""
    index = model.graphs[MAIN_GRAPH]
    types = model.types[MAIN_GRAPH]
    lengths: list[int] = []
    waiting, seen = [name], {name}
    while waiting:
        for node, slot in index.consumers.get(waiting.pop(), ()):
            proto = index.nodes[node]
            if proto.op_type == "Gather" and slot == 1:
                shape = types.get(proto.input[0], ValueType()).shape or ()
                axis = next((attribute.i for attribute in proto.attribute if attribute.name == "axis"), 0)
                length = shape[axis] if -len(shape) <= axis < len(shape) else None
                if isinstance(length, int) and length > 0:
                    lengths.append(length)
            elif proto.op_type in _PASSED_THROUGH and (slot == 0 or proto.op_type == "Concat"):
                fresh = [output for output in proto.output if output and output not in seen]
                waiting.extend(fresh)
                seen.update(fresh)
    return lengths


def _checked(value: ValueInfo, given: Value, dims: dict[str, int]) -> Value:
    """Return a file's value as the input takes it, and bind the symbolic dimensions that it fixes."""
    if value.type.kind != "tensor" or not isinstance(given, np.ndarray):
        return given
    array = _as_declared(value, given)
    shape = value.type.shape
    if shape is None:
        return array
    if len(shape) != array.ndim:
        raise FeedError(value.name, f"has shape {_text(shape)}, the file's tensor {_text(array.shape)}")
    for axis, (dim, length) in enumerate(zip(shape, array.shape, strict=True)):
        if isinstance(dim, int):
            wanted = dim
        else:
            key = dim_name(value.name, axis, dim)
            wanted = dims.setdefault(key, length)
        if wanted != length:
            where = f"axis {axis} ({dim})" if isinstance(dim, str) else f"axis {axis}"
            raise FeedError(
                value.name, f"needs {where} to be {wanted}, the file's tensor has shape {_text(array.shape)}"
            )
    return array


def _as_declared(value: ValueInfo, array: NDArray[Any]) -> NDArray[Any]:
    """Return ``array`` in the input's dtype: bits that NumPy could not name, and strings, are put right."""
    wanted = _dtype(value)
    if wanted.hasobject and array.dtype.kind in "USOT":
        return array.astype(object)
    if array.dtype.kind == "V" and array.dtype.itemsize == wanted.itemsize and not array.dtype.names:
        return array.view(wanted)
    if array.dtype != wanted:
        raise FeedError(
            value.name,
            f"takes {wanted.name}, the file's tensor is {array.dtype.name}: convert it with .astype({wanted.name!r})",
        )
    return array


def _made(value: ValueInfo, feed: InputFeed, dims: Mapping[str, int], seed: int) -> Value:
    """Return a made-up value: a tensor; of a sequence, a list of ``feed.length`` tensors."""
    kind = value.type.kind
    if kind == "optional" and feed.kind == "none":
        return None
    if kind == "sequence":
        numbers = range(feed.length)
        return [_made_array(value, feed, dims, _generator(seed, f"{value.name}[{number}]")) for number in numbers]
    if kind not in ("tensor", "optional"):
        what = "no tensor" if kind == "unknown" else f"a {kind.replace('_', ' ')}"
        raise FeedError(value.name, f"is {what}: give it a file (.pb), it cannot be made up")
    return _made_array(value, feed, dims, _generator(seed, value.name))


def _made_array(value: ValueInfo, feed: InputFeed, dims: Mapping[str, int], rng: np.random.Generator) -> NDArray[Any]:
    """Return a made-up tensor of the input's shape and element type."""
    if feed.kind == "image":
        return load_image(value, feed, dims)
    shape = _shape(value, dims)
    dtype = _dtype(value)
    if math.prod(shape) * dtype.itemsize > _BYTES_LIMIT:
        raise FeedError(value.name, f"of shape {_text(shape)} would take more than {size_text(_BYTES_LIMIT)}")
    if feed.kind == "constant":
        return _constant(value, feed, shape, dtype)
    if feed.kind == "ramp":
        return _ramp(feed, shape, dtype)
    if feed.kind == "random":
        return _random(value, feed, shape, dtype, rng)
    raise FeedError(value.name, f"cannot be fed with {feed.kind!r}; kinds are random, constant, ramp, file and image")


def _shape(value: ValueInfo, dims: Mapping[str, int]) -> tuple[int, ...]:
    if value.type.shape is None:
        raise FeedError(value.name, "has no declared shape: give it a file")
    shape = []
    for axis, dim in enumerate(value.type.shape):
        length = dim if isinstance(dim, int) else dims.get(dim_name(value.name, axis, dim), 1)
        if length < 0:
            raise FeedError(value.name, f"has the impossible length {length} at axis {axis}")
        shape.append(length)
    return tuple(shape)


def _dtype(value: ValueInfo) -> np.dtype[Any]:
    number = dtype_number(value.type.dtype)
    if not number:
        raise FeedError(value.name, "has no declared element type")
    if value.type.dtype == "string":
        return np.dtype(object)
    return np.dtype(helper.tensor_dtype_to_np_dtype(number))


def _generator(seed: int, name: str) -> np.random.Generator:
    """Return a generator that depends on the seed and the input's name."""
    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=16).digest()
    return np.random.default_rng([abs(seed), *np.frombuffer(digest, "<u4").tolist()])


def _random(
    value: ValueInfo, feed: InputFeed, shape: tuple[int, ...], dtype: np.dtype[Any], rng: np.random.Generator
) -> NDArray[Any]:
    if dtype.hasobject:
        words = np.asarray(rng.integers(0, 10_000, shape))
        return np.array([f"text {word}" for word in words.reshape(-1)], object).reshape(shape)
    if dtype == np.bool_:
        return rng.integers(0, 2, shape, np.uint8).astype(np.bool_)
    if _is_integer(dtype):
        first, end = _integer_range(value, feed, dtype)
        return rng.integers(first, end, shape, np.int64 if end <= 1 << 63 else np.uint64).astype(dtype)
    if dtype.kind == "c":
        real = replace(value, type=replace(value.type, dtype="double"))
        parts = [_random(real, feed, shape, np.dtype(np.float64), rng) for _ in range(2)]
        return np.asarray(parts[0] + 1j * parts[1]).astype(dtype)
    drawn: Any = np.float64 if dtype == np.float64 else np.float32
    if feed.distribution == "uniform":
        low, high = feed.low or 0.0, 1.0 if feed.high is None else feed.high
        values = rng.random(shape, drawn) * drawn(high - low) + drawn(low)
    elif feed.distribution == "normal":
        mean, deviation = feed.low or 0.0, 1.0 if feed.high is None else feed.high
        values = rng.standard_normal(shape, drawn) * drawn(deviation) + drawn(mean)
    else:
        raise FeedError(value.name, f"cannot draw from {feed.distribution!r}; distributions are normal and uniform")
    return np.asarray(values, dtype)


def _is_integer(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "iu" or dtype.name in ("int4", "uint4", "int2", "uint2")


def _bounds(dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return the smallest integer of a dtype, and one more than the largest."""
    if dtype == np.bool_:
        return 0, 2
    info: Any = np.iinfo(dtype) if dtype.kind in "iu" else ml_dtypes.iinfo(dtype)  # type: ignore[no-untyped-call]
    return int(info.min), int(info.max) + 1


def _integer_range(value: ValueInfo, feed: InputFeed, dtype: np.dtype[Any]) -> tuple[int, int]:
    """Return [low, high) within the dtype: all of it for a byte or less, else from 0 to a small number."""
    least, most = _bounds(dtype)
    narrow = most - least <= 256
    low = int(feed.low) if feed.low is not None else (least if narrow else 0)
    high = int(feed.high) if feed.high is not None else (most if narrow else max(low, 0) + _INTEGERS_UP_TO)
    low, high = max(low, least), min(high, most)
    if low >= high:
        raise FeedError(value.name, f"cannot draw {value.type.dtype} from the empty range [{low}, {high})")
    return low, high


def _constant(value: ValueInfo, feed: InputFeed, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype.hasobject:
        return np.full(shape, f"{feed.value:g}", object)
    if _is_integer(dtype):
        least, end = _bounds(dtype)
        if not least <= feed.value < end:
            raise FeedError(value.name, f"is {value.type.dtype}, which {feed.value:g} does not fit into")
    return np.full(shape, feed.value).astype(dtype)


def _ramp(feed: InputFeed, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return values that rise in C order: from low to high (0 to 1); integers by one from low, over again at high."""
    count = math.prod(shape)
    if dtype.hasobject:
        return np.array([f"text {number}" for number in range(count)], object).reshape(shape)
    if _is_integer(dtype) or dtype == np.bool_:
        low = int(feed.low or 0)
        high = int(feed.high) if feed.high is not None else _bounds(dtype)[1]
        period = max(1, min(high - low, count))
        return (low + np.arange(count) % period).astype(dtype).reshape(shape)
    low_value, high_value = feed.low or 0.0, 1.0 if feed.high is None else feed.high
    return np.linspace(low_value, high_value, count).astype(dtype).reshape(shape)


def _text(shape: Sequence[Dim]) -> str:
    return "[" + ", ".join("?" if dim is None else str(dim) for dim in shape) + "]"
