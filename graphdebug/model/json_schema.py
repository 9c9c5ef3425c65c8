"""JSON Schemas of records, made from their own classes."""

from inspect import cleandoc
from typing import Any

import msgspec


def json_schema(kind: Any) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of what msgspec writes for ``kind``."""
    found: dict[str, Any] = msgspec.json.schema(kind)
    for record in found["$defs"].values():
        if "description" in record:  # a docstring, which Python strips of its indentation from 3.13 on
            record["description"] = cleandoc(record["description"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}
