"""Boxes of the graph as nodes and tensors of the open model, and what every page can do with them."""

from collections.abc import Iterable

from graphdebug.api.models import model_of
from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.ui import state
from graphdebug.ui.words import plural
from graphdebug.view.selection import nodes_of
from graphdebug.workspace.entries import ModelEntry


def tensors_in(model: Model, graph: str, ids: Iterable[str]) -> tuple[str, ...]:
    """Return the tensors that boxes stand for: a value itself, what a node or the nodes of a group make; no weights."""
    if graph not in model.graphs:
        return ()
    index, ids = model.graphs[graph], tuple(ids)
    made = [name for node in nodes_of(model, graph, ids) for name in index.nodes[node].output if name]
    values = [each[2:] for each in ids if each.startswith("v:") and each[2:] not in index.initializers]
    return tuple(dict.fromkeys([*made, *values]))


def selected_tensors(entry: ModelEntry) -> tuple[str, ...]:
    """Return the main graph's tensors that are selected, whatever graph is looked at."""
    ids = state.selection(MAIN_GRAPH)
    return tensors_in(model_of(entry), MAIN_GRAPH, ids) if ids else ()


def tap(entry: ModelEntry, ids: Iterable[str]) -> str:
    """Pick the tensors that boxes of the main graph stand for; return what to say of it."""
    names = tensors_in(model_of(entry), MAIN_GRAPH, ids)
    new = len(set(names).difference(state.picked_tensors()))
    state.pick(*names)
    taps = plural(len(state.picked_tensors()), "tap")
    return f"{plural(new, 'tensor')} picked, {taps} in all" if new else f"Picked already, {taps} in all"
