"""The table in which tolerances by dtype are changed."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from graphdebug.compare.records import Row, Tolerance
from graphdebug.compare.tolerance import tolerance_for

_NUMBER = r"^(\d+(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?$"


def tolerance_form(rows: Sequence[Row], overrides: Mapping[str, Tolerance], key: str) -> dict[str, Tolerance]:
    """Show one line for each dtype that was compared and return the tolerances that are not the defaults.

    ``overrides`` are what the comparison ran with.
    """
    dtypes = _compared(rows)
    if not dtypes:
        st.caption("No tensor has numbers to compare.")
        return dict(overrides)
    start = {dtype: tolerance_for(dtype, dtype, overrides) for dtype in dtypes}
    table = pd.DataFrame(
        {
            "dtype": dtypes,
            "rtol": [f"{start[dtype].rtol:g}" for dtype in dtypes],
            "atol": [f"{start[dtype].atol:g}" for dtype in dtypes],
            "absolute": [start[dtype].absolute for dtype in dtypes],
        }
    )
    edited = st.data_editor(
        table,
        hide_index=True,
        disabled=["dtype"],
        key=key,
        column_config={
            "dtype": st.column_config.TextColumn(
                "dtype", help="Between two dtypes, the coarser one's tolerance decides."
            ),
            "rtol": _number("rtol", "Allowed error relative to each reference element."),
            "atol": _number("atol", "Allowed error relative to the reference tensor's root mean square."),
            "absolute": st.column_config.CheckboxColumn(
                "absolute atol", help="Take atol as it is, as numpy.allclose does."
            ),
        },
    )
    st.caption("Statuses follow at once and exactly; nothing is run again. Shares outside become estimates.")
    changed = dict(overrides)
    for line in edited.to_dict("records"):
        name = str(line["dtype"])
        asked = _tolerance(line, start[name])
        if asked != start[name]:
            changed[name] = asked
    return changed


def _compared(rows: Sequence[Row]) -> list[str]:
    """Return the dtypes of numbers that were compared, the most frequent first."""
    sides = [side for row in rows if row.metrics is not None for side in (row.reference_type, row.candidate_type)]
    dtypes = [side.dtype for side in sides if side is not None]
    return sorted(set(dtypes), key=lambda dtype: (-dtypes.count(dtype), dtype))


def _number(label: str, help_text: str) -> Any:
    # Text, because the number cell takes no exponent: nobody writes 1e-6 out.
    return st.column_config.TextColumn(label, help=help_text, required=True, validate=_NUMBER)


def _tolerance(line: Mapping[Hashable, Any], otherwise: Tolerance) -> Tolerance:
    """Return the tolerance of an edited line; a cell that still says what it said at first counts as unchanged."""
    rtol, atol = (
        before if line[name] == f"{before:g}" else float(line[name])
        for name, before in (("rtol", otherwise.rtol), ("atol", otherwise.atol))
    )
    return Tolerance(rtol, atol, bool(line["absolute"]))
