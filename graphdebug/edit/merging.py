"""The operation that puts another model behind this one."""

from __future__ import annotations

from collections.abc import Mapping

import onnx

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.fitting import disagreement, value_type
from graphdebug.edit.making import make_node
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import agree, import_missing, versions
from graphdebug.edit.ports import drop_output
from graphdebug.edit.renaming import Scope, renamed_entry, renamed_node
from graphdebug.edit.values import chunks, with_values
from graphdebug.model.document import Model, NotAModel, open_model
from graphdebug.model.external import ExternalDataError, is_external
from graphdebug.model.index import function_key
from graphdebug.model.refs import MAIN_GRAPH, TensorRef
from graphdebug.model.tensors import TensorError, read_tensor
from graphdebug.model.value_types import shown
from graphdebug.model.walk import stored_tensors

_CONSTANT_INITIALIZERS_SINCE = 4
"""The IR version since which an initializer need not be an input, too (onnx.proto)."""


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
        other = _opened(editor, self.file)
        theirs = other.proto
        self._check(editor, other)
        agree(versions(editor.proto), versions(theirs), theirs.graph.node, shown(other.path.name))
        scope = Scope(
            lambda name: editor.names.new(f"{self.prefix}{name}"),
            {their: our for our, their in self.connect.items()},
        )
        nodes = [renamed_node(node, scope) for node in theirs.graph.node]
        import_missing(editor, MAIN_GRAPH, versions(theirs), theirs.graph.node)
        _add_functions(editor, theirs)
        _append(editor, "node", nodes)
        for field in ("initializer", "sparse_initializer", "value_info", "quantization_annotation"):
            _append(editor, field, [renamed_entry(each, scope) for each in getattr(theirs.graph, field)])
        constants = {each.name for each in theirs.graph.initializer} if _only_constants(editor.proto, theirs) else set()
        fed = {*self.connect.values(), *constants}
        _append(editor, "input", [renamed_entry(each, scope) for each in theirs.graph.input if each.name not in fed])
        if not self.keep_outputs:
            for name in dict.fromkeys(self.connect):
                drop_output(editor, TensorRef(MAIN_GRAPH, name))
        self._add_outputs(editor, theirs, scope)
        if theirs.ir_version > editor.proto.ir_version:
            editor.set_field((), "ir_version", theirs.ir_version)
            editor.notes.append(
                f"The model states IR version {theirs.ir_version} now, as {shown(other.path.name)} does."
            )

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
                _append(editor, "node", [make_node("Identity", "", [inner], [new.name])])
            _append(editor, "output", [new])


def _opened(editor: Editor, name: str) -> Model:
    """Open the other model, with values that lie outside of its protobuf taken over by the edit."""
    try:
        model = open_model(editor.file(name))
    except NotAModel as error:
        raise EditError(str(error)) from None
    for stored in stored_tensors(model.proto):
        tensor = stored.tensor
        if is_external(tensor):
            try:
                values = read_tensor(model, tensor)
            except (TensorError, ExternalDataError, OSError) as error:
                raise EditError(f"{shown(tensor.name)} of {shown(name)} cannot be read: {error}") from None
            tensor.CopyFrom(with_values(editor, tensor, tensor.data_type, tensor.dims, chunks(values)))
    return model


def _add_functions(editor: Editor, theirs: onnx.ModelProto) -> None:
    """Add the other model's functions; one that both have must be the same."""
    ours: Mapping[tuple[str, str, str], onnx.FunctionProto] = {
        function_key(each.domain, each.name, each.overload): each for each in editor.proto.functions
    }
    for function in theirs.functions:
        known = ours.get(function_key(function.domain, function.name, function.overload))
        if known is None:
            editor.splice((), "functions", len(editor.proto.functions), 0, [function])
        elif known != function:
            raise EditError(
                f"Both models have a function {shown(function.name)}, and not the same one: inline one first."
            )


def _only_constants(ours: onnx.ModelProto, theirs: onnx.ModelProto) -> bool:
    """Say whether inputs with an initializer were constants there and need not be inputs here."""
    return theirs.ir_version < _CONSTANT_INITIALIZERS_SINCE <= ours.ir_version


def _append(editor: Editor, field: str, entries: list[onnx.NodeProto] | list[onnx.ValueInfoProto]) -> None:
    if entries:
        editor.splice(editor.way(), field, len(getattr(editor.proto.graph, field)), 0, entries)
