"""The reference of recipes, made from the operations' own classes: a JSON Schema and a list of operations.

``python -m graphdebug.edit.reference`` writes docs/recipe-schema.json and the list in docs/recipe.md anew.
"""

from __future__ import annotations

import json
from inspect import cleandoc
from pathlib import Path
from typing import Any, Literal

import msgspec

from graphdebug.edit.operations import ANY, OPERATIONS
from graphdebug.edit.recipe import Source
from graphdebug.model.record_json import json_schema

BEGIN, END = "<!-- operations: begin -->", "<!-- operations: end -->"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of recipes."""
    recipe = msgspec.defstruct(
        "Recipe",
        [("version", Literal[1]), ("operations", tuple[ANY, ...]), ("source", Source | None, None)],
        forbid_unknown_fields=True,
    )
    found = json_schema(recipe)
    found["$defs"]["Recipe"].pop("description", None)
    return found


def listing() -> str:
    """Return every operation in Markdown: what it does, its fields and which of them may be left out."""
    parts = []
    for kind in OPERATIONS:
        info = msgspec.inspect.type_info(kind)
        assert isinstance(info, msgspec.inspect.StructType)
        fields = [f"`{field.encode_name}`" + ("" if field.required else "?") for field in info.fields]
        lines = [
            f"### {info.tag}",
            "",
            cleandoc(kind.__doc__ or "").replace("``", "`"),
            "",
            f"Fields: {', '.join(fields) or 'none'}.",
        ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def rewritten(text: str) -> str:
    """Return docs/recipe.md with the list of operations as it is now."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{listing()}\n\n{END}{rest.partition(END)[2]}"


def _write(docs: Path) -> None:
    (docs / "recipe-schema.json").write_text(json.dumps(schema(), indent=1) + "\n", encoding="utf-8")
    page = docs / "recipe.md"
    page.write_text(rewritten(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _write(Path(__file__).parents[2] / "docs")
