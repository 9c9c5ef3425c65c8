"""Statistics of times, held against the standard library's and against what was put in."""

import statistics

import numpy as np
import pytest

from graphdebug.bench.spread import ratio, spread, thinned


@pytest.mark.parametrize("count", [2, 3, 10, 101, 5000])
def test_statistics_are_those_of_the_standard_library(count: int) -> None:
    times = np.random.default_rng(count).lognormal(-6, 0.5, count)
    found, values = spread(times), times.tolist()
    # "inclusive" quantiles interpolate linearly between order statistics: another implementation of type 7.
    hundredths = statistics.quantiles(values, n=100, method="inclusive")
    assert found.count == count
    assert (found.minimum, found.maximum) == (min(values), max(values))
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.median == pytest.approx(statistics.median(values))
    assert found.std == pytest.approx(statistics.stdev(values))
    assert (found.p90, found.p95, found.p99) == pytest.approx(tuple(hundredths[at - 1] for at in (90, 95, 99)))


def test_one_time_has_no_deviation() -> None:
    found = spread(np.array([0.25]))
    assert (found.count, found.median, found.p99, found.std) == (1, 0.25, 0.25, None)


def drifting(factor: float, seed: int, rounds: int = 20) -> list[np.ndarray]:
    """Blocks of a backend on a machine that gets three times as slow meanwhile, with outliers."""
    generator = np.random.default_rng(seed)
    drift = np.linspace(1, 3, rounds)
    blocks = [factor * slow * generator.lognormal(-7, 0.1, 30) for slow in drift]
    for block in blocks[::5]:
        block[0] *= 50
    return blocks


def test_a_ratio_is_found_in_spite_of_drift_and_its_interval_is_tight() -> None:
    found, low, high = ratio(drifting(1.3, 1), drifting(1.0, 2))
    assert low is not None and high is not None
    assert low < 1.3 < high
    assert found == pytest.approx(1.3, rel=0.1)
    assert high - low < 0.4  # although either side alone varies threefold


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    bounds = [ratio(drifting(1.0, seed), drifting(1.0, 1000 + seed))[1:] for seed in range(40)]
    covered = sum(low <= 1.0 <= high for low, high in bounds if low is not None and high is not None)
    assert covered >= 34


def test_few_rounds_give_no_interval() -> None:
    assert ratio([np.array([2.0])] * 4, [np.array([1.0])] * 4) == (2.0, None, None)


def test_thinning_keeps_order_and_both_ends() -> None:
    kept = thinned(np.arange(1000), 10)
    assert (len(kept), kept[0], kept[-1]) == (10, 0, 999)
    assert (np.diff(kept) > 0).all()
    assert thinned(np.arange(5), 10).tolist() == [0, 1, 2, 3, 4]
