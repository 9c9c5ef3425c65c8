"""Runs a comparison: both sides on the same feeds, rows as they come, memory under a budget.

An engine that gives every tensor as an output holds all of them until its run ends, whatever is fetched. So one side is
asked for everything at once, which tells the sizes too. Where both sides' tensors fit the budget, that was all: its
session is closed before the other side's is made. Where they do not, only the first chunk is kept, and the other chunks
are fetched from both sides one after the other.

Tensors are judged in one thread: two of them, each calling NumPy for some microseconds at a time, take longer for
handing the interpreter to each other (measured; see benchmarks/README.md).
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from graphdebug.compare.chunks import chunks, value_bytes
from graphdebug.compare.judge import judge, unjudged
from graphdebug.compare.observer import observe
from graphdebug.compare.pairing import pair_tensors
from graphdebug.compare.records import CompareRequest, CompareResult, ObserverEffect, Row
from graphdebug.compare.sides import OpenSide, feeds_for, open_sides
from graphdebug.compare.verdict import give_verdict
from graphdebug.runtime.backend import BackendError, Mode, Session, Value
from graphdebug.runtime.events import Progress

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

    Raises:
        CompareError: the sides want different inputs, or a model is missing.
        BackendError: a side does not run.
    """
    started = time.perf_counter()
    progress(None, "opening")
    sides = open_sides(request)
    feeds = feeds_for(sides, request)
    with ExitStack() as stack:
        comparison = _Comparison(request, sides, feeds, stack, progress)
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
    )


@dataclass
class _Comparison:
    """Two sides on the same feeds. Sessions that stay open are closed by ``stack``."""

    request: CompareRequest
    sides: tuple[OpenSide, OpenSide]
    feeds: Mapping[str, Value]
    stack: ExitStack
    progress: Progress
    total: int = 1
    """Rows to come, once they are known."""
    effects: list[ObserverEffect] = field(default_factory=list)
    """The observer effect of both sides, complete after the last row."""
    sessions: dict[str, Session] = field(default_factory=dict)

    def rows(self) -> Iterator[Row]:
        """Yield the row of every tensor: first those that cannot be compared, then the others chunk by chunk."""
        lead, other = self.sides if self.sides[0].runs else self.sides[::-1]
        held: dict[str, Value] = {}
        self.progress(None, "running without taps")
        with ThreadPoolExecutor(max_workers=2) as pool:  # making a session takes one core
            plain = list(pool.map(self._run_plain, self.sides))
        self._open(lead)
        if lead.runs:
            held = self._fetch(lead, self.sessions[lead.name].tensors)
        sizes = {name: value_bytes(value) for name, value in held.items()}
        at_once = lead.runs and 2 * sum(sizes.values()) <= self.request.budget
        if at_once:
            self.sessions[lead.name].close()
        self._open(other)
        reference, candidate = (self.sessions[side.name] for side in self.sides)
        outputs = {*reference.outputs, *candidate.outputs}
        index = self.sides[0].index or self.sides[1].index
        pairs = pair_tensors(reference, candidate, index, self.request.tensors)
        self.total = max(1, len(pairs))
        for pair in pairs:
            if pair.reason:
                yield unjudged(pair, pair.reason, pair.name in outputs)
        waiting = {pair.name: pair for pair in pairs if not pair.reason}
        for names in self._chunks(list(waiting), sizes):
            values = {lead.name: {name: held.pop(name) for name in names if name in held}}
            held.clear()  # in the first chunk: what the others will fetch again
            if len(values[lead.name]) < len(names):
                values[lead.name] = self._fetch(lead, names)
            values[other.name] = self._fetch(other, names)
            if at_once:
                self.sessions[other.name].close()
            for name in names:  # tensors are dropped as they are judged
                a, b = (values[side.name].pop(name) for side in self.sides)
                yield judge(waiting[name], a, b, self.request.tolerances, name in outputs)
                del a, b
        for side, alone in zip(self.sides, plain, strict=True):
            self.effects += self._observe(side, alone)

    def environments(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what really ran on the reference's and on the candidate's side."""
        described = [{"spec": str(side.backend.spec), **self.sessions[side.name].environment} for side in self.sides]
        return described[0], described[1]

    def _open(self, side: OpenSide) -> None:
        """Make the session with the side's tensors exposed."""
        self.progress(None, f"preparing the {side.name}")
        tapped = side.prepare(Mode(self.request.mode), self.request.tensors)
        self.sessions[side.name] = self.stack.enter_context(closing(tapped))

    def _chunks(self, names: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
        if sizes:
            return chunks(names, sizes, self.request.budget // 2)
        return (list(names[start : start + _RECORDED_AT_ONCE]) for start in range(0, len(names), _RECORDED_AT_ONCE))

    def _fetch(self, side: OpenSide, names: Sequence[str]) -> dict[str, Value]:
        """Fetch tensors from one side, and the first time its outputs too, for the observer effect."""
        self.progress(None, f"running the {side.name}")
        session = self.sessions[side.name]
        more = [name for name in session.outputs if side.runs and name not in side.tapped and name not in set(names)]
        values = session.infer(self.feeds, [*names, *more])
        if side.runs:
            side.tapped.update((name, values[name]) for name in session.outputs if name in values)
        for name in more:
            del values[name]
        return values

    def _run_plain(self, side: OpenSide) -> dict[str, Value] | BackendError:
        """Run a side as anyone would, without taps, and return its outputs; none of recorded tensors."""
        if not side.runs:
            return {}
        try:
            with closing(side.prepare(Mode.PLAIN)) as session:
                return session.infer(self.feeds, session.outputs)
        except BackendError as error:
            return error

    def _observe(self, side: OpenSide, plain: dict[str, Value] | BackendError) -> list[ObserverEffect]:
        """Compare a side's outputs without taps with those of its tapped run."""
        if side.runs and not side.tapped:
            self._fetch(side, ())  # there was nothing to compare
        if isinstance(plain, BackendError):
            note = f"the run without taps failed: {plain}"
            return [ObserverEffect(side.name, name, identical=False, note=note) for name in side.tapped]
        both = [name for name in plain if name in side.tapped]
        return [observe(side.name, name, plain[name], side.tapped[name]) for name in both]
