"""Rows of runs and comparisons as data frames, with how their columns are shown."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from graphdebug.compare.records import Row, Status
from graphdebug.report.colors import excess
from graphdebug.runtime.requests import TensorRow
from graphdebug.ui.name_column import full_names, name_cells, name_column
from graphdebug.ui.words import dtype, shape

_NAME = 175
"""Pixels of the name's column: it stays in view while the others scroll."""
_WIDE = 250
_TENSOR, _EXCESS = "tensor", "÷ tol."
_SIGNS = {Status.MATCH: "✓", Status.DIFFER: "✗", Status.NOT_COMPARED: "–"}


def run_table(rows: Sequence[TensorRow]) -> pd.DataFrame:
    """Return one line a tapped tensor, in topological order."""
    names, statistics = [row.name for row in rows], [row.statistics for row in rows]
    return pd.DataFrame(
        {
            _TENSOR: name_cells(names, _NAME),
            "min": pd.array([each.minimum if each else None for each in statistics], dtype="Float64"),
            "max": pd.array([each.maximum if each else None for each in statistics], dtype="Float64"),
            "NaN": pd.array([each.nans if each else None for each in statistics], dtype="Int64"),
            "inf": pd.array([each.infs if each else None for each in statistics], dtype="Int64"),
            "op": [row.op for row in rows],
            "dtype": [dtype(row.type) for row in rows],
            "shape": [shape(row.type) for row in rows],
            "mean": pd.array([each.mean if each else None for each in statistics], dtype="Float64"),
            "std": pd.array([each.std if each else None for each in statistics], dtype="Float64"),
            "zeros": pd.array([each.zeros if each else None for each in statistics], dtype="Int64"),
            "elements": pd.array([each.size if each else None for each in statistics], dtype="Int64"),
            "bytes": [row.bytes for row in rows],
            "note": [row.note for row in rows],
            **full_names(names, _NAME),
        }
    )


def run_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return the column configuration of a ``run_table``."""
    scientific = {name: _number(name) for name in ("min", "max", "mean", "std")}
    return scientific | {
        _TENSOR: name_column(_TENSOR, table[_TENSOR], _NAME, pinned=True),
        "shape": st.column_config.TextColumn("shape", width="small"),
        "bytes": st.column_config.NumberColumn("size", format="bytes"),
        "note": st.column_config.TextColumn("note", width="medium"),
    }


def comparison_table(rows: Sequence[Row]) -> pd.DataFrame:
    """Return one line a tensor of a comparison, in topological order of the reference."""
    names, metrics = [row.name for row in rows], [row.metrics for row in rows]

    def column(name: str) -> Any:
        return pd.array([getattr(each, name) if each else None for each in metrics], dtype="Float64")

    return pd.DataFrame(
        {
            "status": [_SIGNS[row.status] for row in rows],
            _TENSOR: name_cells(names, _NAME),
            _EXCESS: pd.array([excess(row) for row in rows], dtype="Float64"),
            "max abs": column("max_abs"),
            "op": [row.op for row in rows],
            "scope": [row.scope for row in rows],
            "mean abs": column("mean_abs"),
            "max rel": column("max_rel"),
            "RMSE": column("rmse"),
            "cosine": column("cosine"),
            "SQNR dB": column("sqnr_db"),
            "outside": pd.array([row.share_outside for row in rows], dtype="Float64"),
            "worst at": [_index(each.worst_index) if each else "" for each in metrics],
            "reference": column("worst_reference"),
            "candidate": column("worst_candidate"),
            "ULP": column("max_ulp"),
            "argmax agrees": column("argmax_agreement"),
            "dtype": [dtype(row.reference_type) if row.reference_type else "" for row in rows],
            "shape": [shape(row.reference_type) if row.reference_type else "" for row in rows],
            "source": [row.source for row in rows],
            "reason": [row.reason for row in rows],
            **full_names(names, _NAME),
        }
    )


def left_out_table(names: Sequence[str], reasons: Sequence[str], ops: Sequence[str] = ()) -> pd.DataFrame:
    """Return one line for each tensor that was not recorded or not compared."""
    shown = {_TENSOR: name_cells(names, _WIDE), "op": list(ops), "reason": list(reasons), **full_names(names, _WIDE)}
    return pd.DataFrame({name: cells for name, cells in shown.items() if cells})


def left_out_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return the column configuration of a ``left_out_table``."""
    return {_TENSOR: name_column(_TENSOR, table[_TENSOR], _WIDE)}


def comparison_columns(table: pd.DataFrame) -> dict[str, Any]:
    """Return the column configuration of a ``comparison_table``."""
    errors = {name: _number(name, "%.2e") for name in ("max abs", "mean abs", "max rel", "RMSE")}
    values = {name: _number(name) for name in ("reference", "candidate", "ULP")}
    special = {
        "status": st.column_config.TextColumn("", width=28, pinned=True, help="✓ match, ✗ differ, – not compared"),
        _TENSOR: name_column(_TENSOR, table[_TENSOR], _NAME, pinned=True),
        _EXCESS: st.column_config.NumberColumn(
            _EXCESS, width=75, format="%.4g", help="Largest error ÷ what the tolerance allows; more than 1 differs"
        ),
        "cosine": st.column_config.NumberColumn("cosine", format="%.7f"),
        "SQNR dB": st.column_config.NumberColumn("SQNR dB", format="%.1f"),
        "outside": st.column_config.NumberColumn(
            "outside", format="percent", help="Share of elements out of tolerance"
        ),
        "argmax agrees": st.column_config.NumberColumn("argmax agrees", format="percent"),
    }
    return errors | values | special


def _number(name: str, form: str = "%.4g") -> Any:
    return st.column_config.NumberColumn(name, format=form)


def _index(index: tuple[int, ...]) -> str:
    return f"[{', '.join(str(part) for part in index)}]"
