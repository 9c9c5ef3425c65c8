"""The manifest of a split as JSON, versioned, with a JSON Schema (docs/split-schema.json)."""

import json
from typing import Any

import msgspec

from graphdebug.extract.records import Manifest
from graphdebug.model.json_schema import json_schema


def to_json(manifest: Manifest) -> str:
    """Return a manifest as indented JSON; read it back with `from_json`."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1).decode()


def from_json(text: str | bytes) -> Manifest:
    """Return the manifest that ``text`` holds.

    Raises:
        msgspec.ValidationError: the text is no manifest of this version.
    """
    return msgspec.json.decode(text, type=Manifest)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of `to_json`."""
    return json_schema(Manifest)


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1))
