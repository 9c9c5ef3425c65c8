"""A scene as a standalone SVG picture for reports and paper: no scripts, no outside references."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from graphdebug.view.labels import CATEGORIES
from graphdebug.view.layering import Floats
from graphdebug.view.scene import Box, Kind, Scene
from graphdebug.view.svg_theme import THEMES, Theme

_MARGIN = 16.0
_CORNER = 8.0
_LETTER = 6.2
"""About the width of a letter of an edge's label, in the widest of usual fonts."""
_TINT = 0.42
"""How much of a colour laid over a box is seen: what is written on it must stay readable."""
_SWATCH, _LINE = 18.0, 20.0
"""Pixels that a colour takes in the legend, and a line of it."""


_COLOR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]{1,24}|(rgb|hsl)a?\([\d.,%/ ]{1,40}\)")


class Legend(NamedTuple):
    """What colours mean: a title, and label and CSS colour of each entry (``""``: neutral)."""

    title: str
    entries: Sequence[tuple[str, str]]


def svg(
    scene: Scene,
    colors: Mapping[str, str] | None = None,
    *,
    theme: str = "light",
    legend: Legend | None = None,
    edge_labels: bool = True,
) -> str:
    """Return the scene as SVG text. ``colors`` tints boxes, by id, with a CSS colour each; ``legend`` says why."""
    colors, look = {box: _paint(color) for box, color in (colors or {}).items()}, THEMES[theme]
    labels = _edge_labels(scene) if edge_labels else []
    right = max((label.right for label in labels), default=0.0)
    key = _legend(legend, look, max(scene.width, right), scene.height) if legend else _Legend("", 0.0, 0.0)
    width = max(scene.width, right, key.width) + 2 * _MARGIN
    height = scene.height + key.height + 2 * _MARGIN
    frames = [box for box in scene.boxes if box.kind == Kind.FRAME]
    others = [box for box in scene.boxes if box.kind != Kind.FRAME]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN:g} {-_MARGIN:g} {width:.1f} {height:.1f}" role="img" aria-label="{_clean(scene.title)}">',
        f"<style>{look.style}</style>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" fill="{look.line}"/></marker></defs>',
        f'<rect x="{-_MARGIN:g}" y="{-_MARGIN:g}" width="{width:.1f}" height="{height:.1f}" fill="{look.ground}"/>',
        *(_frame(box, look) for box in frames),
        *(f'<path class="e" d="{_path(edge.points)}"/>' for edge in scene.edges),
        *(_frame_title(box) for box in frames),
        *(_box(box, colors.get(box.id, ""), look) for box in others),
        *(label.text for label in labels),
        key.text,
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def _paint(color: str) -> str:
    """Return a CSS colour; grey in place of anything else, such as a reference to a file."""
    return color if _COLOR.fullmatch(color) else "#8a8f98"


def _clean(text: str) -> str:
    """Escape text, and leave out what XML cannot hold."""
    return escape("".join(letter for letter in text if letter.isprintable()))


def _text(box: Box, style: str, text: str, y: float, x: float | None = None) -> str:
    middle = box.x + box.width / 2 if x is None else x
    anchor = " m" if x is None else ""
    return f'<text class="{style}{anchor}" x="{middle:.1f}" y="{y:.1f}">{_clean(text)}</text>'


def _rect(box: Box, fill: str, stroke: str, radius: float, extra: str = "") -> str:
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:g}" '
        f'fill="{_clean(fill)}" stroke="{_clean(stroke)}"{extra}/>'
    )


def _frame(box: Box, look: Theme) -> str:
    return f'<g fill-opacity=".05">{_rect(box, *look.frame, 8)}</g>'


def _frame_title(box: Box) -> str:
    return _text(box, "o h", f"{box.label} {box.chips}".strip(), box.y + 19, box.x + 12)


def _box(box: Box, color: str, look: Theme) -> str:
    if box.kind == Kind.STUB:
        body = _rect(box, look.ground, look.line, box.height / 2, ' stroke-dasharray="4 3"')
        return body + _text(box, "s", box.label, box.y + box.height / 2 + 3.5)
    hue = look.hues[CATEGORIES[box.category]]
    if box.kind == Kind.GROUP:
        body = _body(box, look.group, color, 7)
        title, lines = box.label, [f"{box.chips or box.op} · {box.count} nodes".removeprefix(" · ")]
    elif box.kind in (Kind.INPUT, Kind.OUTPUT):
        body = _body(box, look.input if box.kind == Kind.INPUT else look.output, color, box.height / 2)
        title, lines = box.label, [box.chips]
    else:
        body = _body(box, look.node, color, 5)
        strip = _clean(color or hue)
        body += f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="4" height="{box.height:.1f}" rx="2" fill="{strip}"/>'
        title, lines = box.op, [box.label, box.chips]
    lines = [line for line in lines if line]
    y = box.y + box.height / 2 - 7.0 * len(lines) + 4
    body += _text(box, "o", title, y)
    style = "s c" if color else "s"
    body += "".join(_text(box, style, line, y + 13.5 * number) for number, line in enumerate(lines, start=1))
    if box.weights:
        body += _weights(box, color or hue)
    if box.severity:
        at = f'cx="{box.x + box.width - 1:.1f}" cy="{box.y + 1:.1f}"'
        body += f'<circle {at} r="4.5" fill="{look.severity[box.severity]}" stroke="{look.ground}"/>'
    return body


def _body(box: Box, usual: tuple[str, str], color: str, radius: float) -> str:
    """Return a box's ground, and what is laid over it, if anything."""
    body = _rect(box, *usual, radius)
    return body + _rect(box, color, color, radius, f' fill-opacity="{_TINT}"') if color else body


def _weights(box: Box, color: str) -> str:
    """Return the stacked bars in the lower right corner: this node holds weights."""
    right, bottom = box.x + box.width - 6, box.y + box.height - 5.5
    bars = (f"M{right - width:.1f} {bottom - 2.9 * row:.1f}h{width:g}" for row, width in enumerate((8, 5.5, 3)))
    return f'<path class="w" d="{"".join(bars)}" stroke="{_clean(color)}" stroke-width="1.6"/>'


class _Legend(NamedTuple):
    text: str
    width: float
    height: float


def _legend(legend: Legend, look: Theme, width: float, top: float) -> _Legend:
    """Write the legend below ``top`` in lines about ``width`` wide, and say how large it is."""
    x, y, right = 0.0, top + 3 * _LINE, 0.0
    parts = [f'<text class="o" x="0" y="{top + 2 * _LINE:.1f}">{_clean(legend.title)}</text>']
    for label, color in legend.entries:
        length = _SWATCH + _LETTER * len(label)
        if x and x + length > width:
            x, y = 0.0, y + _LINE
        fill = _paint(color) if color else look.node[1]
        parts.append(f'<rect x="{x:.1f}" y="{y - 10:.1f}" width="12" height="12" rx="3" fill="{fill}"/>')
        parts.append(f'<text class="s c" x="{x + _SWATCH:.1f}" y="{y:.1f}">{_clean(label)}</text>')
        x += length + _SWATCH
        right = max(right, x)
    return _Legend("".join(parts), max(right, 8 * len(legend.title)), y - top)


class _Label(NamedTuple):
    """An edge's label as SVG, and about where it ends."""

    text: str
    right: float


def _edge_labels(scene: Scene) -> list[_Label]:
    """Write each box's edge labels beside the starts of their lines, where they do not cover each other."""
    down = scene.direction == "down"
    written: set[tuple[int, int]] = set()
    labels = []
    for edge in scene.edges:
        (x, y), (to_x, to_y) = edge.points[0], edge.points[1]
        place = (edge.tail, round(x / 80))
        if edge.label and place not in written and abs(to_y - y) + abs(to_x - x) >= 22:
            written.add(place)
            text = f'<text class="s h" x="{x + 4:.1f}" y="{y + (13 if down else -4):.1f}">{_clean(edge.label)}</text>'
            labels.append(_Label(text, x + 4 + _LETTER * len(edge.label)))
    return labels


def _path(points: Floats) -> str:
    """Return a polyline with rounded corners as SVG path data."""
    corners = points.tolist()
    parts = [f"M{corners[0][0]:.1f} {corners[0][1]:.1f}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        start, end = _towards(corner, before), _towards(corner, after)
        parts.append(f"L{start[0]:.1f} {start[1]:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {end[0]:.1f} {end[1]:.1f}")
    parts.append(f"L{corners[-1][0]:.1f} {corners[-1][1]:.1f}")
    return "".join(parts)


def _towards(corner: list[float], other: list[float]) -> tuple[float, float]:
    """Return the point where the rounding of a corner begins on the way to ``other``."""
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = (dx * dx + dy * dy) ** 0.5
    share = min(_CORNER / length, 0.5) if length else 0.0
    return corner[0] + dx * share, corner[1] + dy * share
