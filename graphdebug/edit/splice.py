"""The one primitive of every edit: at one place of the protobuf, some parts give way to others.

A splice holds what it removes as well as what it adds, so that it can be undone exactly: messages as their serialised
bytes, unknown fields included. Whatever an edit does not splice keeps its bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx

Step = tuple[str, int]
"""A field on the way from a ModelProto to a message, and the index in it; SINGLE for a field that is not repeated."""

SINGLE = -1

Value = Any
"""A field's value: bytes (messages and byte strings), str, int or float. (msgspec reads no union of bytes and str.)"""


@dataclass(frozen=True, slots=True)
class Splice:
    """At ``start`` of field ``field`` of the message at ``way``, the values ``removed`` give way to ``added``.

    A field that is not repeated holds no value or one, at 0.
    """

    way: tuple[Step, ...]
    field: str
    start: int
    removed: tuple[Value, ...]
    added: tuple[Value, ...]

    @property
    def inverse(self) -> "Splice":
        """The splice that undoes this one."""
        return Splice(self.way, self.field, self.start, self.added, self.removed)


def made(
    model: onnx.ModelProto, way: Sequence[Step], field: str, start: int, count: int, added: Sequence[Any]
) -> Splice:
    """Return the splice that replaces ``count`` values of a field; ``added`` may hold messages. It is not done yet."""
    message = at(model, way)
    if _is_repeated(message, field):
        removed = getattr(message, field)[start : start + count]
    else:
        removed = [getattr(message, field)] if message.HasField(field) else []
    return Splice(tuple(way), field, start, tuple(map(_value, removed)), tuple(map(_value, added)))


def apply(model: onnx.ModelProto, splice: Splice) -> None:
    """Do a splice; ``removed`` must be what is there."""
    message, field = at(model, splice.way), splice.field
    kind = message.DESCRIPTOR.fields_by_name[field].message_type
    added = [_message(kind, value) if kind else value for value in splice.added]
    if _is_repeated(message, field):
        values = getattr(message, field)
        if len(splice.removed) == len(added) == 1 and kind:
            values[splice.start].CopyFrom(added[0])  # what refers to the message keeps referring to it
            return
        del values[splice.start : splice.start + len(splice.removed)]
        for offset, value in enumerate(added):
            values.insert(splice.start + offset, value)
    elif not added:
        message.ClearField(field)
    elif kind:
        getattr(message, field).CopyFrom(added[0])
    else:
        setattr(message, field, added[0])


def at(model: onnx.ModelProto, way: Sequence[Step]) -> Any:
    """Return the message at the end of ``way``."""
    message: Any = model
    for field, index in way:
        message = getattr(message, field) if index == SINGLE else getattr(message, field)[index]
    return message


def _is_repeated(message: Any, field: str) -> bool:
    return bool(message.DESCRIPTOR.fields_by_name[field].is_repeated)


def _value(value: Any) -> Value:
    return value if isinstance(value, bytes | str | int | float) else bytes(value.SerializeToString(deterministic=True))


def _message(kind: Any, value: Value) -> Any:
    return kind._concrete_class.FromString(value)
