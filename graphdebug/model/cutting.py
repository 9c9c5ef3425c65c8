"""Cutting a part out of a graph, from values to values: what belongs to it, what it needs, and how to say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from graphdebug.model.document import Model, Types
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH, parent_path
from graphdebug.model.value_types import is_known, shown, suits_port
from graphdebug.model.vertex_cuts import smallest_cuts

_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a graph from ``starts`` to ``ends`` (names of values, each once, in the order asked).

    ``graph``: path of the graph that is cut. ``nodes``: what the ends depend on, as far back as the starts (ascending).
    ``needs``: values that it takes besides the starts and that are no constants: inputs of the graph, values of graphs
    around it, values that nothing makes; with these it lacks something. ``unused``: starts on which nothing depends.
    ``initializers``: constants that it takes, those of graphs around it included (of these, `Constant` nodes' values,
    too). ``constant_ends`` are constants themselves, ``passed_ends`` are starts; ``inner_ends`` are made by a node of
    the part and used by others of it.
    """

    graph: str
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    nodes: tuple[int, ...] = ()
    needs: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    initializers: tuple[str, ...] = ()
    constant_ends: tuple[str, ...] = ()
    passed_ends: tuple[str, ...] = ()
    inner_ends: tuple[str, ...] = ()


def cut(model: Model, graph: str, starts: Iterable[str], ends: Iterable[str]) -> Cut:
    """Return what it takes to get from ``starts`` to ``ends`` in the graph at path ``graph``.

    No ends: the outputs of the graph that depend on the starts. No starts: the inputs of the graph that the ends need.

    Raises:
        KeyError: there is no such graph.
    """
    index = model.graphs[graph]
    first, last = dict.fromkeys(starts), dict.fromkeys(ends)
    if not last:
        behind = downstream(index, first)
        last = dict.fromkeys(name for name in index.outputs if name in behind)
    nodes, given = _upstream(index, first, last)
    if not first:
        first = dict.fromkeys(name for name in index.inputs if name in given)
    constants = {name: None for name in given if name not in first and constant_home(model, graph, name) is not None}
    needs = [name for name in given if name not in first and name not in constants]
    used = {name for node in nodes for name in index.taken[node]}
    made = {name for node in nodes for name in index.nodes[node].output}
    place = {name: at for at, name in enumerate(index.inputs)}
    return Cut(
        graph,
        tuple(first),
        tuple(last),
        tuple(sorted(nodes)),
        tuple(sorted(needs, key=lambda name: (place.get(name, len(place)), name))),
        tuple(name for name in first if name not in used and name not in last),
        tuple(sorted(constants)),
        tuple(name for name in last if name in constants),
        tuple(name for name in last if name in first),
        tuple(name for name in last if name in made and name in used and name not in first),
    )


def downstream(index: GraphIndex, values: Iterable[str]) -> set[str]:
    """Return values and all that is made from them."""
    found, waiting = set(values), list(values)
    while waiting:
        for node in index.users(waiting.pop()):
            new = {name for name in index.nodes[node].output if name} - found
            found |= new
            waiting += new
    return found


def constant_home(model: Model, graph: str, name: str) -> GraphIndex | None:
    """Return the graph, that at ``graph`` or one around it, that has ``name`` as an initializer or makes it by a
    `Constant` node; None when it is no constant."""
    index = owner(model, graph, name)
    if index is None or name in index.initializers or name in index.sparse:
        return index
    maker = index.producer.get(name)
    if maker is None or index.nodes[maker].op_type != "Constant" or index.nodes[maker].domain not in ("", "ai.onnx"):
        return None
    return index


def owner(model: Model, graph: str, name: str) -> GraphIndex | None:
    """Return the graph, that at ``graph`` or the nearest around it, that makes ``name`` or gets it; None: none does."""
    path: str | None = graph
    while path is not None:
        index = model.graphs[path]
        if index.defines(name):
            return index
        path = parent_path(path)
    return None


def _upstream(index: GraphIndex, starts: Iterable[str], ends: Iterable[str]) -> tuple[set[int], set[str]]:
    """Return the nodes that ends depend on, as far back as the starts, and the values taken that no node makes."""
    nodes, given, seen = set[int](), set[str](), set(starts)
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        producer = index.producer.get(name)
        if producer is None:
            given.add(name)
        elif producer not in nodes:
            nodes.add(producer)
            waiting += index.taken[producer]
    return nodes, given


# What would suffice


def sufficient(model: Model, cut: Cut, types: Types) -> tuple[tuple[str, ...], ...]:
    """Return sets of values that, added to the starts, would make up for what the part needs, the best first.

    They are the smallest sets there are, the one nearest to the ends and the one nearest to the inputs, and ``needs``
    itself. None depends on the starts: these would be of no use any more. ``types`` are those of all graphs (graph path
    → value → type): only tensors are named; where these do not do, sequences and the like; last, values of which no
    type is known. () when nothing is missing or nothing would do.
    """
    if not cut.needs:
        return ()
    for fits in (_is_tensor, suits_port, None):
        if found := _Candidates(model, cut, types, fits).sets():
            return found
    return ()


class _Candidates:
    """The values on the way from what is missing to what depends on the starts, or to the ends."""

    def __init__(self, model: Model, cut: Cut, types: Types, fits: Callable[[ValueType], bool] | None) -> None:
        """``fits`` says of which types candidates may be; None: of any, also of none that is known."""
        self._model, self._cut, self._types, self._fits = model, cut, types, fits
        self._index = model.graphs[cut.graph]
        self._targets = downstream(self._index, cut.starts) | set(cut.ends)

    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Return the sets that would do, without doubles, smaller ones first."""
        needs = self._cut.needs
        wanted = tuple(name for name in needs if name in self._targets)
        """Ends that the part can only pass through."""
        if not all(map(self._can_be_input, wanted)):
            return ()
        found = [(*wanted, *each) for each in self._smallest([name for name in needs if name not in wanted])]
        if all(map(self._can_be_input, needs)):
            found.append(needs)
        return tuple(sorted(dict.fromkeys(found), key=len))

    def _smallest(self, missing: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the smallest sets between what is missing and the targets: nearest to the ends, to the inputs."""
        made_from = self._made_from(missing)
        names = list(dict.fromkeys((*missing, *(head for each in made_from.values() for head in each))))
        number = {name: at for at, name in enumerate(names)}
        cuts = smallest_cuts(
            [[number[head] for head in made_from.get(name, ())] for name in names],
            [number[name] for name in missing],
            [at for at, name in enumerate(names) if name in self._targets],
            [at for at, name in enumerate(names) if name in self._targets or not self._can_be_input(name)],
        )
        place = {name: (self._index.producer.get(name, -1), at) for at, name in enumerate(names)}
        return [tuple(sorted((names[at] for at in each), key=place.__getitem__)) for each in reversed(cuts or ())]

    def _made_from(self, missing: Iterable[str]) -> dict[str, list[str]]:
        """Return value → values of the part made directly from it, from what is missing on, as far as the targets."""
        users: dict[str, list[int]] = {}
        for node in self._cut.nodes:
            for name in dict.fromkeys(self._index.taken[node]):
                users.setdefault(name, []).append(node)
        starts, found = frozenset(self._cut.starts), dict[str, list[str]]()
        waiting = list(missing)
        while waiting:
            name = waiting.pop()
            if name in found or name in self._targets:
                continue
            made = (made for node in users.get(name, ()) for made in self._index.nodes[node].output)
            found[name] = list(dict.fromkeys(each for each in made if each and each not in starts))
            waiting += found[name]
        return found

    def _can_be_input(self, name: str) -> bool:
        index = owner(self._model, self._cut.graph, name)
        known = self._types.get(index.path, {}).get(name) if index is not None else None
        if known is None or self._fits is None:
            return index is not None and self._fits is None
        return self._fits(known)


def _is_tensor(known: ValueType) -> bool:
    return known.kind == "tensor" and suits_port(known)


# In words


def explain(model: Model, cut: Cut) -> tuple[str, ...]:
    """Say in sentences what is special about a cut: one for each case, none when nothing is."""
    return tuple(_sentences(model, cut))


def _sentences(model: Model, cut: Cut) -> Iterator[str]:
    index = model.graphs[cut.graph]
    inputs = [name for name in cut.needs if name in index.inputs]
    around = [name for name in cut.needs if name not in inputs and owner(model, cut.graph, name) is not None]
    nowhere = [name for name in cut.needs if name not in inputs and name not in around]
    if inputs:
        yield f"The inputs do not suffice: the part also depends on {listed(inputs)} of {shown(index.title)}."
    if around:
        yield f"The inputs do not suffice: the part also takes {listed(around)} from the graph around it."
    if nowhere:
        yield f"Nothing in the model makes {listed(nowhere)}, which the part needs."
    if cut.unused:
        yield f"Nothing in the part depends on {listed(cut.unused)}: as an input it would be redundant."
    if cut.inner_ends:
        yield f"The part itself goes on with {listed(cut.inner_ends)}: an extra output in the middle."
    if cut.constant_ends:
        yield f"{listed(cut.constant_ends)} is a constant of the model: the part puts it out as it is."
    if cut.passed_ends:
        yield f"{listed(cut.passed_ends)} is an input and an output of the part: it is passed through."
    if unknown := untyped(model, cut):
        yield f"{unknown_types(unknown)}: give it, or run the model once."
    if not cut.ends:
        yield "No output of the graph depends on these values: say where the part ends."


def untyped(model: Model, cut: Cut) -> tuple[str, ...]:
    """Return the values at the border of a part of which too little is known for them to be inputs and outputs."""
    names = dict.fromkeys((*(name for name in cut.starts if name not in cut.unused), *cut.ends))
    return tuple(name for name in names if not is_typed(model, cut.graph, name))


def is_typed(model: Model, graph: str, name: str) -> bool:
    """Say whether enough is known of a value for it to be an input or output of a part.

    What the model leaves open of its own inputs and outputs, a part may leave open, too.
    """
    index = owner(model, graph, name)
    if index is None:
        return False
    known = model.types[index.path].get(name)
    own = graph == MAIN_GRAPH and (name in index.inputs or name in index.outputs)
    return is_known(known) if own else suits_port(known)


def unknown_types(names: Sequence[str]) -> str:
    """Return what is to be said of values of which too little is known, as the beginning of a sentence."""
    return f"The type of {listed(names)} is not known, and inputs and outputs need an element type and a rank"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists them: quoted, joined by commas and an ``and``, not too many."""
    named = [shown(name) for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        named.append(f"{len(names) - _MOST_NAMED:,} more")
    return " and ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
