"""Operations on what a model says of itself: who made it, which versions it is of, documentation, metadata."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation
from graphdebug.edit.splice import SINGLE, Step
from graphdebug.model.units import size_text
from graphdebug.model.value_types import shown

_NEVER_DOCUMENTED = ("TypeProto", "StringStringEntryProto", "OperatorSetIdProto", "TensorShapeProto")


class SetMetadata(Operation, frozen=True):
    """Set the entry ``key`` of the model's metadata to ``value``; None removes it."""

    keeps_results: ClassVar[bool] = True
    key: str
    value: str | None = None

    @property
    def title(self) -> str:
        """What it does."""
        return f"{'Remove' if self.value is None else 'Set'} metadata {shown(self.key)}"

    def apply(self, editor: Editor) -> None:
        """Set or remove it.

        Raises:
            EditError: there is no entry to remove, or the key is empty.
        """
        if not self.key:
            raise EditError("Metadata needs a key.")
        entries = editor.proto.metadata_props
        found = [at for at, entry in enumerate(entries) if entry.key == self.key]
        if self.value is None:
            if not found:
                raise EditError(f"The model's metadata has no {shown(self.key)}.")
            for at in reversed(found):
                editor.splice((), "metadata_props", at, 1)
        elif found:
            editor.set_field((("metadata_props", found[-1]),), "value", self.value)
        else:
            entry = onnx.StringStringEntryProto(key=self.key, value=self.value)
            editor.splice((), "metadata_props", len(entries), 0, [entry])


class SetHeader(Operation, frozen=True):
    """Set what the model says of itself; None keeps a field, ``""`` clears it."""

    keeps_results: ClassVar[bool] = True
    producer_name: str | None = None
    producer_version: str | None = None
    domain: str | None = None
    model_version: int | None = None
    doc_string: str | None = None
    graph_name: str | None = None
    ir_version: int | None = None

    @property
    def title(self) -> str:
        """What it does."""
        said = [name.replace("_", " ") for name in self.__struct_fields__ if getattr(self, name) is not None]
        return f"Set {', '.join(said) or 'nothing'} of the model"

    def apply(self, editor: Editor) -> None:
        """Set the fields.

        Raises:
            EditError: there is no such IR version.
        """
        if self.ir_version is not None and not 1 <= self.ir_version <= onnx.IR_VERSION:
            raise EditError(f"There is no IR version {self.ir_version}: give one from 1 to {onnx.IR_VERSION}.")
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if value is None:
                continue
            if field == "graph_name":
                editor.set_field(editor.way(), "name", value)
            else:
                editor.set_field((), field, None if value == "" else value)


class StripDocs(Operation, frozen=True):
    """Remove all documentation: of the model, its graphs, nodes, values, tensors and functions.

    ``metadata``: entries of metadata whose keys begin so go, too (``pkg.torch.onnx.stack_trace``); those of the model
    itself stay.
    """

    keeps_results: ClassVar[bool] = True
    metadata: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What it does."""
        return "Strip documentation" + (
            f" and metadata {', '.join(map(shown, self.metadata))}" if self.metadata else ""
        )

    def apply(self, editor: Editor) -> None:
        """Remove them.

        Raises:
            EditError: the beginning of a key is empty.
        """
        if "" in self.metadata:
            raise EditError("Say how the keys of the metadata that should go begin.")
        before = editor.proto.ByteSize()
        for way, message in list(_messages((), editor.proto)):
            if message.HasField("doc_string"):
                editor.set_field(way, "doc_string", None)
            entries = getattr(message, "metadata_props", ()) if way else ()
            for at in reversed(range(len(entries))):
                if entries[at].key.startswith(self.metadata):
                    editor.splice(way, "metadata_props", at, 1)
        saved = before - editor.proto.ByteSize()
        editor.notes.append(f"The model is {size_text(saved)} smaller." if saved else "There was nothing to remove.")


def _messages(way: tuple[Step, ...], message: Any) -> Iterator[tuple[tuple[Step, ...], Any]]:
    """Go through a message and all in it that can be documented, with the way to each."""
    if "doc_string" in message.DESCRIPTOR.fields_by_name:
        yield way, message
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.name in _NEVER_DOCUMENTED:
            continue
        below = enumerate(value) if field.is_repeated else ((SINGLE, value),)
        for at, each in below:
            yield from _messages((*way, (field.name, at)), each)
