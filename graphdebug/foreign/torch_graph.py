"""A network as torch.export writes it down: its operations by name, and a run that keeps what they give."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch

from graphdebug.foreign.torch_values import types_of


def exported(network: Any, inputs: Sequence[torch.Tensor]) -> Any:
    """Return the program that torch.export makes of a network for inputs of just these shapes.

    It is not decomposed: its operations are those of the eager run, and give the same to the bit.
    """
    from torch.export import export

    return export(network, tuple(inputs))


def operations(program: Any) -> list[dict[str, Any]]:
    """Return the operations of a program in order: what they are, in which module, what they give, whom they follow."""
    number: dict[str, int] = {}
    found: list[dict[str, Any]] = []
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        number[node.name] = len(found)
        first = next((each for each in node.all_input_nodes if each.name in number), None)
        taken = [user for user in node.users if user.target is operator.getitem]
        found.append(
            {
                "kind": "operation",
                "scope": _scope(node),
                "what": _target(node.target),
                "name": node.name,
                "call": 0,
                "outputs": types_of(node.meta.get("val")),
                "used": sorted({int(user.args[1]) for user in taken}),
                "follows": number[first.name] if first is not None else -1,
            }
        )
    return found


def record(program: Any, inputs: Sequence[Any], names: Collection[str], keep: Callable[[str, Any], None]) -> None:
    """Run a program and call ``keep(name, value)`` with what each of the named operations gives."""
    _Recorder(program.graph_module, names, keep).run(*_held(program), *inputs, enable_io_processing=False)


class _Recorder(torch.fx.Interpreter):
    """Runs a graph and hands over what some of its operations give, before anything can change it in place."""

    def __init__(self, module: Any, names: Collection[str], keep: Callable[[str, Any], None]) -> None:
        super().__init__(module)
        self._names = names
        self._keep = keep

    def run_node(self, n: torch.fx.Node) -> Any:
        value = super().run_node(n)
        if n.name in self._names:
            self._keep(n.name, value)
        return value


def _held(program: Any) -> list[Any]:
    """Return the weights, buffers and constants that the graph takes before what is fed, in its order."""
    signature = program.graph_signature
    held = []
    for spec in signature.input_specs:
        if spec.kind.name == "USER_INPUT":
            continue
        target = spec.target
        held.append(program.state_dict[target] if target in program.state_dict else program.constants[target])
    return held


def _scope(node: Any) -> str:
    """Return the path of the module that an operation was written in, ``""`` for the network itself."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return path.partition("@")[0]


def _target(target: Any) -> str:
    """Return what an operation is called: ``aten.relu.default``, ``getitem``."""
    return str(target) if isinstance(target, torch._ops.OpOverload) else str(getattr(target, "__name__", target))
