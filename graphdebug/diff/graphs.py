"""Two graphs that stand for each other: their ends, their nodes, and the graphs and constants to look at next."""

from collections.abc import Iterator
from itertools import zip_longest

from graphdebug.diff.constants import Constants, plain_attributes
from graphdebug.diff.facts import graph_facts
from graphdebug.diff.records import End, GraphDiff, NodeDiff, Place
from graphdebug.model.document import Model
from graphdebug.model.index import CALLED_FUNCTION, GraphIndex
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.value_types import declared_types, shown
from graphdebug.view.differences import COMMUTATIVE, Kind, Match, Matching, matching
from graphdebug.view.outline import INPUT, OUTPUT, Unit, outline

FREE_INITIALIZERS = 4
"""The IR version since which initializers need not be inputs."""

Paths = tuple[str, str]
"""Of a graph on the left and the one on the right that it is held against."""


def graph_diff(constants: Constants, paths: Paths) -> tuple[GraphDiff, list[Paths]]:
    """Return what differs between two graphs, and the nested graphs that stand for each other in them.

    Constants that their nodes use at the same place are paired.
    """
    one, other = (model.graphs[path] for model, path in zip(constants.models, paths, strict=True))
    found = matching(outline(constants.models[0], paths[0]), outline(constants.models[1], paths[1]))
    nodes: list[NodeDiff] = []
    below: list[Paths] = []
    same = renamed = 0
    for match in found.matches:
        ours, theirs = _units(match, found, nodes=True)
        if not ours or not theirs:  # alone, or an input or output stands for it: _ends tells of that
            nodes += [NodeDiff(Kind.LEFT, _places([unit]), ()) for unit in ours]
            nodes += [NodeDiff(Kind.RIGHT, (), _places([unit])) for unit in theirs]
            continue
        what = match.what
        if match.kind in (Kind.SAME, Kind.CHANGED):
            a, b = _node(ours[0]), _node(theirs[0])
            nested = _below(one, other, a, b)
            below += nested.values()
            told = tuple(f"attribute {name}:" for name in nested)  # what they hold is compared itself
            what = tuple(each for each in what if not each.startswith(told))
            what = (*what, *_inside(constants, one, other, a, b, what))
            if not what:
                same += 1
                renamed += ours[0].name != theirs[0].name
                continue
        kind = Kind.CHANGED if match.kind is Kind.SAME else match.kind
        nodes.append(NodeDiff(kind, _places(ours), _places(theirs), what))
    ends = (*_ends(found, (one, other)), *(_defaults(constants.models) if paths == (MAIN_GRAPH, MAIN_GRAPH) else ()))
    facts = graph_facts(one.proto, other.proto)
    return GraphDiff(*paths, one.title, _sentence(nodes, same), facts, ends, tuple(nodes), same, renamed), below


def one_sided(model: Model, path: str, left: bool) -> GraphDiff:
    """Return what to say of a function that only one of the models has."""
    title = model.graphs[path].title
    sentence = f"Function {shown(title)} is only in the {'first' if left else 'second'}."
    return GraphDiff(path if left else None, None if left else path, title, sentence)


def _node(unit: Unit) -> int:
    return int(unit.id.removeprefix("n:"))


def _places(units: list[Unit]) -> tuple[Place, ...]:
    return tuple(
        Place(_node(unit), unit.title, f"{unit.domain}.{unit.op}" if unit.domain else unit.op) for unit in units
    )


def _sentence(nodes: list[NodeDiff], same: int) -> str:
    """Say what differs among nodes: ``12 of 166 nodes differ: 3 changed, 8 fused, 1 only left``."""
    counts: dict[Kind, int] = {kind: 0 for kind in Kind if kind is not Kind.SAME}
    for each in nodes:
        counts[each.kind] += max(len(each.left), len(each.right))
    differing = sum(counts.values())
    if not differing:
        return f"All {same:,} nodes are the same." if same != 1 else "The only node is the same."
    parts = ", ".join(f"{count:,} {kind}" for kind, count in counts.items() if count)
    return f"{differing:,} of {same + differing:,} nodes differ: {parts}."


def _below(one: GraphIndex, other: GraphIndex, a: int, b: int) -> dict[str, Paths]:
    """Return the graphs that two nodes hold under the same attribute, by attribute."""
    theirs = dict(other.children.get(b, ()))
    return {
        attribute: (path, theirs[attribute])
        for attribute, path in one.children.get(a, ())
        if attribute != CALLED_FUNCTION and attribute in theirs
    }


def _inside(
    constants: Constants, one: GraphIndex, other: GraphIndex, a: int, b: int, said: tuple[str, ...]
) -> Iterator[str]:
    """Pair the constants of two nodes; say what differs that is not in ``said``: short texts of values hide it."""
    ours, theirs = one.nodes[a], other.nodes[b]
    left = [name if constants.is_constant(0, one.path, name) else "" for name in ours.input]
    right = [name if constants.is_constant(1, other.path, name) else "" for name in theirs.input]
    if ours.op_type in COMMUTATIVE:
        left, right = (sorted(names, key=bool) for names in (left, right))
    for slot, names in enumerate(zip(left, right, strict=False)):
        if all(names) and not constants.pair((one.path, names[0]), (other.path, names[1])):
            yield f"input {slot}: sparse on one side only"
    constants.pair_attributes((one.path, a), (other.path, b))
    for slot, (mine, their) in enumerate(zip_longest(ours.input, theirs.input, fillvalue="")):
        if bool(mine) != bool(their) and not _is_told(said, f"input {slot}"):
            yield f"input {slot}: {shown(mine) if mine else 'none'} → {shown(their) if their else 'none'}"
    before, after = plain_attributes(ours), plain_attributes(theirs)
    for name in before:
        if name in after and before[name] != after[name] and not _is_told(said, f"attribute {name}"):
            yield f"attribute {shown(name)[1:-1]}: not exactly the same"


def _is_told(said: tuple[str, ...], what: str) -> bool:
    return any(each.startswith(f"{what}:") for each in said)


def _ends(found: Matching, indexes: tuple[GraphIndex, GraphIndex]) -> Iterator[End]:
    """Hold inputs and outputs against each other: declared types exactly, order, and in the main graph names."""
    types = [declared_types(index.proto) for index in indexes]
    real = [{INPUT: [*index.inputs, *index.defaults], OUTPUT: index.outputs} for index in indexes]
    paired: dict[str, list[tuple[str, str]]] = {INPUT: [], OUTPUT: []}
    for match in found.matches:
        for left, right in zip_longest(*_units(match, found, nodes=False)):
            role = (left or right).op
            names = (left.name if left else "", right.name if right else "")
            if not any(name in side[role] for name, side in zip(names, real, strict=True)):
                continue  # captured from around, or made nowhere
            kinds = (types[0].get(names[0]), types[1].get(names[1]))
            if left and right:
                paired[role].append(names)
            named = not (left and right) or (indexes[0].path == MAIN_GRAPH and names[0] != names[1])
            if named or (kinds[0] and kinds[1] and kinds[0] != kinds[1]):
                yield End(role, *names, *kinds)
    for role, pairs in paired.items():
        orders = [
            sorted(range(len(pairs)), key=[side[role].index(pair[at]) for pair in pairs].__getitem__)
            for at, side in enumerate(real)
            if all(pair[at] in side[role] for pair in pairs)
        ]
        if len(orders) == 2 and orders[0] != orders[1]:
            yield End(role, note="their order differs")


def _defaults(models: tuple[Model, Model]) -> Iterator[End]:
    """Hold inputs that have a default against each other, by name. Before IR version 4 every initializer is one."""
    sides = []
    for model in models:
        index = model.graphs[MAIN_GRAPH]
        types = declared_types(index.proto)
        sides.append({name: types.get(name) for name in index.defaults if model.proto.ir_version >= FREE_INITIALIZERS})
    for name in dict.fromkeys((*sides[0], *sides[1])):
        left, right = (name if name in side else "" for side in sides)
        kinds = sides[0].get(name), sides[1].get(name)
        if not (left and right) or kinds[0] != kinds[1]:
            yield End("input", left, right, *kinds, note="with a default")


def _units(match: Match, found: Matching, *, nodes: bool) -> tuple[list[Unit], list[Unit]]:
    """Return the nodes of a match on both sides, or its inputs and outputs."""
    left, right = (
        [unit for unit in (side.units[at] for at in units) if unit.is_node == nodes]
        for side, units in ((found.left, match.left), (found.right, match.right))
    )
    return left, right
