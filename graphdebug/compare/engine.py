"""Runs a comparison: both sides on the same feeds, rows as they come, memory under a budget.

Where both sides' tensors fit the budget, each side runs once, side by side with the other. Where they do not, chunk
after chunk is fetched from both; their sessions go through the model in slices then (see `runtime.bounded`). What was
fetched is judged on all cores.
"""

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import msgspec

from graphdebug.compare.judge import judge, unjudged
from graphdebug.compare.observer import observe
from graphdebug.compare.pairing import Pair, pair_tensors
from graphdebug.compare.parallel import judge_all
from graphdebug.compare.records import CompareRequest, CompareResult, ObserverEffect, Row
from graphdebug.compare.sides import OpenSide, feeds_for, open_sides
from graphdebug.compare.verdict import give_verdict
from graphdebug.runtime.backend import BackendError, Mode, Session, Value, files_of, is_eager
from graphdebug.runtime.events import Progress
from graphdebug.runtime.heap import give_back
from graphdebug.runtime.providers import providers_of
from graphdebug.runtime.sizes import Sizes
from graphdebug.runtime.values import bytes_of

ROWS_FILE = "rows.jsonl"
"""In the job's folder: one row as JSON a line, in the order in which they were compared."""

RESULT_VERSION = 1
"""Version of `CompareResult` as JSON; see docs/report-schema.md."""

_RECORDED_AT_ONCE = 16
"""Tensors a chunk when nothing runs: reading twice costs nothing then, and sizes are not known."""
_REPORT_EVERY = 0.2
"""Seconds between two reports of progress, with the rows so far on disk."""


def compare_job(request: CompareRequest, folder: Path, progress: Progress) -> CompareResult:
    """Compare two sides; a job function. Rows also go to ``rows.jsonl`` in ``folder`` as they come.

    What else a side's session leaves (an engine's layers) lies there too, as ``candidate-layers.json``.

    Raises:
        CompareError: the sides want different inputs, or a model is missing.
        BackendError: a side does not run.
    """
    started = time.perf_counter()
    progress(None, "opening")
    sides = open_sides(request)
    feeds = feeds_for(sides, request)
    with ExitStack() as stack:
        comparison = _Comparison(request, sides, feeds, stack, progress, folder)
        rows = []
        with (folder / ROWS_FILE).open("wb") as file:
            reported = time.monotonic()
            for row in comparison.rows():
                file.write(msgspec.json.encode(row) + b"\n")
                rows.append(row)
                if time.monotonic() - reported > _REPORT_EVERY:
                    reported = time.monotonic()
                    file.flush()
                    progress(len(rows) / comparison.total, f"comparing tensors, {len(rows)} of {comparison.total}")
    rows.sort(key=lambda row: row.position)
    reference, candidate = comparison.environments()
    return CompareResult(
        version=RESULT_VERSION,
        verdict=give_verdict(rows, comparison.effects),
        rows=tuple(rows),
        observer=tuple(comparison.effects),
        reference=reference,
        candidate=candidate,
        request=request,
        seconds=time.perf_counter() - started,
        reference_providers=providers_of(comparison.sessions[sides[0].name]),
        candidate_providers=providers_of(comparison.sessions[sides[1].name]),
    )


@dataclass
class _Comparison:
    """Two sides on the same feeds. Sessions that stay open are closed by ``stack``."""

    request: CompareRequest
    sides: tuple[OpenSide, OpenSide]
    feeds: Mapping[str, Value]
    stack: ExitStack
    progress: Progress
    folder: Path
    total: int = 1
    """Rows to come, once they are known."""
    effects: list[ObserverEffect] = field(default_factory=list)
    """The observer effect of both sides, complete after the last row."""
    sessions: dict[str, Session] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Yield the row of every tensor: first those that cannot be compared, then the others chunk by chunk."""
        self.progress(None, "preparing both sides")
        pool = self.stack.enter_context(ThreadPoolExecutor(max_workers=2))  # most steps of an engine take one core
        # The candidate takes longer as a rule, being optimised: it comes first, so that no thread waits at the end.
        asked = [(pool.submit(self._prepare, side), pool.submit(self._run_plain, side)) for side in self.sides[::-1]]
        made, plain = zip(*([step.result() for step in steps] for steps in asked[::-1]), strict=True)
        for side, session in zip(self.sides, made, strict=True):
            self.sessions[side.name] = self.stack.enter_context(closing(session))
        alone = [
            self._run_untapped(side) if each is None else each for side, each in zip(self.sides, plain, strict=True)
        ]
        index = self.sides[0].index or self.sides[1].index
        reference, candidate = made
        pairs = pair_tensors(reference, candidate, index, self.request.tensors)
        self.total = max(1, len(pairs))
        outputs = {*reference.outputs, *candidate.outputs}
        yield from (unjudged(pair, pair.reason, pair.name in outputs) for pair in pairs if pair.reason)
        waiting = {pair.name: pair for pair in pairs if not pair.reason}
        chunks = self._chunks(list(waiting))
        for number, names in enumerate(chunks):
            last = number == len(chunks) - 1
            give_back()  # of the sessions and tensors before
            self.progress(None, "running both sides")
            fetched = list(pool.map(partial(self._fetch, names=names, last=last), self.sides))
            yield from judge_all(*self._calls([waiting[name] for name in names], fetched, outputs))
            del fetched  # before the next chunk comes
        for side, outputs_alone in zip(self.sides, alone, strict=True):
            self.effects += _observe(side, outputs_alone)

    def environments(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what really ran on the reference's and on the candidate's side."""
        described = [{"spec": str(side.backend.spec), **self.sessions[side.name].environment} for side in self.sides]
        return described[0], described[1]

    def _prepare(self, side: OpenSide) -> Session:
        """Make the session with the side's tensors exposed."""
        return side.prepare(Mode(self.request.mode), self.request.tensors, self.request.budget // 2)

    def _chunks(self, names: Sequence[str]) -> list[Sequence[str]]:
        """Cut ``names`` into chunks to fetch; one, maybe an empty one, where both sides fit the budget."""
        if not any(side.runs for side in self.sides):
            starts = range(0, max(1, len(names)), _RECORDED_AT_ONCE)
            return [names[start : start + _RECORDED_AT_ONCE] for start in starts]
        budget = self.request.budget // 2
        sizes = [
            Sizes.inferred(side.model, self.sessions[side.name], self.feeds, budget)
            for side in self.sides
            if side.model is not None and side.runs
        ]
        largest = max(sizes, key=Sizes.total)
        return [names] if largest.total() <= budget else list(largest.chunks(names, budget // 2))

    def _fetch(self, side: OpenSide, names: Sequence[str], last: bool) -> dict[str, Value]:
        """Fetch tensors from one side; the ``last`` time what is missing of its outputs, too, and close its session."""
        session = self.sessions[side.name]
        wanted = {*names, *side.tapped}
        more = [name for name in session.outputs if last and side.runs and name not in wanted]
        values = session.infer(self.feeds, [*names, *more])
        if side.runs:
            side.tapped.update((name, values[name]) for name in session.outputs if name in values)
        if last:
            for name, path in files_of(session).items():
                shutil.copyfile(path, self.folder / f"{side.name}-{name}")
            session.close()
        return values

    def _calls(
        self, pairs: Sequence[Pair], values: Sequence[Mapping[str, Value]], outputs: Collection[str]
    ) -> tuple[list[Callable[[], Row]], list[int]]:
        """Return what judges each pair, and the bytes to look at for it."""
        both = [(pair, values[0][pair.name], values[1][pair.name]) for pair in pairs]
        calls: list[Callable[[], Row]] = [
            partial(judge, pair, a, b, self.request.tolerances, pair.name in outputs) for pair, a, b in both
        ]
        return calls, [bytes_of(a) + bytes_of(b) for _, a, b in both]

    def _run_plain(self, side: OpenSide) -> dict[str, Value] | BackendError | None:
        """Run a side as anyone would, without taps, and return its outputs; none of recorded tensors.

        None: its tapped session can do that, for it taps only what is fetched.
        """
        if not side.runs:
            return {}
        if is_eager(side.backend):
            return None
        try:
            with closing(side.prepare(Mode.PLAIN)) as session:
                return session.infer(self.feeds, session.outputs)
        except BackendError as error:
            return error

    def _run_untapped(self, side: OpenSide) -> dict[str, Value] | BackendError:
        """Run a session that taps only what is fetched for its outputs alone."""
        session = self.sessions[side.name]
        try:
            return session.infer(self.feeds, session.outputs)
        except BackendError as error:
            return error


def _observe(side: OpenSide, plain: dict[str, Value] | BackendError) -> list[ObserverEffect]:
    """Compare a side's outputs without taps with those of its tapped run."""
    if isinstance(plain, BackendError):
        note = f"the run without taps failed: {plain}"
        return [ObserverEffect(side.name, name, identical=False, note=note) for name in side.tapped]
    both = [name for name in plain if name in side.tapped]
    return [observe(side.name, name, plain[name], side.tapped[name]) for name in both]
