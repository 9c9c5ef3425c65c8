"""The graph around what a report is about, drawn for it: laid out in a worker, under limits of its own."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphdebug.compare.records import CompareResult
from graphdebug.model.document import open_model
from graphdebug.model.records import ModelLocation
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.report.colors import legend, step, worst_by_node
from graphdebug.runtime.events import Limits, Progress, WorkerError
from graphdebug.runtime.process import start
from graphdebug.view.scene import neighbourhood
from graphdebug.view.selection import nodes_of
from graphdebug.view.svg import svg

FIRST, SELECTION = "Around the first tensor that parts", "What was selected, and what is next to it"
_JOB = "graphdebug.report.picture:picture_job"
_LIMITS = Limits(memory=4 << 30, seconds=60, output=64 << 20)
_MOST = 300
"""Selected nodes that are drawn: of more nothing could be read on a page."""


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """Draw what is at most ``hops`` links away from boxes of the main graph, else from ``node``; ``colors`` by node."""

    model: ModelLocation
    node: int | None
    colors: dict[int, str]
    boxes: tuple[str, ...] = ()
    hops: int = 1


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph as SVG, its title, label and colour of each step in it; a ``note`` says what is missing, or all is."""

    svg: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    note: str = ""
    title: str = FIRST


class PictureError(Exception):
    """The graph cannot be drawn; the message is the end of a sentence."""


def draw(result: CompareResult, *, selected: Sequence[str] = (), spare: bool = False) -> Picture:
    """Return the graph around the first bad tensor, coloured by error; empty when no tensor is bad.

    Args:
        result: the comparison; its reference model is drawn.
        selected: ids of boxes of the main graph: these and what is next to them are drawn instead.
        spare: draw in the warm spare worker, as a server should; a terminal's program does better without.
    """
    first = next((row for row in result.rows if row.name == result.verdict.first), None)
    node, model = first.node if first else None, result.request.reference.model
    if model is None or (node is None and not selected):
        return Picture()
    worst = worst_by_node(result.rows)
    request = PictureRequest(model, node, {node: step(row).color for node, row in worst.items()}, tuple(selected))
    try:
        with (
            tempfile.TemporaryDirectory(prefix="graphdebug-") as folder,
            start(_JOB, request, Path(folder), _LIMITS, spare=spare) as worker,
        ):
            drawn = worker.result(Picture)
    except (WorkerError, OSError) as error:
        return Picture(note=f"The graph could not be drawn: {error}")
    return Picture(drawn.svg, legend(worst.values()) if drawn.svg else (), drawn.note, drawn.title)


def picture_job(request: PictureRequest, folder: Path, progress: Progress) -> Picture:
    """Return the picture without a legend. A job function: nothing is written to ``folder``."""
    progress(None, "drawing the graph")
    model = open_model(request.model)
    count = len(model.graphs[MAIN_GRAPH].nodes)
    selected = nodes_of(model, MAIN_GRAPH, request.boxes)
    around = selected or (() if request.node is None else (request.node,))
    if not around:
        return Picture()
    if max(around) >= count:
        raise PictureError(f"the model has {count} nodes now and is not the one that was compared.")
    colors = {f"n:{node}": color for node, color in request.colors.items()}
    drawn = svg(neighbourhood(model, MAIN_GRAPH, around[:_MOST], request.hops), colors)
    note = f"The first {_MOST} of {len(selected):,} selected nodes are drawn." if len(selected) > _MOST else ""
    return Picture(drawn, note=note, title=SELECTION if selected else FIRST)
