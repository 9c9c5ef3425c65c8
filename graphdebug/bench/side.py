"""One backend as the benchmark holds it: the process that runs it, and what it told so far."""

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np

from graphdebug.bench.records import BenchRequest, Block, Measurement, Side
from graphdebug.bench.spread import Times as Seconds
from graphdebug.bench.spread import spread, thinned
from graphdebug.runtime.backend import BackendError
from graphdebug.runtime.events import Progress
from graphdebug.runtime.foreign import ForeignProcess
from graphdebug.runtime.timing import Times

_PROCESS = "graphdebug.bench.side_process"
_KEPT = 5000
"""Times of a measurement that are kept, all blocks together."""


class RunningSide:
    """A backend in its process. Once it failed to start or its process ended, all that is asked of it fails alike."""

    def __init__(self, spec: str) -> None:
        """Take ``spec``; nothing is started yet."""
        self.side = Side(spec)
        self._process: ForeignProcess | None = None

    def prepare(self, request: BenchRequest, progress: Progress) -> None:
        """Start the process and make the model ready; a failure is noted in ``side``."""
        sessions = max(request.streams) if request.own_sessions else 1
        try:
            self._process = ForeignProcess(_PROCESS, engine=self.side.spec)
            told = self._process.call(
                "prepare",
                progress,
                spec=self.side.spec,
                model=msgspec.to_builtins(request.model),
                sessions=sessions,
            )
            self.side = msgspec.convert(told, Side)
        except BackendError as error:
            self.side = replace(self.side, failure=str(error))
            self.close()

    def ask(self, do: str, progress: Progress, **arguments: object) -> Any:
        """Have something done.

        Raises:
            BackendError: it failed, or there is no process any more.
        """
        if self._process is None:
            raise BackendError(self.side.failure)
        return self._process.call(do, progress, **arguments)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()
            self._process = None


@dataclass
class Taken:
    """What one side has done so far at one shape with so many streams."""

    side: int
    dims: dict[str, int]
    streams: int
    failure: str = ""
    first: float | None = None
    memory: int | None = None
    seconds: list[Seconds] = field(default_factory=list)
    phases: dict[str, list[Seconds]] = field(default_factory=dict)
    starts: list[float] = field(default_factory=list)
    walls: list[float] = field(default_factory=list)

    def begin(self, side: RunningSide, request: BenchRequest, progress: Progress) -> None:
        """Have the inputs made and the first runs done."""
        feeds = replace(request.feeds, dims={**request.feeds.dims, **self.dims})
        asked = {"feeds": msgspec.to_builtins(feeds), "streams": self.streams, "warmup": request.warmup}
        told = self._ask(side, "start", progress, **asked)
        if told is not None:
            self.first = told["first"] / 1e9
            side.side = replace(side.side, threads=told["threads"])

    def turn(self, side: RunningSide, iterations: int, seconds: float, at: float, progress: Progress) -> None:
        """Have a block measured, ``at`` so many seconds after the first."""
        told = self._ask(side, "block", progress, iterations=iterations, seconds=seconds, streams=self.streams)
        if told is None:
            return
        times = msgspec.convert(told, Times)
        self.starts.append(at)
        self.walls.append(times.wall / 1e9)
        self.seconds.append(np.concatenate([np.asarray(stream, np.float64) for stream in times.streams]) / 1e9)
        for phase, told_times in times.phases.items():
            self.phases.setdefault(phase, []).append(np.asarray(told_times, np.float64) / 1e9)

    def end(self, side: RunningSide, progress: Progress) -> None:
        """Learn how much memory it took."""
        self.memory = self._ask(side, "peak", progress)

    def measurement(self) -> Measurement:
        """Return all of it; what failed on the way has no figures."""
        if self.failure or not self.seconds:
            return Measurement(self.side, self.dims, self.streams, failure=self.failure)
        most = max(1, _KEPT // len(self.seconds))
        return Measurement(
            backend=self.side,
            dims=self.dims,
            streams=self.streams,
            latency=spread(np.concatenate(self.seconds)),
            throughput=sum(block.size for block in self.seconds) / sum(self.walls),
            phases={phase: spread(np.concatenate(told)) for phase, told in self.phases.items() if told},
            first=self.first,
            memory=self.memory,
            blocks=tuple(
                Block(start, wall, int(block.size), tuple(thinned(block, most).tolist()))
                for start, wall, block in zip(self.starts, self.walls, self.seconds, strict=True)
            ),
        )

    def _ask(self, side: RunningSide, do: str, progress: Progress, **arguments: object) -> Any:
        """Have something done and return the answer; None, now and from then on, when it failed."""
        if self.failure:
            return None
        try:
            return side.ask(do, progress, **arguments)
        except BackendError as error:
            self.failure = str(error)
            return None
