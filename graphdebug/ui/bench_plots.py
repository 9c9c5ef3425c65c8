"""Figures of benchmarks and of profiles. Names go into them through ``html.escape``: Plotly reads a little HTML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from graphdebug.bench.records import Measurement
from graphdebug.runtime.trace import Span
from graphdebug.ui.plots import TRANSPARENT
from graphdebug.view.coloring import seconds_text
from graphdebug.view.labels import shortened

COLORS = ("#3B82C4", "#D9822B", "#3A9D6E", "#B0569E", "#8C7A2E", "#C0504D")
"""Of backends, in their order; the same on a light and a dark ground."""
EARLIER = "#8A8F98"
_SPANS = 3000
"""Bars that a browser draws at once without a pause; beyond that the longest ones."""
_NAME = 48
_LEGEND_LINE = 22
_LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "title": None}


@dataclass(frozen=True, slots=True)
class Series:
    """Measurements of one backend under one name and colour; those of an ``earlier`` benchmark are drawn dashed."""

    name: str
    color: str
    measurements: Sequence[Measurement]
    earlier: bool = False


def _layout(figure: go.Figure, height: int) -> go.Figure:
    return figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28, "b": 8},
        paper_bgcolor=TRANSPARENT,
        plot_bgcolor=TRANSPARENT,
        hoverlabel={"namelength": -1, "align": "left"},
        dragmode="pan",
        showlegend=True,
        legend=_LEGEND,
    )


def _unit(seconds: float) -> tuple[float, str]:
    """Return the factor and the name of the unit in which so many seconds are read best."""
    return (1e6, "µs") if seconds < 1e-3 else (1e3, "ms") if seconds < 1 else (1.0, "s")


def _unit_of(series: Sequence[Series]) -> tuple[float, str]:
    """Return the unit in which the fastest of these is read best."""
    medians = (each.latency.median for one in series for each in one.measurements if each.latency)
    return _unit(min(medians, default=1.0))


def distribution(series: Sequence[Series], *, height: int = 260) -> go.Figure:
    """Return which share of runs took at most how long; each series holds one measurement."""
    figure = go.Figure()
    factor, unit = _unit_of(series)
    for each in filter(_has, series):
        times = np.sort(np.concatenate([block.latencies for block in each.measurements[0].blocks])) * factor
        figure.add_scatter(
            x=times,
            y=np.arange(1, times.size + 1) / times.size,
            name=escape(shortened(each.name, _NAME)),
            mode="lines",
            line={"color": each.color, "width": 2, "shape": "hv", "dash": "dot" if each.earlier else "solid"},
            hovertemplate=f"%{{y:.0%}} took at most %{{x:.4g}} {unit}<extra></extra>",
        )
    for share in (0.5, 0.9, 0.99):
        figure.add_hline(
            y=share,
            line={"color": EARLIER, "width": 1, "dash": "dot"},
            annotation={"text": f"p{share:.0%}".rstrip("%"), "font": {"size": 10}, "xanchor": "right"},
        )
    figure.update_xaxes(title=f"latency, {unit}", type="log", dtick="D2", showgrid=True)
    figure.update_yaxes(title="share of runs", tickformat=".0%", range=[0, 1.03], zeroline=False)
    return _layout(figure, height + _LEGEND_LINE * max(0, len(series) - 2))


def over_time(series: Sequence[Series], *, height: int = 220) -> go.Figure:
    """Return every latency at the moment when it was measured: drift, waves and outliers; see `distribution`."""
    figure = go.Figure()
    factor, unit = _unit_of(series)
    for each in filter(_has, series):
        blocks = each.measurements[0].blocks
        places = [
            block.start + block.wall * (np.arange(len(block.latencies)) + 0.5) / len(block.latencies)
            for block in blocks
        ]
        figure.add_scattergl(
            x=np.concatenate(places),
            y=np.concatenate([block.latencies for block in blocks]) * factor,
            name=escape(shortened(each.name, _NAME)),
            mode="markers",
            marker={"color": each.color, "size": 4, "opacity": 0.7, "symbol": "x" if each.earlier else "circle"},
            hovertemplate=f"after %{{x:.3g}} s: %{{y:.4g}} {unit}<extra></extra>",
        )
    figure.update_xaxes(title="seconds since the first", zeroline=False)
    figure.update_yaxes(title=f"latency, {unit}", type="log", dtick="D2", zeroline=False)
    return _layout(figure, height).update_layout(showlegend=False)


def sweep_plot(series: Sequence[Series], along: str, *, height: int = 280) -> go.Figure:
    """Return median latency, a line up to its 90th percentile, and throughput, along a dimension or ``streams``."""
    figure = make_subplots(1, 2, horizontal_spacing=0.2)
    factor, unit = _unit_of(series)
    for each in series:
        for name, points in _lines(each, along):
            x = [length for length, _ in points]
            latencies = [point.latency for _, point in points if point.latency]
            style = {"color": each.color, "width": 2, "dash": "dot" if each.earlier else "solid"}
            median = [latency.median * factor for latency in latencies]
            above = [(latency.p90 - latency.median) * factor for latency in latencies]
            figure.add_scatter(
                x=x,
                y=median,
                error_y={"array": above, "arrayminus": [0] * len(above), "thickness": 1},
                name=escape(shortened(name, _NAME)),
                legendgroup=name,
                line=style,
                mode="lines+markers",
                hovertemplate=f"{escape(along)} %{{x}}: %{{y:.4g}} {unit}<extra></extra>",
            )
            rates = [(point.throughput or 0) * (1 if along == STREAMS else length) for length, point in points]
            figure.add_scatter(
                x=x,
                y=rates,
                name=escape(name),
                legendgroup=name,
                showlegend=False,
                line=style,
                mode="lines+markers",
                hovertemplate=f"{escape(along)} %{{x}}: %{{y:.4g}} a second<extra></extra>",
                xaxis="x2",
                yaxis="y2",
            )
    said = escape(shortened(along, 24))
    figure.update_xaxes(title=said, type="log", tickvals=sorted(set(_lengths(series, along))))
    figure.update_layout(
        yaxis={"title": f"median latency, {unit}", "type": "log", "dtick": "D2", "zeroline": False},
        yaxis2={
            "rangemode": "tozero",
            "zeroline": False,
            "title": "runs a second" if along == STREAMS else f"{said} a second",
        },
    )
    return _layout(figure, height)


STREAMS = "streams"


def _lines(series: Series, along: str) -> Iterator[tuple[str, list[tuple[int, Measurement]]]]:
    """Yield the lines of a series: points that differ only in what the plot is along."""
    lines: dict[str, list[tuple[int, Measurement]]] = {}
    for each in series.measurements:
        if each.latency is None:
            continue
        at = {**each.dims, STREAMS: each.streams}
        length = at.pop(along, None)
        if length is None:
            continue
        rest = ", ".join(f"{name} {other}" for name, other in at.items() if (name, other) != (STREAMS, 1))
        lines.setdefault(f"{series.name}, {rest}" if rest else series.name, []).append((length, each))
    yield from ((name, sorted(points, key=lambda point: point[0])) for name, points in lines.items())


def _lengths(series: Sequence[Series], along: str) -> Iterator[int]:
    for each in series:
        for _, points in _lines(each, along):
            yield from (length for length, _ in points)


def _has(series: Series) -> bool:
    return bool(series.measurements) and series.measurements[0].latency is not None


def timeline(spans: Sequence[Span], *, height: int = 300) -> go.Figure:
    """Return one run of a model: a lane for each thread, below it what nodes called, coloured by operator.

    A bar's ``customdata`` is the graph's path and the node's index, empty for what the engine added.
    """
    shown = sorted(sorted(spans, key=lambda span: -span.seconds)[:_SPANS], key=lambda span: span.start)
    whole = max((span.start + span.seconds for span in spans), default=0.0)
    factor, unit = _unit(whole)
    threads = {thread: number for number, thread in enumerate(dict.fromkeys(span.thread for span in spans), 1)}
    cost: dict[str, float] = {}
    for span in shown:
        cost[span.op] = cost.get(span.op, 0.0) + span.seconds
    figure = go.Figure()
    for position, op in enumerate(sorted(cost, key=lambda op: -cost[op])):
        mine = [span for span in shown if span.op == op]
        figure.add_bar(
            orientation="h",
            base=[span.start * factor for span in mine],
            x=[span.seconds * factor for span in mine],
            y=[f"thread {threads[span.thread]}{' ↳' * span.depth}" for span in mine],
            name=escape(f"{shortened(op, 24)} {seconds_text(cost[op])}"),
            customdata=[[span.graph, span.node] for span in mine],
            hovertext=[_hover(span) for span in mine],
            hoverinfo="text",
            marker={"color": COLORS[position] if position < len(COLORS) else EARLIER, "line": {"width": 0}},
            showlegend=position < len(COLORS),
        )
    figure.update_xaxes(title=f"{unit} since the run began", zeroline=False, range=[0, whole * factor])
    figure.update_yaxes(autorange="reversed", type="category", categoryorder="category ascending", title=None)
    return _layout(figure.update_layout(barmode="overlay", bargap=0.15), height)


def _hover(span: Span) -> str:
    added = "" if span.node is not None else " · added by the engine"
    return f"<b>{escape(shortened(span.name, 80))}</b><br>{seconds_text(span.seconds)} · {escape(span.provider)}{added}"
