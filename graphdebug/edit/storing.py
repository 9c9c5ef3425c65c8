"""Operations that say where the values of a model lie when it is saved: in the model, or in a file beside it.

They only leave a note in each tensor (`external.SAVE_TO`); saving streams the values to their places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.initializers import stored_values
from graphdebug.edit.operation import Operation
from graphdebug.edit.values import chunks, with_values
from graphdebug.model.external import (
    NEW_VALUES,
    SAVE_TO,
    ExternalDataError,
    is_external,
    local_path,
    reference,
    save_to,
)
from graphdebug.model.save import external_files
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.units import size_text
from graphdebug.model.value_types import shown
from graphdebug.model.wire import MAX_MESSAGE


class MakeExternal(Operation, frozen=True):
    """Let the values of initializers of more than ``larger_than`` bytes stand in a file beside the model when saved.

    Those that stand in other files already stay there, unless ``gather``: then they come, too, and those files are not
    needed any more. Values in attributes stay in the model. So should small values: shapes and axes are read before
    such files are.
    """

    keeps_results: ClassVar[bool] = True
    file: str
    larger_than: int = 1024
    gather: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"Let values stand in {shown(self.file)}"

    def apply(self, editor: Editor) -> None:
        """Say so in each initializer.

        Raises:
            EditError: the file's name cannot be one, or the model has such a file.
        """
        _check_name(editor, self.file)
        moved = 0

        def note(tensor: onnx.TensorProto) -> onnx.TensorProto | None:
            nonlocal moved
            size = payload_bytes(tensor)
            if _elsewhere(editor, tensor):
                if not self.gather:
                    return None
            elif size <= self.larger_than or tensor.data_type == onnx.TensorProto.STRING:
                return None
            moved += size
            return _noted(editor, tensor, self.file)

        _each(editor, note)
        editor.notes.append(
            f"{size_text(moved)} will stand in {shown(self.file)} beside the model."
            if moved
            else f"No initializer in the model holds more than {size_text(self.larger_than)}."
        )


class MakeInline(Operation, frozen=True):
    """Let the values of all initializers stand in the model itself when saved."""

    keeps_results: ClassVar[bool] = True

    @property
    def title(self) -> str:
        """What it does."""
        return "Let all values stand in the model"

    def apply(self, editor: Editor) -> None:
        """Say so in each initializer.

        Raises:
            EditError: the model would be larger than a protobuf file can be.
        """
        tensors = (tensor for path in editor.graphs for _, tensor in _tensors(editor, path))
        total = editor.proto.ByteSize() + sum(map(payload_bytes, tensors))
        if total > MAX_MESSAGE:
            raise EditError(
                f"The model would take {size_text(total)}, and a file of one piece cannot be larger than 2.15 GB."
            )
        _each(editor, lambda tensor: _noted(editor, tensor, "") if _outside(editor, tensor) else None)


def _check_name(editor: Editor, name: str) -> None:
    """Refuse what is no plain name of a new file."""
    model = editor.source
    try:
        plain = local_path(model.path, name).name == name and not name.startswith(".")
    except ExternalDataError:
        plain = False
    if not plain:
        raise EditError(f"{shown(name)} is no name for a file beside the model: give one without folders.")
    if name in (model.path.name, *external_files(editor.model)):
        raise EditError(f"{shown(name)} is a file of the model already: take another name.")


def _each(editor: Editor, change: Callable[[onnx.TensorProto], onnx.TensorProto | None]) -> None:
    """Put in place of each initializer what ``change`` makes of it, if anything."""
    for path in list(editor.graphs):
        way = editor.way(path)
        changes = [(position, change(tensor)) for position, tensor in _tensors(editor, path)]
        for position, changed in changes:
            if changed is not None:
                editor.splice(way, "initializer", position, 1, [changed])


def _tensors(editor: Editor, path: str) -> Iterator[tuple[int, onnx.TensorProto]]:
    yield from enumerate(getattr(editor.message(path), "initializer", ()))


def _elsewhere(editor: Editor, tensor: onnx.TensorProto) -> bool:
    """Say whether values stand in another file of the model and are meant to stay there."""
    if not is_external(tensor) or save_to(tensor) is not None:
        return False
    location = reference(tensor).location
    return location != editor.source.path.name and not location.startswith(NEW_VALUES)


def _outside(editor: Editor, tensor: onnx.TensorProto) -> bool:
    return bool(save_to(tensor)) or (is_external(tensor) and reference(tensor).location != editor.source.path.name)


def _noted(editor: Editor, tensor: onnx.TensorProto, file: str) -> onnx.TensorProto:
    """Return a tensor that says where its values go; typed values (``float_data``…) become raw ones."""
    made = onnx.TensorProto()
    if is_external(tensor) or tensor.HasField("raw_data"):
        made.CopyFrom(tensor)
    else:
        made = with_values(editor, tensor, tensor.data_type, tensor.dims, chunks(stored_values(editor, tensor)))
    for position in range(len(made.external_data) - 1, -1, -1):
        if made.external_data[position].key == SAVE_TO:
            del made.external_data[position]
    own = not is_external(made) or reference(made).location == editor.source.path.name
    if file or not own:
        made.external_data.add(key=SAVE_TO, value=file)
    return made
