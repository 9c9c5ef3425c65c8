"""Weights of the chosen node: statistics, histogram and values, read only when asked for."""

from collections.abc import Sequence
from urllib.parse import urlencode

import numpy as np
import onnx
import streamlit as st

from graphdebug.api.details import NotFoundError, Value, initializer
from graphdebug.api.initializers import WINDOW, Initializer, describe_initializer, window
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.tensors import TensorError, payload_bytes, read_tensor
from graphdebug.model.units import size_text
from graphdebug.runtime.channels import OUTLIER, Channels, channels
from graphdebug.runtime.requests import TensorStatistics
from graphdebug.ui.plots import channel_plot, heat_map, histogram
from graphdebug.ui.slices import channel_grid
from graphdebug.ui.words import plain, plural

AT_ONCE = 16 << 20
"""Bytes up to which a weight is read without being asked."""
_FILTERS = 64
_STILL = {"displayModeBar": False}
_REMEMBERED = 32
"""Weights whose numbers are kept: working them out reads all values, and each click in the page runs this again."""
_Place = tuple[str, str, str]
"""A weight's model, graph and name."""


def weight_panel(model: Model, entry_id: str, weights: Sequence[Value], *, opened: bool = False) -> None:
    """Offer the weights of the model in the workspace as ``entry_id``; the one picked is read and shown."""
    if not weights:
        return
    st.markdown("**Values**" if opened else "**Weights**")
    names = [value.name for value in weights]
    slots = {value.name: value.slot or value.name for value in weights}
    picked = names[0]
    if not opened:
        choice = st.pills(
            "Weight", names, format_func=lambda name: plain(slots[name]), label_visibility="collapsed", key="weight"
        )
        if choice is None:
            return
        picked = choice
    value = next(value for value in weights if value.name == picked)
    try:
        _show(model, value, entry_id)
    except (TensorError, ExternalDataError, NotFoundError, OSError) as error:
        st.warning(plain(str(error)))


def _show(model: Model, value: Value, entry_id: str) -> None:
    tensor = initializer(model, value.graph, value.name)
    stored = payload_bytes(tensor)
    address = f"graphdebug/models/{entry_id}/initializer.npy?"
    address += urlencode({"graph": value.graph, "name": value.name}, errors="replace")
    if stored > AT_ONCE and not st.toggle(f"Read {size_text(stored)}", key=f"read-{value.name}"):
        st.link_button("This weight · .npy", address, icon=":material/download:")
        return
    found = _described(entry_id, value.graph, value.name, model, tensor)
    _numbers(found)
    if found.statistics is not None and found.statistics.size > 1:
        _views(model, (entry_id, value.graph, value.name), tensor, found.statistics)
    st.caption("First values")
    st.code(", ".join(_text(each) for each in found.first), language=None, wrap_lines=True)
    st.link_button("This weight · .npy", address, icon=":material/download:")


@st.cache_resource(max_entries=_REMEMBERED, show_spinner=False)
def _described(entry_id: str, graph: str, name: str, _model: Model, _tensor: onnx.TensorProto) -> Initializer:
    return describe_initializer(_model, _tensor)


def _views(model: Model, place: _Place, tensor: onnx.TensorProto, numbers: TensorStatistics) -> None:
    """Show what is asked for: only the tab that is open reads values."""
    rank = len(tensor.dims)
    names = ["Histogram", "Values"] + ["Channels"] * (rank > 1) + ["Filters"] * (rank == 4 and min(tensor.dims[2:]) > 1)
    tabs = dict(zip(names, st.tabs(names, on_change="rerun", key="weight:tabs"), strict=True))
    for name, tab in tabs.items():
        with tab:
            if not tab.open:
                continue
            if name == "Histogram" and numbers.histogram:
                st.plotly_chart(histogram(numbers, height=160), key="weight-histogram", config=_STILL)
            elif name == "Values":
                _window(model, tensor)
            elif name == "Channels":
                _channels(model, place, tensor)
            elif name == "Filters":
                _filters(model, tensor)


def _window(model: Model, tensor: onnx.TensorProto) -> None:
    place = tuple(_slice(tuple(tensor.dims), tensor.name))
    shown = window(read_tensor(model, tensor), place)
    plane = np.array([[np.nan if each is None else each for each in row] for row in shown])
    if plane.size > 1:
        st.plotly_chart(heat_map(plane, height=260), key="weight-heat-map", config=_STILL)
    if any(length > WINDOW for length in tensor.dims[-2:]):
        st.caption(f"The first {WINDOW} rows and columns.")


@st.cache_resource(max_entries=_REMEMBERED, show_spinner=False)
def _measured(place: _Place, axis: int, _model: Model, _tensor: onnx.TensorProto) -> Channels:
    return channels(read_tensor(_model, _tensor), axis)


def _channels(model: Model, place: _Place, tensor: onnx.TensorProto) -> None:
    """Show the largest magnitude of each channel, and name those that stand out."""
    axes = [axis for axis, length in enumerate(tensor.dims) if length > 1]
    if not axes:
        return
    axis = st.segmented_control(
        "Channels along",
        axes,
        format_func=lambda each: f"axis {each} ({tensor.dims[each]:,})",
        default=axes[0],
        required=True,
        key=f"channels:{tensor.name}",
    )
    found = _measured(place, axis, model, tensor)
    st.plotly_chart(channel_plot(found), key="weight-channels", config=_STILL)
    if found.outliers:
        some = ", ".join(f"{channel} ({found.largest[channel]:.3g})" for channel in found.outliers[:8])
        st.caption(
            f"{plural(len(found.outliers), 'channel')} with a largest magnitude of more than {OUTLIER:g} times "
            f"the median of all: {some}{' …' if len(found.outliers) > 8 else ''}"
        )


def _filters(model: Model, tensor: onnx.TensorProto) -> None:
    """Show the kernels of a convolution as pictures, one input channel of each."""
    inputs = tensor.dims[1]
    at = st.slider("Input channel", 0, inputs - 1, 0, key=f"filters:{tensor.name}") if inputs > 1 else 0
    values = read_tensor(model, tensor)
    st.image(channel_grid(values[:, at], per_channel=True, limit=_FILTERS), width="stretch")
    if len(values) > _FILTERS:
        st.caption(f"The first {_FILTERS} of {len(values):,} filters.")


def _slice(dims: tuple[int, ...], name: str) -> list[int]:
    """Let one pick an index for each axis before the last two."""
    outer = dims[:-2]
    if not outer or not all(dims):
        return []
    columns = st.columns(len(outer)) if len(outer) <= 3 else [st.container() for _ in outer]
    return [
        int(column.number_input(f"axis {axis}", 0, length - 1, 0, key=f"slice-{name}-{axis}"))
        for axis, (column, length) in enumerate(zip(columns, outer, strict=True))
    ]


def _numbers(found: Initializer) -> None:
    numbers = found.statistics
    if numbers is None:
        return
    facts = {"min": numbers.minimum, "max": numbers.maximum, "mean": numbers.mean, "std": numbers.std}
    text = " · ".join(f":gray[{name}] {value:.4g}" for name, value in facts.items() if value is not None)
    if numbers.zeros:
        text += f" · :gray[zeros] {numbers.zeros:,} ({numbers.zeros / numbers.size:.1%})"
    counts = {"NaN": numbers.nans, "Inf": numbers.infs}
    text += "".join(f" · :orange[{count:,} {name}]" for name, count in counts.items() if count)
    st.markdown(f"{text} · :gray[{size_text(found.bytes)}]")


def _text(value: float | int | bool | str | None) -> str:
    if value is None:
        return "not finite"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
