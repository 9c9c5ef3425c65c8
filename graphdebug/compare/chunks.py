"""Which tensors to fetch together, so that both sides' copies stay under a budget of bytes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np


def chunks(names: Sequence[str], sizes: Mapping[str, int], budget: int) -> Iterator[list[str]]:
    """Cut ``names`` into runs of at most ``budget`` bytes by ``sizes``; a tensor that is larger stands alone."""
    chunk: list[str] = []
    total = 0
    for name in names:
        if chunk and total + sizes[name] > budget:
            yield chunk
            chunk, total = [], 0
        chunk.append(name)
        total += sizes[name]
    if chunk:
        yield chunk


def value_bytes(value: Any) -> int:
    """Return the bytes that a value holds: of an array, or of all arrays in a sequence or a map."""
    if isinstance(value, np.ndarray):
        return int(value.nbytes)
    if isinstance(value, Mapping):
        return sum(value_bytes(item) for item in value.values())
    return sum(value_bytes(item) for item in value) if isinstance(value, list | tuple) else 0
