"""Statistics of times: the spread of one backend, and the ratio of two that took turns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdebug.bench.records import Spread

Times = NDArray[np.float64]
_RESAMPLES, _SEED = 1000, 0
_PER_BLOCK = 500
"""Times of a block that count in a resample; more of them would not move its median."""
_FEWEST_ROUNDS = 5


def spread(times: Times) -> Spread:
    """Return the statistics of ``times`` in seconds, of which there is at least one; see `Spread`."""
    p90, p95, p99 = np.percentile(times, (90, 95, 99), method="linear")
    return Spread(
        count=int(times.size),
        minimum=float(times.min()),
        mean=float(times.mean()),
        median=float(np.median(times)),
        std=float(times.std(ddof=1)) if times.size > 1 else None,
        p90=float(p90),
        p95=float(p95),
        p99=float(p99),
        maximum=float(times.max()),
    )


def ratio(blocks: Sequence[Times], to: Sequence[Times]) -> tuple[float, float | None, float | None]:
    """Return the median of ``blocks`` over that of ``to``, and the bounds of its 95 % confidence interval.

    The blocks at one place were measured next to each other. What is drawn again and again, with replacement, are
    these pairs and not single times: those of a block resemble each other, and what slows both down cancels. (The
    percentile interval of a paired cluster bootstrap; Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993,
    chapters 8 and 13.) The bounds are None with fewer than five pairs.
    """
    found = float(np.median(np.concatenate(blocks)) / np.median(np.concatenate(to)))
    pairs = min(len(blocks), len(to))
    if pairs < _FEWEST_ROUNDS:
        return found, None, None
    above, below = ([thinned(block, _PER_BLOCK) for block in side[:pairs]] for side in (blocks, to))
    generator = np.random.default_rng(_SEED)
    drawn = generator.integers(0, pairs, (_RESAMPLES, pairs))
    resampled = [_median(above, places) / _median(below, places) for places in drawn]
    low, high = np.percentile(resampled, (2.5, 97.5))
    return found, float(low), float(high)


def thinned(values: NDArray[Any], most: int) -> NDArray[Any]:
    """Return at most ``most`` of ``values``, evenly picked, in their order."""
    if len(values) <= most:
        return values
    picked: NDArray[Any] = values[np.linspace(0, len(values) - 1, most).round().astype(int)]
    return picked


def _median(blocks: Sequence[Times], places: NDArray[np.integer[Any]]) -> float:
    return float(np.median(np.concatenate([blocks[place] for place in places])))
