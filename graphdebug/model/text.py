"""Strings of a model that are not UTF-8.

protobuf demands UTF-8 for strings but lets anything pass in ONNX's files; Python then sees ``bytes`` where everything
expects ``str``. Such strings are rewritten (``\\xff`` for a stray byte, so that different names stay different).
"""

from functools import lru_cache
from typing import Any

import onnx
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError, Message  # type: ignore[import-untyped]


def repair_text(proto: onnx.ModelProto, data: bytes) -> None:
    """Make every string of ``proto``, which was parsed from ``data``, a proper one; in place."""
    try:
        _strict_model().FromString(data)
    except DecodeError:
        _repair(proto)


def _repair(message: Message) -> None:
    for field, value in message.ListFields():
        many = not isinstance(value, str | bytes | int | float | Message)
        if field.type == field.TYPE_MESSAGE:
            for inner in value if many else (value,):
                _repair(inner)
        elif field.type == field.TYPE_STRING:
            if many:
                for position, text in enumerate(value):
                    if isinstance(text, bytes):
                        value[position] = text.decode(errors="backslashreplace")
            elif isinstance(value, bytes):
                setattr(message, field.name, value.decode(errors="backslashreplace"))


@lru_cache(maxsize=1)
def _strict_model() -> Any:
    """Return ModelProto under proto3's rules, where the parser itself refuses strings that are not UTF-8.

    Parsing twice is many times faster than looking at every string from Python.
    """
    file = descriptor_pb2.FileDescriptorProto()
    onnx.ModelProto.DESCRIPTOR.file.CopyToProto(file)
    file.syntax = "proto3"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(onnx.ModelProto.DESCRIPTOR.full_name))
