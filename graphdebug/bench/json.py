"""A benchmark as JSON: `BenchResult` as it is, versioned, with a JSON Schema (docs/bench-schema.json)."""

from typing import Any

import msgspec

from graphdebug.bench.records import BenchResult
from graphdebug.model.json_schema import json_schema


def to_json(result: BenchResult) -> str:
    """Return the benchmark as indented JSON; read it back with `from_json`."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1).decode()


def from_json(text: str | bytes) -> BenchResult:
    """Return the benchmark that ``text`` holds.

    Raises:
        msgspec.ValidationError: the text is no benchmark of this version.
    """
    return msgspec.json.decode(text, type=BenchResult)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `to_json`."""
    return json_schema(BenchResult)
