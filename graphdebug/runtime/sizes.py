"""How large tensors will be, before and while they are fetched."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from graphdebug.model.document import Model
from graphdebug.model.records import ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Session, Value
from graphdebug.runtime.feeds import dim_name
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.values import bytes_of, static_bytes

_FIRST_GUESS = 1 << 20
"""Bytes assumed of a tensor of unknown shape, until some were measured."""


class Sizes:
    """Bytes of tensors: as measured, by their types, else twice the mean of those that had to be measured so far."""

    def __init__(self, model: Model | None, session: Session, feeds: Mapping[str, Value]) -> None:
        """Look at the engine's own types, which are there without inference, then at the model's."""
        declared: Mapping[str, ValueType] = {} if model is None else model.types[MAIN_GRAPH]
        self._types = (session.types, declared)
        self._dims = {} if model is None else _fed_dims(model, feeds)
        self._measured: dict[str, int] = {}
        self._total = 0

    def of(self, name: str) -> float:
        """Return the bytes of a tensor, guessed where nothing says."""
        known = self.known(name)
        if known is not None:
            return known
        return 2 * self._total / len(self._measured) if self._measured else _FIRST_GUESS

    def known(self, name: str) -> int | None:
        """Return the bytes of a tensor that was measured, or whose type and the feeds tell; else None."""
        if name in self._measured:
            return self._measured[name]
        found = (static_bytes(types.get(name), self._dims) for types in self._types)
        return next((size for size in found if size is not None), None)

    def learn(self, name: str, value: Value) -> None:
        """Note how large a tensor was, if nothing had told before."""
        if self.known(name) is None:
            self._measured[name] = bytes_of(value)
            self._total += self._measured[name]

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


def _fed_dims(model: Model, feeds: Mapping[str, Value]) -> dict[str, int]:
    """Return the lengths of symbolic dimensions, taken from what is fed."""
    dims: dict[str, int] = {}
    for value in model_inputs(model):
        fed = feeds.get(value.name)
        if isinstance(fed, np.ndarray):
            names = (dim_name(value.name, axis, dim) for axis, dim in enumerate(value.type.shape or ()))
            dims.update(zip(names, fed.shape, strict=False))
    return dims
