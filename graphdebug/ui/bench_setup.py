"""The form that starts a benchmark: one backend or two, the inputs, how long, which shapes and streams."""

import math

import streamlit as st

from graphdebug.bench.records import ORDERS, BenchRequest
from graphdebug.runtime.dims import symbolic_dims
from graphdebug.ui.backend_form import backend_form, spec_title
from graphdebug.ui.feeds_form import missing_files
from graphdebug.ui.job_page import start_job
from graphdebug.ui.last_feeds import ask_feeds
from graphdebug.ui.words import plain
from graphdebug.workspace.entries import ModelEntry

_FIRST, _SECOND = "onnxruntime", "onnxruntime:opt=disable"
_ORDERS = {"abba": "there and back (A B, B A …)", "random": "at random", "sequential": "one after the other"}
_MOST_POINTS = 200


def bench_setup(entry: ModelEntry) -> None:
    """Ask for everything a benchmark needs and start it; then open it."""
    backends = _backends(entry)
    with st.expander("Inputs", icon=":material/input:"):
        feeds = ask_feeds(entry, "bench")
    columns = st.columns(2)
    iterations = columns[0].number_input("Runs", 0, 1_000_000, 200, key="bench:iterations", help="0: only by time.")
    seconds = columns[1].number_input(
        "Seconds at most", 0.0, 3600.0, 10.0, key="bench:seconds", help="For each backend, shape and number of streams."
    )
    sweep = _sweep(entry)
    streams = _numbers(
        "Streams",
        "1",
        "bench:streams",
        "Runs at the same time, in threads: 1, 2, 4 measures each of them.",
    ) or (1,)
    with st.popover("More options", width="stretch"):
        warmup = st.number_input("Runs to warm up", 0, 10_000, 5, key="bench:warmup")
        rounds = st.number_input("Rounds", 1, 1000, 20, key="bench:rounds", help="How many turns each backend takes.")
        order = st.selectbox("Turns", ORDERS, format_func=_ORDERS.__getitem__, key="bench:order")
        own = st.checkbox("Each stream has a session of its own", key="bench:own")
    missing = missing_files(feeds)
    for name in missing:
        st.warning(f"Choose a file for input {plain(name)}.", icon=":material/upload_file:")
    points = math.prod([len(streams), *map(len, sweep.values())])
    endless = not iterations and not seconds
    if endless:
        st.caption(":red[Runs or seconds must say when to stop.]")
    if points > _MOST_POINTS:
        st.caption(f":red[That makes {points:,} combinations of shapes and streams; at most {_MOST_POINTS} can be.]")
    ready = not missing and not endless and points <= _MOST_POINTS
    if st.button("Measure", type="primary", icon=":material/speed:", disabled=not ready, width="stretch"):
        request = BenchRequest(
            entry.location,
            backends,
            feeds,
            sweep,
            streams,
            own,
            int(warmup),
            int(iterations),
            float(seconds),
            int(rounds),
            order,
        )
        start_job("bench", request, entry, f"{entry.name}: {' vs '.join(map(spec_title, backends))}")


def _backends(entry: ModelEntry) -> tuple[str, ...]:
    """Ask for one backend or two."""
    two = st.toggle("Measure two side by side", value=True, key="bench:two")
    specs = []
    with st.container(horizontal=True, gap="small", key="bench-sides"):
        for title, start in (("A", _FIRST), ("B", _SECOND))[: 2 if two else 1]:
            with st.container(border=True, gap="small"):
                st.markdown(f"**{title}**")
                specs.append(backend_form(start, f"bench:{entry.id}:{title}", narrow=two))
    return tuple(specs)


def _sweep(entry: ModelEntry) -> dict[str, tuple[int, ...]]:
    """Ask for the lengths of symbolic dimensions that are to be measured one after the other."""
    sweep: dict[str, tuple[int, ...]] = {}
    names = symbolic_dims(entry.record.summary.inputs)
    if not names:
        return sweep
    with st.expander("Sweep over shapes", icon=":material/stacked_line_chart:"):
        st.caption("Lengths with commas between, such as 1, 2, 4, 8. Empty: as the inputs say.")
        columns = st.columns(min(2, len(names)))
        for position, name in enumerate(names):
            with columns[position % len(columns)]:
                if lengths := _numbers(plain(name), "", f"bench:{entry.id}:sweep:{name}", None):
                    sweep[name] = lengths
    return sweep


def _numbers(label: str, start: str, key: str, tip: str | None) -> tuple[int, ...]:
    """Ask for whole numbers with commas between; none when there is no sense in what was written."""
    parts = [part.strip() for part in st.text_input(label, start, key=key, help=tip).split(",") if part.strip()]
    if not all(part.isdecimal() and 0 < int(part) < 1_000_000 for part in parts):
        st.caption(":red[Whole numbers with commas between.]")
        return ()
    return tuple(dict.fromkeys(int(part) for part in parts))
