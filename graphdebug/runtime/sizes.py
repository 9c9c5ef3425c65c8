"""How large tensors will be, before and while they are fetched."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from graphdebug.model.document import Model
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.backend import Session, Value
from graphdebug.runtime.feeds import dim_name
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.values import bytes_of, static_bytes

_FIRST_GUESS = 1 << 20
"""Bytes assumed of a tensor of unknown shape where no other is known, either."""


class Sizes:
    """Bytes of a session's tensors: by their types, as measured, else twice the mean of those that are known."""

    def __init__(self, model: Model | None, session: Session, feeds: Mapping[str, Value]) -> None:
        """Look at the engine's own types, which are there without inference, then at the model's."""
        declared: Mapping[str, ValueType] = {} if model is None else model.types[MAIN_GRAPH]
        dims = {} if model is None else fed_dims(model, feeds)
        self._known: dict[str, int] = {}
        for name in session.tensors:
            found = (static_bytes(types.get(name), dims) for types in (session.types, declared))
            size = next((size for size in found if size is not None), None)
            if size is not None:
                self._known[name] = size
        self._total = sum(self._known.values())
        self._names = session.tensors

    @classmethod
    def inferred(cls, model: Model, session: Session, feeds: Mapping[str, Value], budget: float) -> "Sizes":
        """Return the sizes; infer the model's types for them where guesses may be why they exceed ``budget``."""
        sizes = cls(model, session, feeds)
        if sizes.total() > budget and len(sizes._known) < len(session.tensors):
            return cls(model.with_types(infer_types(model)), session, feeds)
        return sizes

    def of(self, name: str) -> float:
        """Return the bytes of a tensor, guessed where nothing says."""
        guess = 2 * self._total / len(self._known) if self._known else _FIRST_GUESS
        return self._known.get(name, guess)

    def total(self) -> float:
        """Return the bytes of all tensors of the session."""
        return sum(map(self.of, self._names))

    def learn(self, name: str, value: Value) -> None:
        """Note how large a tensor was, if nothing had told before."""
        if name not in self._known:
            self._known[name] = bytes_of(value)
            self._total += self._known[name]

    def chunks(self, names: Sequence[str], budget: float) -> Iterator[Sequence[str]]:
        """Cut ``names`` into runs of at most ``budget`` bytes; a tensor that is larger stands alone.

        What is learned of a run while it is dealt with counts for the next one.
        """
        start = 0
        while start < len(names):
            stop, total = start + 1, self.of(names[start])
            while stop < len(names) and (total := total + self.of(names[stop])) <= budget:
                stop += 1
            yield names[start:stop]
            start = stop


def fed_dims(model: Model, feeds: Mapping[str, Value]) -> dict[str, int]:
    """Return the lengths of symbolic dimensions, taken from what is fed."""
    dims: dict[str, int] = {}
    for value in model_inputs(model):
        fed = feeds.get(value.name)
        if isinstance(fed, np.ndarray):
            names = (dim_name(value.name, axis, dim) for axis, dim in enumerate(value.type.shape or ()))
            dims.update(zip(names, fed.shape, strict=False))
    return dims
