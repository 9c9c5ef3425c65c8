"""Runs a comparison: both sides on the same feeds, rows as they come, memory under a budget.

An engine that gives every tensor as an output holds all of them until its run ends, whatever is fetched. So one side is
asked for everything at once, which tells the sizes too. Where both sides' tensors fit the budget, that was all: its
session is closed before the other side's is made. Where they do not, only the first chunk is kept, and the other chunks
are fetched from both sides one after the other.
"""

import os
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
from graphdebug.compare.pairing import Pair, pair_tensors
from graphdebug.compare.records import CompareRequest, CompareResult, ObserverEffect, Row
from graphdebug.compare.sides import OpenSide, feeds_for, open_sides
from graphdebug.compare.verdict import give_verdict
from graphdebug.runtime.backend import Mode, Session, Value
from graphdebug.runtime.events import Progress

ROWS_FILE = "rows.jsonl"
"""In the job's folder: one row as JSON a line, in the order in which they were compared."""

RESULT_VERSION = 1
"""Version of `CompareResult` as JSON; see docs/report-schema.md."""

_RECORDED_AT_ONCE = 16
"""Tensors a chunk when nothing runs: reading twice costs nothing then, and sizes are not known."""
_LARGE = 1 << 19
"""Bytes from which on a tensor is worth a thread."""
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
            yield from self._compare([waiting[name] for name in names], values, outputs)

    def environments(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return what really ran on the reference's and on the candidate's side."""
        described = [{"spec": str(side.backend.spec), **self.sessions[side.name].environment} for side in self.sides]
        return described[0], described[1]

    def _open(self, side: OpenSide) -> None:
        """Run the side as anyone would, for the observer effect, then make the session with its tensors exposed."""
        if side.runs:
            self.progress(None, f"running the {side.name} without taps")
            with closing(side.prepare(Mode.PLAIN)) as session:
                side.plain.update(session.infer(self.feeds, session.outputs))
        self.progress(None, f"preparing the {side.name}")
        tapped = side.prepare(Mode(self.request.mode), self.request.tensors)
        self.sessions[side.name] = self.stack.enter_context(closing(tapped))

    def _chunks(self, names: Sequence[str], sizes: Mapping[str, int]) -> Iterator[list[str]]:
        if sizes:
            return chunks(names, sizes, self.request.budget // 2)
        return (list(names[start : start + _RECORDED_AT_ONCE]) for start in range(0, len(names), _RECORDED_AT_ONCE))

    def _fetch(self, side: OpenSide, names: Sequence[str]) -> dict[str, Value]:
        """Fetch tensors, and see what the taps did to the outputs among them; outputs come along the first time."""
        self.progress(None, f"running the {side.name}")
        session = self.sessions[side.name]
        more = [name for name in side.plain if name in session.outputs and name not in set(names)]
        values = session.infer(self.feeds, [*names, *more])
        for name in [name for name in side.plain if name in values]:
            self.effects.append(observe(side.name, name, side.plain.pop(name), values[name]))
        for name in more:
            del values[name]
        return values

    def _compare(self, pairs: Sequence[Pair], values: dict[str, dict[str, Value]], outputs: set[str]) -> Iterator[Row]:
        """Judge one chunk; every tensor is dropped as soon as its row is there.

        Large tensors go to threads, where NumPy runs outside the interpreter's lock for long enough; of small ones
        two threads would only wait for each other.
        """

        def row(pair: Pair) -> Row:
            reference, candidate = (values[side.name].pop(pair.name) for side in self.sides)
            return judge(pair, reference, candidate, self.request.tolerances, pair.name in outputs)

        held = values[self.sides[0].name]
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            large = {pair.name: pool.submit(row, pair) for pair in pairs if value_bytes(held[pair.name]) >= _LARGE}
            for pair in pairs:
                yield large.pop(pair.name).result() if pair.name in large else row(pair)
