"""The scene: the visible boxes and edges of one graph, laid out. What is drawn, whatever draws it."""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from graphdebug.model.document import Model
from graphdebug.model.functions import trail
from graphdebug.model.records import Finding, Severity
from graphdebug.view.boxes import Look, stub_label
from graphdebug.view.compose import Composition, TooManyFramesError, compose
from graphdebug.view.contents import Contents, contents
from graphdebug.view.labels import CATEGORIES, shortened, type_label
from graphdebug.view.layering import Floats
from graphdebug.view.looks import looks_of
from graphdebug.view.scopes import ScopeNode
from graphdebug.view.structure import is_part
from graphdebug.view.visible import MOST_BOXES, Visible, gain, lines, visible

DOWN, RIGHT = "down", "right"
ALL = "*"
"""Among the groups to open: every one."""
SMALL_GRAPH = 60
"""A graph of fewer boxes opens with everything expanded."""
FEW_BOXES, MANY_BOXES = 12, 80
"""Expand level by level until there are so many boxes; never beyond the second, unless the graph itself is flat."""
MOST_FAR_ENDS = 24
"""Boxes that a stub names."""
FEW_FRAMES = 150
"""Open groups that are left when there are too many different ones to lay out."""


class Kind(IntEnum):
    """What a box is; the numbers are those of the packed scene."""

    NODE = 0
    GROUP = 1
    FRAME = 2
    INPUT = 3
    OUTPUT = 4
    STUB = 5


@dataclass(frozen=True, slots=True)
class Box:
    """A drawn box. ``parent`` is the position of the frame around it, −1: none. Lengths are scene pixels."""

    id: str
    kind: Kind
    op: str
    label: str
    chips: str
    category: int
    parent: int
    count: int
    severity: int
    x: float
    y: float
    width: float
    height: float
    weights: int = 0
    """Weights of a node, which are not drawn on their own."""


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """A drawn line between two boxes (positions) that bundles ``count`` values; ``points`` [P, 2] is its route."""

    tail: int
    head: int
    value: str
    label: str
    count: int
    points: Floats


@dataclass(frozen=True, eq=False)
class Scene:
    """What is visible of one graph. ``children``: box id → graph paths that it opens; ``trail``: those around it."""

    model: str
    graph: str
    title: str
    direction: str
    expanded: tuple[str, ...]
    flat: bool
    nodes: int
    trail: tuple[str, ...]
    children: dict[str, list[str]]
    boxes: list[Box]
    edges: list[Edge]
    width: float
    height: float
    notices: tuple[str, ...] = ()
    """What was left out because there was too much of it, one sentence or two each."""


def scene(
    model: Model,
    graph: str,
    expanded: frozenset[str] | None = None,
    flat: bool = False,
    direction: str = DOWN,
    findings: Iterable[Finding] = (),
    first: frozenset[str] = frozenset(),
) -> Scene:
    """Return the scene of the graph at path ``graph`` with the groups ``expanded`` opened (None: the useful level).

    ``flat`` draws no groups at all; ``direction`` is ``down`` or ``right``. Unknown groups are ignored.
    ``findings`` give boxes their severity. Where a graph is too large to be drawn as asked, less is drawn and
    ``Scene.notices`` say so; the groups ``first`` are then opened before others.
    Raises KeyError when the model has no such graph.
    """
    known = contents(model, graph)
    opened = default_expanded(model, graph) if expanded is None else expanded
    if ALL in opened:
        opened = frozenset(known.groups)
    for most in (MOST_BOXES, FEW_FRAMES, 0):
        try:
            shown = visible(known, opened, flat=flat, first=first, most_open=most)
            return _draw(model, graph, shown, direction, findings)
        except TooManyFramesError:
            continue
    raise AssertionError("a scene without frames has one diagram")


def neighbourhood(model: Model, graph: str, nodes: Iterable[int], hops: int, direction: str = DOWN) -> Scene:
    """Return a flat scene of what is at most ``hops`` links away from one of the ``nodes``."""
    known = contents(model, graph)
    near = np.zeros(known.items, dtype=np.bool_)
    near[[known.host.get(node, node) for node in nodes]] = True
    for _ in range(hops):
        touched = near[known.tails] | near[known.heads]
        near[known.tails[touched]] = True
        near[known.heads[touched]] = True
    shown = Visible(flat=True)
    for item in np.flatnonzero(near)[:MOST_BOXES].tolist():
        shown.add(item, -1)
    return _draw(model, graph, shown, direction, ())


def default_expanded(model: Model, graph: str) -> frozenset[str]:
    """Return the groups to open at first: all of a small graph, else whole levels until there is something to see.

    Of a row of equal blocks the first is shown beside all others in one.
    """
    known = contents(model, graph)
    if known.tree.count + len(known.inputs) + len(known.outputs) < SMALL_GRAPH:
        return frozenset(known.groups)
    expanded, blocks = set[str](), set[str]()
    level = list(known.tree.children)
    boxes = len(known.tree.nodes) + len(level)
    while True:
        rows = [group for group in level if group.repeats]
        while rows:  # a row costs one box more, and no level
            expanded.update(row.id for row in rows)
            boxes += len(rows)
            firsts = [row.children[0] for row in rows]
            blocks.update(first.id for first in firsts)
            level = [group for group in level if not group.repeats] + firsts
            rows = [group for group in firsts if group.repeats]
        if boxes >= FEW_BOXES or not level:
            return frozenset(expanded)
        opened = _most_telling(level, blocks, boxes)
        if opened and boxes + sum(map(gain, opened)) > MANY_BOXES:
            largest = max(opened, key=lambda group: group.count)
            opened = [largest] if boxes + gain(largest) <= MANY_BOXES else []
        expanded.update(group.id for group in opened)
        boxes += sum(map(gain, opened))
        level = [group for group in level if group not in opened] if opened else []
        level += [child for group in opened for child in group.children]


def _most_telling(level: list[ScopeNode], blocks: Set[str], boxes: int) -> list[ScopeNode]:
    """Return the groups to open next: those that hold scopes; else scopes and first blocks; parts only in need."""
    holding = [group for group in level if any(not is_part(child) for child in group.children)]
    named = [group for group in level if not is_part(group) or group.id in blocks]
    return holding or named or (level if boxes < FEW_BOXES // 2 else [])


def box_of(model: Model, graph: str, node: int) -> str:
    """Return the id of the box that draws a node when all groups are open: its own, or the one it is folded into."""
    known = contents(model, graph)
    return known.item_id(known.host.get(node, node))


def reveal(model: Model, graph: str, box_id: str) -> frozenset[str]:
    """Return the groups that must be open to see a box; empty for an id that nothing has."""
    known = contents(model, graph)
    if box_id in known.parents:
        return frozenset(known.around(known.parents[box_id]))
    kind, _, number = box_id.partition(":")
    if kind != "n" or not (number.isascii() and number.isdigit()) or len(number) > 9:
        return frozenset()
    node = int(number)
    return frozenset(known.around(known.group_of.get(known.host.get(node, node), "")))


def group_nodes(model: Model, graph: str, group_id: str) -> tuple[int, ...]:
    """Return the indices of all drawn nodes in a group; KeyError when there is no such group."""
    return tuple(sorted(contents(model, graph).groups[group_id].all_nodes()))


def _draw(model: Model, graph: str, shown: Visible, direction: str, findings: Iterable[Finding]) -> Scene:
    """Return the scene of what is shown. TooManyFramesError: it would take too long."""
    known, index = contents(model, graph), model.graphs[graph]
    looks = looks_of(model, graph, shown)
    pairs = lines(known, shown)
    composition = compose(
        shown.parents,
        shown.frames,
        np.array([look.size for look in looks]).reshape(-1, 2),
        np.array([tail for tail, _ in pairs], dtype=np.int64),
        np.array([head for _, head in pairs], dtype=np.int64),
        to_the_right=direction == RIGHT,
    )
    severity = _severities(known, shown, graph, findings, model)
    boxes = _boxes(known, shown, looks, severity, composition)
    boxes += _stub_boxes(shown, composition, list(pairs), looks, boxes)
    return Scene(
        model=shortened(model.path.name, 80),
        graph=graph,
        title=shortened(index.title, 80),
        direction=RIGHT if direction == RIGHT else DOWN,
        expanded=tuple(box.id for box in boxes if box.kind == Kind.FRAME),
        flat=shown.flat,
        nodes=len(index.nodes),
        trail=trail(model.graphs, graph),
        children={
            f"n:{node}": [path for _, path in paths]
            for node, paths in index.children.items()
            if node in shown.owner and shown.what[shown.owner[node]] == node
        },
        boxes=boxes,
        edges=_edges(model, graph, known, pairs, composition),
        width=composition.width,
        height=composition.height,
        notices=tuple(shown.notices),
    )


def _boxes(
    known: Contents, shown: Visible, looks: Sequence[Look], severity: Sequence[int], composition: Composition
) -> list[Box]:
    boxes = []
    rects = composition.rects.tolist()
    for position, (what, look) in enumerate(zip(shown.what, looks, strict=True)):
        if isinstance(what, ScopeNode):
            box_id, count = what.id, what.count
            kind = Kind.FRAME if shown.frames[position] else Kind.GROUP
        else:
            box_id, count = known.item_id(what), 1
            kind = Kind.NODE if what < known.nodes else Kind.INPUT if what < known.output_item(0) else Kind.OUTPUT
        x, y, width, height = rects[position]
        boxes.append(
            Box(
                box_id,
                kind,
                look.op,
                look.label,
                look.chips,
                look.category,
                shown.parents[position],
                count,
                severity[position],
                x,
                y,
                width,
                height,
                look.weights,
            )
        )
    return boxes


def _stub_boxes(
    shown: Visible,
    composition: Composition,
    pairs: list[tuple[int, int]],
    looks: Sequence[Look],
    boxes: Sequence[Box],
) -> list[Box]:
    """Return the boxes of cut edges.

    The id, ``t:3>n:12,n:40``, ends with the ids of the boxes at the other ends, the first ``MOST_FAR_ENDS`` of them, in
    which ``%`` and ``,`` are percent-encoded. A stub is called after the group that one must go to, or the only box.
    """
    stubs = []
    other = CATEGORIES.index("other")
    for number, stub in enumerate(composition.stubs):
        far = list(dict.fromkeys(pairs[edge][1 if stub.below else 0] for edge in stub.edges))
        groups = list(dict.fromkeys(_outermost(box, stub.parent, shown) for box in far))
        label = stub_label([looks[box] for box in (groups if len(groups) == 1 else far)], below=stub.below)
        only = f"{looks[far[0]].op} {looks[far[0]].label}".strip() if len(far) == 1 else ""
        ids = (boxes[box].id.replace("%", "%25").replace(",", "%2C") for box in far[:MOST_FAR_ENDS])
        rect = composition.rects[len(boxes) + number].tolist()
        box_id = f"t:{number}>{','.join(ids)}"
        stubs.append(Box(box_id, Kind.STUB, "", label, only, other, stub.parent, len(far), 0, *rect))
    return stubs


def _outermost(box: int, inside: int, shown: Visible) -> int:
    """Return the outermost group around a box that is not also around what is ``inside`` of a frame; else the box.

    A row of equal blocks is passed over: its blocks have names of their own.
    """
    around = set()
    while inside >= 0:
        around.add(inside)
        inside = shown.parents[inside]
    found = box
    while (box := shown.parents[box]) >= 0 and box not in around:
        what = shown.what[box]
        if isinstance(what, ScopeNode) and not what.repeats:
            found = box
    return found


def _edges(
    model: Model, graph: str, known: Contents, pairs: dict[tuple[int, int], list[int]], composition: Composition
) -> list[Edge]:
    types = model.types[graph]
    links = list(pairs.values())
    labels: dict[str, str] = {}
    edges = []
    for run in composition.runs:
        values = list(dict.fromkeys(known.values[link] for edge in run.edges for link in links[edge]))
        first = values[0]
        if first not in labels:
            labels[first] = type_label(types.get(first))
        label = labels[first] if len(values) == 1 else f"{len(values)} values"
        edges.append(Edge(run.tail, run.head, first, label, len(values), run.points))
    return edges


_RANK = {Severity.INFO: 1, Severity.WARNING: 2, Severity.ERROR: 3}


def _severities(known: Contents, shown: Visible, graph: str, findings: Iterable[Finding], model: Model) -> list[int]:
    """Return the worst finding [boxes] in each box; a frame's are those of the boxes it holds, which show them."""
    worst = [0] * len(shown.what)
    index = model.graphs[graph]
    inputs = {name: known.input_item(position) for position, name in enumerate(known.inputs)}
    outputs = {name: known.output_item(position) for position, name in enumerate(known.outputs)}
    for finding in findings:
        if finding.graph != graph:
            continue
        item = finding.node
        if item is None and finding.tensor is not None:
            name = finding.tensor
            uses = index.consumers.get(name, ())
            item = index.producer.get(name, inputs.get(name, outputs.get(name, uses[0][0] if uses else None)))
        if item is None:
            continue
        box = shown.owner.get(known.host.get(item, item))
        if box is not None:
            worst[box] = max(worst[box], _RANK.get(finding.severity, 0))
    return worst
