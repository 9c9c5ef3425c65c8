"""How a model is split into parts that chain: at values, into parts of like cost, or by module scope.

Pure: a plan says which nodes a part has and what passes its border; split.py writes it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphdebug.extract.errors import ExtractError
from graphdebug.extract.flow import Flow
from graphdebug.extract.groups import Joined, on_cycles, sorted_groups
from graphdebug.extract.places import nodes_in_scope
from graphdebug.extract.weight import borders
from graphdebug.model.cutting import listed
from graphdebug.model.document import Model
from graphdebug.model.origin import origin
from graphdebug.model.value_types import shown

_REST = "between"
"""What parts are called that lie outside the scopes that were named."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the main graph: ``nodes`` are its own, in the order they run; ``copied`` make constants that it uses.

    ``inputs`` are what it must be fed, in order of first use: inputs of the model, and outputs of parts before it.
    ``outputs`` are what later parts take, and outputs of the model.
    """

    name: str
    nodes: tuple[int, ...]
    copied: tuple[int, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """Parts in an order in which they can run. Each node that works on what is fed is in exactly one of them.

    ``notes`` are sentences for the user.
    """

    parts: tuple[Part, ...]
    notes: tuple[str, ...] = ()


def at_values(model: Model, names: Iterable[str]) -> SplitPlan:
    """Split at values: the parts are what lies between them.

    A way through the graph comes into another part wherever it passes one of ``names``. What is not connected within
    one stage makes parts that do not depend on each other.

    Raises:
        ExtractError: the graph cannot be split at one of them; the sentence says why.
    """
    flow, cuts = Flow.of(model), dict.fromkeys(names)
    if not cuts:
        raise ExtractError("Name at least one value to split at.")
    for name in cuts:
        _check_cut(model, flow, name)
    stage: dict[int, int] = {}
    joined = Joined()
    for node in flow.nodes:
        stage[node] = max((stage[flow.made[name]] + (name in cuts) for name in flow.takes(node)), default=0)
        for maker in flow.before(node):
            if stage[maker] == stage[node]:
                joined.join(maker, node)
    group = {node: joined.of(node) for node in flow.nodes}
    _move_down(flow, group, cuts)
    plan = _chained(flow, group, {})
    passing = {name for part in plan.parts for name in part.inputs if name in flow.made}
    if past := [name for name in flow.made if name in passing and name not in cuts]:
        are = "pass" if len(past) > 1 else "passes"
        said = f"Besides what was named, {listed(past)} {are} from part to part: other ways lead past the cut there."
        return SplitPlan(plan.parts, (*plan.notes, said))
    return plan


def into_parts(model: Model, count: int) -> SplitPlan:
    """Split into ``count`` parts of like cost, where little passes from one to the next (see `weight.borders`).

    Raises:
        ExtractError: there are not that many nodes, or fewer than two parts are asked for.
    """
    flow = Flow.of(model)
    if not 2 <= count <= len(flow.nodes):
        nodes = len(flow.nodes)
        raise ExtractError(
            f"The graph has {nodes:,} nodes to deal out: ask for 2 to {nodes:,} parts."
            if nodes > 1
            else "The graph has a single node to deal out: it cannot be split."
        )
    positions, note = borders(model, flow, count)
    starts = {flow.nodes[position] for position in positions}
    group: dict[int, int] = {}
    current = flow.nodes[0]
    for node in flow.nodes:
        current = node if node in starts else current
        group[node] = current
    return _chained(flow, group, dict.fromkeys(group.values(), "part"), note)


def by_scope(model: Model, scopes: Sequence[str] = (), depth: int = 0) -> SplitPlan:
    """Split by module scope: each of ``scopes`` (``encoder.layers.3``) a part, or each scope of ``depth`` modules.

    What lies outside is in parts before, between and behind them. Scopes that depend on each other both ways become
    one part, together with what lies on the ways between.

    Raises:
        ExtractError: there is nothing to deal out in a scope, or all of it would be one part.
        EditError: the graph has no such scope.
    """
    flow = Flow.of(model)
    labels = _labels(flow, scopes, depth)
    first: dict[str, int] = {}
    group = {node: first.setdefault(labels[node], node) if labels[node] else node for node in flow.nodes}
    joined = Joined()
    cycles = on_cycles(_before(flow, group))
    for cycle in cycles:
        for number in cycle:
            joined.join(cycle[0], number)
    group = {node: joined.of(number) for node, number in group.items()}
    names: dict[int, str] = {}
    for node in flow.nodes:
        if labels[node]:
            names.setdefault(group[node], labels[node])
    _join_stages(flow, group, names)
    if len(set(group.values())) == 1:
        raise ExtractError("All nodes would be one part: name other scopes, or go deeper into the modules.")
    notes = [_why_joined([labels[number] for number in sorted(cycle)]) for cycle in cycles]
    return _chained(flow, group, names, *notes, default=_REST)


def _why_joined(labels: Sequence[str]) -> str:
    """Say why scopes, and nodes outside all (``""``), are one part."""
    scopes, others = [label for label in labels if label], labels.count("")
    if len(scopes) > 1:
        return f"The scopes {listed(scopes)} depend on each other both ways: they are one part."
    lies = "1 node lies" if others == 1 else f"{others:,} nodes lie"
    return f"{lies} on ways out of {listed(scopes)} and back: the part takes in what lies there."


def _check_cut(model: Model, flow: Flow, name: str) -> None:
    """Raise ExtractError if the graph cannot be split at a value."""
    index = flow.index
    if name in index.initializers or name in index.sparse or index.producer.get(name) in flow.constant:
        raise ExtractError(f"{shown(name)} is a constant, which each part has for itself: split at what is computed.")
    if name in index.inputs:
        raise ExtractError(
            f"{shown(name)} is an input of the model: nothing lies before it. Split at a value behind it."
        )
    if name not in index.producer:
        nested = any(name in graph.producer for path, graph in model.graphs.items() if path)
        where = "lies in a nested graph or a function" if nested else "is not made in the main graph"
        raise ExtractError(f"{shown(name)} {where}: split at a value of the main graph.")
    if name not in flow.made:
        raise ExtractError(f"No output of the model depends on {shown(name)}: split at a value that one depends on.")
    if not index.users(name):
        raise ExtractError(
            f"{shown(name)} is where the model ends: nothing lies behind it. Split at a value before it."
        )


def _move_down(flow: Flow, group: dict[int, int], cuts: Iterable[str]) -> None:
    """Let parts in which no cut is made, such as a mask's, join the first that takes something of them.

    What else takes something of them comes later still, so that nothing can come to depend on itself.
    """
    kept = {group[flow.made[name]] for name in (*cuts, *flow.index.outputs) if name in flow.made}
    members: dict[int, list[int]] = {}
    takers: dict[int, set[int]] = {}
    for node in flow.nodes:
        members.setdefault(group[node], []).append(node)
        for maker in flow.before(node):
            if group[maker] != group[node]:
                takers.setdefault(group[maker], set()).add(node)
    order = sorted_groups(_before(flow, group))
    place = {number: at for at, number in enumerate(order)}
    for number in reversed(order):
        if number not in kept:
            first = min((group[node] for node in takers[number]), key=place.__getitem__)
            group.update(dict.fromkeys(members[number], first))


def _labels(flow: Flow, scopes: Sequence[str], depth: int) -> dict[int, str]:
    """Return the scope that each node counts to, ``""`` for what lies outside; of nested scopes, the innermost."""
    if depth > 0:
        return {node: ".".join(origin(flow.index.nodes[node]).scope[:depth]) for node in flow.nodes}
    if not scopes:
        raise ExtractError("Name at least one scope, or say how many modules deep to go.")
    labels = dict.fromkeys(flow.nodes, "")
    for scope in sorted(scopes, key=lambda scope: len(scope.replace("/", ".").split("."))):
        inside = nodes_in_scope(flow.index, scope) & labels.keys()
        if not inside:
            raise ExtractError(f"In the scope {shown(scope)} are only constants and what no output depends on.")
        labels.update(dict.fromkeys(inside, scope))
    return labels


def _before(flow: Flow, group: Mapping[int, int]) -> dict[int, set[int]]:
    """Return for each group those that it takes values from."""
    before: dict[int, set[int]] = {number: set() for number in group.values()}
    for node in flow.nodes:
        before[group[node]].update(group[maker] for maker in flow.before(node))
    for number, earlier in before.items():
        earlier.discard(number)
    return before


def _join_stages(flow: Flow, group: dict[int, int], names: Mapping[int, str]) -> None:
    """Join nodes outside all scopes (not in ``names``) that have as many scopes, one behind the other, before them."""
    before = _before(flow, group)
    stage: dict[int, int] = {}
    for number in sorted_groups(before):
        step = number not in names
        stage[number] = max((stage[each] + (step and each in names) for each in before[number]), default=0)
    first: dict[int, int] = {}
    for node, number in group.items():
        if number not in names:
            group[node] = first.setdefault(stage[number], node)


def _chained(
    flow: Flow, group: Mapping[int, int], names: Mapping[int, str], *notes: str, default: str = ""
) -> SplitPlan:
    """Make a plan of groups of nodes; a part without a name is called ``default``, else by what it hands on first."""
    members: dict[int, list[int]] = {}
    for node in flow.nodes:
        members.setdefault(group[node], []).append(node)
    ends = [name for name in dict.fromkeys(flow.index.outputs) if name]
    takers: dict[str, set[int]] = {}
    for node in flow.nodes:
        for name in flow.takes(node):
            takers.setdefault(name, set()).add(group[node])
    constants = [name for name in ends if name not in flow.made and name not in flow.index.inputs]
    order = sorted_groups(_before(flow, group))
    given = set(flow.index.inputs)
    parts = []
    for number in order:
        nodes = members[number]
        own = {name: None for node in nodes for name in flow.index.nodes[node].output if flow.made.get(name) == node}
        copied_ends = constants if number == order[-1] else []
        outputs = [name for name in own if name in ends or takers.get(name, set()) - {number}]
        copied = flow.copied(nodes, copied_ends)
        taken = dict.fromkeys(name for node in (*nodes, *copied) for name in flow.index.taken[node])
        inputs = [name for name in taken if name in given or (name in flow.made and name not in own)]
        parts.append(
            Part(
                names.get(number) or default or outputs[0],
                tuple(nodes),
                copied,
                tuple(inputs),
                (*outputs, *copied_ends),
            )
        )
    said = list(notes)
    if flow.idle:
        nodes_are = "node is" if flow.idle == 1 else "nodes are"
        said.append(f"{flow.idle:,} {nodes_are} in no part: no output of the model depends on them.")
    return SplitPlan(tuple(parts), tuple(said))
