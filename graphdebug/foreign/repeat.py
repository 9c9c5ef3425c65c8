"""The loop that times a call: one loop, so that figures from any interpreter mean the same."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter_ns

_NEVER = 1 << 62
_WAIT = 3600.0
"""Seconds that one stream waits for the others to be there."""


def repeat(call: Callable[[], object], most: int, seconds: float = 0.0) -> list[int]:
    """Return the nanoseconds of each call, as many as ``most``, or until ``seconds`` (0: no limit) have passed.

    The first call is always made. Between two calls there is one look at the clock, which ends one time and begins the
    next, so that together they are all the time there was.
    """
    clock = perf_counter_ns
    stamps = [clock()]
    keep = stamps.append
    deadline = stamps[0] + int(seconds * 1e9) if seconds else _NEVER
    for _ in range(most):
        call()
        now = clock()
        keep(now)
        if now >= deadline:
            break
    return [end - start for start, end in zip(stamps, stamps[1:])]


def repeat_together(
    pool: ThreadPoolExecutor, calls: Sequence[Callable[[], object]], most: int, seconds: float = 0.0
) -> tuple[list[list[int]], int]:
    """Repeat each call in a thread of ``pool``, which has enough of them; all set off together.

    Return what `repeat` does of each, and the nanoseconds from the first start to the last end.
    """
    line = threading.Barrier(len(calls))

    def stream(call: Callable[[], object]) -> tuple[int, list[int], int]:
        line.wait(_WAIT)
        start = perf_counter_ns()
        times = repeat(call, most, seconds)
        return start, times, perf_counter_ns()

    found = [each.result() for each in [pool.submit(stream, call) for call in calls]]
    wall = max(end for _, _, end in found) - min(start for start, _, _ in found)
    return [times for _, times, _ in found], wall
