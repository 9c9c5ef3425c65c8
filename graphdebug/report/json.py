"""A comparison as JSON: `CompareResult` as it is, versioned, with a JSON Schema (docs/report-schema.json)."""

from typing import Any

import msgspec

from graphdebug.compare.records import CompareResult
from graphdebug.model.json_schema import json_schema


def to_json(result: CompareResult) -> str:
    """Return the comparison as indented JSON; read it back with `from_json`."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1).decode()


def from_json(text: str | bytes) -> CompareResult:
    """Return the comparison that ``text`` holds, to re-threshold it, say.

    Raises:
        msgspec.ValidationError: the text is no comparison of this version.
    """
    return msgspec.json.decode(text, type=CompareResult)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `to_json`."""
    return json_schema(CompareResult)
