"""Operations on element types and declared types: a Cast put in, and what the model says of its values."""

from __future__ import annotations

import onnx

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.declaring import declaration
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.fitting import value_type
from graphdebug.edit.initializers import element_type
from graphdebug.edit.making import import_domain, make_node, name_for
from graphdebug.edit.nodes import UseTarget, between, chosen_uses
from graphdebug.edit.operation import Operation, value_text
from graphdebug.edit.order import keep_order, place_for
from graphdebug.edit.staleness import behind, forget_types
from graphdebug.edit.targets import Value, find_value
from graphdebug.edit.uses import OUTPUT, Use, renamed
from graphdebug.model.records import Dim
from graphdebug.model.value_types import dtype_name, shown


class InsertCast(Operation, frozen=True):
    """Insert a Cast to element type ``to`` behind ``value``, for ``uses`` (None: for all).

    ``back`` are those of the uses that get the value cast back to what it was. ``fix_output``: outputs of the graph
    whose element type is another now are declared so; without it they keep what is declared.
    """

    value: Value
    to: str
    uses: tuple[UseTarget, ...] | None = None
    back: tuple[UseTarget, ...] = ()
    fix_output: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"Cast {value_text(self.value)} to {self.to}"

    def apply(self, editor: Editor) -> None:
        """Insert the Cast.

        Raises:
            EditError: a target is not there, the value is of that type, or its own type is needed and not known.
        """
        ref = find_value(editor, self.value)
        path, number = ref.graph, element_type(self.to)
        known = value_type(editor, path, ref.name)
        if known and known.kind not in ("tensor", "unknown"):
            raise EditError(f"{shown(ref.name)} is a {known.kind}, which no Cast takes.")
        if known and known.dtype == self.to:
            raise EditError(f"{shown(ref.name)} is {self.to} already.")
        chosen = chosen_uses(editor, path, ref.name, self.uses)
        back = chosen_uses(editor, path, ref.name, self.back)
        if back and not (known and known.dtype):
            raise EditError(f"The type of {shown(ref.name)} is not known, so it cannot be cast back to it.")
        if any(use not in chosen for use in back):
            raise EditError(f"A use of {shown(ref.name)} that gets it cast back must be one that the Cast is for.")
        rest = [use for use in chosen if use not in back]
        source, cast, restored = _rooms(editor, path, ref.name, self.to, rest, back)
        nodes = [_cast(editor, path, source, cast, number)]
        if known and back:
            nodes.append(_cast(editor, path, cast, restored, element_type(known.dtype)))
        editor.insert_nodes(path, place_for(editor, path, [source]), nodes)
        keep_order(editor, path)
        import_domain(editor, path, "")
        if rest:
            forget_types(editor, path, [cast], shapes=False)
            _fix_outputs(editor, path, cast, number, fix=self.fix_output)


class SetType(Operation, frozen=True):
    """Declare another element type or shape of an input, an output or any other value; None keeps what is declared.

    A dimension is a length, a symbolic name, or None when it is unknown.
    """

    value: Value
    dtype: str | None = None
    shape: tuple[Dim, ...] | None = None

    @property
    def title(self) -> str:
        """What it does."""
        return f"Set the type of {value_text(self.value)}"

    def apply(self, editor: Editor) -> None:
        """Declare it.

        Raises:
            EditError: the value is a constant, not a tensor, or nothing is said of its element type.
        """
        ref = find_value(editor, self.value)
        index, name = editor.graph(ref.graph), shown(ref.name)
        if not index.defines(ref.name):
            raise EditError(f"{name} is of a graph around this one: set its type there.")
        if ref.name in {*index.initializers, *index.sparse} - {*index.defaults}:
            raise EditError(f"{name} is an initializer: its type is that of its values.")
        if isinstance(index.proto, onnx.FunctionProto) and ref.name in index.inputs:
            raise EditError(f"{name} is an input of a function, which takes what it is called with.")
        entry = declaration(editor, ref.graph, ref.name)
        before = entry.SerializeToString(deterministic=True)
        if entry.type.WhichOneof("value") not in (None, "tensor_type", "sparse_tensor_type"):
            raise EditError(f"{name} is no tensor: its type is not changed here.")
        sparse = entry.type.HasField("sparse_tensor_type")
        tensor = entry.type.sparse_tensor_type if sparse else entry.type.tensor_type
        if self.dtype is not None:
            tensor.elem_type = element_type(self.dtype)
        if not tensor.elem_type:
            raise EditError(f"The element type of {name} is not known: say it, too.")
        if self.shape is not None:
            _set_shape(tensor, self.shape)
        _declare(editor, ref.graph, entry)
        changed = entry.SerializeToString(deterministic=True) != before
        if changed and ref.name not in index.producer:
            forget_types(editor, ref.graph, [ref.name], shapes=self.shape is not None)


def _rooms(editor: Editor, path: str, value: str, to: str, rest: list[Use], back: list[Use]) -> tuple[str, str, str]:
    """Make room for a Cast that serves ``rest`` and one behind it that serves ``back``.

    Returns what the first takes, what it makes and what the second makes. An output of the graph keeps its name, so
    the uses that it is not among are redirected first.
    """
    wish, wish_back = f"{value}_{to}", f"{value}_back"
    if not back:
        return (*between(editor, path, value, rest, wish), "")
    if any(use.node == OUTPUT and use.graph == path for use in back):
        _, cast = between(editor, path, value, rest, wish)
        source, restored = between(editor, path, value, back, wish_back)
    else:
        _, restored = between(editor, path, value, back, wish_back)
        source, cast = between(editor, path, value, rest, wish)
    return source, cast, restored


def _cast(editor: Editor, path: str, source: str, made: str, number: int) -> onnx.NodeProto:
    name = name_for(editor, path, "", f"Cast_{made}")
    return make_node("Cast", "", [source], [made], name, [Attribute("to", "int", number)])


def _fix_outputs(editor: Editor, path: str, value: str, number: int, *, fix: bool) -> None:
    """Declare the new element type of outputs that are sure to have it; without ``fix``, only tell of them."""
    changed = behind(editor, path, [value], shapes=False, sure=True)[path]
    told = []
    for position, entry in enumerate(editor.message(path).output):
        if not isinstance(entry, onnx.ValueInfoProto) or entry.name not in changed:
            continue
        if entry.type.tensor_type.elem_type in (0, number):
            continue
        told.append(shown(entry.name))
        if fix:
            new = renamed(entry, entry.name)
            new.type.tensor_type.elem_type = number
            editor.splice(editor.way(path), "output", position, 1, [new])
    if told:
        names, kind = ", ".join(told), dtype_name(number)
        editor.notes.append(f"Declared as {kind} now: {names}." if fix else f"Not {kind} by what is declared: {names}.")


def _set_shape(tensor: onnx.TypeProto.Tensor, shape: tuple[Dim, ...]) -> None:
    """Set a shape; what dimensions that stay say besides (their denotation) stays."""
    tensor.shape.SetInParent()
    dims = tensor.shape.dim
    del dims[len(shape) :]
    for position, length in enumerate(shape):
        dim = dims[position] if position < len(dims) else dims.add()
        if isinstance(length, int):
            if length < 0:
                raise EditError(f"{length} is no length.")
            dim.dim_value = length
        elif length:
            dim.dim_param = length
        else:
            dim.ClearField("dim_value")
            dim.ClearField("dim_param")


def _declare(editor: Editor, path: str, entry: onnx.ValueInfoProto) -> None:
    """Put an entry in place of what the graph declares of a value; in ``value_info`` if it declares nothing."""
    graph, way, found = editor.message(path), editor.way(path), False
    for field in ("input", "output", "value_info"):
        for position, old in enumerate(getattr(graph, field)):
            if isinstance(old, onnx.ValueInfoProto) and old.name == entry.name:
                new = renamed(old, old.name)
                new.type.CopyFrom(entry.type)
                editor.splice(way, field, position, 1, [new])
                found = True
    if not found:
        editor.splice(way, "value_info", len(graph.value_info), 0, [entry])
