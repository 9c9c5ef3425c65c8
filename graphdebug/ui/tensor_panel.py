"""One recorded tensor: its numbers, its histogram, slices of its values and its channels. Values are read lazily."""

from collections.abc import Mapping
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from graphdebug.runtime.requests import TensorRow, TensorStatistics
from graphdebug.runtime.store import ArrayReader, StoreError
from graphdebug.ui import plots
from graphdebug.ui.facts import fact_grid, number
from graphdebug.ui.slices import Values, channel_grid, plane, shrink
from graphdebug.ui.words import dtype, plain, plural, shape, size
from graphdebug.workspace.entries import JobEntry

_SCREEN = 256
"""Cells of a heat map along one axis."""
_CHANNELS = 64


def tensor_panel(job: JobEntry, row: TensorRow) -> None:
    """Show everything about one tensor of a run."""
    st.markdown(f"**{plain(row.name)}**")
    place = f"made by {plain(row.op)} · " if row.op else ""
    st.caption(f"{place}{plain(dtype(row.type))} · {plain(shape(row.type))} · {size(row.bytes)}")
    if row.note:
        st.caption(f":orange[{plain(row.note)}]")
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
        st.code("\n".join(repr(item) for item in values.reshape(-1)[:20].tolist()), language=None)
        return
    names = ["Histogram", "Slice"]
    if values.ndim in (3, 4) and min(values.shape[-2:]) > 1:
        names.append("Channels")
    tabs = dict(zip(names, st.tabs(names, on_change="rerun", key="tensor:tabs"), strict=True))
    with tabs["Histogram"]:
        if tabs["Histogram"].open and row.statistics is not None:
            _histogram(row.statistics)
    with tabs["Slice"]:
        if tabs["Slice"].open:
            _slice(row.name, values)
    if "Channels" in tabs:
        with tabs["Channels"]:
            if tabs["Channels"].open:
                _channels(row.name, values)


def _histogram(statistics: TensorStatistics) -> None:
    if not statistics.histogram:
        st.caption("No finite elements.")
        return
    log = st.toggle("Logarithmic counts", key="tensor:log")
    st.plotly_chart(plots.histogram(statistics, log=log), key="tensor:histogram", config={"displayModeBar": False})


def _slice(name: str, values: Values) -> None:
    """Show a heat map of two axes, the other axes held at an index each."""
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
            fixed[axis] = st.slider(label, 0, values.shape[axis] - 1, 0, key=f"slice:index:{name}:{axis}")
    picked = plane(values, rows, columns, fixed)
    if 1 in picked.shape:
        st.plotly_chart(plots.line(picked.reshape(-1)[:4096].reshape(1, -1)), key="tensor:line")
        if picked.size > 4096:
            st.caption(f"The first 4,096 of {picked.size:,} values.")
    else:
        shown, steps = shrink(picked, _SCREEN)
        st.plotly_chart(plots.heat_map(shown, steps), key="tensor:heat")
        if steps != (1, 1):
            st.caption(
                f"A cell stands for {steps[0]} × {steps[1]} values and shows the largest of them, NaN before all."
            )
    with st.expander("Values"):
        st.dataframe(np.array(picked[:200, :200]), height=260)
        if max(picked.shape) > 200:
            st.caption("The first 200 rows and columns.")


def _channels(name: str, values: Values) -> None:
    item = 0
    if values.ndim == 4 and values.shape[0] > 1:
        item = st.slider("Item of the batch", 0, values.shape[0] - 1, 0, key=f"channels:item:{name}")
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
