"""The graph view's layout beside graphviz dot's, in one run: crossings, edge length, boxes run over, size, seconds.

Both lay out the same scene: the same boxes of the same sizes, frames as clusters, the same edges. What is measured is
what is drawn: crossings are points where two different drawn lines cross (lines that branch off one another do not),
*run over* counts (edge, box) pairs where the edge passes through a box that it has nothing to do with. dot's splines
are measured as polylines of eight pieces a curve. graphdebug cuts the longest edges of large graphs and draws two
stubs for each; *cut* says how many. dot is tried as it comes and, where that passes the limit, with its simplex steps
bounded (``-Gnslimit=1 -Gmclimit=0.1``).

Usage: python benchmarks/layout_quality.py MODEL.onnx … [--level open flat all] [--direction down right] [--limit 60]
       [--no-dot]
"""

import argparse
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graphdebug.model.document import Model, open_model
from graphdebug.view.contents import contents
from graphdebug.view.scene import RIGHT, Kind, Scene, default_expanded, scene

Floats = NDArray[np.float64]
POINT = 72.0
"""dot's points to its inch: one of our pixels is one point."""
BOUNDED = ("-Gnslimit=1", "-Gnslimit1=1", "-Gmclimit=0.1")
BATCH = 4_000_000
"""Pairs of segments compared at once."""
INSET = 1.0
"""An edge that only grazes a box does not run over it."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Rectangles [B, 4] (left, top, right, bottom) of the boxes that are no frames; each edge's two boxes and line."""

    boxes: Floats
    ends: list[tuple[int, int]]
    lines: list[Floats]
    cut: int
    seconds: float


def of_scene(drawn: Scene, seconds: float) -> Drawing:
    """Take the measurements' input from a scene."""
    number = {position: i for i, position in enumerate(solid(drawn))}
    rects = np.array([(b.x, b.y, b.x + b.width, b.y + b.height) for b in drawn.boxes]).reshape(-1, 4)
    stubs = sum(drawn.boxes[edge.tail].kind == Kind.STUB for edge in drawn.edges)
    ends = [(number[edge.tail], number[edge.head]) for edge in drawn.edges]
    return Drawing(rects[list(number)], ends, [edge.points for edge in drawn.edges], stubs, seconds)


def solid(drawn: Scene) -> list[int]:
    """Return the positions of all boxes but frames."""
    return [position for position, box in enumerate(drawn.boxes) if box.kind != Kind.FRAME]


def dot_source(drawn: Scene) -> str:
    """Write the scene's boxes, in their sizes, and edges for dot; an edge that we cut is given to it whole."""
    inside: dict[int, list[int]] = {}
    for position, box in enumerate(drawn.boxes):
        if box.kind != Kind.STUB:
            inside.setdefault(box.parent, []).append(position)

    def write(frame: int) -> Iterator[str]:
        for position in inside.get(frame, ()):
            box = drawn.boxes[position]
            if box.kind == Kind.FRAME:
                yield f"subgraph cluster_{position} {{ label=x;"
                yield from write(position)
                yield "}"
            else:
                yield f"b{position} [width={box.width / POINT:.4f}, height={box.height / POINT:.4f}];"

    by_id = {box.id.replace("%", "%25").replace(",", "%2C"): position for position, box in enumerate(drawn.boxes)}
    edges = []
    for edge in drawn.edges:
        tail, head = drawn.boxes[edge.tail], drawn.boxes[edge.head]
        if tail.kind == Kind.STUB:
            edges += [(by_id[far], edge.head) for far in tail.id.split(">", 1)[1].split(",")]
        elif head.kind != Kind.STUB:
            edges.append((edge.tail, edge.head))
    direction = "LR" if drawn.direction == RIGHT else "TB"
    start = f'digraph {{ rankdir={direction}; node [shape=box, fixedsize=true, label=""]; edge [arrowsize=0.5];'
    return "\n".join([start, *write(-1), *(f"b{tail} -> b{head};" for tail, head in edges), "}"])


def of_dot(source: str, limit: float, flags: Sequence[str] = ()) -> Drawing | None:
    """Let dot lay out the source; None when it takes longer than ``limit`` seconds, or fails."""
    start = time.perf_counter()
    try:
        done = subprocess.run(
            ["dot", "-Tplain", "-y", *flags], input=source, capture_output=True, text=True, timeout=limit, check=True
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return None
    seconds = time.perf_counter() - start
    number: dict[str, int] = {}
    boxes, ends, lines = [], [], []
    for line in done.stdout.splitlines():
        kind, *fields = line.split()
        if kind == "node":
            x, y, w, h = (float(field) * POINT for field in fields[1:5])
            number[fields[0]] = len(number)
            boxes.append((x - w / 2, y - h / 2, x + w / 2, y + h / 2))
        elif kind == "edge":
            count = int(fields[2])
            control = np.array([float(field) for field in fields[3 : 3 + 2 * count]]).reshape(-1, 2) * POINT
            ends.append((number[fields[0]], number[fields[1]]))
            lines.append(_flattened(control))
    return Drawing(np.array(boxes).reshape(-1, 4), ends, lines, 0, seconds)


def _flattened(control: Floats) -> Floats:
    """Return a piecewise cubic Bézier curve [3n+1, 2] as a polyline."""
    t = np.linspace(0, 1, 9)[1:, None]
    basis = np.concatenate([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    pieces = [basis @ control[i : i + 4] for i in range(0, len(control) - 3, 3)]
    return np.concatenate([control[:1], *pieces])


def segments(drawing: Drawing) -> tuple[Floats, NDArray[np.int64]]:
    """Return all pieces of lines [S, 4] and the edge of each."""
    pieces = [np.concatenate([line[:-1], line[1:]], axis=1) for line in drawing.lines]
    owner = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return np.concatenate([np.zeros((0, 4)), *pieces]), owner.astype(np.int64)


def _pairs(low: Floats, high: Floats, ys: Floats, far: Floats) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield batches of pairs (i, j) where the span low[i]…high[i] may touch ys[j]…far[j]; ``ys`` is sorted."""
    reach = np.maximum.accumulate(far)
    first, last = np.searchsorted(reach, low), np.searchsorted(ys, high, side="right")
    count = np.maximum(last - first, 0)
    begin = 0
    while begin < len(low):
        end = max(begin + 1, int(np.searchsorted(np.cumsum(count[begin:]), BATCH)) + begin)
        some = count[begin:end]
        i = np.repeat(np.arange(begin, end), some)
        j = np.arange(int(some.sum())) - np.repeat(np.cumsum(some) - some, some) + np.repeat(first[begin:end], some)
        near = far[j] >= low[i]
        yield i[near], j[near]
        begin = end


def crossings(drawing: Drawing) -> int:
    """Count the points where two drawn lines cross. A piece that several edges share is one line."""
    pieces = np.unique(np.round(segments(drawing)[0], 2), axis=0)
    low, high = pieces[:, [1, 3]].min(axis=1), pieces[:, [1, 3]].max(axis=1)
    order = np.argsort(low, kind="stable")
    pieces, low, high = pieces[order], low[order], high[order]
    found = 0
    for i, j in _pairs(low, high, low, high):
        i, j = i[i < j], j[i < j]
        a, b, c, d = pieces[i, :2], pieces[i, 2:], pieces[j, :2], pieces[j, 2:]
        apart = _side(a, b, c) * _side(a, b, d) < 0
        found += int((apart & (_side(c, d, a) * _side(c, d, b) < 0)).sum())
    return found


def _side(a: Floats, b: Floats, p: Floats) -> Floats:
    ab, ap = b - a, p - a
    return np.asarray(np.sign(np.round(ab[:, 0] * ap[:, 1] - ab[:, 1] * ap[:, 0], 3)))


def run_over(drawing: Drawing) -> int:
    """Count the pairs of an edge and a box where the edge passes through the box and neither starts nor ends there."""
    pieces, owner = segments(drawing)
    ends = np.array(drawing.ends).reshape(-1, 2)
    numbers = np.argsort(drawing.boxes[:, 1], kind="stable")
    boxes = drawing.boxes[numbers] + np.array([INSET, INSET, -INSET, -INSET])
    low, high = pieces[:, [1, 3]].min(axis=1), pieces[:, [1, 3]].max(axis=1)
    found = set[tuple[int, int]]()
    for i, j in _pairs(low, high, boxes[:, 1], boxes[:, 3]):
        foreign = (ends[owner[i]] != numbers[j][:, None]).all(axis=1)
        i, j = i[foreign], j[foreign]
        enter, leave = np.zeros(len(i)), np.ones(len(i))
        for axis in (0, 1):
            start, way = pieces[i, axis], pieces[i, axis + 2] - pieces[i, axis]
            with np.errstate(divide="ignore", invalid="ignore"):
                at = np.stack([(boxes[j, axis] - start) / way, (boxes[j, axis + 2] - start) / way])
            within = (boxes[j, axis] < start) & (start < boxes[j, axis + 2])
            still = np.abs(way) < 1e-9
            enter = np.maximum(enter, np.where(still, np.where(within, 0.0, 2.0), at.min(axis=0)))
            leave = np.minimum(leave, np.where(still, 1.0, at.max(axis=0)))
        through = enter < leave
        found.update(zip(owner[i[through]].tolist(), j[through].tolist(), strict=True))
    return len(found)


def row(name: str, what: str, engine: str, drawing: Drawing | None) -> str:
    """Return one line of the table."""
    if drawing is None:
        return f"| {name} | {what} | {engine} | did not finish | | | | | |"
    pieces, _ = segments(drawing)
    length = np.hypot(pieces[:, 0] - pieces[:, 2], pieces[:, 1] - pieces[:, 3]).sum()
    points = np.concatenate([drawing.boxes.reshape(-1, 2), pieces[:, :2]])
    width, height = points.max(axis=0) - points.min(axis=0)
    return (
        f"| {name} | {what} | {engine} | {crossings(drawing)} | {run_over(drawing)} | {length / 1000:.0f} | "
        f"{width:.0f} × {height:.0f} | {drawing.cut} | {drawing.seconds:.2f} |"
    )


def measured(model: Model, level: str, direction: str) -> tuple[Scene, float]:
    """Return the scene of a level, and the seconds it took (the graph's contents were known before)."""
    known = contents(model, "")
    groups = {"open": default_expanded(model, ""), "all": frozenset(known.groups), "flat": frozenset[str]()}[level]
    start = time.perf_counter()
    drawn = scene(model, "", groups, flat=level == "flat", direction=direction)
    return drawn, time.perf_counter() - start


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--level", nargs="+", default=["open", "flat"], choices=["open", "flat", "all"])
    parser.add_argument("--direction", nargs="+", default=["down", "right"], choices=["down", "right"])
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for one run of dot")
    parser.add_argument("--no-dot", action="store_true")
    options = parser.parse_args()
    if not options.no_dot and shutil.which("dot") is None:
        parser.error("graphviz's dot is not installed; --no-dot measures without it")
    print("| model | level | engine | crossings | run over | length kpx | width × height | cut | seconds |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in options.models:
        model = open_model(path)
        for level in options.level:
            for direction in options.direction:
                drawn, seconds = measured(model, level, direction)
                what = f"{level}, {direction}, {len(solid(drawn))} boxes"
                print(row(path.stem, what, "graphdebug", of_scene(drawn, seconds)), flush=True)
                if options.no_dot:
                    continue
                source = dot_source(drawn)
                dot, engine = of_dot(source, options.limit), "dot"
                if dot is None:
                    dot, engine = of_dot(source, options.limit, BOUNDED), "dot, bounded"
                print(row(path.stem, what, engine, dot), flush=True)


if __name__ == "__main__":
    main()
