"""A deployment check as JSON: `DeployResult` as it is, versioned, with a JSON Schema (docs/deployment-schema.json)."""

from typing import Any

import msgspec

from graphdebug.deploy.records import DeployResult
from graphdebug.model.json_schema import json_schema


def to_json(result: DeployResult) -> str:
    """Return a result as indented JSON; read it back with `from_json`."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1).decode()


def from_json(text: str | bytes) -> DeployResult:
    """Return the result that ``text`` holds.

    Raises:
        msgspec.ValidationError: the text is no result of this version.
    """
    return msgspec.json.decode(text, type=DeployResult)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `to_json`."""
    return json_schema(DeployResult)
