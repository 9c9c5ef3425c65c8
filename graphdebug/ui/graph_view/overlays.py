"""Overlays made from what is known of single nodes: a collapsed group shows the heaviest node it hides."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from graphdebug.model.document import Model
from graphdebug.ui.graph_view.component import Overlay
from graphdebug.view.coloring import colored, total_text
from graphdebug.view.contents import contents
from graphdebug.view.node_data import NodeData, Value


@dataclass(frozen=True, slots=True)
class Shade:
    """How one node is coloured. Of the nodes in a group the one with the largest ``weight`` colours the group."""

    color: str
    text: str = ""
    weight: float = 0.0


def overlay_of_nodes(
    model: Model, graph: str, shades: Mapping[int, Shade], title: str = "", legend: tuple[tuple[str, str], ...] = ()
) -> Overlay:
    """Return an overlay that colours nodes of ``graph`` (by index) and every group around them."""
    colors = {f"n:{node}": shade.color for node, shade in shades.items()}
    texts = {f"n:{node}": shade.text for node, shade in shades.items() if shade.text}
    index, shown = model.graphs[graph], contents(model, graph)
    heaviest: dict[str, int] = {}
    for node, shade in shades.items():
        for group in shown.around(shown.group_of.get(node, "")):
            if group not in heaviest or shade.weight > shades[heaviest[group]].weight:
                heaviest[group] = node
    for group, node in heaviest.items():
        colors[group] = shades[node].color
        if shades[node].text:
            texts[group] = f"{index.names[node]}: {shades[node].text}"
    return Overlay(title, legend, colors, texts)


def overlay_of_data(model: Model, graph: str, data: NodeData, scale: str, limits: Sequence[float]) -> Overlay:
    """Return the overlay of node data (see `view.coloring.colored`); groups say their sum or their largest number."""
    made = colored(data, scale, limits)
    shades = {node: Shade(color, made.texts[node], made.weights[node]) for node, color in made.colors.items()}
    overlay = overlay_of_nodes(model, graph, shades, data.title, made.legend)
    shown = contents(model, graph)
    neutral = {f"n:{node}": text for node, text in made.texts.items() if node not in shades}
    inside: dict[str, list[Value]] = {}
    for node, value in data.values.items():
        for group in shown.around(shown.group_of.get(node, "")):
            inside.setdefault(group, []).append(value)
    texts = {group: total_text(values, data) for group, values in inside.items()}
    said = {**neutral, **overlay.texts, **texts}
    return replace(overlay, texts={key: f"{data.title}: {text}" for key, text in said.items()})
