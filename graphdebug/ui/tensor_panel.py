"""One recorded tensor: its numbers, its histogram, slices of its values and its channels. Values are read lazily."""

from collections.abc import Mapping
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from graphdebug.model.units import size_text
from graphdebug.runtime.requests import TensorRow, TensorStatistics
from graphdebug.runtime.store import ArrayReader, StoreError
from graphdebug.ui import plots
from graphdebug.ui.facts import fact_grid, number
from graphdebug.ui.slices import Values, cells, channel_grid, cut, plane, shrink
from graphdebug.ui.table_height import table_height
from graphdebug.ui.words import dtype, plain, plural, shape
from graphdebug.workspace.entries import JobEntry

_SCREEN = 256
"""Cells of a heat map along one axis."""
_POINTS = 4096
"""Points of a line."""
_CHANNELS = 64
_PAGE = 100
"""Rows and columns of a page of the table of values."""


def tensor_panel(job: JobEntry, row: TensorRow) -> None:
    """Show everything about one tensor of a run."""
    st.markdown(f"**{plain(row.name)}**")
    place = f"made by {plain(row.op)} · " if row.op else ""
    st.caption(f"{place}{plain(dtype(row.type))} · {plain(shape(row.type))} · {size_text(row.bytes)}")
    if row.note:
        st.caption(plain(row.note) if row.stored else f":orange[{plain(row.note)}]")
    if row.statistics is not None:
        fact_grid(_facts(row.statistics))
    if not row.stored:
        return
    try:
        values = ArrayReader(job.folder / "tensors.npz").map(row.name)
    except (OSError, KeyError, StoreError) as error:
        st.error(f"The values cannot be read: {plain(str(error))}")
        return
    _views(row, values)
    _download(job, row)


def _facts(statistics: TensorStatistics) -> Mapping[str, str]:
    if statistics.size == 1:
        value = "NaN" if statistics.nans else "infinite" if statistics.infs else number(statistics.minimum, ".9g")
        return {"value": value}
    return {
        "min": number(statistics.minimum, ".6g"),
        "max": number(statistics.maximum, ".6g"),
        "mean": number(statistics.mean, ".6g"),
        "std": number(statistics.std, ".6g"),
        "elements": f"{statistics.size:,}",
        "zeros": _share(statistics.zeros, statistics.size),
        "NaN": _count(statistics.nans, statistics.first_nan),
        "infinite": _count(statistics.infs, statistics.first_inf),
    }


def _views(row: TensorRow, values: Values) -> None:
    if values.size == 0:
        st.caption("No elements.")
        return
    if values.dtype.kind not in "fiubc":
        _table(row, *_chosen_slice(row, values))
        return
    if values.size == 1:
        return  # its facts say it
    names = ["Histogram", "Slice"]
    if values.ndim in (3, 4) and min(values.shape[-2:]) > 1:
        names.append("Channels")
    tabs = dict(zip(names, st.tabs(names, on_change="rerun", key="tensor:tabs"), strict=True))
    with tabs["Histogram"]:
        if tabs["Histogram"].open and row.statistics is not None:
            _histogram(row.statistics)
    with tabs["Slice"]:
        if tabs["Slice"].open:
            _slice(row, values)
    if "Channels" in tabs:
        with tabs["Channels"]:
            if tabs["Channels"].open:
                _channels(row, values)


def _histogram(statistics: TensorStatistics) -> None:
    if not statistics.histogram:
        st.caption("No finite elements.")
        return
    log = st.toggle("Logarithmic counts", key="tensor:log")
    st.plotly_chart(plots.histogram(statistics, log=log), key="tensor:histogram", config={"displayModeBar": False})


def _slice(row: TensorRow, values: Values) -> None:
    """Show a heat map of two axes, or a line, and the values themselves."""
    picked, at = _chosen_slice(row, values)
    if 1 in picked.shape:
        shown, steps = shrink(plane(picked), _POINTS)
        st.plotly_chart(plots.line(shown, max(steps)), key="tensor:line")
    else:
        shown, steps = shrink(plane(picked), _SCREEN)
        st.plotly_chart(plots.heat_map(shown, steps), key="tensor:heat")
    if steps != (1, 1):
        what = "point" if 1 in picked.shape else "cell"
        stands_for = f"{max(steps)}" if 1 in picked.shape else f"{steps[0]} × {steps[1]}"
        st.caption(f"A {what} stands for {stands_for} values and shows the largest of them, NaN before all.")
    with st.expander("Values", key="tensor:values", on_change="rerun") as table:
        if table.open:
            _table(row, picked, at)


def _chosen_slice(row: TensorRow, values: Values) -> tuple[Values, tuple[int, int]]:
    """Ask for two axes, the others held at an index each; return the slice and where in it to look first.

    It starts where the first NaN or infinity is.
    """
    name, start = row.name, _start(row, values.ndim)
    longest = [axis for axis in range(values.ndim) if values.shape[axis] > 1] or list(range(values.ndim))
    rows, columns = None, longest[-1] if longest else None
    if len(longest) > 1:
        rows = longest[-2]
        left, right = st.columns(2)
        options = list(range(values.ndim))
        rows = left.selectbox("Down", options, options.index(rows), format_func=_axis(values), key=f"slice:down:{name}")
        across = [axis for axis in options if axis != rows]
        default = across.index(columns) if columns in across else len(across) - 1
        columns = right.selectbox("Across", across, default, format_func=_axis(values), key=f"slice:across:{name}")
    fixed = {}
    for axis in range(values.ndim):
        if axis not in (rows, columns) and values.shape[axis] > 1:
            label = f"Index in axis {axis}"
            fixed[axis] = st.slider(label, 0, values.shape[axis] - 1, start[axis], key=f"slice:index:{name}:{axis}")
    at = tuple(0 if axis is None else start[axis] for axis in (rows, columns))
    return cut(values, rows, columns, fixed), (at[0], at[1])


def _start(row: TensorRow, rank: int) -> tuple[int, ...]:
    """Return the index of the first NaN, else of the first infinity, else zeros."""
    found = row.statistics and (row.statistics.first_nan or row.statistics.first_inf)
    return found or (0,) * rank


def _table(row: TensorRow, picked: Values, at: tuple[int, int]) -> None:
    """Show a slice as numbers or texts, a page at a time; a vector reads downwards."""
    if picked.shape[0] == 1:
        picked, at = picked.T, at[::-1]
    top = _page("Rows", picked.shape[0], at[0], f"table:rows:{row.name}:{picked.shape}")
    left = _page("Columns", picked.shape[1], at[1], f"table:columns:{row.name}:{picked.shape}")
    part = cells(picked[top : top + _PAGE, left : left + _PAGE])
    labels = [str(left + column) for column in range(part.shape[1])]
    st.dataframe(pd.DataFrame(part, range(top, top + part.shape[0]), labels), height=table_height(len(part), 9))


def _page(what: str, length: int, at: int, key: str) -> int:
    """Ask for a page where there is more than one, from that of index ``at`` on; return its first index."""
    pages = -(-length // _PAGE)
    if pages < 2:
        return 0
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        first = (st.pagination(pages, default=at // _PAGE + 1, max_visible_pages=5, key=key) - 1) * _PAGE
        st.caption(f"{what} {first:,} to {min(first + _PAGE, length) - 1:,} of {length:,}", width="content")
    return first


def _channels(row: TensorRow, values: Values) -> None:
    item = 0
    if values.ndim == 4 and values.shape[0] > 1:
        start = _start(row, 4)[0]
        item = st.slider("Item of the batch", 0, values.shape[0] - 1, start, key=f"channels:item:{row.name}")
    channels = values[item] if values.ndim == 4 else values
    per_channel = st.toggle("Each channel on its own scale", value=True, key="tensor:per-channel")
    st.image(channel_grid(channels, per_channel=per_channel, limit=_CHANNELS), width="stretch")
    total = channels.shape[0]
    shown = f"The first {_CHANNELS} of {total:,} channels" if total > _CHANNELS else plural(total, "channel")
    st.caption(f"{shown}, row by row. Black is the smallest value, white the largest, pink is NaN or infinite.")


def _axis(values: Values):  # type: ignore[no-untyped-def]
    return lambda axis: f"axis {axis} ({values.shape[axis]:,})"


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.1%})" if total and count else f"{count:,}"


def _count(count: int, first: tuple[int, ...] | None) -> str:
    return f"{count:,}, first at {list(first or ())}" if count else "0"


def _download(job: JobEntry, row: TensorRow) -> None:
    """Offer the one tensor as .npy."""
    address = f"graphdebug/jobs/{job.id}/tensor?{urlencode({'name': row.name}, errors='replace')}"
    st.link_button("This tensor · .npy", address, icon=":material/download:")
