"""The error scale against brute force over elements, and what plots and tables make of rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from graphdebug.compare.judge import judge
from graphdebug.compare.pairing import Pair, Place
from graphdebug.compare.records import Row, Status, Tolerance
from graphdebug.report.colors import NOT_COMPARED, ONE_SIDED, STEPS, excess, step
from graphdebug.ui.name_column import FULL
from graphdebug.ui.plots import MEASURES, error_plot
from graphdebug.ui.tables import comparison_columns, comparison_table

HOSTILE = "<img src=x onerror=alert(1)>"


def row(reference, candidate, tolerance: Tolerance | None = None, name: str = "t", position: int = 0) -> Row:
    pair = Pair(name, position, Place(0, "Op"))
    return judge(pair, np.asarray(reference), np.asarray(candidate), {"float": tolerance} if tolerance else {}, False)


values = hnp.arrays(np.float32, 20, elements=st.floats(-100, 100, width=32))


@settings(deadline=None)  # the first example pays for imports
@given(values, values, st.floats(1e-6, 1), st.floats(1e-6, 1), st.booleans())
def test_excess_is_the_largest_error_in_tolerances(reference, noise, rtol, atol, absolute):
    candidate = (reference + noise / 100).astype(np.float32)
    made = row(reference, candidate, Tolerance(rtol, atol, absolute))
    error = np.abs(candidate.astype(np.float64) - reference)
    scale = 1.0 if absolute else float(np.sqrt(np.mean(reference.astype(np.float64) ** 2)))
    allowed = atol * scale + rtol * np.abs(reference.astype(np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = np.max(np.where(error > 0, error / allowed, 0.0))
    assert excess(made) == pytest.approx(expected, rel=1e-9)
    if abs(expected - 1) > 1e-6:
        assert (made.status is Status.MATCH) == (excess(made) <= 1)


def test_steps_follow_the_status():
    same = row(np.ones(4, np.float32), np.ones(4, np.float32))
    off = row(np.ones(4, np.float32), np.full(4, 2, np.float32))
    one_sided = row(np.ones(4, np.float32), np.array([1, np.nan, 1, 1], np.float32))
    shapes = row(np.ones(4, np.float32), np.ones(5, np.float32))
    words = row(np.array(["a", "b"], object), np.array(["a", "c"], object))
    assert step(same) is STEPS[0]
    assert step(off).limit > 1
    assert step(one_sided) is ONE_SIDED
    assert step(shapes) is NOT_COMPARED
    assert words.status is Status.DIFFER
    assert excess(words) is None


@pytest.mark.parametrize("measure", list(MEASURES))
def test_error_plot_leaves_nothing_out_and_escapes_names(measure):
    rows = [
        row(np.ones(4, np.float32), np.ones(4, np.float32), name="same", position=0),
        row(np.ones(4, np.float32), np.full(4, 2, np.float32), name=HOSTILE, position=1),
        row(np.ones(4, np.float32), np.ones(5, np.float32), name="shape", position=2),
    ]
    figure = error_plot(rows, measure, HOSTILE)
    assert sorted(name for trace in figure.data for name in trace.customdata) == sorted(each.name for each in rows)
    assert not any("<img" in text for trace in figure.data for text in trace.hovertext)
    assert all(height > 0 for trace in figure.data for height in trace.y)


def test_error_plot_of_no_rows_is_empty():
    assert not error_plot([], next(iter(MEASURES))).data


def test_table_has_a_line_for_each_row():
    rows = [
        row(np.ones(4, np.float32), np.full(4, 1.5, np.float32)),
        row(np.ones(2, np.float32), np.ones(3, np.float32)),
    ]
    table = comparison_table(rows)
    assert table["max abs"].tolist()[0] == 0.5
    assert table["max abs"].isna().tolist() == [False, True]
    assert table["status"].tolist() == ["✗", "–"]
    assert table["worst at"].tolist() == ["[0]", ""]


def test_identical_tensors_stand_below_the_tolerance_line_however_bad_the_others_are():
    rows = [row([1.0, 2.0], [1.0, 2.0], name="same"), row([1.0, 2.0], [9e3, 2e4], name="wrong", position=1)]
    heights = {
        name: y
        for trace in error_plot(rows, next(iter(MEASURES))).data
        for name, y in zip(trace.customdata, trace.y, strict=True)
    }
    assert heights["same"] <= 0.01 < 1 < heights["wrong"]


@pytest.mark.parametrize("layers", [1, 12])
def test_tables_show_how_long_names_end_and_have_them_whole(layers: int) -> None:
    tensor = np.ones(2, np.float32)
    names = [f"/model/encoder/{'block/' * 10}layers.{layer}/q_proj/MatMul_output_0" for layer in range(layers)]
    rows = [row(tensor, tensor, name=name, position=at) for at, name in enumerate(names)]
    table = comparison_table(rows)
    assert table[FULL].tolist() == names
    width = comparison_columns(table)["tensor"]["width"]
    for name, cell in zip(names, table["tensor"], strict=True):
        assert len(cell) <= width / 4  # a table draws no more than these, from the start on
        assert cell.endswith(name[-20:]) and "…" in cell
    assert comparison_columns(table)["tensor"]["alignment"] == "right"


def test_short_names_stay_as_they_are() -> None:
    table = comparison_table([row(np.ones(2, np.float32), np.ones(2, np.float32), name="/conv1/Conv_output_0")])
    assert table["tensor"].tolist() == ["/conv1/Conv_output_0"] and FULL not in table
    assert comparison_columns(table)["tensor"]["alignment"] == "left"
