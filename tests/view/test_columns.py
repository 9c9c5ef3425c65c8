"""Long drawings in columns: screens' shape, lines that go on, and what is added moves only what comes after it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdebug.view.columns import MOST_TURNING, column_starts
from graphdebug.view.connected import Layered
from graphdebug.view.layout import LOOP_REACH, SCREEN, Placement, place
from tests.view.drawings import on_border, overlapping
from tests.view.test_layout import diagram, rects


def chain(length: int, *more: tuple[int, int]) -> list[tuple[int, int]]:
    return [(i, i + 1) for i in range(length - 1)] + list(more)


def columns_of(placed: Placement) -> list[list[int]]:
    """Return the boxes of each column, in reading order, of a chain."""
    boxes = np.lexsort((placed.y, placed.x)).tolist()
    return [list(group) for _, group in itertools.groupby(boxes, key=lambda box: placed.x[box])]


def test_a_chain_is_read_column_by_column() -> None:
    placed = place(diagram(200, chain(200)))
    columns = columns_of(placed)
    assert len(columns) > 3
    assert [box for column in columns for box in column] == list(range(200))
    assert 0.4 < placed.width / placed.height / (SCREEN[0] / SCREEN[1]) < 1.6
    assert max(map(len, columns)) <= 2 * min(map(len, columns[:-1]))


def test_what_fits_the_screen_stays_in_one_piece() -> None:
    placed = place(diagram(24, chain(24)))
    assert len(set(placed.x.tolist())) == 1


@pytest.mark.parametrize("skips", [0, 1, 7])
def test_a_chain_with_long_skips_is_no_wider_than_its_columns_and_lines(skips: int) -> None:
    placed = place(diagram(200, chain(200, *((i, i + 50) for i in range(10, 10 + 5 * skips, 5)))))
    assert placed.width < 1.6 * SCREEN[0] / SCREEN[1] * placed.height
    assert len({round(x / 60) for x in placed.x.tolist()}) <= 9, "the chain drifts"
    assert placed.width * placed.height < 40 * 200 * 80 * 30


@pytest.mark.parametrize("beside", [MOST_TURNING - 1, MOST_TURNING])
def test_where_too_many_lines_pass_nothing_is_cut(beside: int) -> None:
    drawn = diagram(60, [*chain(60), *[(0, 59)] * beside])
    keys = np.maximum(np.arange(59 + beside) - 58, 0)
    shifts = np.zeros(59 + beside)
    layered = Layered(
        drawn.width, drawn.height, drawn.fixed, np.arange(60), drawn.tails, drawn.heads, keys, shifts, shifts
    )
    assert (column_starts(layered, SCREEN) == [0]) == (beside == MOST_TURNING)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_long_graph_is_laid_out_soundly(data: st.DataObject) -> None:
    count = data.draw(st.integers(60, 140))
    low = st.integers(0, count - 1)
    some = data.draw(st.lists(st.tuples(low, low), max_size=40))
    skips = [(min(pair), max(pair)) for pair in some if pair[0] != pair[1]]
    back = data.draw(st.lists(st.tuples(low, low), max_size=2))
    pairs = list(dict.fromkeys(chain(count, *skips, *back)))
    drawn = diagram(count, pairs)
    placed = place(drawn)
    boxes = rects(drawn, placed)
    assert not overlapping(boxes)
    for (tail, head), route in zip(pairs, placed.routes, strict=True):
        if route is None:
            continue
        assert np.isfinite(route).all()
        assert on_border(route[0], boxes[tail], leaving=True, down=True)
        assert on_border(route[-1], boxes[head], leaving=False, down=True)
        assert route.min() >= -LOOP_REACH
        assert (route.max(axis=0) <= np.array([placed.width, placed.height]) + LOOP_REACH).all()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_line_runs_over_a_box_that_is_not_its_own(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 80))
    low = st.integers(0, count - 1)
    some = data.draw(st.lists(st.tuples(low, low), max_size=80, unique=True))
    pairs = list(dict.fromkeys([*chain(count), *((min(pair), max(pair)) for pair in some if pair[0] != pair[1])]))
    drawn = diagram(count, pairs, [(data.draw(st.floats(20, 200)), data.draw(st.floats(20, 60))) for _ in range(count)])
    placed = place(drawn)
    boxes = rects(drawn, placed)
    for (tail, head), route in zip(pairs, placed.routes, strict=True):
        if route is None:
            continue
        along = np.linspace(0, 1, 40)[:, None, None]
        points = (route[:-1] + along * (route[1:] - route[:-1])).reshape(-1, 1, 2)
        inside = (points > boxes[:, :2] + 0.5) & (points < boxes[:, 2:] - 0.5)
        touched = set(np.flatnonzero(inside.all(axis=2).any(axis=0)).tolist())
        assert touched <= {tail, head}


def test_what_grows_moves_only_what_comes_after_it() -> None:
    # One box of a chain is opened: it becomes a tall frame.
    before = place(diagram(200, chain(200)))
    sizes = [(80.0, 30.0)] * 200
    sizes[70] = (120.0, 500.0)
    after = place(diagram(200, chain(200), sizes))
    reading = [box for column in columns_of(before) for box in column]
    assert reading == list(range(200))
    first = columns_of(before)[0]
    assert np.array_equal(before.y[first], after.y[first])
    assert np.ptp(after.x[first]) == 0
    order = np.lexsort((after.y, np.round(after.x / 60))).tolist()
    assert order == list(range(200)), "the rest is read in the same order"
