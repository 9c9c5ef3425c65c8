"""The operation that makes a model of a part of it: from some values to others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import msgspec
import onnx

from graphdebug.edit.declaring import declared
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError, UnknownTypeError
from graphdebug.edit.function_bodies import KnownTypes
from graphdebug.edit.operation import Operation, value_text
from graphdebug.edit.opsets import inputs_too
from graphdebug.edit.part_writing import Part, write_part
from graphdebug.edit.targets import Value, find_value
from graphdebug.edit.wiring import check_visible
from graphdebug.model.cutting import Cut, cut, listed, owner, sufficient, unknown_types
from graphdebug.model.records import Dim, ValueType
from graphdebug.model.refs import MAIN_GRAPH, TensorRef
from graphdebug.model.shapes import infer_near
from graphdebug.model.value_types import dtype_number, is_known, shown, suits_port, value_type

_MOST_SETS = 3


class InputType(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The type of a tensor: an element type's name (``float``, ``int64``…) and a shape (None: of any rank).

    A shape's entry is a length, a symbolic name or None.
    """

    dtype: str
    shape: tuple[Dim, ...] | None = None


class ExtractPart(Operation, frozen=True):
    """Make a model of the part that leads from ``inputs`` to ``outputs``, in this order; all else goes.

    No inputs: those of the graph that the outputs need. No outputs: those of the graph that depend on the inputs.
    Inputs on which nothing depends go unless ``keep_unused``. ``types`` gives inputs and outputs (by name) types where
    theirs are not known (element type or rank), or others. The part of a body (of If, Loop, Scan) or of a function
    becomes the main graph.
    """

    inputs: tuple[Value, ...] = ()
    outputs: tuple[Value, ...] = ()
    keep_unused: bool = False
    types: dict[str, InputType] = msgspec.field(default_factory=dict)

    @property
    def title(self) -> str:
        """What it does."""
        start = f" from {_texts(self.inputs)}" if self.inputs else ""
        end = f" to {_texts(self.outputs)}" if self.outputs else ""
        return f"Extract the part{start}{end}"

    def apply(self, editor: Editor) -> None:
        """Take all else away.

        Raises:
            EditError: a value is not there, they are of graphs that do not see each other, or the inputs do not
                suffice.
            UnknownTypeError: too little is known of an input or output.
        """
        declared_before = {entry.name: entry for entry in (*editor.message().input, *editor.message().output)}
        path, starts, ends = self._boundary(editor)
        found = cut(editor.model, path, starts, ends)
        types = KnownTypes(editor)
        _refuse_what_lacks(editor, found, types)
        unused = () if self.keep_unused else found.unused
        if unused:
            editor.notes.append(f"Nothing depends on {listed(unused)}: no input of the part.")
        fed = [name for name in found.starts if name not in unused]
        if path == MAIN_GRAPH:
            types.look_up((*fed, *found.ends))
        inputs = tuple(self._given(name) or types.entry(_home(editor, path, name), name) for name in fed)
        given = {entry.name: entry for entry in inputs}
        outputs = tuple(
            given.get(name)
            or self._given(name)
            or types.entry(_home(editor, path, name), name, infer=path == MAIN_GRAPH)
            for name in found.ends
        )
        _note_what_goes(editor, found)
        write_part(editor, Part(found, inputs, outputs))
        _type_outputs(editor)
        left_open = {name for name, entry in declared_before.items() if path == MAIN_GRAPH and not _suits(entry)}
        _refuse_unknown_types(editor, left_open.union(self.types))

    def _boundary(self, editor: Editor) -> tuple[str, list[str], list[str]]:
        """Return the graph that is cut, the innermost of those that the values are of, and the values' names there."""
        starts, ends = ([find_value(editor, each) for each in values] for values in (self.inputs, self.outputs))
        if not starts and not ends:
            raise EditError("Say where the part begins or where it ends.")
        path = max((ref.graph for ref in (*starts, *ends)), key=lambda graph: graph.count("/") + bool(graph))
        for ref in (*starts, *ends):
            check_visible(editor, ref, path)
        return path, _names(starts), _names(ends)

    def _given(self, name: str) -> onnx.ValueInfoProto | None:
        """Return an entry of the type that was given for a value, None where none was."""
        given = self.types.get(name)
        if given is None:
            return None
        if not dtype_number(given.dtype):
            raise EditError(f"The type of {shown(name)} needs an element type; {shown(given.dtype)} is none.")
        if any(isinstance(dim, int) and dim < 0 for dim in given.shape or ()):
            raise EditError(f"The type of {shown(name)} cannot have a negative length.")
        return declared(name, ValueType(given.dtype, given.shape))


def _refuse_what_lacks(editor: Editor, found: Cut, types: KnownTypes) -> None:
    """Raise EditError if the part has no end or needs more than its inputs; name what is missing, and what would do."""
    model = editor.model
    if not found.ends:
        title = shown(model.graphs[found.graph].title)
        raise EditError(f"No output of {title} depends on {listed(found.starts)}: say where the part ends.")
    if not found.needs:
        return
    known: dict[str, dict[str, ValueType]] = {}
    inside = (name for node in found.nodes for name in model.graphs[found.graph].nodes[node].output)
    for name in (*found.needs, *inside):
        home = owner(model, found.graph, name)
        if home is not None and (kind := types.of(home.path, name)):
            known.setdefault(home.path, {})[name] = kind
    would_do = " or ".join(listed(each) for each in sufficient(model, found, known)[:_MOST_SETS])
    depends = "depends" if len(found.ends) == 1 else "depend"
    also = "also " if found.starts else ""
    way_out = f"Add {would_do}." if would_do else "Nothing that could be an input would make up for that."
    raise EditError(
        f"{listed(found.ends)} {also}{depends} on {listed(found.needs)}: the inputs do not suffice. {way_out}"
    )


def _note_what_goes(editor: Editor, found: Cut) -> None:
    """Say what the part does not take along that one might expect."""
    defaults = set(editor.graph(found.graph).defaults).intersection(found.initializers)
    if defaults and not inputs_too(editor.proto):
        editor.notes.append(
            f"{listed(sorted(defaults))} may be fed and is a constant here: name it to feed it here, too."
        )
    if editor.proto.training_info:
        editor.notes.append("What the model says of training went: it is about the whole.")


def _home(editor: Editor, path: str, name: str) -> str:
    """Return the path of the graph that has a value: the one at ``path``, or one around it."""
    home = owner(editor.model, path, name)
    return path if home is None else home.path


def _type_outputs(editor: Editor) -> None:
    """Give outputs of the part the types that follow from those of its inputs, where they have none yet."""
    entries = editor.message().output
    unknown = {entry.name: slot for slot, entry in enumerate(entries) if not _suits(entry)}
    known = infer_near(editor.model, unknown) if unknown else {}
    for name, slot in unknown.items():
        if suits_port(known.get(name)) or (is_known(known.get(name)) and not entries[slot].HasField("type")):
            editor.splice(editor.way(), "output", slot, 1, [declared(name, known[name])])


def _refuse_unknown_types(editor: Editor, left_open: Collection[str]) -> None:
    """Raise UnknownTypeError if too little is known of an input or output of the part and is not left open on purpose.

    Only inputs are named if there are any: once these are known, types of outputs may follow.
    """
    graph = editor.message()
    inputs, outputs = (
        tuple(entry.name for entry in entries if not _suits(entry)) for entries in (graph.input, graph.output)
    )
    for names in (inputs, outputs):
        if missing := tuple(name for name in names if name not in left_open):
            raise UnknownTypeError(
                f"{unknown_types(missing)}: give it, or learn it from one run of the model.", missing
            )
    if rest := tuple(dict.fromkeys((*inputs, *outputs))):
        editor.notes.append(f"The rank of {listed(rest)} is left open: ONNX Runtime takes that, others may not.")


def _suits(entry: onnx.ValueInfoProto) -> bool:
    return suits_port(value_type(entry.type))


def _names(refs: Iterable[TensorRef]) -> list[str]:
    return [ref.name for ref in refs]


def _texts(values: Sequence[Value]) -> str:
    return value_text(values[0]) if len(values) == 1 else f"{len(values):,} values"
