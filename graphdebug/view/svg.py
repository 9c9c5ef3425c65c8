"""A scene as a standalone SVG picture for reports and paper: light theme, no scripts, no outside references."""

from collections.abc import Mapping
from html import escape
from typing import NamedTuple

from graphdebug.view.labels import CATEGORIES
from graphdebug.view.layering import Floats
from graphdebug.view.scene import Box, Kind, Scene

_HUES = {
    "convolution": "#0072b2",
    "matmul": "#3f88c5",
    "normalization": "#009e73",
    "activation": "#d55e00",
    "pooling": "#e69f00",
    "elementwise": "#cc79a7",
    "reduction": "#999933",
    "shape": "#7b8794",
    "indexing": "#44aa99",
    "quantization": "#aa4499",
    "control": "#882255",
    "recurrent": "#332288",
    "constant": "#ddaa33",
    "function": "#6f5fc7",
    "custom": "#882255",
    "other": "#8a8f98",
}
"""The hues of the browser's view, after Okabe & Ito and Tol: told apart with any colour vision."""
_MARGIN = 16.0
_CORNER = 8.0
_LETTER = 6.2
"""About the width of a letter of an edge's label, in the widest of usual fonts."""
_SEVERITY = ("", "#0072b2", "#e69f00", "#d1351b")
_STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1f2430}"
    ".o{font-size:12px;font-weight:600}.s{font-size:10px;fill:#667085}.m{text-anchor:middle}"
    ".h{paint-order:stroke;stroke:#fff;stroke-width:3px}"
    ".e{fill:none;stroke:#98a2b3;stroke-width:1.2;marker-end:url(#a)}"
)


def svg(scene: Scene, colors: Mapping[str, str] | None = None, *, edge_labels: bool = True) -> str:
    """Return the scene as SVG text. ``colors`` fills boxes, by id, with a CSS colour each."""
    colors = colors or {}
    labels = _edge_labels(scene) if edge_labels else []
    right = max((label.right for label in labels), default=0.0)
    width, height = max(scene.width, right) + 2 * _MARGIN, scene.height + 2 * _MARGIN
    frames = [box for box in scene.boxes if box.kind == Kind.FRAME]
    others = [box for box in scene.boxes if box.kind != Kind.FRAME]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-_MARGIN:g} {-_MARGIN:g} {width:.1f} {height:.1f}" role="img" aria-label="{_clean(scene.title)}">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="6" markerHeight="6" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#98a2b3"/></marker></defs>',
        f'<rect x="{-_MARGIN:g}" y="{-_MARGIN:g}" width="{width:.1f}" height="{height:.1f}" fill="#fff"/>',
        *(_frame(box) for box in frames),
        *(f'<path class="e" d="{_path(edge.points)}"/>' for edge in scene.edges),
        *(_frame_title(box) for box in frames),
        *(_box(box, colors.get(box.id)) for box in others),
        *(label.text for label in labels),
        "</svg>",
    ]
    return "\n".join(part for part in parts if part)


def _clean(text: str) -> str:
    """Escape text, and leave out what XML cannot hold."""
    return escape("".join(letter for letter in text if letter.isprintable()))


def _text(box: Box, style: str, text: str, y: float, x: float | None = None) -> str:
    middle = box.x + box.width / 2 if x is None else x
    anchor = " m" if x is None else ""
    return f'<text class="{style}{anchor}" x="{middle:.1f}" y="{y:.1f}">{_clean(text)}</text>'


def _rect(box: Box, fill: str, stroke: str, radius: float, dash: str = "") -> str:
    return (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="{radius:g}" '
        f'fill="{_clean(fill)}" stroke="{stroke}"{dash}/>'
    )


def _frame(box: Box) -> str:
    return f'<g fill-opacity=".05">{_rect(box, "#3b6cf6", "#c3cbe0", 8)}</g>'


def _frame_title(box: Box) -> str:
    return _text(box, "o h", f"{box.label} {box.chips}".strip(), box.y + 19, box.x + 12)


def _box(box: Box, color: str | None) -> str:
    hue = _HUES[CATEGORIES[box.category]]
    if box.kind == Kind.GROUP:
        body = _rect(box, color or "#eef2fc", "#8fa3d8", 7)
        title, lines = box.label, [f"{box.chips or box.op} · {box.count} nodes".removeprefix(" · ")]
    elif box.kind in (Kind.INPUT, Kind.OUTPUT):
        hue = "#0072b2" if box.kind == Kind.INPUT else "#009e73"
        body = _rect(box, color or ("#e3f0f8" if box.kind == Kind.INPUT else "#e1f4ee"), hue, box.height / 2)
        title, lines = box.label, [box.chips]
    elif box.kind == Kind.STUB:
        body = _rect(box, color or "#fff", "#98a2b3", box.height / 2, ' stroke-dasharray="4 3"')
        return body + _text(box, "s", box.label, box.y + box.height / 2 + 3.5)
    else:
        body = _rect(box, color or "#fbfcfe", "#c6ccd8", 5)
        body += f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="4" height="{box.height:.1f}" rx="2" fill="{hue}"/>'
        title, lines = box.op, [box.label, box.chips]
    lines = [line for line in lines if line]
    y = box.y + box.height / 2 - 7.0 * len(lines) + 4
    body += _text(box, "o", title, y)
    body += "".join(_text(box, "s", line, y + 13.5 * number) for number, line in enumerate(lines, start=1))
    if box.severity:
        at = f'cx="{box.x + box.width - 1:.1f}" cy="{box.y + 1:.1f}"'
        body += f'<circle {at} r="4.5" fill="{_SEVERITY[box.severity]}" stroke="#fff"/>'
    return body


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
