"""Polygraphy's JSON files: results (``--save-outputs``) and inputs (``--save-inputs``), read and written.

The format is that of ``polygraphy.json`` and ``polygraphy.comparator.RunResults`` (read in 0.53): an array is
``{"array": <base64 of a .npy>}``, results are pairs of a runner's name and its iterations, inputs a list of them. Where
the name had no ending, Polygraphy writes a folder with one file for each iteration. Nothing is ever unpickled: a
PyTorch tensor in such a file is a pickle and is refused.
"""

import base64
import io
import mmap
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from graphdebug.runtime.store import StoreError, npy_blocks, read_npy, storable

SUFFIX = ".json"
_LARGEST = 4 << 30
"""Bytes: of larger files people keep a folder with a file for each iteration."""
_LARGEST_UNPACKED = 2 << 30
_RUNNER = "graphdebug"
_NOTHING = msgspec.Raw()


class _Array(msgspec.Struct):
    """An array, or a ``LazyArray`` around one; ``array`` and ``tensor`` are JSON strings that were not decoded yet."""

    values: "_Array | None" = None
    array: msgspec.Raw = _NOTHING
    tensor: msgspec.Raw = _NOTHING


class _Iteration(msgspec.Struct):
    outputs: dict[str, _Array]


class _Results(msgspec.Struct):
    lst: list[tuple[str, list[_Iteration]]]


_Runs = list[tuple[str, list[dict[str, _Array]]]]
"""Runners in the file's order, and the arrays of each iteration by tensor name. Inputs have a runner without a name."""


class PolygraphyReader:
    """Reads arrays of one iteration of one runner, each only when asked for."""

    def __init__(self, path: Path, runner: str = "", iteration: int = 0) -> None:
        """Find the iteration in the file, or in the folder with one file for each.

        Args:
            path: the file or the folder.
            runner: the runner's name or the beginning of it; the first runner when empty.
            iteration: counted from 0; from the end when negative.

        Raises:
            StoreError: it is no such file, or has no such runner or iteration.
            OSError: it cannot be read.
        """
        self._file = path
        if path.is_dir():
            files = iteration_files(path)
            if not -len(files) <= iteration < len(files):
                raise StoreError(f"{path.name} has {len(files)} iterations, there is no number {iteration}.")
            self._file, iteration = files[iteration], 0
        runs = _runs(self._file)
        self._arrays = _iteration(runs, runner, iteration, self._file.name)
        self.names: Sequence[str] = list(self._arrays)
        """Tensor names, in the order of the file."""

    def __contains__(self, name: str) -> bool:
        """Return whether there is an array for this tensor."""
        return name in self._arrays

    def read(self, name: str) -> NDArray[Any]:
        """Return the array of tensor ``name``.

        Raises:
            KeyError: there is no such tensor.
            StoreError: it is broken, or would need unpickling.
        """
        found = self._arrays[name].values or self._arrays[name]
        if bytes(found.tensor):
            raise StoreError(
                f"{name!r} in {self._file.name} is a PyTorch tensor, which is a pickle and is not opened: let "
                "Polygraphy write NumPy arrays."
            )
        try:
            return _decode(msgspec.json.decode(found.array, type=bytes))
        except MemoryError:
            raise
        except Exception as error:  # damaged headers fail in NumPy's, tokenize's, zlib's and zipfile's own ways
            raise StoreError(f"Array {name!r} in {self._file.name} cannot be read: {error}.") from error


def iteration_files(folder: Path) -> list[Path]:
    """Return the files of a folder that Polygraphy wrote, one for each iteration (``0000000000.json``…)."""
    return sorted(file for file in folder.glob(f"*{SUFFIX}") if file.stem.isdecimal())


def results_json(arrays: Iterator[tuple[str, NDArray[Any]]], runner: str = _RUNNER) -> Iterator[bytes]:
    """Yield the JSON of results: one runner, one iteration; what ``polygraphy run --load-outputs`` takes.

    Element types that NumPy lacks are written as the wider type that holds them (see ``store.storable``).
    """
    yield b'{"lst": [[' + msgspec.json.encode(runner) + b', [{"outputs": {'
    for position, (name, array) in enumerate(arrays):
        yield (b", " if position else b"") + msgspec.json.encode(name) + b': {"values": '
        yield from _array_json(array)
        yield b', "polygraphy_class": "LazyArray"}'
    yield b'}, "runtime": null, "runner_name": ' + msgspec.json.encode(runner)
    yield b', "polygraphy_class": "IterationResult"}]]], "polygraphy_class": "RunResults"}'


def inputs_json(arrays: Iterator[tuple[str, NDArray[Any]]]) -> Iterator[bytes]:
    """Yield the JSON of inputs: one iteration; what ``polygraphy run --load-inputs`` takes."""
    yield b"[{"
    for position, (name, array) in enumerate(arrays):
        yield (b", " if position else b"") + msgspec.json.encode(name) + b": "
        yield from _array_json(array)
    yield b"}]"


def _array_json(array: NDArray[Any]) -> Iterator[bytes]:
    yield b'{"array": "'
    left = b""
    for block in npy_blocks(storable(array)[0]):
        data = left + bytes(block)
        whole = len(data) // 3 * 3  # of three bytes come four letters: only the end is padded
        yield base64.b64encode(data[:whole])
        left = data[whole:]
    yield base64.b64encode(left) + b'", "polygraphy_class": "ndarray"}'


def _runs(path: Path) -> _Runs:
    """Read what is where; arrays stay undecoded in the mapped file."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        if size > _LARGEST:
            raise StoreError(f"{path.name} is larger than 4 GB: let Polygraphy write a folder, a file an iteration.")
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
    try:
        if bytes(data[:1]) == b"[" or not _begins_with_results(data):
            inputs = msgspec.json.decode(data, type=list[dict[str, _Array]] | dict[str, _Array])
            return [("", inputs if isinstance(inputs, list) else [inputs])]
        results = msgspec.json.decode(data, type=_Results)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise StoreError(f"{path.name} is no JSON of Polygraphy's: {error}.") from error
    return [(runner, [each.outputs for each in iterations]) for runner, iterations in results.lst]


def _begins_with_results(data: Any) -> bool:
    """Say whether the object has ``lst`` as its first key, as Polygraphy writes it; an input may have any name."""
    start = bytes(data[:64]).translate(None, b" \t\r\n")
    return start.startswith(b'{"lst":[')


def _iteration(runs: _Runs, runner: str, number: int, file: str) -> Mapping[str, _Array]:
    found = [iterations for name, iterations in runs if name.startswith(runner)]
    if not found:
        names = ", ".join(repr(name) for name, _ in runs[:8]) or "none"
        raise StoreError(f"{file} has no runner {runner!r}; its runners are {names}.")
    if not -len(found[0]) <= number < len(found[0]):
        raise StoreError(f"{file} has {len(found[0])} iterations, there is no number {number}.")
    return found[0][number]


def _decode(data: bytes) -> NDArray[Any]:
    """Return the array of a .npy; early versions of Polygraphy wrote an .npz of one."""
    if not data.startswith(b"PK"):
        return read_npy(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if sum(member.file_size for member in members) > _LARGEST_UNPACKED:
            raise StoreError("it would unpack to more than 2 GB")
        return read_npy(archive.read(members[0])) if members else np.empty(0)
