"""What another program made of a model, as splices: so that it is undone exactly, like any edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.splice import SINGLE, Splice, Step, Value


def difference(before: onnx.ModelProto, after: onnx.ModelProto) -> tuple[Splice, ...]:
    """Return the splices that make ``after`` of ``before``.

    Of lists, what both begin and end with stays and the middle is replaced. Fields that ONNX does not know stay as they
    are in ``before``.
    """
    return tuple(_differences((), before, after))


def become(editor: Editor, after: onnx.ModelProto) -> None:
    """Make ``after`` of the model that is edited."""
    for each in difference(editor.proto, after):
        editor.splice(each.way, each.field, each.start, len(each.removed), each.added)


def _differences(way: tuple[Step, ...], before: Any, after: Any) -> Iterator[Splice]:
    for field in before.DESCRIPTOR.fields:
        old, new = _values(before, field), _values(after, field)
        if old == new:
            continue
        if field.name == "graph" and old and new:
            yield from _differences((*way, (field.name, SINGLE)), before.graph, after.graph)
            continue
        start = _common(old, new) if field.is_repeated else 0
        end = _common(old[start:][::-1], new[start:][::-1]) if field.is_repeated else 0
        yield Splice(way, field.name, start, old[start : len(old) - end], new[start : len(new) - end])


def _values(message: Any, field: Any) -> tuple[Value, ...]:
    """Return what a field holds, messages as bytes."""
    if field.is_repeated:
        values = getattr(message, field.name)
    else:
        values = [getattr(message, field.name)] if message.HasField(field.name) else []
    return tuple(each.SerializeToString(deterministic=True) if field.message_type else each for each in values)


def _common(one: Sequence[Value], other: Sequence[Value]) -> int:
    """Return how many values both begin with."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
