"""External data: where the bytes of a tensor lie outside the protobuf, and whether they may be read.

A model names files; what it names is hostile. Only plain files inside the model's own folder are opened: no absolute
path, no ``..``, no symbolic link, no second hard link (which could be anybody's file under another name). Offset and
length are held against the tensor's shape and the file's size before anything is read.

An edit adds two things that no model file may say of itself: values that it made lie in a folder of its own
(`NEW_VALUES`), and values can be meant for another place when the model is saved (`SAVE_TO`).
"""

import re
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

import onnx

from graphdebug.model.value_types import dtype_name, shown, stored_bytes

NEW_VALUES = "edit:"
"""How the location of values that an edit made begins; the SHA-256 of the bytes follows, which is the file's name."""

SAVE_TO = "graphdebug.save-to"
"""Key in ``external_data``: the file beside the model that the values go to when it is saved, ``""`` for into it.

Saving heeds it and takes it out; a tensor with ``raw_data`` may have it, too.
"""

_DIGEST = re.compile(r"[0-9a-f]{64}")


class ExternalDataError(ValueError):
    """A tensor's external data cannot be read; ``code`` is the finding's, the message one sentence."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside the sentence."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Reference:
    """What a tensor says of its external data, as it says it. ``length`` None: to the end of the file."""

    location: str
    offset: int
    length: int | None


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes in a file that exist and may be read: exactly those of the tensor's values."""

    path: Path
    offset: int
    length: int


def is_external(tensor: onnx.TensorProto) -> bool:
    """Say whether the tensor's values lie outside the protobuf."""
    return bool(tensor.data_location == onnx.TensorProto.EXTERNAL)


def reference(tensor: onnx.TensorProto) -> Reference:
    """Read a tensor's reference without judging it.

    Raises:
        ExternalDataError: ``external-data-malformed``: no location, or a number that is none.
    """
    entries = {entry.key: entry.value for entry in tensor.external_data}
    location = entries.get("location", "")
    if not location:
        raise ExternalDataError("external-data-malformed", f"{_whose(tensor)} name no file.")
    offset, length = _number(tensor, entries, "offset"), _number(tensor, entries, "length")
    return Reference(location, offset or 0, length)


def save_to(tensor: onnx.TensorProto) -> str | None:
    """Return where an edit wants the values to go (see `SAVE_TO`); None: where they belong anyway."""
    return next((entry.value for entry in tensor.external_data if entry.key == SAVE_TO), None)


def new_values(folder: Path | None, location: str) -> Path | None:
    """Return the file in ``folder`` that holds values made by an edit; None when ``location`` means no such file."""
    name = location.removeprefix(NEW_VALUES)
    if folder is None or name == location or not _DIGEST.fullmatch(name) or not (folder / name).is_file():
        return None
    return folder / name


def locate(model_path: Path, tensor: onnx.TensorProto, values: Path | None = None) -> Payload:
    """Find the values of an external tensor of the model in file ``model_path`` and make sure they can be read.

    ``values`` is the folder of values that an edit made (`Model.values`).

    Raises:
        ExternalDataError: with one of the codes ``external-data-malformed``, ``external-data-escapes``,
            ``external-data-missing``, ``external-data-out-of-range``, ``external-data-too-short``, ``bad-tensor``.
    """
    said = reference(tensor)
    path = new_values(values, said.location) or plain_file(model_path, said.location)
    needed = stored_bytes(tensor)
    if needed is None:
        kind = dtype_name(tensor.data_type) or f"element type {tensor.data_type}"
        raise ExternalDataError("bad-tensor", f"{_whose(tensor)} ({kind}, {list(tensor.dims)}) cannot be stored raw.")
    size = path.stat().st_size
    length = size - said.offset if said.length is None else said.length
    where = f"{length:,} bytes at {said.offset:,} of {shown(said.location)}"
    if said.offset > size or said.offset + length > size:
        raise ExternalDataError(
            "external-data-out-of-range", f"{_whose(tensor)} should be {where}, but the file has only {size:,} bytes."
        )
    if length < needed:
        raise ExternalDataError(
            "external-data-too-short", f"{_whose(tensor)} are {where}, but its shape and type need {needed:,} bytes."
        )
    return Payload(path, said.offset, needed)


def local_path(model_path: Path, location: str) -> Path:
    """Return the path in the folder of ``model_path`` that ``location`` names, whether there is a file or not.

    Raises:
        ExternalDataError: ``external-data-escapes``.
    """
    parts = PurePosixPath(location).parts
    windows = PureWindowsPath(location)
    if not parts or location.startswith("/") or ".." in (*parts, *windows.parts) or windows.drive or "\0" in location:
        sentence = f"External data {shown(location)} lies outside the model's folder."
        raise ExternalDataError("external-data-escapes", sentence)
    return model_path.parent.joinpath(*parts)


def plain_file(model_path: Path, location: str) -> Path:
    """Return the file that ``location`` names, if it is a plain file in the folder of ``model_path``.

    Raises:
        ExternalDataError: ``external-data-escapes`` or ``external-data-missing``.
    """
    if location == model_path.name:
        return model_path
    name = shown(location)
    path = model_path.parent
    for part in local_path(model_path, location).relative_to(path).parts:
        path = path / part
        try:
            status = path.lstat()
        except OSError:
            raise ExternalDataError(
                "external-data-missing",
                f"The external data file {name} is not beside the model: give both together, folders as a .zip.",
            ) from None
        if stat.S_ISLNK(status.st_mode):
            raise ExternalDataError("external-data-escapes", f"External data {name} is or goes through a link.")
    if not stat.S_ISREG(status.st_mode):
        raise ExternalDataError("external-data-missing", f"The external data file {name} is not a plain file.")
    if status.st_nlink > 1 and not path.samefile(model_path):
        raise ExternalDataError(
            "external-data-escapes",
            f"The external data file {name} has a second hard link, so it may be a file from elsewhere; copy it.",
        )
    return path


def _number(tensor: onnx.TensorProto, entries: dict[str, str], key: str) -> int | None:
    text = entries.get(key, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ExternalDataError(
            "external-data-malformed", f"{_whose(tensor)} have {shown(text)} as {key}, which is no byte count."
        )
    return int(text)


def _whose(tensor: onnx.TensorProto) -> str:
    return f"The external values of {shown(tensor.name)}" if tensor.name else "The external values of a tensor"
