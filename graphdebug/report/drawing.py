"""A graph to take away: as SVG, PNG, DOT for graphviz, or JSON. Laid out and drawn in a worker."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import msgspec
import numpy as np

from graphdebug.model.document import Model, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.report.png import png, size_of
from graphdebug.runtime.events import Limits, Progress
from graphdebug.view.contents import contents
from graphdebug.view.dot import dot
from graphdebug.view.scene import ALL, Scene, neighbourhood, scene
from graphdebug.view.svg import Legend, svg
from graphdebug.view.svg_theme import THEMES

DRAW_JOB = "graphdebug.report.drawing:draw_job"
LIMITS = Limits(memory=8 << 30, seconds=300, output=2 << 30)
FORMATS = ("svg", "png", "dot", "json")
JSON_VERSION = 1


class DrawingError(Exception):
    """The graph cannot be drawn; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class DrawRequest:
    """Draw one graph of a model.

    Args:
        model: the model.
        format: one of `FORMATS`.
        graph: the graph's path, the main one by default.
        expanded: the groups to open (``encoder.layers.0``, or ids as the graph view has them); `ALL`: every one; None:
            the level on which the graph view opens.
        flat: draw no groups at all.
        direction: ``down`` or ``right``.
        around: draw only what is at most ``hops`` lines away from these nodes (indices, or names as shown), without
            groups.
        hops: see ``around``.
        scale: pixels of a PNG for one of the SVG.
        theme: ``light`` or ``dark``, of SVG and PNG.
        colors: CSS colours of boxes in SVG and PNG, by id.
        legend: what the colours mean: label and colour of each.
        legend_title: what stands above it.
    """

    model: ModelLocation
    format: str
    graph: str = ""
    expanded: tuple[str, ...] | None = None
    flat: bool = False
    direction: str = "down"
    around: tuple[str | int, ...] = ()
    hops: int = 1
    scale: float = 1.0
    theme: str = "light"
    colors: dict[str, str] = field(default_factory=dict)
    legend: tuple[tuple[str, str], ...] = ()
    legend_title: str = ""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The ``file`` (a name in the job's folder), its size in pixels (0 for text), and what was left out or shrunk."""

    file: str
    width: int = 0
    height: int = 0
    notices: tuple[str, ...] = ()


def draw_job(request: DrawRequest, folder: Path, progress: Progress) -> Drawn:
    """Draw a graph into a file ``graph.<format>`` in ``folder``; a job function.

    Raises:
        DrawingError: the model has no such graph or node.
    """
    progress(None, "laying the graph out")
    drawn = _scene(request)
    path = folder / f"graph.{request.format}"
    progress(None, "drawing")
    width, height, notices = 0, 0, drawn.notices
    if request.format == "dot":
        path.write_text(dot(drawn), "utf-8")
    elif request.format == "json":
        path.write_bytes(msgspec.json.format(scene_json(drawn), indent=1))
    elif request.format == "svg":
        text = _svg(drawn, request)
        path.write_text(text, "utf-8")
        width, height = size_of(text)
    elif request.format == "png":
        text = _svg(drawn, request)
        data, width, height = png(text, request.scale)
        path.write_bytes(data)
        share = width / (size_of(text)[0] * request.scale)
        if share < 0.99:
            notices += (f"The picture is drawn at {share:.0%} of the size that was asked for; SVG has all of it.",)
    else:
        raise DrawingError(f"A graph is drawn as {', '.join(FORMATS)}, not as {request.format!r}.")
    return Drawn(path.name, width, height, notices)


def _svg(drawn: Scene, request: DrawRequest) -> str:
    if request.theme not in THEMES:
        raise DrawingError(f"A picture is {' or '.join(THEMES)}, not {request.theme!r}.")
    legend = Legend(request.legend_title, request.legend) if request.legend else None
    return svg(drawn, request.colors, theme=request.theme, legend=legend)


def scene_json(drawn: Scene) -> bytes:
    """Return a scene as JSON (docs/command-line.md, "graph")."""
    boxes = [
        {
            "id": box.id,
            "kind": box.kind.name.lower(),
            "op": box.op,
            "label": box.label,
            "chips": box.chips,
            "inside": drawn.boxes[box.parent].id if box.parent >= 0 else None,
            "nodes": box.count,
            "x": box.x,
            "y": box.y,
            "width": box.width,
            "height": box.height,
        }
        for box in drawn.boxes
    ]
    edges = [
        {
            "tail": drawn.boxes[edge.tail].id,
            "head": drawn.boxes[edge.head].id,
            "value": edge.value,
            "label": edge.label,
            "values": edge.count,
            "points": np.round(edge.points, 2).tolist(),
        }
        for edge in drawn.edges
    ]
    return msgspec.json.encode(
        {
            "version": JSON_VERSION,
            "model": drawn.model,
            "graph": drawn.graph,
            "title": drawn.title,
            "width": drawn.width,
            "height": drawn.height,
            "boxes": boxes,
            "edges": edges,
            "notices": drawn.notices,
        }
    )


def _scene(request: DrawRequest) -> Scene:
    model = open_model(request.model)
    if request.graph not in model.graphs:
        some = ", ".join(repr(path) for path in list(model.graphs)[1:9])
        raise DrawingError(f"The model has no graph at {request.graph!r}; there is {some or 'only the main one'}.")
    if request.around:
        nodes = [_node(model, request.graph, name) for name in request.around]
        return neighbourhood(model, request.graph, nodes, request.hops, request.direction)
    expanded = None if request.expanded is None else _groups(model, request.graph, request.expanded)
    return scene(model, request.graph, expanded, request.flat, request.direction)


def _node(model: Model, graph: str, name: str | int) -> int:
    """Return the index of the node that is shown as ``name``, or that has this index."""
    names = model.graphs[graph].names
    if isinstance(name, int) and 0 <= name < len(names):
        return name
    name = str(name)
    if name in names:
        return names.index(name)
    if name.isdecimal() and len(name) < 12 and int(name) < len(names):
        return int(name)
    raise DrawingError(f"There is no node {name!r} among the graph's {len(names)}: give a name, or a number from 0 on.")


def _groups(model: Model, graph: str, wanted: Collection[str]) -> frozenset[str]:
    """Return the ids of the groups to open, with those around them."""
    known = contents(model, graph)
    if ALL in wanted:
        return frozenset([ALL])
    by_module = {_module(group): group for group in known.groups}
    opened: set[str] = set()
    for name in wanted:
        module = _module(name)
        ends = sorted((each for each in by_module if f".{each}".endswith(f".{module}")), key=_depth)
        if not ends or (len(ends) > 1 and _depth(ends[0]) == _depth(ends[1])):
            some = ", ".join((ends or sorted(by_module, key=_depth))[:8])
            raise DrawingError(f"No one group is called {name!r}; there is {some or 'none at all'}.")
        found = name if name in known.groups else by_module[ends[0]]
        opened |= {found, *known.around(known.parents[found])}
    return frozenset(opened)


def _depth(module: str) -> int:
    return module.count(".")


def _module(group: str) -> str:
    """Return the module's name that a group's id stands for: ``s:encoder/layers.0`` is ``encoder.layers.0``."""
    return unquote(group.removeprefix("s:").replace("/", "."))
