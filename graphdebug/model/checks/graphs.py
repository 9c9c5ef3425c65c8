"""Rules about how values are made and used: cycles, names, missing and unused things."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from graphdebug.model.index import GraphIndex
from graphdebug.model.records import Finding, Severity
from graphdebug.model.refs import MAIN_GRAPH, parent_path
from graphdebug.model.value_types import shown


def graph_findings(graphs: Mapping[str, GraphIndex], path: str) -> Iterator[Finding]:
    """Check one graph."""
    index = graphs[path]
    yield from _cycle(index)
    yield from duplicate_findings(index)
    yield from _dangling(graphs, index)
    yield from _unused(index)


def listed(names: Iterable[str], limit: int = 4) -> str:
    """Return the first names in quotes, and how many more there are."""
    every = list(names)
    text = ", ".join(shown(name) for name in every[:limit])
    return f"{text} and {len(every) - limit:,} more" if len(every) > limit else text


def find_cycle(index: GraphIndex) -> list[int]:
    """Return the nodes of one cycle, each using a value of the one before; empty when there is none."""
    if not index.stuck:
        return []
    before: dict[int, int] = {}
    for name, producer in index.producer.items():
        if producer in index.stuck:
            before.update({user: producer for user in _users(index, name) if user in index.stuck})
    node = min(before)
    seen: dict[int, int] = {}
    while node not in seen:  # every stuck node waits for a stuck node, so going back must close a circle
        seen[node] = len(seen)
        node = before[node]
    return list(seen)[seen[node] :][::-1]


def cycle_through(index: GraphIndex, node: int) -> list[int]:
    """Return the nodes of a shortest cycle through ``node``, from it on; empty when it is on none."""
    if node not in index.stuck:
        return []
    before: dict[int, int] = {}
    waiting = deque([node])
    while waiting:
        maker = waiting.popleft()
        for user in (user for name in index.nodes[maker].output for user in _users(index, name)):
            if user == node:
                cycle = [maker]
                while cycle[-1] != node:
                    cycle.append(before[cycle[-1]])
                return cycle[::-1]
            if user in index.stuck and user not in before:
                before[user] = maker
                waiting.append(user)
    return []


def _users(index: GraphIndex, name: str) -> list[int]:
    return [user for user, _ in index.consumers.get(name, ())] + index.captured.get(name, [])


def cycle_finding(index: GraphIndex, cycle: Sequence[int]) -> Finding:
    """Say which nodes wait for each other, the first one of the file first."""
    start = cycle.index(min(cycle))
    cycle = [*cycle[start:], *cycle[:start]]
    names = [index.names[node] for node in cycle]
    round_trip = " → ".join(shown(name) for name in [*names[:6], *(["…"] if len(names) > 6 else []), names[0]])
    sentence = f"{len(cycle)} node(s) wait for each other in a circle and can never run: {round_trip}."
    return Finding(Severity.ERROR, "graph-cycle", sentence, index.path, cycle[0])


def _cycle(index: GraphIndex) -> Iterator[Finding]:
    cycle = find_cycle(index)
    if cycle:
        yield cycle_finding(index, cycle)
    elif index.order != list(range(len(index.nodes))):
        yield order_finding(index, next(node for place, node in enumerate(index.order) if place != node))


def order_finding(index: GraphIndex, late: int) -> Finding:
    """Say that node ``late`` stands behind one that needs it."""
    sentence = f"Nodes are not in an order in which they can run ({shown(index.names[late])} comes too late); "
    sentence += "ONNX demands one, some engines sort them."
    return Finding(Severity.WARNING, "nodes-out-of-order", sentence, index.path, late)


def duplicate_findings(index: GraphIndex) -> Iterator[Finding]:
    """Check that every name is given once."""
    made: dict[str, str] = {}
    for role, names in (
        ("an input", [*index.inputs, *index.defaults]),
        ("an initializer", _initializer_names(index)),
        ("a node's output", [name for node in index.nodes for name in node.output if name]),
    ):
        counts = Counter(names)
        for name, count in counts.items():
            before = made.get(name)
            if count > 1:
                sentence = f"The name {shown(name)} is given to {role} {count} times; names must be unique."
            elif before and not (role == "an initializer" and before == "an input"):
                sentence = f"The name {shown(name)} is given to {before} and to {role}; names must be unique."
            else:
                continue
            yield Finding(Severity.ERROR, "duplicate-name", sentence, index.path, index.producer.get(name), tensor=name)
        made |= dict.fromkeys(counts, role)
    nodes = [name for name, count in Counter(node.name for node in index.nodes).items() if name and count > 1]
    if nodes:
        sentence = f"{len(nodes):,} node name(s) are not unique, so messages of engines are ambiguous: {listed(nodes)}."
        yield Finding(Severity.WARNING, "duplicate-node-name", sentence, index.path, index.names.index(nodes[0]))


def _initializer_names(index: GraphIndex) -> list[str]:
    if not hasattr(index.proto, "initializer"):
        return []
    dense = [tensor.name for tensor in index.proto.initializer]
    return dense + [sparse.values.name for sparse in index.proto.sparse_initializer]


def _dangling(graphs: Mapping[str, GraphIndex], index: GraphIndex) -> Iterator[Finding]:
    for name in index.outer:
        yield from dangling_findings(graphs, index, name)


def dangling_findings(graphs: Mapping[str, GraphIndex], index: GraphIndex, name: str) -> Iterator[Finding]:
    """Check that a value which ``index`` uses and does not make is made in a graph around it."""
    if _defined_around(graphs, index.path, name):
        return
    for node, slot in index.consumers.get(name, ()):
        sentence = f"{shown(index.names[node])} ({index.nodes[node].op_type}) needs {shown(name)} as input {slot}, "
        sentence += "but nothing makes it."
        yield Finding(Severity.ERROR, "dangling-input", sentence, index.path, node, name)
    if name in index.outputs:
        sentence = f"The graph's output {shown(name)} is made by no node, input or initializer."
        yield Finding(Severity.ERROR, "missing-output", sentence, index.path, tensor=name)


def _defined_around(graphs: Mapping[str, GraphIndex], path: str, name: str) -> bool:
    above = parent_path(path)
    while above is not None:
        if graphs[above].defines(name):
            return True
        above = parent_path(above)
    return False


def _unused(index: GraphIndex) -> Iterator[Finding]:
    initializers = [name for name in (*index.initializers, *index.sparse) if not index.is_used(name)]
    if initializers:
        sentence = f"{len(initializers):,} initializer(s) are never used: {listed(initializers)}."
        yield Finding(Severity.INFO, "unused-initializer", sentence, index.path, tensor=initializers[0])
    if index.path == MAIN_GRAPH:
        inputs = [name for name in index.inputs if not index.is_used(name)]
        if inputs:
            sentence = f"{len(inputs):,} input(s) of the model are never used: {listed(inputs)}."
            yield Finding(Severity.INFO, "unused-input", sentence, index.path, tensor=inputs[0])
        if not index.outputs:
            yield Finding(Severity.WARNING, "no-outputs", "The model has no outputs.", index.path)
    dead = dead_nodes(index)
    if dead and index.outputs:
        names = listed(index.names[node] for node in dead)
        sentence = f"{len(dead):,} node(s) contribute to no output: {names}."
        yield Finding(Severity.INFO, "unused-node", sentence, index.path, dead[0])


def dead_nodes(index: GraphIndex) -> list[int]:
    """Return the nodes from which no path leads to an output of the graph, in file order."""
    captures: dict[int, list[str]] = {}
    for name, users in index.captured.items():
        for user in users:
            captures.setdefault(user, []).append(name)
    alive: set[int] = set()
    waiting = [index.producer[name] for name in index.outputs if name in index.producer]
    while waiting:
        node = waiting.pop()
        if node in alive:
            continue
        alive.add(node)
        for name in (*index.nodes[node].input, *captures.get(node, ())):
            producer = index.producer.get(name)
            if producer is not None and producer not in alive:
                waiting.append(producer)
    return [node for node in range(len(index.nodes)) if node not in alive]
