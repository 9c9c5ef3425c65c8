"""A session that holds few tensors at once, whatever the engine and however large the model's tensors are together.

An engine holds every tensor that is exposed until its run ends. Where that is more than a budget allows, an *isolated*
run goes through the model in slices (slices.py), each a session of its own, and a run *as deployed* exposes only what
is fetched: there the engine optimises before anything is tapped, so that fewer taps change nothing.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from graphdebug.model.tensors import read_tensor
from graphdebug.model.units import size_text
from graphdebug.runtime.backend import Backend, Mode, Session, Value, files_of, is_eager
from graphdebug.runtime.providers import Providers, providers_of
from graphdebug.runtime.sizes import Sizes
from graphdebug.runtime.slices import cut, plan


def prepare_bounded(
    runner: Backend, model: Model, mode: Mode, taps: Sequence[str] | None, budget: int
) -> "BoundedSession":
    """Make ``model`` ready, see `Backend.prepare`; its runs hold about ``budget`` bytes of exposed tensors at once.

    Raises:
        BackendError: one sentence that names what the backend refused and why.
    """
    return BoundedSession(runner, model, mode, taps, budget)


class BoundedSession:
    """A session of any backend. Fetching in topological order runs every slice once; going back starts again."""

    def __init__(self, runner: Backend, model: Model, mode: Mode, taps: Sequence[str] | None, budget: int) -> None:
        """Prepare the whole model first: it may fit, and says what can be fetched."""
        whole = runner.prepare(model, mode, taps)
        self.inputs: Sequence[ValueInfo] = whole.inputs
        self.tensors: Sequence[str] = whole.tensors
        self.outputs: Sequence[str] = whole.outputs
        self.untapped: Mapping[str, str] = whole.untapped
        self.types: Mapping[str, ValueType] = whole.types
        self.environment: Mapping[str, str] = whole.environment
        self.files: Mapping[str, Path] = files_of(whole)
        self.providers: Providers = providers_of(whole)
        self._runner, self._model, self._mode, self._taps, self._budget = runner, model, mode, taps, budget
        self._whole: Session | None = whole
        self._fed: Mapping[str, Value] | None = None
        self._walk: _Walk | None = None

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Return the named tensors."""
        if self._fed is not feeds:
            self._plan(feeds)
        if self._whole is not None:
            return self._whole.infer(feeds, fetch)
        if self._walk is not None:
            return self._walk.fetch(fetch)
        with closing(self._runner.prepare(self._model, self._mode, fetch)) as session:
            return session.infer(feeds, fetch)

    def close(self) -> None:
        """Give back everything that was taken."""
        if self._whole is not None:
            self._whole.close()
        self._walk = None

    def _plan(self, feeds: Mapping[str, Value]) -> None:
        """Decide how to run on ``feeds``, whose shapes say how large the tensors will be."""
        self._fed = feeds
        self._walk = None
        if is_eager(self._runner) or (self._whole is None and self._mode is not Mode.ISOLATED):
            return  # it holds only what is fetched, or makes a session for each fetch anyway
        sizes = Sizes.inferred(self._model, self, feeds, self._budget)
        if self._mode is Mode.PLAIN or sizes.total() <= self._budget:
            return
        if self._whole is not None:
            self._whole.close()
            self._whole = None
        held = f"at most about {size_text(self._budget)}"
        self.environment = {**self.environment, "exposed tensors held at once": held}
        if self._mode is Mode.ISOLATED:
            known = {**self.types, **self._model.types[MAIN_GRAPH]}
            if any(name not in known for name in self.tensors):  # without a type nothing can be carried
                self._model = self._model.with_types(infer_types(self._model))
            self._walk = _Walk(self._runner, self._model, self, feeds, sizes, self._budget)


class _Walk:
    """A way through a model's slices: which one comes next, and what was carried so far."""

    def __init__(
        self, runner: Backend, model: Model, whole: Session, feeds: Mapping[str, Value], sizes: Sizes, budget: int
    ) -> None:
        """Cut the model; ``whole`` says what is exposed, and the types as its engine knows them."""
        self._runner, self._model, self._feeds = runner, model, feeds
        self._exposed = frozenset(whole.tensors)
        self._types = {**whole.types, **model.types[MAIN_GRAPH]}  # as in the whole model: no shape where it states none
        self._index = model.graphs[MAIN_GRAPH]
        self._slices = plan(
            self._index, lambda name: sizes.of(name) if name in self._exposed else 0, budget, self._may_carry
        )
        self._slice_of = {node: at for at, piece in enumerate(self._slices) for node in piece.nodes}
        self._last_taker = {name: at for at, piece in enumerate(self._slices) for name in piece.takes}
        self._next = 0
        self._carried: dict[str, Value] = {}
        self._held: dict[str, Value] = {}

    def fetch(self, names: Sequence[str]) -> dict[str, Value]:
        """Return the named tensors, going on from where the last call ended, or from the start where that is past."""
        found: dict[str, Value] = {}
        made = {name: self._slice_of[self._index.producer[name]] for name in names if name in self._index.producer}
        for name in sorted(made, key=made.__getitem__):
            if name not in self._held and made[name] < self._next:
                self._next, self._carried = 0, {}
            while self._next <= made[name]:
                self._run(self._next)
                self._next += 1
            found[name] = self._held.pop(name)
        return {name: found[name] if name in found else self._given(name) for name in names}

    def _run(self, at: int) -> None:
        """Run slice ``at``, hold what it exposes until the next one, and what it gives to later ones until they ran."""
        piece = self._slices[at]
        self._held = {}
        carried = {name: self._carried[name] for name in piece.takes if name in self._carried}
        types = {name: self._types[name] for name in carried}
        taps = [name for node in piece.nodes for name in self._index.nodes[node].output if name in self._exposed]
        with closing(self._runner.prepare(cut(self._model, piece, types), Mode.ISOLATED, taps)) as session:
            self._held = session.infer({**self._feeds, **carried}, session.tensors)
        self._carried |= {name: self._held[name] for name in piece.gives}
        self._carried = {name: value for name, value in self._carried.items() if self._last_taker[name] > at}

    def _may_carry(self, name: str) -> bool:
        kind = self._types.get(name)
        return kind is not None and kind.kind == "tensor" and bool(kind.dtype) and not kind.dtype.startswith("complex")

    def _given(self, name: str) -> Value:
        """Return an output that no node makes: what was fed, or a stored constant."""
        if name in self._feeds:
            return self._feeds[name]
        return read_tensor(self._model, self._index.initializers[name])
