"""Operations that change a node where it stands: its operator, its name, its attributes; and copies of it."""

from __future__ import annotations

import onnx

from graphdebug.edit.attributes import Attribute, to_proto
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import import_domain, name_for
from graphdebug.edit.names import numbered
from graphdebug.edit.nodes import UseTarget, between, chosen_uses
from graphdebug.edit.operation import Operation, node_text
from graphdebug.edit.opsets import known_attributes, plain
from graphdebug.edit.order import keep_order
from graphdebug.edit.settling import settle_types
from graphdebug.edit.splice import Step
from graphdebug.edit.targets import Node, find_node
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import NodeRef
from graphdebug.model.value_types import shown


class SetOperator(Operation, frozen=True):
    """Make a node one of another operator; inputs and outputs stay. Attributes that it does not have go."""

    node: Node
    op: str
    domain: str = ""

    @property
    def title(self) -> str:
        """What it does."""
        return f"Change {node_text(self.node)} to {self.op}"

    def apply(self, editor: Editor) -> None:
        """Change the operator.

        Raises:
            EditError: the node is not there, or there is no operator.
        """
        if not self.op:
            raise EditError("A node needs an operator.")
        ref, node, index = _found(editor, self.node)
        if (node.op_type, plain(node.domain)) == (self.op, plain(self.domain)):
            return
        import_domain(editor, ref.graph, self.domain)
        way = _way(editor, ref)
        known = known_attributes(editor, ref.graph, self.op, self.domain)
        lost = [at for at, each in enumerate(node.attribute) if known is not None and each.name not in known]
        for at in reversed(lost):
            editor.splice(way, "attribute", at, 1)
        if node.op_type != self.op:
            editor.set_field(way, "op_type", self.op)
        if plain(node.domain) != plain(self.domain):
            editor.set_field(way, "domain", self.domain or None)
        if node.overload:
            editor.set_field(way, "overload", None)
        settle_types(editor, ref)
        if lost:
            names = ", ".join(shown(node.attribute[at].name) for at in lost)
            editor.notes.append(f"{shown(index.names[ref.index])} lost what {self.op} does not have: {names}.")


class RenameNode(Operation, frozen=True):
    """Give a node another name; ``""`` takes its name away."""

    node: Node
    name: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"Rename {node_text(self.node)} to {shown(self.name)}"

    def apply(self, editor: Editor) -> None:
        """Rename the node.

        Raises:
            EditError: the node is not there, or another of its graph has the name.
        """
        ref, _, index = _found(editor, self.node)
        if self.name and any(each.name == self.name for at, each in enumerate(index.nodes) if at != ref.index):
            raise EditError(f"Another node is called {shown(self.name)} already: choose another name.")
        editor.set_field(_way(editor, ref), "name", self.name or None)
        editor.names.take(self.name)


class NameNodes(Operation, frozen=True):
    """Name all nodes that have no name as they are shown (``Conv_17``), in every graph."""

    @property
    def title(self) -> str:
        """What it does."""
        return "Name all unnamed nodes"

    def apply(self, editor: Editor) -> None:
        """Name them; a name that is taken gets a number."""
        nodes = [
            (path, at, node.name, index.names[at])
            for path, index in editor.graphs.items()
            for at, node in enumerate(index.nodes)
        ]
        taken = {name for _, _, name, _ in nodes}
        unnamed = [(path, at, display) for path, at, name, display in nodes if not name]
        for path, at, display in unnamed:
            name = next(name for name in numbered(display) if name not in taken)
            taken.add(name)
            editor.names.take(name)
            editor.set_field((*editor.way(path), ("node", at)), "name", name)
        editor.notes.append(f"{len(unnamed):,} {'node' if len(unnamed) == 1 else 'nodes'} named.")


class SetAttribute(Operation, frozen=True):
    """Set an attribute of a node: in its place if the node has it, else behind the others."""

    node: Node
    attribute: Attribute

    @property
    def title(self) -> str:
        """What it does."""
        return f"Set {shown(self.attribute.name)} of {node_text(self.node)}"

    def apply(self, editor: Editor) -> None:
        """Set the attribute.

        Raises:
            EditError: the node is not there, the value does not fit the type, or it refers to a function's attribute
                and is in none.
        """
        ref, node, index = _found(editor, self.node)
        if not self.attribute.name:
            raise EditError("An attribute needs a name.")
        if self.attribute.of and not ref.graph.startswith("fn:"):
            raise EditError(
                f"{shown(index.names[ref.index])} is in no function whose attribute {shown(self.attribute.of)} it "
                "could take: give a value."
            )
        made = to_proto(self.attribute)
        place = _place(node, self.attribute.name)
        if place is None:
            editor.splice(_way(editor, ref), "attribute", len(node.attribute), 0, [made])
        else:
            if node.attribute[place].doc_string:
                made.doc_string = node.attribute[place].doc_string
            editor.splice(_way(editor, ref), "attribute", place, 1, [made])
        settle_types(editor, ref)


class RemoveAttribute(Operation, frozen=True):
    """Remove an attribute of a node, so that the operator's default counts."""

    node: Node
    name: str

    @property
    def title(self) -> str:
        """What it does."""
        return f"Remove {shown(self.name)} of {node_text(self.node)}"

    def apply(self, editor: Editor) -> None:
        """Remove the attribute.

        Raises:
            EditError: the node is not there, or has no such attribute.
        """
        ref, node, index = _found(editor, self.node)
        place = _place(node, self.name)
        if place is None:
            raise EditError(f"{shown(index.names[ref.index])} has no attribute {shown(self.name)}.")
        editor.splice(_way(editor, ref), "attribute", place, 1)
        settle_types(editor, ref)


class DuplicateNode(Operation, frozen=True):
    """Put a copy of a node behind it, which takes the same inputs.

    ``uses``: what takes the copy's output instead (output → uses); what is not said stays. A graph's outputs keep their
    names.
    """

    node: Node
    name: str = ""
    uses: dict[int, tuple[UseTarget, ...]] = {}  # noqa: RUF012 - msgspec copies it

    @property
    def title(self) -> str:
        """What it does."""
        return f"Duplicate {node_text(self.node)}"

    def apply(self, editor: Editor) -> None:
        """Make the copy.

        Raises:
            EditError: the node or a use is not there.
        """
        ref, node, index = _found(editor, self.node)
        name = index.names[ref.index]
        for slot in self.uses:
            if not (0 <= slot < len(node.output) and node.output[slot]):
                raise EditError(f"{shown(name)} has no output {slot}.")
        chosen = {
            slot: chosen_uses(editor, ref.graph, node.output[slot], targets) for slot, targets in self.uses.items()
        }
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        for slot, output in enumerate(node.output):
            if output:
                _, copy.output[slot] = between(editor, ref.graph, output, chosen.get(slot, ()), f"{output}_copy")
        copy.name = name_for(editor, ref.graph, self.name, f"{name}_copy")
        if not copy.name:
            copy.ClearField("name")
        editor.insert_nodes(ref.graph, ref.index + 1, [copy])
        keep_order(editor, ref.graph)


def _found(editor: Editor, target: Node) -> tuple[NodeRef, onnx.NodeProto, GraphIndex]:
    ref = find_node(editor, target)
    index = editor.graph(ref.graph)
    node = onnx.NodeProto()
    node.CopyFrom(index.nodes[ref.index])  # as it is now, whatever is changed
    return ref, node, index


def _way(editor: Editor, ref: NodeRef) -> tuple[Step, ...]:
    return (*editor.way(ref.graph), ("node", ref.index))


def _place(node: onnx.NodeProto, name: str) -> int | None:
    return next((at for at, each in enumerate(node.attribute) if each.name == name), None)
