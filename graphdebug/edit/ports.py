"""Operations on what the model, or a function, takes and gives: its inputs and outputs."""

from __future__ import annotations

import onnx

from graphdebug.edit.declaring import declaration, declared
from graphdebug.edit.editor import Editor, name_of
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import make_node, name_for
from graphdebug.edit.operation import Operation, value_text
from graphdebug.edit.sweeping import forget, sweep
from graphdebug.edit.targets import Graph, Value, find_graph, find_value
from graphdebug.edit.uses import OUTPUT, redirect, uses
from graphdebug.edit.wiring import calls, check_free
from graphdebug.model.records import Dim, ValueType
from graphdebug.model.refs import MAIN_GRAPH, TensorRef, parent_path
from graphdebug.model.value_types import dtype_number, shown, value_type


class AddOutput(Operation, frozen=True):
    """Make a value an output (a tap), behind the others, with the type that is known of it."""

    value: Value

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {value_text(self.value)} an output"

    def apply(self, editor: Editor) -> None:
        """Add the output.

        Raises:
            EditError: the value is not there, is an output, or is of a nested graph.
        """
        ref = find_value(editor, self.value)
        _refuse_nested(editor, ref.graph, "output")
        index, graph = editor.graph(ref.graph), editor.message(ref.graph)
        if ref.name in index.outputs:
            raise EditError(f"{shown(ref.name)} is an output already.")
        if not index.defines(ref.name):
            raise EditError(f"Nothing makes {shown(ref.name)}: it cannot be an output.")
        if isinstance(graph, onnx.FunctionProto) and ref.name in graph.input:
            raise EditError(f"{shown(ref.name)} is an input of the function: what calls it has the value already.")
        entry: str | onnx.ValueInfoProto = ref.name
        if isinstance(graph, onnx.GraphProto):
            entry = declaration(editor, ref.graph, ref.name)
            if not entry.HasField("type"):
                editor.notes.append(f"The type of the output {shown(ref.name)} is not known: it is left to the engine.")
            editor.delete_named(ref.graph, "value_info", [ref.name])
        slot = len(graph.output)
        editor.splice(editor.way(ref.graph), "output", slot, 0, [entry])
        for call in calls(editor, ref.graph):  # engines infer types of all outputs, wanted or not
            name = editor.graph(call.graph).names[call.index]
            editor.set_output(call.graph, call.index, slot, editor.names.new(f"{name}_{ref.name}"))


class RemoveOutput(Operation, frozen=True):
    """Make a value no output any more. What makes it stays."""

    value: Value

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {value_text(self.value)} no output"

    def apply(self, editor: Editor) -> None:
        """Remove the output.

        Raises:
            EditError: it is none, is of a nested graph, or a call of the function uses it.
        """
        ref = find_value(editor, self.value)
        _refuse_nested(editor, ref.graph, "output")
        if ref.name not in editor.graph(ref.graph).outputs:
            raise EditError(f"{shown(ref.name)} is no output.")
        drop_output(editor, ref)


class MakeInput(Operation, frozen=True):
    """Cut the graph at a value: it is fed from outside. What only it needed goes, unless ``keep``.

    ``dtype`` and ``shape`` say its type where they are given (a shape's entry: a length, a symbolic name or None), else
    it is the known one. A value within an If, Loop or Scan becomes an input of the model, the same in each iteration.
    """

    value: Value
    keep: bool = False
    dtype: str = ""
    shape: tuple[Dim, ...] | None = None

    @property
    def title(self) -> str:
        """What it does."""
        return f"Make {value_text(self.value)} an input"

    def apply(self, editor: Editor) -> None:
        """Cut the graph.

        Raises:
            EditError: no node makes the value, it is in a function, its type is not known, or its name is taken where
                it would be fed.
        """
        ref = find_value(editor, self.value)
        index = editor.graph(ref.graph)
        if ref.name not in index.producer:
            raise EditError(f"No node of {shown(index.title)} makes {shown(ref.name)}: it cannot be cut off.")
        if ref.graph.startswith("fn:"):
            raise EditError(f"{shown(ref.name)} is in a function, which is fed by its calls: inline it first.")
        entry = self._entry(editor, ref)
        put_out = ref.graph != MAIN_GRAPH and ref.name in index.outputs
        entry.name = editor.names.new(ref.name) if put_out else _input_name(editor, ref)
        maker = index.producer[ref.name]
        made = editor.names.new(f"{ref.name}_before")
        slot = list(index.nodes[maker].output).index(ref.name)
        if entry.name != ref.name:
            editor.notes.append(f"{shown(ref.name)} is called {shown(entry.name)} as an input.")
        if entry.name != ref.name and not put_out:
            redirect(editor, ref.graph, uses(editor, ref.graph, ref.name), entry.name)
        editor.set_output(ref.graph, maker, slot, made)
        if put_out:  # engines want a nested graph to put out what it makes itself
            name = name_for(editor, ref.graph, "", f"Identity_{ref.name}")
            editor.insert_nodes(ref.graph, 0, [make_node("Identity", "", [entry.name], [ref.name], name)])
        else:
            forget(editor, ref.graph, [ref.name])
        editor.splice(editor.way(), "input", len(editor.proto.graph.input), 0, [entry])
        count = 0 if self.keep else sweep(editor, ref.graph, [made])
        if count:
            editor.notes.append(f"{count:,} {'node' if count == 1 else 'nodes'} went: nothing needs them any more.")

    def _entry(self, editor: Editor, ref: TensorRef) -> onnx.ValueInfoProto:
        entry = declaration(editor, ref.graph, ref.name)
        if self.dtype:
            return _typed(ref.name, self.dtype, self.shape)
        if not entry.HasField("type"):
            raise EditError(f"The type of {shown(ref.name)} is not known, and an input needs one: give it.")
        if self.shape is None:
            return entry
        known = value_type(entry.type)
        if known.kind != "tensor":
            raise EditError(f"{shown(ref.name)} is no tensor but a {known.kind}: it has no shape.")
        return _typed(ref.name, known.dtype, self.shape)


class AddInput(Operation, frozen=True):
    """Add an input behind the others, of the model or (untyped) of a function."""

    name: str
    dtype: str = ""
    shape: tuple[Dim, ...] | None = None
    graph: Graph = ""

    @property
    def title(self) -> str:
        """What it does."""
        return f"Add the input {shown(self.name)}"

    def apply(self, editor: Editor) -> None:
        """Add the input.

        Raises:
            EditError: its name is taken, its type is none, or the graph is a nested one.
        """
        path = find_graph(editor, self.graph)
        _refuse_nested(editor, path, "input")
        check_free(editor, path, self.name)
        graph = editor.message(path)
        typed = isinstance(graph, onnx.GraphProto)
        entry = _typed(self.name, self.dtype, self.shape) if typed else self.name
        editor.splice(editor.way(path), "input", len(graph.input), 0, [entry])
        editor.names.take(self.name)


class RemoveInput(Operation, frozen=True):
    """Remove an input that nothing uses. One with a default stays as a constant."""

    value: Value

    @property
    def title(self) -> str:
        """What it does."""
        return f"Remove the input {value_text(self.value)}"

    def apply(self, editor: Editor) -> None:
        """Remove the input.

        Raises:
            EditError: it is none, is of a nested graph, or is used.
        """
        ref = find_value(editor, self.value)
        _refuse_nested(editor, ref.graph, "input")
        names = [name_of(entry) for entry in editor.message(ref.graph).input]
        if ref.name not in names:
            raise EditError(f"{shown(ref.name)} is no input.")
        index = editor.graph(ref.graph)
        has_default = ref.name in index.initializers or ref.name in index.sparse
        if not has_default and (used := uses(editor, ref.graph, ref.name)):
            raise EditError(
                f"{shown(ref.name)} is used by {_user(editor, used[0].graph, used[0].node)}: cut that first."
            )
        slot = names.index(ref.name)
        editor.splice(editor.way(ref.graph), "input", slot, 1)
        for call in calls(editor, ref.graph):
            way = (*editor.way(call.graph), ("node", call.index))
            if slot < len(editor.graph(call.graph).nodes[call.index].input):
                editor.splice(way, "input", slot, 1)
        if not has_default:
            forget(editor, ref.graph, [ref.name])


def drop_output(editor: Editor, ref: TensorRef) -> None:
    """Take a value from the outputs of the main graph or a function; its type is then said in ``value_info``.

    Raises:
        EditError: a call of the function uses it.
    """
    graph, index = editor.message(ref.graph), editor.graph(ref.graph)
    slot = index.outputs.index(ref.name)
    lost = [(call, _output(editor, call.graph, call.index, slot)) for call in calls(editor, ref.graph)]
    for call, output in lost:
        if output and (used := uses(editor, call.graph, output)):
            user = _user(editor, used[0].graph, used[0].node)
            raise EditError(f"A call makes {shown(output)} of {shown(ref.name)}, and {user} uses it: cut that first.")
    entry = graph.output[slot]
    if isinstance(entry, onnx.ValueInfoProto) and ref.name in index.producer and entry.HasField("type"):
        kept = onnx.ValueInfoProto()
        kept.CopyFrom(entry)
        if all(each.name != ref.name for each in graph.value_info):
            editor.splice(editor.way(ref.graph), "value_info", len(graph.value_info), 0, [kept])
    editor.splice(editor.way(ref.graph), "output", slot, 1)
    for call, output in lost:
        if output is not None:
            editor.splice((*editor.way(call.graph), ("node", call.index)), "output", slot, 1)
            forget(editor, call.graph, [output])


def _input_name(editor: Editor, ref: TensorRef) -> str:
    """Return the name of a value as an input of the model: its own, if nothing else has it."""
    others = (path for path in editor.graphs if path != ref.graph and not path.startswith("fn:"))
    taken = ref.graph != MAIN_GRAPH and any(editor.graph(path).defines(ref.name) for path in others)
    return editor.names.new(ref.name) if taken else ref.name


def _typed(name: str, dtype: str, shape: tuple[Dim, ...] | None) -> onnx.ValueInfoProto:
    if not dtype_number(dtype):
        raise EditError(f"The input {shown(name)} needs an element type; {shown(dtype)} is none.")
    if any(isinstance(dim, int) and dim < 0 for dim in shape or ()):
        raise EditError(f"The input {shown(name)} cannot have a negative length.")
    return declared(name, ValueType(dtype, shape))


def _refuse_nested(editor: Editor, path: str, what: str) -> None:
    if parent_path(path) is not None:
        title = shown(editor.graph(path).title)
        raise EditError(f"{title} cannot get or lose an {what}: the node that it is in says which it has.")


def _output(editor: Editor, path: str, node: int, slot: int) -> str | None:
    outputs = editor.graph(path).nodes[node].output
    return outputs[slot] if slot < len(outputs) else None


def _user(editor: Editor, path: str, node: int) -> str:
    index = editor.graph(path)
    return f"the output of {shown(index.title)}" if node == OUTPUT else shown(index.names[node])
