"""Simplifying by onnxsim or onnxslim, which are installed on their own."""

from __future__ import annotations

from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar, Literal

import onnx

from graphdebug.edit.difference import become
from graphdebug.edit.editor import Editor
from graphdebug.edit.errors import EditError
from graphdebug.edit.lending import lend, taken_back
from graphdebug.edit.operation import Operation

_FOLDED = 1 << 20
"""Bytes: no constant larger than this is worked out by a tool."""


class Simplify(Operation, frozen=True):
    """Simplify the main graph by ``tool``.

    The tool gets initializers of up to ``largest`` bytes; it sees others as inputs, so nothing is merged into them.
    Inputs and outputs stay as they are.
    """

    heavy: ClassVar[bool] = True
    keeps_results: ClassVar[bool] = True
    tool: Literal["onnxsim", "onnxslim"] = "onnxsim"
    largest: int = 1 << 16

    @property
    def title(self) -> str:
        """What it does."""
        return f"Simplify by {self.tool}"

    def apply(self, editor: Editor) -> None:
        """Simplify it.

        Raises:
            EditError: the tool is not installed, or fails; its reason is said.
        """
        if find_spec(self.tool) is None:
            raise EditError(f"{self.tool} is not installed: pip install {self.tool}.")
        if editor.proto.training_info:
            raise EditError("The model holds what it takes to train it, which a simplified model would not fit.")
        lent = lend(editor, self.largest)
        before = Counter(node.op_type for node in editor.proto.graph.node)
        try:
            simplified = _run(self.tool, lent.proto)
        except Exception as error:  # a tool's own, of any type
            said = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
            raise EditError(f"{self.tool} cannot simplify the model: {said}.") from None
        become(editor, taken_back(editor, lent, simplified))
        after = Counter(node.op_type for node in editor.proto.graph.node)
        gone = ", ".join(f"{count:,} {op}" for op, count in (before - after).most_common())
        editor.notes.append(
            f"{before.total():,} nodes became {after.total():,}{': ' if gone else ''}{gone and f'gone are {gone}'}."
        )


def _run(tool: str, proto: onnx.ModelProto) -> onnx.ModelProto:
    module = import_module(tool)
    if tool == "onnxslim":
        slimmed: onnx.ModelProto = module.slim(proto, size_threshold=_FOLDED)
        return slimmed
    simplified: onnx.ModelProto = module.simplify(proto, tensor_size_threshold=f"{_FOLDED}B", certify=False)[0]
    return simplified
