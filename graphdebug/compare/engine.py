"""Runs a comparison: both sides on the same feeds, a chunk of tensors at a time, rows as they come."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from graphdebug.compare.chunks import Sizes, first_chunk
from graphdebug.compare.judge import judge, unjudged
from graphdebug.compare.observer import observe
from graphdebug.compare.pairing import Pair, pair_tensors
from graphdebug.compare.records import CompareRequest, CompareResult, ObserverEffect, Row
from graphdebug.compare.sides import OpenSide, feeds_for, open_sides
from graphdebug.compare.verdict import give_verdict
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Mode, Session, Value
from graphdebug.runtime.events import Progress

ROWS_FILE = "rows.jsonl"
"""In the job's folder: one row as JSON a line, in the order in which they were compared."""

RESULT_VERSION = 1
"""Version of `CompareResult` as JSON; see docs/report-schema.md."""


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
    plain = [_plain_outputs(side, feeds, progress) for side in sides]
    with ExitStack() as stack:
        sessions = []
        for side in sides:
            progress(None, f"preparing the {side.name}")
            sessions.append(stack.enter_context(closing(side.prepare(Mode(request.mode), request.tensors))))
        comparison = _Comparison(request, sides, (sessions[0], sessions[1]), feeds, (plain[0], plain[1]))
        rows = []
        with (folder / ROWS_FILE).open("wb") as file:
            for row in comparison.rows(progress):
                file.write(msgspec.json.encode(row) + b"\n")
                file.flush()
                rows.append(row)
    rows.sort(key=lambda row: row.position)
    return CompareResult(
        version=RESULT_VERSION,
        verdict=give_verdict(rows, comparison.effects),
        rows=tuple(rows),
        observer=tuple(comparison.effects),
        reference={"spec": request.reference.spec, **sessions[0].environment},
        candidate={"spec": request.candidate.spec, **sessions[1].environment},
        request=request,
        seconds=time.perf_counter() - started,
    )


def _plain_outputs(side: OpenSide, feeds: Mapping[str, Value], progress: Progress) -> dict[str, Value]:
    """Return the outputs of the side as anyone would run it: with no taps. Nothing for recorded tensors."""
    if not side.runs:
        return {}
    progress(None, f"running the {side.name} without taps")
    with closing(side.prepare(Mode.PLAIN)) as session:
        return session.infer(feeds, session.outputs)


@dataclass
class _Comparison:
    """Two sessions on the same feeds; ``plain`` are the outputs of each side without taps."""

    request: CompareRequest
    sides: tuple[OpenSide, OpenSide]
    sessions: tuple[Session, Session]
    feeds: Mapping[str, Value]
    plain: tuple[dict[str, Value], dict[str, Value]]
    effects: list[ObserverEffect] = field(default_factory=list)
    """The observer effect, complete after the last row."""

    def rows(self, progress: Progress) -> Iterator[Row]:
        """Yield the row of every tensor: first those that cannot be compared, then the others chunk by chunk."""
        reference, candidate = self.sessions
        index = self.sides[0].index
        outputs = {*reference.outputs, *candidate.outputs}
        pairs = pair_tensors(reference, candidate, index, self.request.tensors)
        for pair in pairs:
            if pair.reason:
                yield unjudged(pair, pair.reason, pair.name in outputs)
        waiting = [pair for pair in pairs if not pair.reason]
        total = len(waiting)
        sizes = Sizes(index, self.sides[0].model.types[MAIN_GRAPH], self.feeds)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            while waiting:
                progress(1 - len(waiting) / total, f"comparing {total} tensors, {total - len(waiting)} done")
                names = [pair.name for pair in waiting]
                count = first_chunk(names, sizes.estimates(names), self.request.budget // 2)
                chunk, waiting = waiting[:count], waiting[count:]
                values = self._fetch(names[:count], sizes)

                def compare(pair: Pair, values: tuple[dict[str, Value], ...] = values) -> Row:
                    """Drops the values as it goes, so that memory falls while the chunk is compared."""
                    a, b = (side.pop(pair.name) for side in values)
                    return judge(pair, a, b, self.request.tolerances, pair.name in outputs)

                yield from pool.map(compare, chunk)
        self._observe_the_rest()

    def _fetch(self, names: Sequence[str], sizes: Sizes) -> tuple[dict[str, Value], dict[str, Value]]:
        """Fetch tensors from both sides, and see what the taps did to the outputs among them."""
        values = tuple(session.infer(self.feeds, names) for session in self.sessions)
        for name, value in values[0].items():
            sizes.learn(name, value)
        for side, plain, tapped in zip(self.sides, self.plain, values, strict=True):
            for name in [name for name in plain if name in tapped]:
                self.effects.append(observe(side.name, name, plain.pop(name), tapped[name]))
        return values[0], values[1]

    def _observe_the_rest(self) -> None:
        """Run once more for outputs that were not compared."""
        for side, session, plain in zip(self.sides, self.sessions, self.plain, strict=True):
            names = [name for name in plain if name in set(session.tensors)]
            for name, tapped in session.infer(self.feeds, names).items():
                self.effects.append(observe(side.name, name, plain.pop(name), tapped))
