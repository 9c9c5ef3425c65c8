"""The job that runs a model once on one backend: statistics of every tensor that was asked for, and their values."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphdebug.model.document import Model, open_model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Mode, Session, Value, files_of
from graphdebug.runtime.bounded import prepare_bounded
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import check_dims, make_feeds, suggest
from graphdebug.runtime.providers import providers_of
from graphdebug.runtime.recorded import FEEDS_FILE, TENSORS_FILE
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import RunRequest, RunResult, TensorRow
from graphdebug.runtime.sizes import Sizes
from graphdebug.runtime.statistics import statistics
from graphdebug.runtime.store import ArrayWriter, StoreError
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.values import bytes_of, describe, type_of

_BUDGET = 500_000_000
"""Bytes of tensors held at once."""


def run_job(request: RunRequest, folder: Path, progress: Progress) -> RunResult:
    """Run a model and keep tensors; a job function.

    Rows of fed inputs come first. Tensors are fetched, measured, written and dropped in chunks. What else a session
    leaves (an engine's layers) lies in the folder beside them.

    Raises:
        NotAModel, BackendError, FeedError, SpecError: one sentence each.
        OSError: the disk is full.
    """
    started = time.perf_counter()
    progress(None, "opening the model")
    runner = backend(request.backend, progress)
    model = open_model(request.model)
    asked = _Asked.of(request, model)
    inputs = model_inputs(model)
    progress(None, "making the inputs")
    check_dims(request.feeds, inputs)
    feeds = make_feeds(inputs, request.feeds, suggest(model))
    _keep_feeds(feeds, folder)
    progress(None, f"preparing {runner.spec}")
    rows: list[TensorRow] = []
    with (
        closing(prepare_bounded(runner, model, asked.mode, asked.taps, _BUDGET)) as session,
        ArrayWriter(folder / TENSORS_FILE) as writer,
    ):
        rows.extend(_row(model, name, feeds[name], writer) for name in asked.inputs)
        wanted = [name for name in session.tensors if asked.wants(name)]
        for name, value in _fetch(session, feeds, wanted, Sizes(model, session, feeds), progress):
            rows.append(_row(model, name, value, writer))
        for name, path in files_of(session).items():
            shutil.copyfile(path, folder / name)
        untapped = {name: why for name, why in session.untapped.items() if asked.wants(name)}
        missing = dict.fromkeys(sorted(asked.named - {row.name for row in rows} - untapped.keys()), asked.mode_reason)
        return RunResult(
            rows=tuple(rows),
            untapped=untapped | missing,
            first_nonfinite=next((row.name for row in rows if _has_nonfinite(row)), None),
            environment={"spec": str(runner.spec), **session.environment},
            seconds=time.perf_counter() - started,
            providers=providers_of(session),
        )


@dataclass(frozen=True)
class _Asked:
    """What the request asks for: fed inputs, and tensors to tap (None: all)."""

    mode: Mode
    inputs: Sequence[str]
    taps: Sequence[str] | None
    named: frozenset[str]

    @classmethod
    def of(cls, request: RunRequest, model: Model) -> "_Asked":
        """Sort the named tensors into fed inputs, stored constants and tensors that are computed."""
        try:
            mode = Mode(request.mode)
        except ValueError:
            raise ValueError(f"There is no mode {request.mode!r}; modes are {', '.join(Mode)}.") from None
        fed = model.graphs[MAIN_GRAPH].inputs
        if request.tensors is None:
            return cls(mode, [] if mode is Mode.PLAIN else fed, None, frozenset())
        named = frozenset(request.tensors)
        stored = sorted(named & model.graphs[MAIN_GRAPH].initializers.keys() - set(model.graphs[MAIN_GRAPH].outputs))
        if stored:
            raise ValueError(f"{stored[0]!r} is an initializer: it is stored in the model, not computed by a run.")
        return cls(mode, [name for name in fed if name in named], sorted(named.difference(fed)), named)

    def wants(self, name: str) -> bool:
        """Return whether a computed tensor was asked for."""
        return self.taps is None or name in self.named

    @property
    def mode_reason(self) -> str:
        """Why a named tensor did not come although nothing was said of it."""
        return "only the model's outputs are fetched in this mode" if self.mode is Mode.PLAIN else "not available here"


def _fetch(
    session: Session, feeds: Mapping[str, Value], names: Sequence[str], sizes: Sizes, progress: Progress
) -> Iterator[tuple[str, Value]]:
    """Yield every tensor in order; a chunk is fetched at once and each value dropped as soon as it was yielded."""
    done = 0
    for chunk in sizes.chunks(names, _BUDGET):
        upto = done + len(chunk)
        progress(done / len(names), f"running the model for tensors {done + 1}–{upto} of {len(names)}")
        values = session.infer(feeds, chunk)
        progress(done / len(names), f"measuring and storing tensors {done + 1}–{upto} of {len(names)}")
        for name in chunk:
            value = values.pop(name)
            sizes.learn(name, value)
            yield name, value
        done = upto


def _row(model: Model, name: str, value: Value, writer: ArrayWriter) -> TensorRow:
    """Measure and store one value."""
    index = model.graphs[MAIN_GRAPH]
    node = index.producer.get(name)
    made = TensorRow(name, type_of(value), bytes_of(value), node, "" if node is None else index.nodes[node].op_type)
    if not isinstance(value, np.ndarray | np.generic):
        return _with(made, note=describe(value))
    array = np.asarray(value)
    try:
        member, note = writer.write(name, array)
    except StoreError as error:
        return _with(made, note=str(error))
    return _with(made, array=array, stored=member, note=note)


def _with(row: TensorRow, *, note: str, stored: str = "", array: np.ndarray | None = None) -> TensorRow:
    found = None if array is None else statistics(array)
    return TensorRow(row.name, row.type, row.bytes, row.node, row.op, found, stored, note)


def _keep_feeds(feeds: Mapping[str, Value], folder: Path) -> None:
    """Write the feeds that are arrays, so that the run can be repeated anywhere."""
    with ArrayWriter(folder / FEEDS_FILE) as writer:
        for name, value in feeds.items():
            if isinstance(value, np.ndarray):
                writer.write(name, value)


def _has_nonfinite(row: TensorRow) -> bool:
    return row.statistics is not None and row.statistics.nans + row.statistics.infs > 0
