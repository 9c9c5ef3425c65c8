"""How boxes look: what is written on each and how large that makes it. The sizes fit the renderers' fonts."""

from collections.abc import Sequence
from dataclasses import dataclass

import onnx

from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.view.chips import Chips
from graphdebug.view.labels import CATEGORIES, category, short_name, shortened, telling_ops, text_width, type_label
from graphdebug.view.scopes import ScopeNode

OP_LETTER, SMALL_LETTER, CHIP_LETTER = 7.1, 5.5, 6.3
"""Average width of a letter of the op (12 px, bold), of other lines (10 px), and of chips: mostly digits."""
NARROWEST, WIDEST = 56.0, 240.0
SIDES = 30.0
LINE_HEIGHTS = 28.0, 40.0, 54.0
"""Height of a box of one, two and three lines."""
MOST_AROUND_ONE = 8
"""Nodes of a group that is called after its only convolution, matrix product or recurrent layer."""
_ESSENTIAL = frozenset(map(CATEGORIES.index, ("convolution", "matmul", "recurrent")))


@dataclass(frozen=True, slots=True)
class Look:
    """The texts of a box (``""`` for none), its op category, and its width and height in pixels.

    ``weights`` counts the weights of a node, which are not drawn on their own.
    """

    op: str
    label: str
    chips: str
    category: int
    size: tuple[float, float]
    weights: int = 0


def node_look(node: onnx.NodeProto, name: str, chips: Chips, *, calls_function: bool) -> Look:
    """Return the look of a node; ``name`` is its display name, shown unless it only repeats the op."""
    op = shortened(node.op_type or "?")
    label = short_name(name)
    if label == op:
        label = ""
    text = chips.of(node)
    size = _size(op, label, text)
    return Look(op, label, text, category(node, calls_function=calls_function), size, chips.weights(node))


def group_look(group: ScopeNode, index: GraphIndex, chips_of: Chips, *, frame: bool) -> Look:
    """Return the look of a group, collapsed or (``frame``) expanded: then the size is the least it may have."""
    op, label = shortened(group.class_name), shortened(group.title, 40)
    chips = f"×{group.repeats}" if group.repeats else "" if frame else _essence(group, index, chips_of)
    other = CATEGORIES.index("other")
    if frame:
        return Look(op, label, chips, other, (text_width(f"{label} {op} {chips}", OP_LETTER) + 48, 0.0))
    width, _ = _size(label, f"{chips or op} · {group.count} nodes", "")
    return Look(op, label, chips, other, (width + 22, 44.0))


def _essence(group: ScopeNode, index: GraphIndex, chips: Chips) -> str:
    """Return what a small group around one convolution or the like is, ``MatMul 768→3072``; else its telling ops.

    A group with a class is called after that, and the title of one that is no scope may say its ops already.
    """
    nodes = [index.nodes[node] for node in group.all_nodes()]
    if group.count <= MOST_AROUND_ONE:
        essential = [node for node in nodes if category(node, calls_function=False) in _ESSENTIAL and chips.of(node)]
        if len(essential) == 1:
            return f"{shortened(essential[0].op_type)} {chips.of(essential[0])}"
    ops = telling_ops(nodes, 2)
    return "" if group.class_name or group.title.startswith(ops) else ops


def input_look(name: str, value: ValueType | None, mark: str) -> Look:
    """Return the look of a graph input; ``mark`` says where it comes from when it is no plain input."""
    return _terminal("Input", name, mark or type_label(value))


def output_look(name: str, value: ValueType | None) -> Look:
    """Return the look of a graph output."""
    return _terminal("Output", name, type_label(value))


def stub_label(far: Sequence[Look], *, below: bool) -> str:
    """Return where a cut edge goes (``below`` its tail) or comes from."""
    arrow = "→" if below else "←"
    if len(far) != 1:
        return f"{arrow} {len(far)} places"
    return shortened(f"{arrow} {far[0].label or far[0].op}", 20)


def _terminal(op: str, name: str, chips: str) -> Look:
    label = short_name(name)
    width, height = _size(label, chips, "")
    return Look(op, label, chips, CATEGORIES.index("other"), (width + 4, height))


def _size(first: str, second: str, third: str) -> tuple[float, float]:
    widest = max(text_width(first, OP_LETTER), text_width(second, SMALL_LETTER), text_width(third, CHIP_LETTER) + 6)
    lines = 1 + bool(second) + bool(third)
    return min(max(widest + SIDES, NARROWEST), WIDEST), LINE_HEIGHTS[lines - 1]
