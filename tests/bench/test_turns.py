"""Whose turn it is."""

import pytest

from graphdebug.bench.turns import turns


def test_there_and_back() -> None:
    assert [side for _, side in turns(range(3), 3, "abba")] == [0, 1, 2, 2, 1, 0, 0, 1, 2]


def test_a_steady_drift_adds_the_same_to_all() -> None:
    order = [side for _, side in turns(range(3), 4, "abba")]
    positions = [sum(at for at, side in enumerate(order) if side == each) for each in range(3)]
    assert len(set(positions)) == 1


def test_random_rounds_hold_everyone_once_and_are_the_same_each_time() -> None:
    order = list(turns(range(4), 10, "random"))
    rounds = [[side for number, side in order if number == each] for each in range(10)]
    assert all(sorted(mine) == [0, 1, 2, 3] for mine in rounds)
    assert len({tuple(mine) for mine in rounds}) > 1
    assert order == list(turns(range(4), 10, "random"))


def test_one_after_the_other() -> None:
    assert list(turns(range(2), 2, "sequential")) == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_other_orders_are_refused() -> None:
    with pytest.raises(ValueError, match="no order 'best'"):
        next(turns(range(2), 2, "best"))
