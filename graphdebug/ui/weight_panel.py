"""Weights of the chosen node: statistics, histogram and values, read only when asked for."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from graphdebug.api.details import NotFoundError, Value, initializer
from graphdebug.api.initializers import Initializer, describe_initializer
from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError
from graphdebug.model.tensors import TensorError, payload_bytes
from graphdebug.model.units import size_text
from graphdebug.ui.plots import heat_map, histogram
from graphdebug.ui.words import plain

AT_ONCE = 16 << 20
"""Bytes up to which a weight is read without being asked."""
_STILL = {"displayModeBar": False}


def weight_panel(model: Model, weights: Sequence[Value], *, opened: bool = False) -> None:
    """Offer the weights to look at; the one picked is read and shown."""
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
        _show(model, value)
    except (TensorError, ExternalDataError, NotFoundError, OSError) as error:
        st.warning(plain(str(error)))


def _show(model: Model, value: Value) -> None:
    tensor = initializer(model, value.graph, value.name)
    stored = payload_bytes(tensor)
    if stored > AT_ONCE and not st.toggle(f"Read {size_text(stored)}", key=f"read-{value.name}"):
        return
    found = describe_initializer(model, tensor, _slice(tuple(tensor.dims), value.name))
    _numbers(found)
    if found.statistics is not None and found.statistics.histogram:
        st.plotly_chart(histogram(found.statistics, height=150), key="weight-histogram", config=_STILL)
    plane = np.array([[np.nan if each is None else each for each in row] for row in found.window or ()])
    if plane.size > 1:
        st.plotly_chart(heat_map(plane, height=260), key="weight-heat-map", config=_STILL)
    st.caption("First values")
    st.code(", ".join(_text(each) for each in found.first), language=None, wrap_lines=True)


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
    counts = {"zeros": numbers.zeros, "NaN": numbers.nans, "Inf": numbers.infs}
    text += "".join(f" · :orange[{count:,} {name}]" for name, count in counts.items() if count)
    st.markdown(f"{text} · :gray[{size_text(found.bytes)}]")


def _text(value: float | int | bool | str | None) -> str:
    if value is None:
        return "not finite"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
