"""Records as JSON documents: written, read back, and described by JSON Schemas made from their own classes."""

from inspect import cleandoc
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def to_json(record: object) -> str:
    """Return a record as indented JSON; read it back with `from_json`."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1).decode()


def from_json(text: str | bytes, kind: type[T]) -> T:
    """Return the record of class ``kind`` that ``text`` holds.

    Raises:
        msgspec.ValidationError: the text is no such record of this version.
    """
    return msgspec.json.decode(text, type=kind)


def json_schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what msgspec writes for ``kind``."""
    found: dict[str, Any] = msgspec.json.schema(kind)
    for record in found["$defs"].values():
        if "description" in record:  # a docstring, which Python strips of its indentation from 3.13 on
            record["description"] = cleandoc(record["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
