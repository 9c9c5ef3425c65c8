"""A diff as JSON: `ModelDiff` as it is, versioned, with a JSON Schema (docs/diff-schema.json)."""

from typing import Any

import msgspec

from graphdebug.diff.records import ModelDiff
from graphdebug.model.json_schema import json_schema


def to_json(found: ModelDiff) -> str:
    """Return a diff as indented JSON; read it back with `from_json`."""
    return msgspec.json.format(msgspec.json.encode(found), indent=1).decode()


def from_json(text: str | bytes) -> ModelDiff:
    """Return the diff that ``text`` holds.

    Raises:
        msgspec.ValidationError: the text is no diff of this version.
    """
    return msgspec.json.decode(text, type=ModelDiff)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `to_json`."""
    return json_schema(ModelDiff)
