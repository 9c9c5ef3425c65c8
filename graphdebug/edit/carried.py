"""Functions that scripts carry with them (script.py): their text goes into a script as it stands here."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import external_data_helper

SAVE_TO = "graphdebug.save-to"


def keys_of(entry: Any) -> tuple[str, ...]:
    """Return what tells an entry of a list: its name, or the outputs that a node without one makes."""
    for field in ("name", "tensor_name", "key", "domain"):
        name = getattr(entry, field, "")
        if name and isinstance(name, str):
            return (name,)
    if isinstance(entry, onnx.SparseTensorProto):
        return (entry.values.name,)
    return tuple(getattr(entry, "output", ()))


def at(entries: Sequence[Any], key: str) -> int:
    """Return where the one entry is that has this name, or makes this output."""
    found = [position for position, entry in enumerate(entries) if key in keys_of(entry)]
    if len(found) != 1:
        sys.exit(f"{len(found)} things are called {key!r}: this script is for another model.")
    return found[0]


def find(entries: Sequence[Any], key: str) -> Any:
    """Return the one entry that has this name, or makes this output."""
    return entries[at(entries, key)]


def remove(entries: Any, keys: Sequence[str]) -> None:
    """Delete the entries that have these names, or make these outputs: one for each."""
    places: dict[str, list[int]] = {}
    for position, entry in enumerate(entries):
        for key in keys_of(entry):
            places.setdefault(key, []).append(position)
    if lost := [key for key in keys if len(places.get(key, [])) != 1]:
        sys.exit(f"There is not one thing called {lost[0]!r}: this script is for another model.")
    for position in sorted((places[key][0] for key in keys), reverse=True):
        del entries[position]


def arrange(entries: Any, start: int, end: int, order: Sequence[int]) -> None:
    """Put entries ``start`` to ``end`` into another order; those that are not in it go."""
    copies = [type(entry).FromString(entry.SerializeToString()) for entry in entries]
    del entries[start:]
    entries.extend([copies[start + position] for position in order] + copies[end:])


def tensors_of(message: Any) -> Iterator[onnx.TensorProto]:
    """Go through every tensor that is stored anywhere in a message."""
    if isinstance(message, onnx.TensorProto):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type:
            for each in value if field.is_repeated else [value]:
                yield from tensors_of(each)


def place_values(model: onnx.ModelProto, source: Path, target: Path) -> None:
    """Put values where their tensors say (``SAVE_TO``): into a file beside the model, or into the model (``""``)."""
    new = set()
    for tensor in tensors_of(model):
        wanted = [entry.value for entry in tensor.external_data if entry.key == SAVE_TO]
        if not wanted:
            continue
        kept = [entry for entry in tensor.external_data if entry.key != SAVE_TO]
        del tensor.external_data[:]
        tensor.external_data.extend(kept)
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            external_data_helper.load_external_data_for_tensor(tensor, str(source.parent))
            tensor.ClearField("external_data")
            tensor.ClearField("data_location")
        if wanted[0]:
            values, path = tensor.raw_data, target.parent / wanted[0]
            with path.open("ab" if path in new else "wb") as file:
                external_data_helper.set_external_data(tensor, wanted[0], file.tell(), len(values))
                file.write(values)
            new.add(path)
            tensor.ClearField("raw_data")
