"""The loop that times a call: one loop, so that figures from any interpreter mean the same."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns


def repeat(call: Callable[[], object], most: int, seconds: float = 0.0) -> list[int]:
    """Return the nanoseconds of each call, as many as ``most``, or until ``seconds`` (0: no limit) have passed.

    The first call is always made. Between two calls nothing is done but to look at the clock.
    """
    clock = perf_counter_ns
    times: list[int] = []
    keep = times.append
    end = clock()
    deadline = end + seconds * 1e9 if seconds else float("inf")
    for _ in range(most):
        start = clock()
        call()
        end = clock()
        keep(end - start)
        if end >= deadline:
            break
    return times
