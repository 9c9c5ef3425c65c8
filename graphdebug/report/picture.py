"""The graph around the first tensor that parts, drawn for a report: laid out in a worker, under limits of its own."""

import tempfile
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
from graphdebug.view.svg import svg

_JOB = "graphdebug.report.picture:picture_job"
_LIMITS = Limits(memory=4 << 30, seconds=60, output=64 << 20)
_HOPS = 2


@dataclass(frozen=True, slots=True)
class PictureRequest:
    """Draw what is at most ``hops`` links away from ``node`` of the main graph; ``colors`` by node index."""

    model: ModelLocation
    node: int
    colors: dict[int, str]
    hops: int = _HOPS


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph as SVG, with label and colour of each step in it; or a ``note`` that says why there is none."""

    svg: str = ""
    legend: tuple[tuple[str, str], ...] = ()
    note: str = ""


class PictureError(Exception):
    """The graph cannot be drawn; the message is the end of a sentence."""


def draw(result: CompareResult, *, spare: bool = False) -> Picture:
    """Return the graph around the first bad tensor, coloured by error; empty when no tensor is bad.

    Args:
        result: the comparison; its reference model is drawn.
        spare: draw in the warm spare worker, as a server should; a terminal's program does better without.
    """
    first = next((row for row in result.rows if row.name == result.verdict.first), None)
    model = result.request.reference.model
    if first is None or first.node is None or model is None:
        return Picture()
    worst = worst_by_node(result.rows)
    request = PictureRequest(model, first.node, {node: step(row).color for node, row in worst.items()})
    try:
        with (
            tempfile.TemporaryDirectory(prefix="graphdebug-") as folder,
            start(_JOB, request, Path(folder), _LIMITS, spare=spare) as worker,
        ):
            drawn = worker.result(str)
    except (WorkerError, OSError) as error:
        return Picture(note=f"The graph could not be drawn: {error}")
    return Picture(drawn, legend(worst.values()))


def picture_job(request: PictureRequest, folder: Path, progress: Progress) -> str:
    """Return the SVG text. A job function: nothing is written to ``folder``."""
    progress(None, "drawing the graph")
    model = open_model(request.model)
    nodes = len(model.graphs[MAIN_GRAPH].nodes)
    if request.node >= nodes:
        raise PictureError(f"the model has {nodes} nodes now and is not the one that was compared.")
    colors = {f"n:{node}": color for node, color in request.colors.items()}
    return svg(neighbourhood(model, MAIN_GRAPH, [request.node], request.hops), colors)
