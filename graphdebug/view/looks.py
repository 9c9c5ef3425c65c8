"""How all that a scene shows looks. Nodes and groups are looked at once: every scene of a model has the same."""

import weakref

from graphdebug.model.document import Model
from graphdebug.view.boxes import Look, group_look, input_look, node_look, output_look
from graphdebug.view.chips import Chips
from graphdebug.view.contents import contents
from graphdebug.view.scopes import ScopeNode
from graphdebug.view.visible import Visible

_known: dict[tuple[int, str], dict[int | tuple[str, bool], Look]] = {}
"""By identity of a model, for as long as that lives, and graph: looks of nodes, and of groups closed and open."""


def looks_of(model: Model, graph: str, shown: Visible) -> list[Look]:
    """Return the look of each box; KeyError when the model has no such graph."""
    known, index = contents(model, graph), model.graphs[graph]
    chips, types, remembered = Chips(model, index), model.types[graph], _remembered(model, graph)
    looks = []
    for what, frame in zip(shown.what, shown.frames, strict=True):
        if isinstance(what, ScopeNode):
            look = remembered.get((what.id, frame))
            if look is None:
                look = remembered[what.id, frame] = group_look(what, index, chips, frame=frame)
        elif what < known.nodes:
            look = remembered.get(what)
            if look is None:
                calls = any(path.startswith("fn:") and "/" not in path for _, path in index.children.get(what, ()))
                look = node_look(index.nodes[what], index.names[what], chips, calls_function=calls)
                remembered[what] = look
        elif what < known.output_item(0):
            name = known.inputs[what - known.nodes]
            mark = "captured" if name in known.captured else "missing" if name in known.missing else ""
            look = input_look(name, types.get(name), mark)
        else:
            name = known.outputs[what - known.output_item(0)]
            look = output_look(name, types.get(name))
        looks.append(look)
    return looks


def _remembered(model: Model, graph: str) -> dict[int | tuple[str, bool], Look]:
    key = id(model), graph
    if key not in _known:
        weakref.finalize(model, _known.pop, key, None)
    return _known.setdefault(key, {})
