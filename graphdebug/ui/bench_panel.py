"""What a benchmark found: who is faster and how sure that is, the latencies, the sweep, tables, files to take away."""

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from graphdebug.bench.records import BenchResult, Measurement, Ratio
from graphdebug.model.record_json import to_json
from graphdebug.model.units import size_text
from graphdebug.report.bench_csv import bench_csv
from graphdebug.ui import state
from graphdebug.ui.backend_form import spec_title
from graphdebug.ui.bench_plots import COLORS, EARLIER, STREAMS, Series, distribution, over_time, sweep_plot
from graphdebug.ui.compare_downloads import report_name
from graphdebug.ui.facts import fact_grid
from graphdebug.ui.fields import select
from graphdebug.ui.results import bench_result, finished
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import plain, plural
from graphdebug.view.coloring import seconds_text
from graphdebug.view.labels import shortened
from graphdebug.workspace.disk import WorkspaceError
from graphdebug.workspace.entries import JobEntry, ModelEntry

_CHART = {"scrollZoom": True, "displaylogo": False}
_OFFERED = 20
"""Earlier benchmarks that can be laid beside."""
_NONE = ""
Point = tuple[tuple[tuple[str, int], ...], int]
"""Dimensions by name, and streams."""


def headline(job: JobEntry, result: BenchResult) -> None:
    """Say what came out, what failed, and what to know before believing it."""
    st.caption(plain(job.title))
    first = next((each for each in result.measurements if each.latency), None)
    ratio = next(iter(result.ratios), None)
    if ratio is not None:
        st.success(_ratio_sentence(result, ratio), icon=":material/speed:")
    elif first is not None and first.latency is not None:
        name = plain(spec_title(result.sides[first.backend].spec))
        st.success(f"{name}: {_sentence(first)}", icon=":material/speed:")
    failures = dict.fromkeys((each.backend, each.failure) for each in result.measurements if each.failure)
    for backend, text in failures:
        st.error(f"{plain(spec_title(result.sides[backend].spec))} was not measured: {plain(text)}")
    for warning in result.warnings:
        st.warning(plain(warning), icon=":material/warning:")


def plots(entry: ModelEntry, job: JobEntry, result: BenchResult) -> BenchResult | None:
    """Show the latencies of one shape and the sweep over all; return the benchmark that is laid beside, if any."""
    points = list(dict.fromkeys(_point(each) for each in result.measurements))
    left, right = st.columns(2) if len(points) > 1 else (st.container(), st.container())
    point = points[0]
    if len(points) > 1:
        with left:
            point = st.selectbox("Shown", points, format_func=_point_text, key=f"bench:point:{job.id}")
    with right:
        beside = _beside(entry, job)
    everything = [*_series(result), *(_series(beside, earlier=True) if beside else ())]
    here = [
        Series(each.name, each.color, [one for one in each.measurements if _point(one) == point], each.earlier)
        for each in everything
    ]
    st.plotly_chart(distribution(here), key=f"bench:distribution:{job.id}", config=_CHART)
    st.plotly_chart(over_time(here), key=f"bench:time:{job.id}", config=_CHART)
    along = [*result.request.sweep, *([STREAMS] if len(result.request.streams) > 1 else [])]
    along = [name for name in along if len(result.request.sweep.get(name, result.request.streams)) > 1]
    if along:
        name = along[0]
        if len(along) > 1:
            name = st.segmented_control("Along", along, default=name, required=True, key=f"bench:along:{job.id}")
        st.plotly_chart(sweep_plot(everything, name), key=f"bench:sweep:{job.id}:{name}", config=_CHART)
    return beside


def tables(result: BenchResult, beside: BenchResult | None) -> None:
    """Show all figures, then what ran and on what."""
    rows = [(each, result, "") for each in result.measurements]
    rows += [(each, beside, "earlier: ") for each in beside.measurements] if beside else []
    table = pd.DataFrame([_row(each, of, said) for each, of, said in rows if each.latency])
    if not table.empty:
        table = table.dropna(axis="columns", how="all")
        st.dataframe(table, hide_index=True, height=table_height(len(table), 8), placeholder="–")
    if beside is not None:
        st.caption("What is laid beside was measured at another time: drift of the machine does not cancel there.")
    for number, side in enumerate(result.sides):
        with st.expander(plain(spec_title(side.spec)), icon=":material/memory:", expanded=False):
            facts = {
                "ready in": _time(side.prepare),
                "threads": "–" if side.threads is None else str(side.threads),
            }
            facts |= {"memory before": _size(side.memory_before), "memory when ready": _size(side.memory_prepared)}
            facts |= {"first run": _time(next((m.first for m in result.measurements if m.backend == number), None))}
            fact_grid(facts | dict(side.environment))
    with st.expander("Machine", icon=":material/developer_board:"):
        where = result.machine
        fact_grid(
            {
                "processor": where.processor,
                "processors": str(where.processors),
                "this process may use": str(where.affinity),
                "container's limit": "none" if where.quota is None else f"{where.quota:.3g}",
                "load before": "–" if where.load is None else f"{where.load:.2f}",
                "held back": "–" if where.throttled is None else _time(where.throttled),
                "took": _time(result.seconds),
            }
        )


def downloads(entry: ModelEntry, job: JobEntry, result: BenchResult) -> None:
    """Offer the figures as files."""
    made: dict[str, tuple[str, Callable[[], str]]] = {
        "json": ("application/json", lambda: to_json(result)),
        "csv": ("text/csv", lambda: bench_csv(result)),
    }
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(":material/download: **Figures**", width="content")
        for ending, (mime, make) in made.items():
            name = report_name(entry, job, ending, "benchmark")
            key = f"bench:download:{ending}"
            st.download_button(ending.upper(), _encoded(make), name, mime, on_click="ignore", key=key)


def _encoded(make: Callable[[], str]) -> Callable[[], bytes]:
    return lambda: make().encode(errors="replace")


def _beside(entry: ModelEntry, job: JobEntry) -> BenchResult | None:
    """Ask which earlier benchmark of the model to lay beside this one."""
    jobs = {each.id: each for each in finished("bench", entry.id, _OFFERED) if each.id != job.id}
    chosen = state.parameter("beside") or _NONE
    if not jobs:
        return None
    titles = {_NONE: "Nothing"} | {
        each: f"{shortened(other.title, 60)}, {other.created.astimezone():%Y-%m-%d %H:%M:%S}"
        for each, other in jobs.items()
    }
    current = chosen if chosen in jobs else _NONE
    select("Lay beside", titles, current, key="bench:beside", on_change=_lay_beside)
    try:
        return bench_result(current) if current else None
    except WorkspaceError as error:
        st.error(plain(str(error)))
        return None


def _lay_beside() -> None:
    state.set_parameters(beside=st.session_state["bench:beside"] or None)


def _series(result: BenchResult, *, earlier: bool = False) -> Sequence[Series]:
    """Return the backends of a benchmark as plots show them."""
    found = []
    for number, side in enumerate(result.sides):
        mine = [each for each in result.measurements if each.backend == number]
        color = COLORS[number % len(COLORS)] if not earlier else (EARLIER, "#B8A07A")[number % 2]
        found.append(Series(f"{'earlier: ' if earlier else ''}{spec_title(side.spec)}", color, mine, earlier))
    return found


def _point(each: Measurement) -> Point:
    return tuple(each.dims.items()), each.streams


def _point_text(point: Point) -> str:
    dims, streams = point
    return ", ".join([*(f"{name} {length}" for name, length in dims), plural(streams, "stream")])


def _row(each: Measurement, result: BenchResult, said: str) -> dict[str, str | int | None]:
    latency = each.latency
    assert latency is not None
    times = {name: _time(getattr(latency, name)) for name in ("median", "mean", "p90", "p95", "p99", "std")}
    return {
        "backend": said + spec_title(result.sides[each.backend].spec),
        "shape": ", ".join(f"{name} {length}" for name, length in each.dims.items()) or None,
        "streams": each.streams if each.streams > 1 else None,
        "median": times.pop("median"),
        "runs/s": f"{each.throughput:.4g}" if each.throughput is not None else None,
        **times,
        "min": _time(latency.minimum),
        "max": _time(latency.maximum),
        "runs": latency.count,
        "peak memory": _size(each.memory),
        **{name: _time(spread.median) for name, spread in each.phases.items()},
    }


def _ratio_sentence(result: BenchResult, ratio: Ratio) -> str:
    """Say in bold who is faster at the first shape."""
    first, other = (plain(spec_title(result.sides[number].spec)) for number in (0, ratio.backend))
    sure = "" if ratio.low is None else f" (95 % sure: between {ratio.low:.3g} and {ratio.high:.3g})"
    at = "" if len(result.ratios) == 1 else f", at {plain(_point_text((tuple(ratio.dims.items()), ratio.streams)))}"
    even = ratio.low is not None and ratio.high is not None and ratio.low <= 1 <= ratio.high
    tail = " No difference can be told." if even else ""
    return f"**{other}** takes **{ratio.ratio:.3g}** times as long as **{first}**{sure}{at}.{tail}"


def _sentence(each: Measurement) -> str:
    assert each.latency is not None
    rate = f", {each.throughput:.4g} runs a second" if each.throughput is not None else ""
    return f"median {_time(each.latency.median)}, p99 {_time(each.latency.p99)}{rate}."


def _time(seconds: float | None) -> str:
    return "–" if seconds is None else seconds_text(seconds)


def _size(count: int | None) -> str:
    return "–" if count is None else size_text(count)
