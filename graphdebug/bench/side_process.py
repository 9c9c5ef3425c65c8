"""One backend in a process of its own: made ready once, then measured a block at a time, when it is its turn.

It runs as a module under our own interpreter and talks as the scripts of `graphdebug/foreign` do; `side.py` is the
other end.
"""

import gc
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from time import perf_counter_ns
from typing import Any

import msgspec

from graphdebug.bench import memory
from graphdebug.bench.records import Side
from graphdebug.foreign.repeat import together
from graphdebug.foreign.talk import Refused, Tell, serve
from graphdebug.model.document import Model, NotAModel, open_model
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.backend import BackendError, Mode, Session, Value
from graphdebug.runtime.feed_errors import DimError, FeedError
from graphdebug.runtime.feeds import check_dims, make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.spec import SpecError
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.timing import Ready, Runs, Timed, Times

_SENTENCES = (BackendError, NotAModel, FeedError, DimError, SpecError)
_MOST = 50_000
"""Runs of a block: what a fast model does in a fraction of a second."""


class _Measured:
    """A model on one backend. The first session measures alone, further ones are for streams that want their own."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._model: Model
        self._feeds: dict[str, Value]
        self._sessions: list[Session] = []
        self._calls: list[Callable[[], object]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._threads_before = 0

    def prepare(self, tell: Tell, spec: str, model: Mapping[str, Any], sessions: int) -> Mapping[str, Any]:
        """Make the model ready, with so many sessions; tell of it as a `Side`. Timed is the first."""
        self._model = open_model(msgspec.convert(model, ModelLocation))
        runner = backend(spec, tell)
        before, self._threads_before = memory.resident(), memory.threads() or 0
        start = perf_counter_ns()
        self._sessions.append(runner.prepare(self._model, Mode.PLAIN))
        seconds = (perf_counter_ns() - start) / 1e9
        prepared = memory.resident()
        self._sessions.extend(runner.prepare(self._model, Mode.PLAIN) for _ in range(sessions - 1))
        if not self._sessions[0].outputs:
            raise Refused("The model has no output that this backend can give back, so it cannot be run.")
        environment = dict(self._sessions[0].environment)
        return asdict(Side(str(runner.spec), environment, seconds, before, prepared))

    def start(self, tell: Tell, feeds: Mapping[str, Any], streams: int, warmup: int) -> Mapping[str, Any]:
        """Make the inputs, run a first time and warm up; tell the nanoseconds of the first run and the threads."""
        tell(None, "making the inputs")
        spec, inputs = msgspec.convert(feeds, FeedSpec), model_inputs(self._model)
        check_dims(spec, inputs)
        self._feeds = make_feeds(inputs, spec, suggest(self._model))
        memory.forget_peak()
        self._bind(streams)
        tell(None, "warming up")
        first = self._run(Runs(1)).streams[0][0]
        threads = memory.threads()  # before there are any for streams
        if warmup:
            self._run(Runs(warmup, streams=streams))
        # The thread that calls an engine works, too.
        each = None if threads is None else max(0, threads - self._threads_before) // len(self._sessions) + 1
        return {"first": first, "threads": each}

    def block(self, tell: Tell, iterations: int, seconds: float, streams: int) -> Mapping[str, Any]:
        """Take a turn: one run that does not count, for the others had the caches, then those that do."""
        self._run(Runs(1, streams=streams))
        collects = gc.isenabled()
        gc.disable()  # as timeit does
        try:
            times = self._run(Runs(min(iterations or _MOST, _MOST), seconds, streams))
        finally:
            if collects:
                gc.enable()
        return asdict(times)

    def peak(self, tell: Tell) -> int | None:
        """Return the most memory since `start`."""
        return memory.peak()

    def _bind(self, streams: int) -> None:
        """Make ready what streams call, and forget what was."""
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = ThreadPoolExecutor(streams) if streams > 1 else None
        self._calls.clear()
        if not isinstance(self._sessions[0], Timed):
            places = (at % len(self._sessions) for at in range(streams))
            self._calls.extend(_call(self._sessions[place], self._feeds) for place in places)

    def _run(self, runs: Runs) -> Times:
        session = self._sessions[0]
        if isinstance(session, Timed):
            return session.time_runs(self._feeds, session.outputs, runs)
        return Times(*together(self._calls[: runs.streams], runs.iterations, runs.seconds, self._pool))


def _call(session: Session, feeds: Mapping[str, Value]) -> Callable[[], object]:
    if isinstance(session, Ready):
        return session.ready(feeds, session.outputs)
    return lambda: session.infer(feeds, session.outputs)


def _in_sentences(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Have what users did wrong said as it is, not as a fault of ours."""

    def handled(tell: Tell, **arguments: Any) -> Any:
        try:
            return handler(tell, **arguments)
        except _SENTENCES as error:
            raise Refused(str(error)) from error
        except MemoryError as error:
            raise Refused("There was not enough memory.") from error

    return handled


def main() -> None:
    """Serve until nobody asks any more."""
    measured = _Measured()
    handlers = (measured.prepare, measured.start, measured.block, measured.peak)
    serve({handler.__name__: _in_sentences(handler) for handler in handlers})


if __name__ == "__main__":
    main()
