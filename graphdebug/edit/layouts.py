"""Operations that let an input come in another layout: its axes in another order, its channels reversed."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from onnx import numpy_helper

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.constants import add_initializer
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import import_domain, make_node, name_for
from graphdebug.edit.nodes import between
from graphdebug.edit.operation import Operation, value_text
from graphdebug.edit.targets import Value, find_value
from graphdebug.edit.uses import renamed, uses
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import shown


class ChangeLayout(Operation, frozen=True):
    """Let an image input of the main graph come with its channels last (NHWC) or first (NCHW).

    A Transpose behind it gives the model what it had before. Also for inputs with one or three spatial axes.
    """

    input: Value
    to: Literal["NHWC", "NCHW"]

    @property
    def title(self) -> str:
        """What it does."""
        return f"Take {value_text(self.input)} as {self.to}"

    def apply(self, editor: Editor) -> None:
        """Change the layout.

        Raises:
            EditError: it is no input of the main graph with a known shape of three to five axes.
        """
        position, entry = _input(editor, self.input)
        dims = list(entry.type.tensor_type.shape.dim)
        rank = len(dims)
        if not 3 <= rank <= 5:
            raise EditError(f"{shown(entry.name)} has {rank} axes: only images (3 to 5 axes) have such a layout.")
        last_to_first, first_to_last = (0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)
        given, back = (first_to_last, last_to_first) if self.to == "NHWC" else (last_to_first, first_to_last)
        new = renamed(entry, entry.name)
        del new.type.tensor_type.shape.dim[:]
        new.type.tensor_type.shape.dim.extend(dims[axis] for axis in given)
        _insert(editor, entry.name, "Transpose", [Attribute("perm", "ints", list(back))])
        editor.splice(editor.way(), "input", position, 1, [new])


class ReverseChannels(Operation, frozen=True):
    """Let an input of the main graph come with its channels (along ``axis``) in the reverse order, as RGB and BGR."""

    input: Value
    axis: int = 1

    @property
    def title(self) -> str:
        """What it does."""
        return f"Reverse the channels of {value_text(self.input)}"

    def apply(self, editor: Editor) -> None:
        """Insert a Gather that reverses them.

        Raises:
            EditError: it is no input of the main graph with so many axes, or the number of channels is not known.
        """
        _, entry = _input(editor, self.input)
        dims, name = entry.type.tensor_type.shape.dim, shown(entry.name)
        axis = self.axis + len(dims) if self.axis < 0 else self.axis
        if not 0 <= axis < len(dims):
            raise EditError(f"{name} has {len(dims)} axes: there is no axis {self.axis}.")
        channels = dims[axis].dim_value
        if not 1 <= channels <= 1024:
            what = "not known" if not channels else f"{channels:,}"
            raise EditError(f"The number of channels of {name} along axis {self.axis} is {what}: choose another axis.")
        order = editor.names.new(f"{entry.name}_channels")
        indices = numpy_helper.from_array(np.arange(channels - 1, -1, -1, dtype=np.int64), order)
        add_initializer(editor, MAIN_GRAPH, indices)
        _insert(editor, entry.name, "Gather", [Attribute("axis", "int", axis)], order)


def _input(editor: Editor, target: Value) -> tuple[int, onnx.ValueInfoProto]:
    """Return an input of the main graph that is a tensor of known rank, and its position.

    Raises:
        EditError: it is none.
    """
    ref = find_value(editor, target)
    index, name = editor.graph(), shown(ref.name)
    if ref.graph != MAIN_GRAPH or ref.name not in (*index.inputs, *index.defaults):
        raise EditError(f"{name} is no input of the main graph.")
    if ref.name in index.defaults:
        raise EditError(f"{name} has default values, which would have to change, too: remove them first.")
    position = next(at for at, entry in enumerate(editor.proto.graph.input) if entry.name == ref.name)
    entry = editor.proto.graph.input[position]
    if not entry.type.tensor_type.HasField("shape"):
        raise EditError(f"The shape of {name} is not declared: set its type first.")
    return position, entry


def _insert(editor: Editor, value: str, op: str, attributes: list[Attribute], *more: str) -> None:
    """Insert a node between an input of the main graph and all that uses it."""
    source, made = between(editor, MAIN_GRAPH, value, uses(editor, MAIN_GRAPH, value), f"{value}_{op}")
    name = name_for(editor, MAIN_GRAPH, "", f"{op}_{made}")
    editor.insert_nodes(MAIN_GRAPH, 0, [make_node(op, "", [source, *more], [made], name, attributes)])
    import_domain(editor, MAIN_GRAPH, "")
