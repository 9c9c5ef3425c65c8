"""The loop that times a call: one loop, so that figures from any interpreter mean the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from time import perf_counter_ns

_NEVER = 1 << 62
_WAIT = 3600.0


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


def together(
    calls: Sequence[Callable[[], object]], most: int, seconds: float = 0.0, pool: ThreadPoolExecutor | None = None
) -> tuple[list[list[int]], int]:
    """Return what `repeat` does of each call, and the nanoseconds from the first start to the last end.

    One call runs in this thread, several at the same time in threads of their own (those of ``pool``, where one is
    given that has as many), which set off together.
    """
    if len(calls) == 1:
        start = perf_counter_ns()
        times = repeat(calls[0], most, seconds)
        return [times], perf_counter_ns() - start
    line = Barrier(len(calls))

    def stream(call: Callable[[], object]) -> tuple[int, list[int], int]:
        line.wait(_WAIT)
        start = perf_counter_ns()
        times = repeat(call, most, seconds)
        return start, times, perf_counter_ns()

    threads = pool or ThreadPoolExecutor(len(calls))
    try:
        found = list(threads.map(stream, calls))
    finally:
        if pool is None:
            threads.shutdown()
    return [times for _, times, _ in found], max(end for *_, end in found) - min(start for start, *_ in found)
