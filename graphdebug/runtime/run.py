"""The job that runs a model once on one backend: statistics of every tensor that was asked for, and their values."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphdebug.model.document import Model, open_model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Mode, Session, Value
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import check_dims, dim_name, make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import RunRequest, RunResult, TensorRow
from graphdebug.runtime.statistics import statistics
from graphdebug.runtime.store import ArrayWriter, StoreError
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.values import bytes_of, describe, static_bytes, type_of

TENSORS_FILE, FEEDS_FILE = "tensors.npz", "feeds.npz"
_BUDGET = 512 << 20
"""Bytes of tensors fetched at once. Every fetch runs the model, so that a larger budget is faster."""
_FIRST_GUESS = 1 << 20
"""Bytes assumed of a tensor of unknown shape, until some were measured."""


def run_job(request: RunRequest, folder: Path, progress: Progress) -> RunResult:
    """Run a model and keep tensors; a job function.

    Rows of fed inputs come first. Tensors are fetched, measured, written and dropped in chunks.

    Raises:
        NotAModel, BackendError, FeedError, SpecError: one sentence each.
        OSError: the disk is full.
    """
    started = time.perf_counter()
    progress(None, "opening the model")
    runner = backend(request.backend)
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
        closing(runner.prepare(model, asked.mode, asked.taps)) as session,
        ArrayWriter(folder / TENSORS_FILE) as writer,
    ):
        rows.extend(_row(model, name, feeds[name], writer) for name in asked.inputs)
        wanted = [name for name in session.tensors if asked.wants(name)]
        for name, value in _fetch(session, feeds, wanted, _Sizes(model, session, feeds), progress):
            rows.append(_row(model, name, value, writer))
        untapped = {name: why for name, why in session.untapped.items() if asked.wants(name)}
        missing = dict.fromkeys(sorted(asked.named - {row.name for row in rows} - untapped.keys()), asked.mode_reason)
        return RunResult(
            rows=tuple(rows),
            untapped=untapped | missing,
            first_nonfinite=next((row.name for row in rows if _has_nonfinite(row)), None),
            environment={"spec": str(runner.spec), **session.environment},
            seconds=time.perf_counter() - started,
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


class _Sizes:
    """Bytes of tensors before they are fetched: by their types, else twice the mean of those measured so far."""

    def __init__(self, model: Model, session: Session, feeds: Mapping[str, Value]) -> None:
        self._types = (session.types, model.types[MAIN_GRAPH])
        self._dims: dict[str, int] = {}
        for value in model_inputs(model):
            fed = feeds.get(value.name)
            if isinstance(fed, np.ndarray):
                names = (dim_name(value.name, axis, dim) for axis, dim in enumerate(value.type.shape or ()))
                self._dims.update(zip(names, fed.shape, strict=False))
        self._guess = float(_FIRST_GUESS)
        self._measured, self._count = 0, 0

    def chunk(self, names: Sequence[str], budget: int) -> int:
        """Return how many of ``names``, from the first on and at least one, to fetch together."""
        total = 0.0
        for count, name in enumerate(names):
            static = self._static(name)
            total += self._guess if static is None else static
            if total > budget and count:
                return count
        return len(names)

    def learn(self, name: str, size: int) -> None:
        """Note how large a tensor was, if its type did not tell."""
        if self._static(name) is None:
            self._measured += size
            self._count += 1
            self._guess = 2 * self._measured / self._count

    def _static(self, name: str) -> int | None:
        """Return the bytes that the type says: the engine's own, which is there without inference, or the model's."""
        found = (static_bytes(types.get(name), self._dims) for types in self._types)
        return next((size for size in found if size is not None), None)


def _fetch(
    session: Session, feeds: Mapping[str, Value], names: Sequence[str], sizes: _Sizes, progress: Progress
) -> Iterator[tuple[str, Value]]:
    """Yield every tensor in order; a chunk is fetched at once and each value dropped as soon as it was yielded."""
    done = 0
    while done < len(names):
        count = sizes.chunk(names[done:], _BUDGET)
        progress(done / len(names), f"running the model for tensors {done + 1}–{done + count} of {len(names)}")
        values = session.infer(feeds, names[done : done + count])
        progress(done / len(names), f"measuring and storing tensors {done + 1}–{done + count} of {len(names)}")
        for name in names[done : done + count]:
            value = values.pop(name)
            sizes.learn(name, bytes_of(value))
            yield name, value
        done += count


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
