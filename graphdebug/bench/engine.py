"""The job that measures how fast backends run a model: each in a process of its own, all of them in turns."""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import product
from pathlib import Path

from graphdebug.bench.cautions import cautions
from graphdebug.bench.processors import machine, throttled
from graphdebug.bench.records import VERSION, BenchRequest, BenchResult, Measurement, Ratio
from graphdebug.bench.side import RunningSide, Taken
from graphdebug.bench.spread import ratio
from graphdebug.bench.turns import turns
from graphdebug.model.document import open_model
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import check_dims
from graphdebug.runtime.registry import backend
from graphdebug.runtime.taps import model_inputs

_MOST_POINTS = 200
_MOST_STREAMS = 256


class BenchError(ValueError):
    """What was asked for cannot be measured; the message is one sentence for the user."""


def bench_job(request: BenchRequest, folder: Path, progress: Progress) -> BenchResult:
    """Measure; a job function. A backend that fails leaves a sentence, and the others their figures.

    Raises:
        NotAModel, FeedError, SpecError, BenchError: one sentence each.
        BackendError: nothing could be measured; why the first backend failed.
    """
    started = time.perf_counter()
    progress(None, "opening the model")
    points = _checked(request)
    before, held_back = machine(), throttled()
    with ExitStack() as stack:
        sides = [RunningSide(str(backend(spec).spec)) for spec in request.backends]
        for side in sides:
            stack.callback(side.close)
            progress(None, f"preparing {side.side.spec}")
            side.prepare(request, progress)
        measurements: list[Measurement] = []
        ratios: list[Ratio] = []
        for position, (dims, streams) in enumerate(points):
            taken = _measured(request, sides, dims, streams, _share(progress, position, len(points)))
            measurements.extend(each.measurement() for each in taken)
            ratios.extend(_ratios(taken))
        told = tuple(side.side for side in sides)
    if all(each.latency is None for each in measurements):
        raise BackendError(next(each.failure for each in measurements))
    after = throttled()
    lost = None if held_back is None or after is None else after - held_back
    where = replace(before, throttled=lost)
    return BenchResult(
        version=VERSION,
        request=request,
        sides=told,
        measurements=tuple(measurements),
        ratios=tuple(ratios),
        machine=where,
        warnings=cautions(request, where, told, measurements),
        seconds=time.perf_counter() - started,
    )


def points_of(sweep: Mapping[str, Sequence[int]], streams: Sequence[int]) -> Iterator[tuple[dict[str, int], int]]:
    """Yield every combination of lengths with every number of streams."""
    for lengths in product(*sweep.values()):
        yield from ((dict(zip(sweep, lengths, strict=True)), count) for count in streams)


def _checked(request: BenchRequest) -> list[tuple[dict[str, int], int]]:
    """Return the points to measure, once everything that was asked for makes sense."""
    if not request.backends:
        raise BenchError("There is no backend to measure: name one.")
    if request.iterations < 1 and request.seconds <= 0:
        raise BenchError("Neither iterations nor seconds say when to stop: give one of them.")
    if min(request.warmup, request.iterations, request.seconds) < 0 or request.rounds < 1:
        raise BenchError("Warm-up runs, iterations and seconds cannot be negative, and there is at least one round.")
    if not request.streams or not all(1 <= count <= _MOST_STREAMS for count in request.streams):
        raise BenchError(f"Streams are between 1 and {_MOST_STREAMS}.")
    next(turns((), 1, request.order), None)  # raises when there is no such order
    inputs = model_inputs(open_model(request.model))
    check_dims(replace(request.feeds, dims={**request.feeds.dims, **dict.fromkeys(request.sweep, 1)}), inputs)
    count = math.prod([len(request.streams), *map(len, request.sweep.values())])
    if not 1 <= count <= _MOST_POINTS:
        raise BenchError(f"That makes {count:,} combinations of shapes and streams; at most {_MOST_POINTS} can be.")
    return list(points_of(request.sweep, request.streams))


def _measured(
    request: BenchRequest, sides: Sequence[RunningSide], dims: dict[str, int], streams: int, progress: Progress
) -> list[Taken]:
    """Measure all sides at one shape with so many streams, in turns."""
    taken = [Taken(number, dims, streams) for number in range(len(sides))]
    for each, side in zip(taken, sides, strict=True):
        progress(None, f"{side.side.spec}{_at(each)}: warming up")
        each.begin(side, request, progress)
    rounds = min(request.rounds, request.iterations or request.rounds)
    usual, more = divmod(request.iterations, rounds)
    start, total = time.perf_counter(), rounds * len(sides)
    for done, (number, place) in enumerate(turns(range(len(sides)), rounds, request.order)):
        each, side = taken[place], sides[place]
        progress(done / total, f"{side.side.spec}{_at(each)}: round {number + 1} of {rounds}")
        at = time.perf_counter() - start
        each.turn(side, usual + (number < more), request.seconds / rounds, at, progress)
    for each, side in zip(taken, sides, strict=True):
        each.end(side, progress)
    return taken


def _at(taken: Taken) -> str:
    """Say at which shape and with how many streams, where that is not always the same."""
    parts = [f"{name} {length}" for name, length in taken.dims.items()]
    parts += [f"{taken.streams} streams"] if taken.streams > 1 else []
    return "".join(f", {part}" for part in parts)


def _share(progress: Progress, position: int, points: int) -> Progress:
    """Return what tells of the progress of one point as a share of the whole."""

    def tell(fraction: float | None, message: str) -> None:
        progress((position + (fraction or 0.0)) / points, message)

    return tell


def _ratios(taken: Sequence[Taken]) -> Iterator[Ratio]:
    first, *others = taken
    for each in others:
        if not (first.failure or each.failure):
            yield Ratio(each.side, each.dims, each.streams, *ratio(each.seconds, first.seconds))
