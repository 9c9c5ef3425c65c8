"""What every edit is: a small record that says what to do, and does it to a model with the help of an `Editor`."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import msgspec

from graphdebug.edit.editor import Editor
from graphdebug.edit.splice import Splice
from graphdebug.edit.targets import Node, Value
from graphdebug.model.document import Model
from graphdebug.model.value_types import shown


def _tag(name: str) -> str:
    """``DeleteNode`` → ``delete-node``: what a recipe calls it."""
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).removeprefix("-")


class Operation(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="operation",
    tag=_tag,
):
    """An edit. Its fields are what a recipe holds; nodes and values in it are targets (targets.py)."""

    heavy: ClassVar[bool] = False
    """It runs code that is not ours or takes long: it is done in a worker (`job.apply_job`)."""
    keeps_results: ClassVar[bool] = False
    """The model ought to compute the same afterwards, or nearly: it is worth a run before and after."""

    @property
    @abstractmethod
    def title(self) -> str:
        """What it does, in a few words: an entry of the history."""

    @abstractmethod
    def apply(self, editor: Editor) -> None:
        """Do it.

        Raises:
            EditError: it cannot be done; the sentence says why. What was changed so far is thrown away by the caller.
        """


@dataclass(frozen=True, slots=True)
class Edited:
    """What came of an operation: the model, how to undo it, and sentences for the user."""

    model: Model
    splices: tuple[Splice, ...]
    notes: tuple[str, ...] = ()


def edited(model: Model, *operations: Operation, files: Path | None = None) -> Edited:
    """Do operations one after the other, all or none; ``model`` stays as it is.

    ``files`` is the folder of files that operations name.

    Raises:
        EditError: one cannot be done.
    """
    editor = Editor(model, files)
    for operation in operations:
        operation.apply(editor)
    return Edited(editor.model, tuple(editor.splices), tuple(editor.notes))


def node_text(target: Node) -> str:
    """Return what a title calls a node."""
    return shown(target if isinstance(target, str) else target.name or target.op)


def value_text(target: Value) -> str:
    """Return what a title calls a value."""
    return shown(target if isinstance(target, str) else target.name or target.mark)
