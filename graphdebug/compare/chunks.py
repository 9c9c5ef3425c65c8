"""Which tensors to fetch together, so that both sides' copies stay under a budget of bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from onnx.helper import tensor_dtype_to_np_dtype

from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.value_types import dtype_number

_UNKNOWN_BYTES = 1 << 20
"""Assumed of a tensor about which nothing is known."""


class Sizes:
    """Bytes of each tensor of a graph: measured, else from its static type, else as large as what it is made from.

    What was measured makes the guesses about what follows better.
    """

    def __init__(self, index: GraphIndex | None, types: Mapping[str, ValueType], feeds: Mapping[str, Any]) -> None:
        """Know a graph, the static types of its values and what its inputs are fed."""
        self._index = index
        self._types = types
        self._measured = {name: value_bytes(value) for name, value in feeds.items()}

    def learn(self, name: str, value: Any) -> None:
        """Note how large ``name`` turned out."""
        self._measured[name] = value_bytes(value)

    def estimates(self, names: Sequence[str]) -> dict[str, int]:
        """Return bytes for each of ``names``, measured or guessed."""
        known = dict(self._measured)
        if self._index is not None:
            for number in self._index.order:
                node = self._index.nodes[number]
                made_from = max((known.get(name, 0) for name in node.input), default=0) or _UNKNOWN_BYTES
                for name in node.output:
                    if name not in known:
                        known[name] = static_bytes(self._types.get(name)) or made_from
        return {name: known.get(name, _UNKNOWN_BYTES) for name in names}


def first_chunk(names: Sequence[str], sizes: Mapping[str, int], budget: int) -> int:
    """Return how many of ``names``, from the first on and at least one, fit into ``budget`` bytes."""
    total = 0
    for count, name in enumerate(names):
        total += sizes[name]
        if total > budget and count:
            return count
    return len(names)


def value_bytes(value: Any) -> int:
    """Return the bytes that a value holds: of arrays, and of all arrays in a sequence or a map."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(value_bytes(item) for item in value.values())
    return sum(value_bytes(item) for item in value) if isinstance(value, list | tuple) else 0


def static_bytes(kind: ValueType | None) -> int:
    """Return the bytes of a tensor of this type; 0 when its type does not tell."""
    if kind is None or kind.kind != "tensor" or kind.shape is None:
        return 0
    number = dtype_number(kind.dtype)
    lengths = [dim for dim in kind.shape if isinstance(dim, int)]
    if number in (0, TensorProto.STRING) or len(lengths) < len(kind.shape):
        return 0
    elements = 1
    for length in lengths:
        elements *= max(0, length)  # Python integers: a hostile shape cannot overflow
    return elements * int(tensor_dtype_to_np_dtype(number).itemsize)
