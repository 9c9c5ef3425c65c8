"""Operations that insert and delete nodes."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import msgspec

from graphdebug.edit.attributes import Attribute
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.fitting import misfit, value_type
from graphdebug.edit.making import NewConstant, add_constant, import_domain, make_node, name_for
from graphdebug.edit.operation import Operation, node_text, value_text
from graphdebug.edit.opsets import most_inputs
from graphdebug.edit.order import keep_order, place_for
from graphdebug.edit.sweeping import forget, sweep
from graphdebug.edit.targets import Graph, Node, Value, find_graph, find_node, find_value
from graphdebug.edit.uses import OUTPUT, Use, redirect, rename_value, uses
from graphdebug.model.refs import NodeRef, TensorRef
from graphdebug.model.value_types import shown


class UseTarget(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One use of a value: input ``input`` of ``node``, or (without a node) the graph's output of the value's name."""

    node: Node | None = None
    input: int = 0


class InsertNode(Operation, frozen=True):
    """Insert a node behind ``value``: it takes the value as input ``slot`` and gives it to ``uses`` (None: to all).

    ``inputs`` are its other inputs in order, ``""`` for one that is left out; ``constants`` are new ones. A graph's
    outputs keep their names.
    """

    value: Value
    op: str
    uses: tuple[UseTarget, ...] | None = None
    constants: tuple[NewConstant, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    inputs: tuple[Value, ...] = ()
    slot: int = 0
    name: str = ""
    domain: str = ""

    @property
    def title(self) -> str:
        """What it does."""
        return f"Insert {self.op} after {value_text(self.value)}"

    def apply(self, editor: Editor) -> None:
        """Insert the node.

        Raises:
            EditError: a target is not there, or the value is an input and an output of the model at once.
        """
        ref = find_value(editor, self.value)
        others = [find_value(editor, each).name if each else "" for each in self.inputs]
        chosen = chosen_uses(editor, ref.graph, ref.name, self.uses)
        known = value_type(editor, ref.graph, ref.name)
        beside, first = _beside(editor, ref, self.op), _first_use(editor, ref, chosen)
        source, made = between(editor, ref.graph, ref.name, chosen, f"{ref.name}_{self.op}")
        if not 0 <= self.slot < most_inputs(editor, ref.graph, self.op, self.domain, len(others) + 1):
            raise EditError(f"{self.op} cannot have an input {self.slot}.")
        inputs = [*others[: self.slot], *[""] * (self.slot - len(others)), source, *others[self.slot :]]
        name = name_for(editor, ref.graph, self.name, beside)
        inputs = with_constants(editor, ref.graph, inputs, self.constants, known.dtype if known else "", name or made)
        node = make_node(self.op, self.domain, inputs, [made], name, self.attributes)
        place = place_for(editor, ref.graph, inputs)
        editor.insert_nodes(ref.graph, place, [node])
        if first < place:
            keep_order(editor, ref.graph)
        import_domain(editor, ref.graph, self.domain)


class AddNode(Operation, frozen=True):
    """Add a free-standing node that makes new values: ``outputs`` are wishes for their names (``""``: any)."""

    op: str
    inputs: tuple[Value, ...] = ()
    constants: tuple[NewConstant, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    outputs: tuple[str, ...] = ("",)
    name: str = ""
    domain: str = ""
    graph: Graph = ""

    @property
    def title(self) -> str:
        """What it does."""
        return f"Add {self.op}"

    def apply(self, editor: Editor) -> None:
        """Add the node where its inputs have been made."""
        path = find_graph(editor, self.graph)
        inputs = [find_value(editor, each).name if each else "" for each in self.inputs]
        outputs = [editor.names.new(wish or f"{self.op}_output") for wish in self.outputs]
        name = name_for(editor, path, self.name, self.op)
        inputs = with_constants(editor, path, inputs, self.constants, "", name or outputs[0])
        node = make_node(self.op, self.domain, inputs, outputs, name, self.attributes)
        editor.insert_nodes(path, place_for(editor, path, inputs), [node])
        import_domain(editor, path, self.domain)


class DeleteNode(Operation, frozen=True):
    """Delete a node. ``bypass``: which input takes the place of each output that is used (output → input).

    None: its only input that fits, constants aside. ``dead``: what only this node used goes, too.
    """

    node: Node
    bypass: dict[int, int] | None = None
    dead: bool = True

    @property
    def title(self) -> str:
        """What it does."""
        return f"Delete {node_text(self.node)}"

    def apply(self, editor: Editor) -> None:
        """Delete the node.

        Raises:
            EditError: an output that is used has no input to take its place.
        """
        ref = find_node(editor, self.node)
        index = editor.graph(ref.graph)
        node, name = index.nodes[ref.index], index.names[ref.index]
        taken = [*node.input, *(value for value, users in index.captured.items() if ref.index in users)]
        made = [(slot, output) for slot, output in enumerate(node.output) if output]
        used = [(slot, output) for slot, output in made if uses(editor, ref.graph, output)]
        instead = [(output, _stand_in(editor, ref, slot, self.bypass)) for slot, output in used]
        editor.delete_nodes(ref.graph, [ref.index])
        for output, stand_in in instead:
            _take_place(editor, ref.graph, output, stand_in)
        forget(editor, ref.graph, [output for _, output in made if output not in editor.graph(ref.graph).producer])
        if self.dead and (count := sweep(editor, ref.graph, taken)):
            editor.notes.append(
                f"{count:,} more {'node' if count == 1 else 'nodes'} that only {shown(name)} needed went."
            )


class DeleteDead(Operation, frozen=True):
    """Delete nodes with all that is dead without them: what only they needed, and what needed them.

    Outputs of the graph that cannot be made any more go, too.
    """

    nodes: tuple[Node, ...]

    @property
    def title(self) -> str:
        """What it does."""
        one = len(self.nodes) == 1
        return f"Delete {node_text(self.nodes[0]) if one else f'{len(self.nodes):,} nodes'} and what is dead then"

    def apply(self, editor: Editor) -> None:
        """Delete the nodes.

        Raises:
            EditError: a target is not there, or they are of several graphs.
        """
        path = one_graph(refs := [find_node(editor, each) for each in self.nodes])
        doomed = {ref.index for ref in refs}
        index = editor.graph(path)
        inputs = index.taken
        for at in index.order:
            if any(index.producer.get(value) in doomed for value in inputs[at]):
                doomed.add(at)
        lost = {output for at in doomed for output in index.nodes[at].output if output}
        taken = [value for at in doomed for value in inputs[at]]
        editor.delete_nodes(path, doomed)
        editor.delete_named(path, "output", lost)
        forget(editor, path, lost)
        count = len(doomed) - len(refs) + sweep(editor, path, [value for value in taken if value not in lost])
        if count:
            editor.notes.append(f"{_nodes(count)} went.")
        if gone := lost.intersection(index.outputs):
            editor.notes.append(f"The graph makes {', '.join(shown(name) for name in sorted(gone))} no longer.")


def chosen_uses(editor: Editor, path: str, value: str, targets: Sequence[UseTarget] | None) -> list[Use]:
    """Return the uses of a value that ``targets`` mean; all for None.

    Raises:
        EditError: one is no use of the value.
    """
    known = uses(editor, path, value)
    return known if targets is None else [_use(editor, path, value, each, known) for each in targets]


def between(editor: Editor, path: str, value: str, chosen: Sequence[Use], wish: str) -> tuple[str, str]:
    """Make room behind a value for a node that gives it to the ``chosen`` uses.

    Returns what the node takes and what it makes. Where a chosen use is an output of the graph, the node makes that
    output, and what it takes gets a new name.

    Raises:
        EditError: the value is an input and an output of the graph at once.
    """
    new = editor.names.new(wish)
    if not any(use.node == OUTPUT and use.graph == path for use in chosen):
        redirect(editor, path, chosen, new)
        return value, new
    if value not in editor.graph(path).producer:
        raise EditError(f"{shown(value)} is given and put out unchanged: a node between would rename an output.")
    others = [use for use in uses(editor, path, value) if use not in chosen]
    maker = editor.graph(path).producer[value]
    slot = list(editor.graph(path).nodes[maker].output).index(value)
    redirect(editor, path, others, new)
    editor.set_output(path, maker, slot, new)
    forget(editor, path, [value])
    return new, value


def with_constants(
    editor: Editor, path: str, inputs: Sequence[str], constants: Sequence[NewConstant], dtype: str, wish: str
) -> list[str]:
    """Return the inputs of a node with new constants in their places.

    Raises:
        EditError: a place is taken, or a constant's values do not fit its type.
    """
    filled = list(inputs)
    for constant in constants:
        filled += [""] * (constant.input + 1 - len(filled))
        if constant.input < 0 or filled[constant.input]:
            raise EditError(f"Input {constant.input} cannot be a new constant: something else is there.")
        filled[constant.input] = add_constant(editor, path, constant, dtype, f"{wish}_input_{constant.input}")
    return filled


def _beside(editor: Editor, ref: TensorRef, op: str) -> str:
    """Return what to call a node behind a value: in the scope of the node that makes it, where names are paths."""
    index = editor.graph(ref.graph)
    maker = index.producer.get(ref.name)
    scope, slash, _ = index.nodes[maker].name.rpartition("/") if maker is not None else ("", "", "")
    return f"{scope}{slash}{op}" if slash else f"{ref.name}_{op}"


def _first_use(editor: Editor, ref: TensorRef, chosen: Sequence[Use]) -> float:
    """Return the position of the first node of the value's graph that uses it, itself or within; ∞ without one."""
    here = [use.node for use in chosen if use.graph == ref.graph and use.node != OUTPUT]
    return min([*here, *editor.graph(ref.graph).captured.get(ref.name, ())], default=inf)


def one_graph(refs: Sequence[NodeRef]) -> str:
    """Return the path of the graph that all nodes are of.

    Raises:
        EditError: there are none, or they are of several graphs.
    """
    paths = {ref.graph for ref in refs}
    if len(paths) != 1:
        raise EditError("The nodes must be of one graph." if paths else "There is no node to work on.")
    return paths.pop()


def _nodes(count: int) -> str:
    return f"{count:,} more {'node' if count == 1 else 'nodes'}"


def _use(editor: Editor, path: str, value: str, target: UseTarget, known: Sequence[Use]) -> Use:
    if target.node is None:
        found = next((use for use in known if use.node == OUTPUT and use.graph == path), None)
        if found is None:
            raise EditError(f"{shown(value)} is no output of the graph.")
        return found
    ref = find_node(editor, target.node)
    use = Use(ref.graph, ref.index, target.input)
    if use not in known:
        name = editor.graph(ref.graph).names[ref.index]
        raise EditError(f"Input {target.input} of {shown(name)} is not {shown(value)}.")
    return use


def _stand_in(editor: Editor, ref: NodeRef, slot: int, bypass: dict[int, int] | None) -> str:
    """Return the input of a node that takes the place of its output ``slot``."""
    index = editor.graph(ref.graph)
    node, name = index.nodes[ref.index], index.names[ref.index]
    output = node.output[slot]
    if bypass is not None and slot in bypass:
        chosen = bypass[slot]
        if not (0 <= chosen < len(node.input) and node.input[chosen]):
            raise EditError(f"{shown(name)} has no input {chosen} to take the place of {shown(output)}.")
        if reason := misfit(editor, ref.graph, output, node.input[chosen]):
            raise EditError(f"Input {chosen} of {shown(name)} cannot take the place of its output: {reason}.")
        return str(node.input[chosen])
    inputs = [str(each) for each in node.input if each and each not in index.initializers and each not in index.sparse]
    fitting = list(dict.fromkeys(each for each in inputs if not misfit(editor, ref.graph, output, each)))
    if len(fitting) == 1:
        return fitting[0]
    which = f"{', '.join(map(shown, fitting))} could: say which" if fitting else "none of its inputs fits"
    reason = misfit(editor, ref.graph, output, inputs[0]) if inputs and not fitting else None
    raise EditError(
        f"{shown(output)} of {shown(name)} is used, and something must take its place: {which}"
        f"{f' ({reason})' if reason else ''}."
    )


def _take_place(editor: Editor, path: str, gone: str, instead: str) -> None:
    """Let ``instead`` stand for a value that nothing makes any more. Outputs of the graph keep their names."""
    index = editor.graph(path)
    if gone not in index.outputs:
        redirect(editor, path, uses(editor, path, gone), instead)
    elif instead in index.producer and instead not in index.outputs:
        forget(editor, path, [instead])
        rename_value(editor, path, instead, gone)
    else:
        name = name_for(editor, path, "", f"Identity_{gone}")
        node = make_node("Identity", "", [instead], [gone], name)
        editor.insert_nodes(path, place_for(editor, path, [instead]), [node])
        keep_order(editor, path)
        editor.notes.append(f"An Identity gives {shown(instead)} as the output {shown(gone)}.")
