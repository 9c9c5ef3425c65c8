"""Marks: names that a network's own code gives to tensors, and that every export of it carries.

How a mark travels (model/marks.py reads it): the exporter that goes through torch.export writes the stack trace of each
operation into its ONNX nodes, and the mark is a line of that, so the model has no node more. The older exporter, which
traces, writes module scopes into names, and the mark is an Identity in a scope of its own, which engines drop.
"""

from __future__ import annotations

import operator
import re
import warnings
from typing import Any

import torch
from torch import Tensor
from torch.jit import is_scripting, is_tracing  # type: ignore[attr-defined]

MARK = "graphdebug.mark"
_NAME = re.compile(r"[\w.-]+", re.ASCII)
_is_exporting = getattr(torch.compiler, "is_exporting", torch.compiler.is_compiling)  # before 2.7 there was but one


def mark(x: Tensor, name: str) -> Tensor:
    """Return ``x``, which is found by ``name`` in every ONNX export of the network.

    ``name`` has letters, digits and ``_ . -``. Eager mode, torch.compile and gradients are unaffected: outside of an
    export nothing is done. Inputs of the network cannot be marked, for they have names of their own, nor can pieces of
    a split; what torch.export traces by TorchDynamo (``strict=True``, branches of ``torch.cond``) loses its marks.

    Raises:
        ValueError: in an export, the name has other characters.
    """
    if not is_scripting() and not torch.compiler.is_dynamo_compiling():
        if _is_exporting():
            _note(x, _checked(name))
        elif is_tracing() and torch.onnx.is_in_onnx_export():  # type: ignore[no-untyped-call]
            return _traced(x, _checked(name))
    return x


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"The mark {name!r} needs a name of letters, digits and _ . - only.")
    return name


def _note(x: Tensor, name: str) -> None:
    """Write the mark into the stack trace of the operation that made ``x``, one that torch.export is recording."""
    from torch.fx.experimental.proxy_tensor import get_proxy_mode, get_proxy_slot

    mode = get_proxy_mode()
    known = None if mode is None else get_proxy_slot(x, mode.tracer, None)
    if known is None or known.proxy.node.op != "call_function":
        warnings.warn(f"The mark {name!r} is lost: no operation of the network makes its tensor.", stacklevel=3)
        return
    node: Any = known.proxy.node
    which = ""
    if node.target is operator.getitem:  # one of several outputs
        node, which = node.args[0], f"[{node.args[1]}]"
        if "split" in str(node.target) or "chunk" in str(node.target):  # rewritten without a trace of where it was
            warnings.warn(f"The mark {name!r} is lost, for it is on a piece of a split: mark the whole.", stacklevel=3)
            return
    node.meta["stack_trace"] = f"{node.meta.get('stack_trace') or ''}\n{MARK}: {name} is {node.name}{which}\n"


def _traced(x: Tensor, name: str) -> Tensor:
    state = torch._C._get_tracing_state()
    state.push_scope(f"{MARK}::{MARK}.{name}")  # class::attribute, as for a module
    try:
        return _Identity.apply(x)  # type: ignore[no-any-return,no-untyped-call]
    finally:
        state.pop_scope()


class _Identity(torch.autograd.Function):
    """What the tracing exporter writes as an Identity, where every function of PyTorch's own that does nothing goes."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: object, gradient: Tensor) -> Tensor:
        return gradient

    @staticmethod
    def symbolic(graph: torch._C.Graph, x: torch._C.Value) -> torch._C.Value:
        return graph.op("Identity", x)  # type: ignore[attr-defined,no-any-return]
