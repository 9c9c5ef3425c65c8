"""Plotly figures from records and arrays. Pure functions; colours of axes and text are left to Streamlit's theme.

Names of a model go into figures only through ``html.escape``: Plotly reads a little HTML in texts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go

from graphdebug.compare.records import Row, Status
from graphdebug.report.colors import STATUS_COLOR, STEPS, excess
from graphdebug.runtime.channels import Channels
from graphdebug.runtime.requests import TensorStatistics
from graphdebug.ui.palette import ACCENT, DIVERGING, SEQUENTIAL, STATUS_SYMBOL
from graphdebug.ui.slices import Plane
from graphdebug.view.coloring import NONFINITE
from graphdebug.view.labels import shortened

_HOVER = 80
"""Letters of a line in what is shown of a point under the pointer."""
TRANSPARENT = "rgba(0,0,0,0)"
Point = tuple[Row, float | None]


def _layout(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        paper_bgcolor=TRANSPARENT,
        plot_bgcolor=TRANSPARENT,
        hoverlabel={"namelength": -1, "align": "left"},
        dragmode="pan",
    )


def histogram(statistics: TensorStatistics, *, log: bool = False, height: int = 220) -> go.Figure:
    """Return the histogram of the finite elements; empty when there are none. ``log``: logarithmic counts."""
    counts = np.asarray(statistics.histogram, dtype=np.int64)
    figure = go.Figure()
    if counts.size and statistics.minimum is not None and statistics.maximum is not None:
        edges = np.linspace(statistics.minimum, statistics.maximum, counts.size + 1)
        # A constant tensor has no width; its bar gets one.
        width = float(edges[1] - edges[0]) or max(abs(statistics.minimum), 1.0) * 0.01
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts,
            width=width,
            marker={"color": ACCENT, "line": {"width": 0}},
            customdata=np.stack([edges[:-1], edges[1:]], axis=-1),
            hovertemplate="%{customdata[0]:.5g} … %{customdata[1]:.5g}<br>%{y:,} elements<extra></extra>",
        )
    figure.update_yaxes(type="log" if log else "linear", rangemode="tozero", title=None)
    return _layout(figure.update_layout(bargap=0, showlegend=False), height)


def heat_map(values: Plane, steps: tuple[int, int] = (1, 1), *, height: int = 380) -> go.Figure:
    """Return a heat map of a plane, its first row on top; ``steps`` are the rows and columns one cell stands for.

    Values of both signs get a diverging scale with zero in the middle. NaN and infinity get a colour of their own.
    """
    finite = np.isfinite(values)
    shown = np.where(finite, values, np.nan)
    rows = np.arange(values.shape[0]) * steps[0]
    columns = np.arange(values.shape[1]) * steps[1]
    low, high = (float(np.nanmin(shown)), float(np.nanmax(shown))) if finite.any() else (0.0, 1.0)
    signed = low < 0 < high
    bound = max(-low, high)
    figure = go.Figure()
    figure.add_heatmap(
        z=shown,
        x=columns,
        y=rows,
        zmin=-bound if signed else low,
        zmax=bound if signed else high,
        colorscale=DIVERGING if signed else SEQUENTIAL,
        colorbar={"thickness": 12, "len": 1.0, "outlinewidth": 0},
        hovertemplate="[%{y}, %{x}] %{z:.6g}<extra></extra>",
    )
    if not finite.all():
        figure.add_heatmap(
            z=np.where(finite, np.nan, 1.0),
            x=columns,
            y=rows,
            text=np.where(np.isnan(values), "NaN", "infinity"),
            colorscale=[(0, NONFINITE), (1, NONFINITE)],
            showscale=False,
            hovertemplate="[%{y}, %{x}] %{text}<extra></extra>",
        )
    figure.update_yaxes(autorange="reversed", showgrid=False, zeroline=False, dtick=_whole_ticks(rows))
    figure.update_xaxes(showgrid=False, zeroline=False, dtick=_whole_ticks(columns))
    return _layout(figure, height)


def _whole_ticks(indices: np.ndarray[Any, Any]) -> int | None:
    """A tick at every index while there are few: an axis of indices has no halves. None: as Plotly sees fit."""
    return 1 if indices.size <= 12 and indices[-1] < 12 else None


def line(values: Plane, step: int = 1, *, height: int = 260) -> go.Figure:
    """Return the values of a one-row or one-column plane as a line over their index, with marks at NaN and infinity.

    ``step`` is how many values a point stands for.
    """
    flat = values.reshape(-1)
    index = np.arange(flat.size) * step
    finite = np.isfinite(flat)
    figure = go.Figure()
    figure.add_scattergl(
        x=index,
        y=np.where(finite, flat, np.nan),
        mode="lines+markers" if flat.size <= 200 else "lines",
        line={"color": ACCENT, "width": 1.5},
        marker={"size": 5},
        hovertemplate="[%{x}] %{y:.6g}<extra></extra>",
    )
    if not finite.all():
        bad = np.flatnonzero(~finite)
        figure.add_scattergl(
            x=index[bad],
            y=np.zeros(bad.size),
            text=[str(value) for value in flat[bad]],
            mode="markers",
            marker={"color": NONFINITE, "symbol": "x", "size": 8},
            hovertemplate="[%{x}] %{text}<extra></extra>",
        )
    return _layout(figure.update_layout(showlegend=False), height)


def channel_plot(found: Channels, *, height: int = 200) -> go.Figure:
    """Return the largest magnitude of each channel; those that stand out in another colour."""
    index = np.arange(len(found.largest))
    out = np.isin(index, found.outliers)
    figure = go.Figure()
    for name, here, color in (("channel", ~out, ACCENT), ("stands out", out, STATUS_COLOR[Status.DIFFER])):
        figure.add_scattergl(
            x=index[here],
            y=found.largest[here],
            customdata=np.stack([found.rms[here], found.zeros[here]], axis=-1),
            mode="markers",
            name=name,
            marker={"color": color, "size": 5 if name == "channel" else 8},
            hovertemplate="[%{x}] largest %{y:.4g}<br>RMS %{customdata[0]:.4g}, "
            "%{customdata[1]:.1%} zeros<extra></extra>",
        )
    figure.update_yaxes(rangemode="tozero")
    return _layout(figure.update_layout(showlegend=False), height)


def _relative_rms(row: Row) -> float | None:
    if row.metrics is None or not row.metrics.reference_rms:
        return None
    return row.metrics.rmse / row.metrics.reference_rms


MEASURES: Mapping[str, Callable[[Row], float | None]] = {
    "largest error ÷ tolerance": excess,
    "largest absolute error": lambda row: row.metrics.max_abs if row.metrics else None,
    "RMS error ÷ RMS of the reference": _relative_rms,
}
"""What the error plot can show on its vertical axis."""


def error_plot(rows: Sequence[Row], measure: str, focus: str | None = None, *, height: int = 320) -> go.Figure:
    """Return error along the topological order, logarithmic; a point's ``customdata`` is the tensor's name.

    Identical tensors lie on the floor of the plot and tensors that were not compared below it: nothing is left out.
    With errors in units of the tolerance, a line stands at 1; a vertical line marks ``focus``.
    """
    value = MEASURES[measure]
    points = [(row, value(row)) for row in rows]
    positive = [error for _, error in points if error and np.isfinite(error)]
    floor = 10 ** np.floor(np.log10(min(positive)) - 1) if positive else 1e-9
    ceiling = 10 ** np.ceil(np.log10(max(positive)) + 1) if positive else 1.0
    if value is excess:  # identical tensors stand below the tolerance, whatever the others do
        floor, ceiling = min(floor, 1e-2), max(ceiling, 10.0)
    figure = go.Figure()
    for name, mine, marker in _series(points):
        figure.add_scattergl(
            name=f"{name} ({len(mine):,})",
            x=[row.position for row, _ in mine],
            y=[_height(error, floor, ceiling) for _, error in mine],
            customdata=[row.name for row, _ in mine],
            hovertext=[_hover(row, error, measure) for row, error in mine],
            hoverinfo="text",
            mode="markers",
            marker=marker,
            selected={"marker": {"opacity": 1}},
            unselected={"marker": {"opacity": 1}},
        )
    if value is excess:
        figure.add_hline(y=1.0, line={"color": STATUS_COLOR[Status.DIFFER], "dash": "dash", "width": 1.5})
    focused = next((row for row in rows if row.name == focus), None)
    if focused is not None:
        figure.add_vline(x=focused.position, line={"color": ACCENT, "width": 1.5})
    figure.update_xaxes(title="position in topological order", zeroline=False, showgrid=False)
    decades = np.log10(ceiling / floor)
    figure.update_yaxes(
        type="log", title=measure, exponentformat="power", zeroline=False, dtick=1 if decades <= 8 else 2
    )
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None}
    )
    return _layout(figure, height)


def _series(points: Sequence[Point]) -> Iterator[tuple[str, list[Point], dict[str, Any]]]:
    """Yield the kinds of points that there are: name, points, marker. What matters most comes last and lies on top."""
    identical = [point for point in points if point[1] == 0 and point[0].status is Status.MATCH]
    if identical:
        yield "identical", identical, {"color": STEPS[0].color, "symbol": "circle", "size": 6}
    for status in (Status.NOT_COMPARED, Status.MATCH, Status.DIFFER):
        mine = [
            point for point in points if point[0].status is status and (status is not Status.MATCH or point[1] != 0)
        ]
        if mine:
            size = 5 if status is Status.NOT_COMPARED else 7
            yield str(status), mine, {"color": STATUS_COLOR[status], "symbol": STATUS_SYMBOL[status], "size": size}


def _height(error: float | None, floor: float, ceiling: float) -> float:
    if error is None:
        return float(floor / 10)
    return float(min(max(error, floor), ceiling))


def _hover(row: Row, error: float | None, measure: str) -> str:
    said = f"{measure}: {error:.3g}" if error is not None else row.reason or "no number"
    name = shortened(row.name, _HOVER)
    place = shortened(f"{row.op} · {row.scope}" if row.scope else row.op, _HOVER)
    return f"<b>{escape(name)}</b><br>{escape(place)}<br>{row.status} · {escape(said)}"
