"""The operation that puts another model behind this one."""

from __future__ import annotations

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.fitting import disagreement, value_type
from graphdebug.edit.joining import add_functions, append, opened, raise_ir_version, take_values
from graphdebug.edit.making import make_node
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import agree, import_missing, inputs_too, versions
from graphdebug.edit.ports import drop_output
from graphdebug.edit.renaming import Scope, renamed_entry, renamed_node
from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH, TensorRef
from graphdebug.model.value_types import shown
from graphdebug.model.walk import stored_tensors


class MergeModel(Operation, frozen=True):
    """Put the graph of the model ``file`` behind this one; ``connect`` says which output feeds which of its inputs.

    Its other inputs and its outputs become this model's. Its names get ``prefix`` in front, and a number where they are
    taken. Outputs that feed it are no outputs any more, unless ``keep_outputs``. The file, and those that it keeps its
    values in, lie beside the operations.
    """

    file: str
    connect: dict[str, str]
    prefix: str = ""
    keep_outputs: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"Put {shown(self.file)} behind the model"

    def apply(self, editor: Editor) -> None:
        """Merge the models.

        Raises:
            EditError: the file is no model, means other operators or functions, or what is to be connected is not there
                or does not fit.
        """
        other = opened(editor, self.file)
        theirs = other.proto
        take_values(editor, other, (stored.tensor for stored in stored_tensors(theirs)))
        self._check(editor, other)
        agree(versions(editor.proto), versions(theirs), theirs.graph.node, shown(other.path.name))
        scope = Scope(
            lambda name: editor.names.new(f"{self.prefix}{name}"),
            {their: our for our, their in self.connect.items()},
        )
        nodes = [renamed_node(node, scope) for node in theirs.graph.node]
        import_missing(editor, MAIN_GRAPH, versions(theirs), theirs.graph.node)
        add_functions(editor, theirs)
        append(editor, "node", nodes)
        for field in ("initializer", "sparse_initializer", "value_info", "quantization_annotation"):
            append(editor, field, [renamed_entry(each, scope) for each in getattr(theirs.graph, field)])
        constants = {each.name for each in theirs.graph.initializer} if _only_constants(editor.proto, theirs) else set()
        fed = {*self.connect.values(), *constants}
        append(editor, "input", [renamed_entry(each, scope) for each in theirs.graph.input if each.name not in fed])
        if not self.keep_outputs:
            for name in dict.fromkeys(self.connect):
                drop_output(editor, TensorRef(MAIN_GRAPH, name))
        self._add_outputs(editor, theirs, scope)
        raise_ir_version(editor, other)

    def _check(self, editor: Editor, other: Model) -> None:
        """Refuse connections that cannot be."""
        outputs, inputs = editor.graph().outputs, [each.name for each in other.proto.graph.input]
        for our, their in self.connect.items():
            if our not in outputs:
                raise EditError(f"{shown(our)} is no output of this model.")
            if their not in inputs:
                raise EditError(f"{shown(their)} is no input of {shown(other.path.name)}.")
            if reason := disagreement(value_type(editor, MAIN_GRAPH, our), other.types[MAIN_GRAPH].get(their)):
                raise EditError(f"{shown(our)} cannot feed {shown(their)}: it {reason}.")
        if len(set(self.connect.values())) < len(self.connect):
            raise EditError(f"An input of {shown(other.path.name)} can be fed by one output only.")

    @staticmethod
    def _add_outputs(editor: Editor, theirs: onnx.ModelProto, scope: Scope) -> None:
        """Add the other model's outputs; one that is this model's own value gets a name by an Identity."""
        own = set(editor.graph().outputs)
        for entry in theirs.graph.output:
            new = renamed_entry(entry, scope)
            if new.name in own or new.name in editor.graph().outputs:
                inner, new.name = new.name, editor.names.new(entry.name)
                append(editor, "node", [make_node("Identity", "", [inner], [new.name])])
            append(editor, "output", [new])


def _only_constants(ours: onnx.ModelProto, theirs: onnx.ModelProto) -> bool:
    """Say whether inputs with an initializer were constants there and need not be inputs here."""
    return inputs_too(theirs) and not inputs_too(ours)
