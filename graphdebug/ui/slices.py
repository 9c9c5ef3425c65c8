"""Pick what fits on a screen out of a tensor of any rank: a 2-D slice, a grid of channels. Pure numpy."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.generic]
Plane = NDArray[np.float64]

NONFINITE_COLOR = (213, 0, 109)
"""Red, green, blue of a NaN or infinite pixel in a channel grid: no shade of grey."""


def cut(values: Values, rows: int | None, columns: int | None, fixed: Mapping[int, int]) -> Values:
    """Return a 2-D slice of ``values``.

    ``rows`` and ``columns`` are the axes that become the slice's rows and columns; None gives one row or one column.
    Every other axis is read at its index in ``fixed`` (0 when absent), so that of a memory map only the slice is read.
    """
    index = tuple(slice(None) if axis in (rows, columns) else fixed.get(axis, 0) for axis in range(values.ndim))
    picked = np.asarray(values[index])
    if rows is not None and columns is not None:
        picked = picked.T if rows > columns else picked
    else:
        picked = picked.reshape(-1, 1) if rows is not None else picked.reshape(1, -1)
    return picked


def plane(picked: Values) -> Plane:
    """Return a slice as float64; of a complex one, the magnitude."""
    return (np.abs(picked) if np.iscomplexobj(picked) else picked).astype(np.float64)


def cells(picked: Values) -> Values:
    """Return a slice as a table can show it, no digit lost: truth values as 0 and 1, complex numbers as text."""
    if picked.dtype.kind == "c":
        return picked.astype(str)
    if picked.dtype.kind == "b":
        return picked.astype(np.uint8)
    return picked.astype(np.float32) if picked.dtype == np.float16 else picked


def shrink(values: Plane, limit: int) -> tuple[Plane, tuple[int, int]]:
    """Return a plane of at most ``limit`` × ``limit`` and how many rows and columns one of its cells stands for.

    A cell shows the value of largest magnitude in its block, and NaN where the block holds one: what a debugger looks
    for must not be averaged away.
    """
    steps = tuple(-(-length // limit) if length else 1 for length in values.shape)
    if steps == (1, 1):
        return values, (1, 1)
    padding = [(0, -length % step) for length, step in zip(values.shape, steps, strict=True)]
    padded = np.pad(values, padding, mode="edge")
    height, width = padded.shape[0] // steps[0], padded.shape[1] // steps[1]
    blocks = padded.reshape(height, steps[0], width, steps[1]).swapaxes(1, 2).reshape(height, width, -1)
    strongest = np.abs(blocks).argmax(-1)  # argmax takes the first NaN for the largest
    return np.take_along_axis(blocks, strongest[..., None], -1)[..., 0], (steps[0], steps[1])


def channel_grid(channels: Values, *, per_channel: bool, tile: int = 96, limit: int = 64) -> NDArray[np.uint8]:
    """Return an RGB picture (uint8, [H, W, 3]) of the first ``limit`` channels of ``channels`` [C, H, W].

    Black is the smallest and white the largest finite value, of each channel or of all shown channels together. Small
    channels are enlarged by a whole factor and large ones thinned, so that a tile is about ``tile`` pixels.
    """
    shown = np.asarray(channels[:limit])
    shown = (np.abs(shown) if np.iscomplexobj(shown) else shown).astype(np.float64)
    step = max(1, -(-max(shown.shape[1:]) // (2 * tile)))
    shown = shown[:, ::step, ::step]
    finite = np.isfinite(shown)
    axes = (1, 2) if per_channel else (0, 1, 2)
    low = np.min(np.where(finite, shown, np.inf), axis=axes, keepdims=True)
    span = np.max(np.where(finite, shown, -np.inf), axis=axes, keepdims=True) - low
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        grey = np.where(finite & (span > 0), (shown - low) / span, 0.0)
    pixels = np.repeat((grey * 255).round().astype(np.uint8)[..., None], 3, axis=-1)
    pixels[~finite] = NONFINITE_COLOR
    enlarge = max(1, tile // max(pixels.shape[1:3]))
    return _arrange(pixels.repeat(enlarge, axis=1).repeat(enlarge, axis=2))


def _arrange(tiles: NDArray[np.uint8], gap: int = 3) -> NDArray[np.uint8]:
    """Lay tiles [N, H, W, 3] out in a near-square grid with a mid-grey gap, which shows in either theme."""
    count, height, width, _ = tiles.shape
    across = int(np.ceil(np.sqrt(count)))
    down = -(-count // across)
    grid = np.full((down * (height + gap) - gap, across * (width + gap) - gap, 3), 128, dtype=np.uint8)
    for position, picture in enumerate(tiles):
        top, left = (position // across) * (height + gap), (position % across) * (width + gap)
        grid[top : top + height, left : left + width] = picture
    return grid
