"""Operations on what nodes take, and on the names of values."""

from __future__ import annotations

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.operation import Operation, node_text, value_text
from graphdebug.edit.opsets import most_inputs
from graphdebug.edit.order import keep_order
from graphdebug.edit.settling import settle_types
from graphdebug.edit.targets import Node, Value, find_node, find_value
from graphdebug.edit.uses import rename_value
from graphdebug.model.index import CALLED_FUNCTION
from graphdebug.model.refs import NodeRef, TensorRef, parent_path
from graphdebug.model.value_types import shown


class ReconnectInput(Operation, frozen=True):
    """Let input ``input`` of a node take another value; ``""`` leaves it out.

    The value may be of the node's graph or of one around it.
    """

    node: Node
    input: int
    value: Value

    @property
    def title(self) -> str:
        """What it does."""
        if not self.value:
            return f"Leave out input {self.input} of {node_text(self.node)}"
        return f"Connect input {self.input} of {node_text(self.node)} to {value_text(self.value)}"

    def apply(self, editor: Editor) -> None:
        """Connect the input.

        Raises:
            EditError: the node or the value is not there, or the node cannot take it there.
        """
        ref = find_node(editor, self.node)
        _check_slot(editor, ref, self.input)
        if not self.value:
            _leave_out(editor, ref, self.input)
            return
        value = find_value(editor, self.value)
        check_visible(editor, value, ref.graph)
        editor.set_input(ref.graph, ref.index, self.input, value.name)
        settle_types(editor, ref)
        keep_order(editor, value.graph)


class SwapInputs(Operation, frozen=True):
    """Swap the inputs ``a`` and ``b`` of a node."""

    node: Node
    a: int = 0
    b: int = 1

    @property
    def title(self) -> str:
        """What it does."""
        return f"Swap inputs {self.a} and {self.b} of {node_text(self.node)}"

    def apply(self, editor: Editor) -> None:
        """Swap them.

        Raises:
            EditError: the node is not there, or has no such inputs.
        """
        ref = find_node(editor, self.node)
        index = editor.graph(ref.graph)
        inputs = list(index.nodes[ref.index].input)
        for slot in (self.a, self.b):
            if not 0 <= slot < len(inputs):
                raise EditError(f"{shown(index.names[ref.index])} has no input {slot}: it has {len(inputs)}.")
        editor.set_input(ref.graph, ref.index, self.a, inputs[self.b])
        editor.set_input(ref.graph, ref.index, self.b, inputs[self.a])
        settle_types(editor, ref)


class RenameValue(Operation, frozen=True):
    """Give a value, be it an input or output of the model, another name everywhere, nested graphs included."""

    value: Value
    name: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"Rename {value_text(self.value)} to {shown(self.name)}"

    def apply(self, editor: Editor) -> None:
        """Rename the value.

        Raises:
            EditError: the value is not there, is of a graph around, or something else has the name.
        """
        ref = find_value(editor, self.value)
        if not editor.graph(ref.graph).defines(ref.name):
            raise EditError(f"{shown(ref.name)} is not made in {shown(editor.graph(ref.graph).title)}: name it there.")
        if ref.name == self.name:
            return
        check_free(editor, ref.graph, self.name)
        rename_value(editor, ref.graph, ref.name, self.name)
        editor.names.take(self.name)


def check_visible(editor: Editor, value: TensorRef, path: str) -> None:
    """See to it that a node in the graph at ``path`` can take a value.

    Raises:
        EditError: the value is of a graph that is not around it, or another of its name is nearer.
    """
    here: str | None = path
    while here is not None and here != value.graph:
        index = editor.graph(here)
        if index.defines(value.name):
            raise EditError(f"In {shown(index.title)} something else is called {shown(value.name)}: rename it first.")
        here = parent_path(here)
    if here is None:
        title, other = editor.graph(value.graph).title, editor.graph(path).title
        raise EditError(
            f"{shown(value.name)} is made in {shown(title)}, which {shown(other)} does not see: only a value of "
            "the same graph or of one around it can be taken."
        )


def check_free(editor: Editor, path: str, name: str) -> None:
    """See to it that ``name`` can be given to a value of the graph at ``path``: ONNX lets no name hide another.

    Raises:
        EditError: it is empty, or taken here, in a graph around or in one within.
    """
    if not name:
        raise EditError("A value needs a name.")
    around = {path}
    above = parent_path(path)
    while above is not None:
        around.add(above)
        above = parent_path(above)
    for other in editor.graphs:
        if other in around or _within(other, path):
            index = editor.graph(other)
            if index.defines(name) or index.is_used(name):
                raise EditError(
                    f"Something in {shown(index.title)} is called {shown(name)} already: choose another name."
                )


def calls(editor: Editor, function: str) -> list[NodeRef]:
    """Return the nodes that call the function whose body is at path ``function``."""
    return [
        NodeRef(path, node)
        for path, index in editor.graphs.items()
        for node, children in index.children.items()
        if (CALLED_FUNCTION, function) in children
    ]


def _within(path: str, outer: str) -> bool:
    return path.startswith(f"{outer}/") if outer else not path.startswith("fn:")


def _check_slot(editor: Editor, ref: NodeRef, slot: int) -> None:
    """Refuse an input that the node cannot have: before the first, or beyond the next that its operator takes."""
    index = editor.graph(ref.graph)
    node = index.nodes[ref.index]
    most = most_inputs(editor, ref.graph, node.op_type, node.domain, len(node.input))
    if not 0 <= slot < most:
        raise EditError(f"{shown(index.names[ref.index])} cannot have an input {slot}: {node.op_type} takes {most:,}.")


def _leave_out(editor: Editor, ref: NodeRef, slot: int) -> None:
    """Leave an input out; at the end, nothing is left of it."""
    inputs = list(editor.graph(ref.graph).nodes[ref.index].input)
    if slot >= len(inputs):
        return
    kept = slot
    while slot == len(inputs) - 1 and kept and not inputs[kept - 1]:
        kept -= 1
    if slot < len(inputs) - 1:
        editor.set_input(ref.graph, ref.index, slot, "")
    else:
        editor.splice((*editor.way(ref.graph), ("node", ref.index)), "input", kept, len(inputs) - kept)
