"""The loop that times a call: one loop, so that figures from any interpreter mean the same."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

_NEVER = 1 << 62


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
