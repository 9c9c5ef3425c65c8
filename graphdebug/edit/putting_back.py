"""The operation that puts a part, cut out and edited, back into the whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
import onnx

from graphdebug.edit.editor import Editor, name_of
from graphdebug.edit.errors import EditError
from graphdebug.edit.fitting import disagreement, value_type
from graphdebug.edit.joining import add_functions, append, opened, raise_ir_version, take_values
from graphdebug.edit.making import make_node
from graphdebug.edit.names import numbered
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import agree, holder, import_missing, inputs_too, versions
from graphdebug.edit.order import keep_order, place_for
from graphdebug.edit.renaming import Scope, renamed_entry, renamed_node
from graphdebug.edit.splice import at
from graphdebug.edit.sweeping import forget, sweep
from graphdebug.edit.targets import Graph, Value, find_graph, find_value
from graphdebug.edit.values import chunks
from graphdebug.edit.wiring import check_visible
from graphdebug.model.cutting import downstream
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import MAIN_GRAPH, TensorRef, parent_path
from graphdebug.model.tensors import TensorError, read_tensor
from graphdebug.model.value_types import shown
from graphdebug.model.walk import stored_tensors

_FUNCTION_TYPES_SINCE = 10
"""The IR version that brought ``value_info`` of functions (onnx.proto)."""


class PutBack(Operation, frozen=True):
    """Put the model ``file``, a part that was cut out and edited since, in the place of what lies between its ends.

    ``inputs`` and ``outputs`` say which value of this model each of its inputs and outputs is; those not said are
    called the same in ``graph``. Values of this model keep their names, and weights that are the same stay one. The
    file, and those that it keeps its values in, lie beside the operations.
    """

    file: str
    inputs: dict[str, Value] = msgspec.field(default_factory=dict)
    outputs: dict[str, Value] = msgspec.field(default_factory=dict)
    graph: Graph = ""

    @property
    def title(self) -> str:
        """What it does."""
        return f"Put {shown(self.file)} back"

    def apply(self, editor: Editor) -> None:
        """Put the part in the place of what is there.

        Raises:
            EditError: the file is no model; an input or output of it is nowhere here or of another type; something else
                uses a value that would go; or operators or functions mean something else.
        """
        other = opened(editor, self.file)
        ends = self._ends(editor, other)
        path = next(iter(ends.values())).graph
        starts = self._starts(editor, other, path)
        index = editor.graph(path)
        nodes = _between(index, [ref.name for ref in starts.values()], [ref.name for ref in ends.values()])
        _refuse_lost(index, nodes, starts, ends, shown(other.path.name))
        imports = at(editor.proto, holder(path, editor))
        agree(versions(imports), versions(other.proto), other.proto.graph.node, shown(other.path.name))
        leads_back = not downstream(index, [ref.name for ref in ends.values()]).isdisjoint(
            ref.name for ref in starts.values()
        )
        _replace(editor, path, other, nodes, starts, ends)
        if leads_back and editor.graph(path).stuck and not editor.source.graphs[path].stuck:
            raise EditError(
                f"With {shown(other.path.name)} in its place, what it makes would depend on itself: an input of it is "
                "made from one of its outputs."
            )
        import_missing(editor, path, versions(other.proto), other.proto.graph.node)
        add_functions(editor, other.proto)
        raise_ir_version(editor, other)

    def _ends(self, editor: Editor, other: Model) -> dict[str, TensorRef]:
        """Return which value of this model each output of the part stands for: all of one graph, made by nodes."""
        names = other.graphs[MAIN_GRAPH].outputs
        _refuse_unknown(self.outputs, names, f"output of {shown(other.path.name)}")
        found = {name: find_value(editor, value) for name, value in self.outputs.items()}
        path = next(iter(found.values())).graph if found else find_graph(editor, self.graph)
        index = editor.graph(path)
        for name in names:
            ref = found.setdefault(name, TensorRef(path, name))
            if ref.graph != path:
                raise EditError(f"The outputs of {shown(other.path.name)} stand for values of several graphs.")
            if ref.name not in index.producer:
                given = "no node makes it here" if index.defines(ref.name) else "there is no such value here"
                raise EditError(
                    f"{shown(other.path.name)} makes {shown(ref.name)}, and {given}: say in outputs which value its "
                    f"output {shown(name)} stands for, or remove that output from it."
                )
            _refuse_other_type(editor, ref, other, name, "output")
        if not found:
            raise EditError(f"{shown(other.path.name)} has no outputs: it cannot take the place of anything.")
        if len(set(found.values())) < len(found):
            raise EditError(f"Two outputs of {shown(other.path.name)} stand for the same value.")
        return found

    def _starts(self, editor: Editor, other: Model, path: str) -> dict[str, TensorRef]:
        """Return which value of this model each input of the part is: of the graph at ``path`` or one around it."""
        theirs = other.graphs[MAIN_GRAPH]
        _refuse_unknown(self.inputs, (*theirs.inputs, *theirs.defaults), f"input of {shown(other.path.name)}")
        found = {name: find_value(editor, value) for name, value in self.inputs.items()}
        for name in theirs.inputs:
            if name not in found:
                home = _home(editor, path, name)
                if home is None:
                    raise EditError(
                        f"{shown(other.path.name)} takes {shown(name)}, and there is no such value here: say in inputs "
                        "which value it is."
                    )
                found[name] = TensorRef(home, name)
        for name, ref in found.items():
            check_visible(editor, ref, path)
            _refuse_other_type(editor, ref, other, name, "input")
        return found


def _refuse_unknown(said: Iterable[str], names: Collection[str], what: str) -> None:
    if unknown := [name for name in said if name not in names]:
        raise EditError(f"{shown(unknown[0])} is no {what}.")


def _refuse_other_type(editor: Editor, ref: TensorRef, other: Model, name: str, role: str) -> None:
    if reason := disagreement(other.types[MAIN_GRAPH].get(name), value_type(editor, ref.graph, ref.name)):
        raise EditError(
            f"The {role} {shown(name)} of {shown(other.path.name)} does not fit {shown(ref.name)}: it {reason}."
        )


def _home(editor: Editor, path: str, name: str) -> str | None:
    """Return the path of the graph, that at ``path`` or the nearest around it, that has a value; None: none has."""
    here: str | None = path
    while here is not None and not editor.graph(here).defines(name):
        here = parent_path(here)
    return here


def _between(index: GraphIndex, starts: Sequence[str], ends: Sequence[str]) -> set[int]:
    """Return the nodes that make ``ends``, and those on the ways to them from ``starts``."""
    behind, nodes = downstream(index, starts), set[int]()
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        maker = index.producer.get(name)
        if maker is not None and maker not in nodes and name not in starts:
            nodes.add(maker)
            waiting += [taken for taken in index.taken[maker] if taken in behind]
    return nodes


def _refuse_lost(
    index: GraphIndex, nodes: set[int], starts: Mapping[str, TensorRef], ends: Mapping[str, TensorRef], part: str
) -> None:
    """Raise EditError if a value would go that something else needs."""
    entering, kept = {ref.name for ref in starts.values()}, {ref.name for ref in ends.values()}
    if both := entering & kept:
        raise EditError(f"{shown(min(both))} is an input and an output of {part}: it can be put back as one of both.")
    for node in sorted(nodes):
        for name in filter(None, index.nodes[node].output):
            users = [user for user in index.users(name) if user not in nodes]
            if name in entering:
                raise EditError(
                    f"{part} takes {shown(name)}, which {shown(index.names[node])} makes, and that would go: another "
                    f"input of {part} leads to it. Cut it out with other inputs."
                )
            if name not in kept and (users or name in index.outputs):
                user = shown(index.names[users[0]]) if users else "an output of the graph"
                raise EditError(
                    f"{shown(name)} would go, and {user} needs it: let {part} put it out, too, or let it begin behind "
                    f"{shown(name)}."
                )


def _replace(
    editor: Editor,
    path: str,
    other: Model,
    nodes: Collection[int],
    starts: Mapping[str, TensorRef],
    ends: Mapping[str, TensorRef],
) -> None:
    """Put the graph of another model in the place of nodes, and remove what then is of no use."""
    index = editor.graph(path)
    boundary = {ref.name for ref in (*starts.values(), *ends.values())}
    made = {name for node in nodes for name in index.nodes[node].output} - boundary
    taken = sorted({name for node in nodes for name in index.taken[node]} - boundary - made)
    homes = {name: home for name in taken if (home := _home(editor, path, name)) is not None}
    same = _same_weights(editor, path, other)
    place, count = min(nodes), len(nodes)
    editor.delete_nodes(path, nodes)
    forget(editor, path, made)
    for home in dict.fromkeys(homes.values()):
        went = sweep(editor, home, [name for name in taken if homes.get(name) == home])
        place, count = place - (went if home == path else 0), count + went
    made_by_part = other.graphs[MAIN_GRAPH].producer
    known = {their: ref.name for their, ref in ends.items() if their in made_by_part}
    known |= {their: ref.name for their, ref in starts.items()}
    kept = {name for name in same if _home(editor, path, name) is not None} - known.keys()
    known |= {name: name for name in kept}
    scope = Scope(_new_names(editor, boundary), known)
    weights = _weights(editor, other, same, known)
    added = [renamed_node(node, scope) for node in other.proto.graph.node]
    for their, ref in ends.items():
        if scope[their] != ref.name:
            added.append(make_node("Identity", "", [scope[their]], [ref.name], scope.node(f"Identity_{ref.name}")))
    added[:0] = _add_said(editor, path, other.proto, weights, scope, boundary | kept)
    starts_made = place_for(editor, path, [ref.name for ref in starts.values()])
    editor.insert_nodes(path, max(place, starts_made), added)
    keep_order(editor, path)
    editor.notes.append(f"{count:,} {'node' if count == 1 else 'nodes'} gave way to {len(added):,}.")
    for their, ref in starts.items():
        if not other.graphs[MAIN_GRAPH].is_used(their):
            sweep(editor, ref.graph, [ref.name])


def _same_weights(editor: Editor, path: str, other: Model) -> dict[str, onnx.TensorProto]:
    """Return this model's own weights that the part has under the same name with the same values."""
    same = {}
    for theirs in other.proto.graph.initializer:
        home = _home(editor, path, theirs.name)
        ours = None if home is None else editor.graph(home).initializers.get(theirs.name)
        if ours is not None and _is_same(editor.source, ours, other, theirs):
            copy = onnx.TensorProto()
            copy.CopyFrom(ours)
            same[theirs.name] = copy
    return same


def _is_same(model: Model, ours: onnx.TensorProto, other: Model, theirs: onnx.TensorProto) -> bool:
    if (ours.data_type, list(ours.dims)) != (theirs.data_type, list(theirs.dims)):
        return False
    if ours.data_type == onnx.TensorProto.STRING:
        return list(ours.string_data) == list(theirs.string_data)
    try:
        mine, their = read_tensor(model, ours), read_tensor(other, theirs)
        return all(one.tobytes() == two.tobytes() for one, two in zip(chunks(mine), chunks(their), strict=True))
    except (TensorError, ExternalDataError, OSError):
        return False


def _weights(
    editor: Editor, other: Model, same: Mapping[str, onnx.TensorProto], known: Mapping[str, str]
) -> list[onnx.TensorProto]:
    """Return the weights that come in with the part; where this model had the same, its own."""
    main = {tensor.name for tensor in other.proto.graph.initializer} & same.keys()
    stored = stored_tensors(other.proto)
    take_values(
        editor, other, (each.tensor for each in stored if each.node is not None or each.tensor.name not in main)
    )
    return [same.get(each.name, each) for each in other.proto.graph.initializer if each.name not in known]


def _add_said(
    editor: Editor,
    path: str,
    theirs: onnx.ModelProto,
    weights: Sequence[onnx.TensorProto],
    scope: Scope,
    present: Collection[str],
) -> list[onnx.NodeProto]:
    """Add weights, and what the part says of values that are not ``present``.

    A function has no initializers: what makes its weights is returned.
    """
    said = [each for each in theirs.graph.value_info if scope[each.name] not in present]
    message = editor.message(path)
    if isinstance(message, onnx.FunctionProto):
        if max(editor.proto.ir_version, theirs.ir_version) >= _FUNCTION_TYPES_SINCE:
            append(editor, "value_info", [renamed_entry(each, scope) for each in said], path)
        return [_constant(renamed_entry(each, scope)) for each in (*weights, *theirs.graph.sparse_initializer)]
    append(editor, "initializer", [renamed_entry(each, scope) for each in weights], path)
    append(editor, "sparse_initializer", [renamed_entry(each, scope) for each in theirs.graph.sparse_initializer], path)
    append(editor, "value_info", [renamed_entry(each, scope) for each in said], path)
    annotations = [each for each in theirs.graph.quantization_annotation if scope[each.tensor_name] not in present]
    append(editor, "quantization_annotation", [renamed_entry(each, scope) for each in annotations], path)
    if inputs_too(editor.proto) and inputs_too(theirs):
        names = {each.name for each in weights}
        append(editor, "input", [renamed_entry(each, scope) for each in theirs.graph.input if each.name in names], path)
    return []


def _constant(tensor: onnx.TensorProto | onnx.SparseTensorProto) -> onnx.NodeProto:
    node = onnx.NodeProto(op_type="Constant", output=[name_of(tensor)])
    if isinstance(tensor, onnx.SparseTensorProto):
        node.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR).sparse_tensor.CopyFrom(tensor)
    else:
        node.attribute.add(name="value", type=onnx.AttributeProto.TENSOR).t.CopyFrom(tensor)
    return node


def _new_names(editor: Editor, taken: Iterable[str]) -> Callable[[str], str]:
    """Return what hands out names that nothing has: those of what went are free again, so that a part keeps its own."""
    present = set(taken)
    for index in editor.graphs.values():
        present.update(index.names, index.producer, index.consumers, index.captured)
        present.update(index.inputs, index.defaults, index.outputs, index.initializers, index.sparse)

    def new(wish: str) -> str:
        name = next(name for name in numbered(wish) if name not in present)
        present.add(name)
        editor.names.take(name)
        return name

    return new
