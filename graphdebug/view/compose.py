"""Frames within frames: lays out nested boxes with edges between any two of them.

Each frame is laid out on its own, from the innermost out, and is then a box of its size in the frame around it. An
edge that leaves or enters a frame goes through a *port*, a point on the frame's border; the edges of one box share it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import log
from typing import NamedTuple

import numpy as np

from graphdebug.view.connected import LAYER_GAP, MOST_STOPS, Budget
from graphdebug.view.coordinates import BOX_GAP
from graphdebug.view.cutting import StubBox, Wiring, whole, with_long_range_cut
from graphdebug.view.layering import Floats, Ints, Pin
from graphdebug.view.layout import SCREEN, Diagram, Placement, place

PAD, TITLE = 14.0, 30.0
"""Room inside a frame's border, and at its top for the title."""

STUB_SIZE = 116.0, 20.0

MOST_DIAGRAMS = 600
"""Different frames that are laid out; frames of equal contents count once."""
REMEMBERED, FEW_SEGMENTS = 1000, 400
"""Layouts of frames that are kept for other scenes, of so many segments at most: little changes between two."""
MOST_PARTS = 600
"""Unconnected parts laid out one by one, in all frames together."""

SPARSE = 6.0
"""How much larger a drawing with frames is than the boxes in it, about."""
SIZE_STEP = 2**0.5
"""Sizes that follow the drawing's go in steps, so that few things that are opened or closed change them."""

ROOT = -1
Port = tuple[bool, int]
"""A port of some frame: whether edges leave through it, and the box they come from."""
End = int | Port


class TooManyFramesError(Exception):
    """The scene has more than ``MOST_DIAGRAMS`` different frames."""


@dataclass(frozen=True, eq=False)
class Run:
    """A drawn line from box ``tail`` to box ``head`` for ``edges``; stubs are numbered after the boxes."""

    tail: int
    head: int
    edges: tuple[int, ...]
    points: Floats


@dataclass(frozen=True, eq=False)
class Composition:
    """Rectangles [boxes + stubs, 4] (x, y, width, height), stubs, lines, and the whole size."""

    rects: Floats
    stubs: list[StubBox]
    runs: list[Run]
    width: float
    height: float


class _Content(NamedTuple):
    """What is in a frame: its children, then its ports. Frames of equal contents look the same."""

    outermost: bool
    sizes: bytes
    """Of the children: float64 [children, 2]."""
    framed: tuple[bool, ...]
    """Which children are frames."""
    leaving: tuple[bool, ...]
    """Through which ports edges leave."""
    segments: tuple[tuple[int, int, int], ...]
    """Tail, head and key of each."""
    shifts: tuple[tuple[float, float], ...]
    """Where each segment's tail and head are, right of the middles of its boxes."""

    def diagram(self, stub_size: tuple[float, float], screen: tuple[float, float]) -> Diagram:
        """Return what is to be laid out."""
        ports = len(self.leaving)
        sizes = np.concatenate([np.frombuffer(self.sizes).reshape(-1, 2), np.zeros((ports, 2))])
        pins = [Pin.FREE] * len(self.framed) + [Pin.LAST if leaving else Pin.FIRST for leaving in self.leaving]
        segments = np.array(self.segments, dtype=np.int64).reshape(-1, 3)
        shifts = np.array(self.shifts, dtype=np.float64).reshape(-1, 2)
        return Diagram(
            width=sizes[:, 0],
            height=sizes[:, 1],
            fixed=np.array([*self.framed, *[True] * ports], dtype=np.bool_),
            pins=np.array(pins, dtype=np.int64),
            tails=segments[:, 0],
            heads=segments[:, 1],
            keys=segments[:, 2],
            tail_shift=shifts[:, 0],
            head_shift=shifts[:, 1],
            stub_size=stub_size,
            screen=screen,
        )


@lru_cache(REMEMBERED)
def _placed(content: _Content, stub_size: tuple[float, float], screen: tuple[float, float]) -> tuple[Placement, Budget]:
    """Return the layout of what is in a frame when nothing is short, and what it takes."""
    whole, left = Budget(), Budget()
    placed = place(content.diagram(stub_size, screen), left)
    return placed, whole.less(left)


@dataclass(eq=False)
class _Frame:
    """One frame (or the whole scene) while it is laid out: children, segments of edges, ports."""

    children: list[int] = field(default_factory=list)
    segments: dict[tuple[End, End, int], int] = field(default_factory=dict)
    """(from, to, box the edge comes from) → position in the diagram's edges."""
    port_at: dict[Port, float] = field(default_factory=dict)
    """Place of each port across the frame, from its middle."""
    placement: Placement | None = None
    across: float = 0.0
    along: float = 0.0
    origin: tuple[float, float] = (0.0, 0.0)
    """Middle across and start along, in the scene."""


def compose(
    parents: Sequence[int],
    frames: Sequence[bool],
    sizes: Floats,
    tails: Ints,
    heads: Ints,
    *,
    to_the_right: bool = False,
) -> Composition:
    """Lay out boxes 0 … B−1.

    ``parents`` [B]: the frame around each box, −1 for none; a frame comes before what it holds. ``sizes`` [B, 2] are
    width and height; for frames, the least. ``tails`` and ``heads`` [E] are boxes that are no frames.
    Raises TooManyFramesError.
    """
    wiring = with_long_range_cut(parents, tails, heads) if any(frames) else whole(parents, tails, heads)
    frames = [*frames, *[False] * len(wiring.stubs)]
    sizes = np.concatenate([sizes, np.tile(STUB_SIZE, (len(wiring.stubs), 1))])
    composer = _Composer(wiring.parents, frames, sizes[:, ::-1].copy() if to_the_right else sizes, to_the_right)
    pairs = zip(wiring.tails.tolist(), wiring.heads.tolist(), strict=True)
    routes = [composer.segments_of(tail, head) for tail, head in pairs]
    composer.share_out()
    for box in range(len(frames) - 1, ROOT - 1, -1):
        if box == ROOT or frames[box]:
            composer.lay_out(box)
    composer.settle()
    return composer.finish(routes, wiring)


class _Composer:
    """Works downwards throughout: *across* is x and *along* is y, or the reverse for a drawing to the right."""

    def __init__(self, parents: Sequence[int], frames: Sequence[bool], sizes: Floats, to_the_right: bool) -> None:
        self.parents = parents
        self.sizes = sizes
        self.to_the_right = to_the_right
        self.stub_size = STUB_SIZE[::-1] if to_the_right else STUB_SIZE
        self.screen = SCREEN[::-1] if to_the_right else SCREEN
        self.long_screen = self._long_screen(frames)
        self.frames = {ROOT: _Frame()} | {box: _Frame() for box, frame in enumerate(frames) if frame}
        for box, parent in enumerate(parents):
            self.frames[parent].children.append(box)
        # Room before and after the contents, along and across; a title stands at the top of the screen.
        self.before_along, self.after_along = (PAD if to_the_right else TITLE), PAD
        self.before_across, self.after_across = (TITLE if to_the_right else PAD), PAD
        self.centre = np.zeros((len(parents), 2))
        self.placed: dict[_Content, Placement] = {}
        self.budget = Budget(stops=0.0, parts=MOST_PARTS)
        self.stops_per_segment = 0.0

    def _long_screen(self, frames: Sequence[bool]) -> tuple[float, float]:
        """Return the size from which on a frame is laid out in columns of its own: about that of the whole drawing.

        Columns of frames with columns are hard to follow; a frame that is no longer than a column goes into one.
        """
        leaves = self.sizes[~np.asarray(frames, dtype=np.bool_)] + (BOX_GAP, LAYER_GAP)
        covered = SPARSE * float(leaves.prod(axis=1).sum()) / (self.screen[0] * self.screen[1])
        scale = SIZE_STEP ** max(0, round(log(max(covered, 1e-9), SIZE_STEP**2)))
        return self.screen[0] * scale, self.screen[1] * scale

    def _ancestors(self, box: int) -> list[int]:
        """Return the frames around a box, innermost first, ending with ROOT."""
        found = [self.parents[box]]
        while found[-1] != ROOT:
            found.append(self.parents[found[-1]])
        return found

    def segments_of(self, tail: int, head: int) -> list[tuple[int, int]]:
        """Return the (frame, segment) pairs that draw an edge, from tail to head, and enter them into the frames."""
        leaving, entering = self._ancestors(tail), self._ancestors(head)
        while len(leaving) > 1 and len(entering) > 1 and leaving[-2] == entering[-2]:
            leaving.pop()
            entering.pop()
        common = leaving[-1]
        found = []
        start: int = tail
        for frame in leaving[:-1]:
            found.append(self._segment(frame, start, (True, tail), tail))
            start = frame
        inner = entering[-2::-1]
        found.append(self._segment(common, start, inner[0] if inner else head, tail))
        for depth, frame in enumerate(inner):
            end = inner[depth + 1] if depth + 1 < len(inner) else head
            found.append(self._segment(frame, (False, tail), end, tail))
        return found

    def _segment(self, frame: int, start: End, end: End, source: int) -> tuple[int, int]:
        segments = self.frames[frame].segments
        return frame, segments.setdefault((start, end, source), len(segments))

    def share_out(self) -> None:
        """Give every frame its part of the work, by its segments; what an inner one leaves goes to those after it."""
        self.stops_per_segment = MOST_STOPS / max(1, sum(len(frame.segments) for frame in self.frames.values()))

    def lay_out(self, box: int) -> None:
        """Place the contents of one frame, whose inner frames have been laid out."""
        frame = self.frames[box]
        ports = list(dict.fromkeys(end for key in frame.segments for end in key[:2] if isinstance(end, tuple)))
        number: dict[End, int] = {child: i for i, child in enumerate(frame.children)}
        number |= {port: len(frame.children) + i for i, port in enumerate(ports)}
        sources: dict[int, int] = {}
        placed = self._place(
            _Content(
                box == ROOT,
                self.sizes[frame.children].tobytes(),
                tuple(child in self.frames for child in frame.children),
                tuple(leaving for leaving, _ in ports),
                tuple(
                    (number[start], number[end], sources.setdefault(source, len(sources)))
                    for start, end, source in frame.segments
                ),
                tuple(
                    (self._shift(start, True, source), self._shift(end, False, source))
                    for start, end, source in frame.segments
                ),
            )
        )
        frame.placement = placed
        frame.across, frame.along = placed.width, placed.height
        if box == ROOT:
            return
        width = placed.width + self.before_across + self.after_across
        height = placed.height + self.before_along + self.after_along
        self.sizes[box] = np.maximum(self.sizes[box], (width, height))
        middle = self.sizes[box, 0] / 2 - self.before_across - self._slack(box)
        for port, i in zip(ports, range(len(frame.children), len(number)), strict=True):
            frame.port_at[port] = float(placed.x[i]) - middle

    def _place(self, content: _Content) -> Placement:
        """Lay out what is in a frame once, however often it is repeated: networks consist of repeated blocks."""
        self.budget.stops += self.stops_per_segment * len(content.segments)
        placed = self.placed.get(content)
        if placed is None:
            if len(self.placed) == MOST_DIAGRAMS:
                raise TooManyFramesError
            placed = self.placed[content] = self._place_anew(content)
        return placed

    def _place_anew(self, content: _Content) -> Placement:
        screen = self.screen if content.outermost else self.long_screen
        if len(content.segments) <= FEW_SEGMENTS:
            placed, takes = _placed(content, self.stub_size, screen)
            if self.budget.holds(takes):
                self.budget = self.budget.less(takes)
                return placed
        return place(content.diagram(self.stub_size, screen), self.budget)

    def _slack(self, box: int) -> float:
        """Return by how much a frame is wider than its contents need, halved: they stand in the middle."""
        frame = self.frames[box]
        return float(self.sizes[box, 0] - frame.across - self.before_across - self.after_across) / 2

    def _shift(self, end: End, leaving: bool, source: int) -> float:
        if isinstance(end, tuple) or end not in self.frames:
            return 0.0
        return self.frames[end].port_at[leaving, source]

    def settle(self) -> None:
        """Turn places within frames into places in the scene, from the outside in."""
        for box, frame in self.frames.items():  # ROOT first, then parents before what they hold
            if box != ROOT:
                start = self.centre[box] - self.sizes[box] / 2
                frame.origin = (
                    float(start[0]) + self.before_across + self._slack(box),
                    float(start[1]) + self.before_along,
                )
            if frame.children and frame.placement:
                count = len(frame.children)
                self.centre[frame.children, 0] = frame.placement.x[:count] + frame.origin[0]
                self.centre[frame.children, 1] = frame.placement.y[:count] + frame.origin[1]

    def finish(self, routes: list[list[tuple[int, int]]], wiring: Wiring) -> Composition:
        """Join the segments into lines; where one was cut, a line ends and another begins."""
        stubs: list[StubBox] = []
        stub_centres: list[tuple[float, float]] = []
        by_cut: dict[tuple[int, int, bool], tuple[int, Floats]] = {}
        members: list[list[int]] = []
        for box, frame in self.frames.items():
            for stub in frame.placement.stubs if frame.placement else []:
                number = len(self.parents) + len(stubs)
                stubs.append(StubBox(box, stub.below, ()))
                members.append([])
                stub_centres.append((stub.x + frame.origin[0], stub.y + frame.origin[1]))
                for segment in stub.edges:
                    by_cut[box, segment, stub.below] = number, stub.route + np.array(frame.origin)
        lines: dict[tuple[int, int], tuple[list[int], Floats]] = {}
        for edge, segments in enumerate(routes):
            for tail, head, points in self._lines(int(wiring.tails[edge]), int(wiring.heads[edge]), segments, by_cut):
                lines.setdefault((tail, head), ([], points))[0].extend(wiring.members[edge])
                for stub_number in (tail, head):
                    if stub_number >= len(self.parents):
                        members[stub_number - len(self.parents)].extend(wiring.members[edge])
        centres = np.concatenate([self.centre, np.array(stub_centres).reshape(-1, 2)])
        sizes = np.concatenate([self.sizes, np.tile(self.stub_size, (len(stubs), 1))])
        corners = centres - sizes / 2
        flip = slice(None, None, -1) if self.to_the_right else slice(None)
        root = self.frames[ROOT]
        size = (root.along, root.across) if self.to_the_right else (root.across, root.along)
        return Composition(
            rects=np.concatenate([corners[:, flip], sizes[:, flip]], axis=1),
            stubs=[
                *wiring.stubs,
                *(replace(stub, edges=tuple(edges)) for stub, edges in zip(stubs, members, strict=True)),
            ],
            runs=[Run(tail, head, tuple(edges), points[:, flip]) for (tail, head), (edges, points) in lines.items()],
            width=size[0],
            height=size[1],
        )

    def _lines(
        self,
        tail: int,
        head: int,
        segments: list[tuple[int, int]],
        by_cut: dict[tuple[int, int, bool], tuple[int, Floats]],
    ) -> Iterator[tuple[int, int, Floats]]:
        start, pieces = tail, list[Floats]()
        for box, segment in segments:
            frame = self.frames[box]
            assert frame.placement is not None
            route = frame.placement.routes[segment]
            if route is not None:
                pieces.append(route + np.array(frame.origin))
                continue
            stub, points = by_cut[box, segment, True]
            yield start, stub, np.concatenate([*pieces, points])
            start, points = by_cut[box, segment, False]
            pieces = [points]
        yield start, head, pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
