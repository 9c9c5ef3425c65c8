"""Where to split into parts of like cost: at borders near equal shares over which little passes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from graphdebug.extract.flow import Flow
from graphdebug.model.cost import node_costs
from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.values import static_bytes

_NEAR = 0.25
"""How far from an equal share a border may lie, in shares."""
_MOST_UNSIZED = 0.1
"""The share of nodes that may make values of unknown size, which count nothing, before all nodes count the same."""


@dataclass(frozen=True, slots=True, order=True)
class _Passing:
    """What passes over a border: values of unknown size, values, bytes of the others; less is better, in this order."""

    untyped: int = 0
    values: int = 0
    bytes: int = 0


def borders(model: Model, flow: Flow, count: int) -> tuple[list[int], str]:
    """Return the positions in ``flow.nodes`` at which all parts but the first begin, and how their cost was counted.

    A border lies within a quarter of a share of where equal shares would meet, where the fewest values pass (then the
    fewest bytes); if a single node is larger than that, as near as can be. There must be ``count`` nodes.
    """
    costs, note = _costs(model, flow)
    upto = [0, *accumulate(costs)]
    share = upto[-1] / count
    passing = _passing(model, flow)
    found: list[int] = []
    for number in range(1, count):
        first, last = (found[-1] if found else 0) + 1, len(costs) - (count - number)
        away = {position: abs(upto[position] - number * share) for position in range(first, last + 1)}
        reach = max(_NEAR * share, min(away.values()))
        near = [position for position, distance in away.items() if distance <= reach]
        found.append(min(near, key=lambda position: (passing[position], away[position])))
    return found, note


def _costs(model: Model, flow: Flow) -> tuple[list[int], str]:
    """Return what each node costs: its multiply-accumulates and the bytes it makes; 1 each where that is not known."""
    types, ones = model.types[MAIN_GRAPH], _symbols(model)
    counted = node_costs(model, ones)
    made = [
        [static_bytes(types.get(name), ones) for name in flow.index.nodes[node].output if name] for node in flow.nodes
    ]
    unsized = sum(None in sizes for sizes in made)
    costs = [counted[node].macs + sum(filter(None, sizes)) for node, sizes in zip(flow.nodes, made, strict=True)]
    if any(counted[node].unknown for node in flow.nodes) or unsized > _MOST_UNSIZED * len(costs) or not any(costs):
        return [1] * len(costs), "What some nodes cost is not known, as shapes are missing: nodes were counted instead."
    return costs, "Parts are of like cost, counted in multiply-accumulates and bytes made."


def _passing(model: Model, flow: Flow) -> list[_Passing]:
    """Return what passes over the border before each node, as if the nodes ran one after the other."""
    types, ones = model.types[MAIN_GRAPH], _symbols(model)
    place = {node: at for at, node in enumerate(flow.nodes)}
    last = {name: at for at, node in enumerate(flow.nodes) for name in flow.takes(node)}
    steps = [[0, 0, 0] for _ in range(len(flow.nodes) + 1)]
    for name, end in last.items():
        size = static_bytes(types.get(name), ones)
        for step, sign in ((steps[place[flow.made[name]] + 1], 1), (steps[end + 1], -1)):
            step[0] += sign * (size is None)
            step[1] += sign
            step[2] += sign * (size or 0)
    totals = accumulate(steps, lambda before, step: [one + other for one, other in zip(before, step, strict=True)])
    return [_Passing(*total) for total in totals]


def _symbols(model: Model) -> dict[str, int]:
    """Return the length that symbolic dimensions count as, 1."""
    kinds = model.types[MAIN_GRAPH].values()
    return {dim: 1 for kind in kinds for dim in kind.shape or () if isinstance(dim, str)}
