"""The operation that takes the weights out of a model, so that it can be shown to others, or sent by mail."""

from __future__ import annotations

import onnx
from onnx import defs, helper

from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.making import NewConstant, add_constant, make_node, name_for
from graphdebug.edit.operation import Operation
from graphdebug.edit.opsets import inputs_too, versions
from graphdebug.model.index import GraphIndex
from graphdebug.model.tensors import payload_bytes
from graphdebug.model.units import size_text
from graphdebug.model.value_types import shown

_OP = "ConstantOfShape"
_FLOATS = frozenset({"float", "double", "float16", "bfloat16"})


class StripWeights(Operation, frozen=True):
    """Replace large initializers by nodes that make as many equal numbers: the model still runs, and is small.

    Initializers of ``smallest`` bytes and more go; floating-point numbers become ``fill``, whole ones 0. What the model
    computes is another thing then; shapes, types and speed stay. The weights are gone: what is written has none.
    """

    smallest: int = 1024
    fill: float = 0.01

    @property
    def title(self) -> str:
        """What it does."""
        return "Strip weights"

    def apply(self, editor: Editor) -> None:
        """Replace them.

        Raises:
            EditError: the model's operator set has no ConstantOfShape.
        """
        version = versions(editor.proto).get("", 0)
        try:
            schema = defs.get_schema(_OP, version, "")
        except defs.SchemaError:
            raise EditError(
                f"The model imports version {version} of ONNX's operators, and {_OP} came with 9: convert it first."
            ) from None
        known = next(each.allowed_type_strs for each in schema.type_constraints if each.type_param_str == "T2")
        gone = saved = 0
        kept: list[str] = []
        for path in list(editor.graphs):
            for name, tensor in list(editor.graph(path).initializers.items()):
                if payload_bytes(tensor) < self.smallest:
                    continue
                dtype = helper.tensor_dtype_to_string(tensor.data_type).removeprefix("TensorProto.").lower()
                if f"tensor({dtype})" not in known or _is_default(editor, editor.graph(path), name):
                    kept.append(name)
                    continue
                self._replace(editor, path, tensor, dtype)
                gone, saved = gone + 1, saved + payload_bytes(tensor)
        if gone:
            editor.notes.append(f"{gone:,} initializer{'s' * (gone != 1)} went, {size_text(saved)} of values.")
        else:
            editor.notes.append(f"No initializer has {size_text(self.smallest)} or more.")
        if kept:
            editor.notes.append(
                f"{len(kept):,} stayed, first {shown(kept[0])}: of a type that {_OP} lacks, or a default of an input."
            )

    def _replace(self, editor: Editor, path: str, tensor: onnx.TensorProto, dtype: str) -> None:
        editor.delete_named(path, "initializer", [tensor.name])
        editor.delete_named(path, "input", [tensor.name])  # as which it is declared where IR versions are old
        shape = add_constant(editor, path, NewConstant(0, list(tensor.dims), "int64"), "int64", f"{tensor.name}_shape")
        node = make_node(_OP, "", [shape], [tensor.name], name_for(editor, path, "", _OP))
        value = helper.make_tensor("value", tensor.data_type, [1], [self.fill if dtype in _FLOATS else 0])
        node.attribute.append(helper.make_attribute("value", value))
        editor.insert_nodes(path, 0, [node])


def _is_default(editor: Editor, index: GraphIndex, name: str) -> bool:
    return name in index.defaults and not inputs_too(editor.proto)
