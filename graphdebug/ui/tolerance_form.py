"""The form in which tolerances by dtype are changed."""

import re
from collections.abc import Mapping, Sequence

import streamlit as st

from graphdebug.compare.records import Row, Tolerance
from graphdebug.compare.tolerance import tolerance_for

_NUMBER = re.compile(r"(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?")


def tolerance_form(rows: Sequence[Row], overrides: Mapping[str, Tolerance], key: str) -> dict[str, Tolerance]:
    """Show one line for each dtype that was compared; return ``overrides`` with what was changed.

    ``overrides`` are what the comparison ran with.
    """
    dtypes = _compared(rows)
    if not dtypes:
        st.caption("No tensor has numbers to compare.")
        return dict(overrides)
    st.caption(
        "An element may be off by rtol × its reference plus atol × the root mean square of the reference tensor. "
        "Statuses follow at once and exactly, nothing is run again; shares outside become estimates."
    )
    changed = dict(overrides)
    for dtype in dtypes:
        before = tolerance_for(dtype, dtype, overrides)
        asked = _ask(dtype, before, f"{key}:{dtype}")
        if asked != before:
            changed[dtype] = asked
    if len(dtypes) > 1:
        st.caption("Where the dtypes of the two sides differ, the coarser one decides.")
    return changed


def _compared(rows: Sequence[Row]) -> list[str]:
    """Return the dtypes of numbers that were compared, the most frequent first."""
    sides = [side for row in rows if row.metrics is not None for side in (row.reference_type, row.candidate_type)]
    dtypes = [side.dtype for side in sides if side is not None]
    return sorted(set(dtypes), key=lambda dtype: (-dtypes.count(dtype), dtype))


def _ask(dtype: str, before: Tolerance, key: str) -> Tolerance:
    with st.container(border=True, gap="small"):
        left, right = st.columns(2)
        rtol = _number(left, f"rtol for {dtype}", before.rtol, f"{key}:rtol")
        atol = _number(right, f"atol for {dtype}", before.atol, f"{key}:atol")
        absolute = st.checkbox("atol as it is, as numpy.allclose takes it", before.absolute, key=f"{key}:absolute")
    return Tolerance(rtol, atol, absolute)


def _number(place: "st.delta_generator.DeltaGenerator", label: str, before: float, key: str) -> float:
    """Ask for a number as text: a number field hides 1e-6. What is no number counts as unchanged."""
    said = place.text_input(label, f"{before:g}", key=key).strip()
    if said == f"{before:g}":
        return before
    if not _NUMBER.fullmatch(said):
        place.caption(":red[Write a number such as 1e-4.]")
        return before
    return float(said)
