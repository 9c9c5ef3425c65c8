"""Recipes: operations written down as JSON, to be done again on the same model or on another export of the network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from graphdebug.edit.checking import check_edit
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Edited, Operation, edited
from graphdebug.edit.operations import decode
from graphdebug.edit.splice import Splice
from graphdebug.model.document import Model

VERSION = 1
"""Of recipes as JSON (docs/recipe.md)."""


class Source(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The model that a recipe was made on, for people: its file's name and ``sha256:…`` of the file's bytes."""

    name: str = ""
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Operations in the order in which they are done."""

    operations: tuple[Operation, ...] = ()
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a recipe: the model, and one `Edited` for each operation, with its splices and notes."""

    model: Model
    steps: tuple[Edited, ...] = ()

    @property
    def splices(self) -> tuple[Splice, ...]:
        """All that was done, in order."""
        return tuple(splice for step in self.steps for splice in step.splices)


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    operations: tuple[msgspec.Raw, ...]
    source: Source | None = None


def to_json(recipe: Recipe) -> str:
    """Return a recipe as indented JSON; read it back with `from_json`."""
    written = {"version": VERSION, "operations": recipe.operations}
    if recipe.source:
        written["source"] = recipe.source
    return msgspec.json.format(msgspec.json.encode(written), indent=2).decode() + "\n"


def from_json(text: str | bytes) -> Recipe:
    """Return the recipe that ``text`` holds.

    Raises:
        EditError: it is none; the sentence names the operation (from 1 on) and the field at fault.
    """
    try:
        version = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("version", msgspec.Raw(b"null"))
        if bytes(version) not in (b"1", b"null"):
            raise EditError(
                f"The recipe is of version {bytes(version).decode()[:20]}; known here is version {VERSION}."
            )
        written = msgspec.json.decode(text, type=_Written)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise EditError(f"This is no recipe: {error}.") from None
    operations = []
    for number, raw in enumerate(written.operations, 1):
        try:
            operations.append(decode(bytes(raw)))
        except EditError as error:
            raise EditError(f"Operation {number}: {error}") from None
    return Recipe(tuple(operations), written.source)


def replay(model: Model, operations: Iterable[Operation], files: Path | None = None) -> Replayed:
    """Do a recipe's operations one after the other, all or none; ``model`` stays as it is.

    ``files`` is the folder of files that operations name. Each is done as if it were done by hand: names that one
    frees are free for the next, and types that one changes are known to it.

    Raises:
        EditError: one cannot be done; the sentence says which (from 1 on).
    """
    steps: list[Edited] = []
    for number, operation in enumerate(operations, 1):
        try:
            step = edited(model, operation, files=files)
        except EditError as error:
            raise EditError(f"Operation {number} ({operation.title}): {error}") from None
        steps.append(step)
        model = step.model.with_types(check_edit(model, step.model, step.splices).types)
    return Replayed(model, tuple(steps))
