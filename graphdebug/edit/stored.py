"""Values of tensors in scripts: marked where they are in the protobuf, so that they are fetched and not written out."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any, TypeVar

import onnx

from graphdebug.edit.carried import tensors_of
from graphdebug.edit.errors import EditError
from graphdebug.model.document import Model
from graphdebug.model.external import SAVE_TO, ExternalDataError, is_external, new_values, reference

_MOST_BYTES = 2048
"""More bytes are not written into a script but into a file beside it."""

_Message = TypeVar("_Message")


class StoredValues:
    """Marks in the place of values, and which of them a script used.

    ``files`` are the files that go beside the script, by name: bytes, or where they lie.
    """

    def __init__(self, model: Model) -> None:
        """``model`` is the one that is edited."""
        self._path, self._values = model.path, model.values
        self._mark = f"\0{secrets.token_hex(8)}:".encode()
        self.files: dict[str, bytes | Path] = {}
        self.used: dict[bytes, str] = {}

    def marked(self, message: _Message) -> _Message:
        """Return the message, marks in the place of values that lie in the model's own file or in that of an edit."""
        for tensor in tensors_of(message):
            if not is_external(tensor):
                continue
            try:
                said = reference(tensor)
            except ExternalDataError:
                continue
            new = new_values(self._values, said.location)
            if said.location != self._path.name and new is None:
                continue
            kept = [entry for entry in tensor.external_data if entry.key == SAVE_TO]
            tensor.ClearField("data_location")
            del tensor.external_data[:]
            tensor.external_data.extend(kept)
            tensor.raw_data = self._mark + (str(new) if new else f"{said.offset}:{said.length}").encode()
        return message

    def is_marked(self, value: bytes) -> bool:
        """Say whether a mark stands for values of the model itself: not for those of a file of the edit."""
        return value.startswith(self._mark) and not value.startswith(self._mark + b"/")

    def said(self, value: bytes) -> str:
        """Write bytes as an expression.

        Raises:
            EditError: there is a mark somewhere in them.
        """
        if value.startswith(self._mark):
            place = value.removeprefix(self._mark)
            if self.is_marked(value):
                return f"values[{self.used.setdefault(value, str(len(self.used)))}]"
            path = Path(place.decode())
            return self._file(path.name, path)
        if self._mark in value:
            raise EditError("The edit moves stored values beside fields that ONNX does not know: no script says that.")
        if len(value) <= _MOST_BYTES:
            return repr(value)
        return self._file(hashlib.sha256(value).hexdigest(), value)

    def _file(self, digest: str, content: bytes | Path) -> str:
        name = f"{digest[:16]}.bin"
        self.files[name] = content
        return f"(HERE / {name!r}).read_bytes()"


def way_to(message: Any, values: bytes) -> tuple[tuple[str, int], ...] | None:
    """Return the way to the tensor whose ``raw_data`` is this, and None when there is none."""
    if isinstance(message, onnx.TensorProto):
        return () if message.raw_data == values else None
    for field, value in message.ListFields():
        if field.message_type:
            for position, each in enumerate(value if field.is_repeated else [value]):
                below = way_to(each, values)
                if below is not None:
                    return ((field.name, position if field.is_repeated else -1), *below)
    return None
