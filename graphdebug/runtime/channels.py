"""Channels of a weight: the largest magnitude in each, and those that stand out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

OUTLIER = 5.0
"""A channel stands out when its largest magnitude is more than so many times the median of all channels'."""
_BLOCK = 1 << 20


@dataclass(frozen=True, eq=False)
class Channels:
    """Along one axis, float64 [C] each: ``largest`` |x| and ``rms`` over the finite elements, ``zeros`` as a share.

    ``outliers``: indices of the channels that stand out, the most extreme first. One scale for the whole tensor, as
    int8 quantisation per tensor has it, spends its steps on them.
    """

    largest: NDArray[np.float64]
    rms: NDArray[np.float64]
    zeros: NDArray[np.float64]
    outliers: tuple[int, ...]


def channels(array: NDArray[Any], axis: int) -> Channels:
    """Look at each channel of a numeric tensor with at least one element along ``axis``; read in blocks."""
    moved = np.moveaxis(array, axis, 0)
    count = len(moved)
    largest, squares, zeros = (np.zeros(count) for _ in range(3))
    finite = np.zeros(count, np.int64)
    step = max(1, _BLOCK * count // max(1, moved.size))
    for start in range(0, count, step):
        part = slice(start, start + step)
        block = moved[part].reshape(min(step, count - start), -1)
        block = np.abs(block.astype(np.complex128 if block.dtype.kind == "c" else np.float64))
        sound = np.isfinite(block)
        block = np.where(sound, block, 0.0)
        largest[part] = block.max(axis=1, initial=0.0)
        with np.errstate(over="ignore"):
            squares[part] = np.square(block).sum(axis=1)
        finite[part] = sound.sum(axis=1)
        zeros[part] = ((block == 0) & sound).sum(axis=1)
    each = np.maximum(finite, 1)
    limit = OUTLIER * float(np.median(largest))
    beyond = np.flatnonzero(largest > limit) if limit > 0 else np.empty(0, np.int64)
    ordered = beyond[np.argsort(-largest[beyond], kind="stable")]
    return Channels(largest, np.sqrt(squares / each), zeros / each, tuple(ordered.tolist()))
