"""Operators for the reference evaluator in place of onnx's own, where these fail or go element by element in Python.

Each computes in the element type of its input. Formulas: https://onnx.ai/onnx/operators/.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx.reference.op_run import OpRun

Array = NDArray[Any]

_erf = np.vectorize(math.erf, otypes=[np.float64])


class GatherElements(OpRun):
    """Stands in for onnx's own, which fails when the gathered axis is longer than 64 (onnx 1.23)."""

    op_domain = ""

    def _run(self, data: Array, indices: Array, axis: int = 0) -> tuple[Array]:
        """Only the gathered axis may be longer in ``data`` than in ``indices`` (ONNX operator GatherElements-13)."""
        axis %= data.ndim
        window = tuple(slice(None) if at == axis else slice(length) for at, length in enumerate(indices.shape))
        return (np.take_along_axis(data[window], indices, axis),)


class Erf(OpRun):
    """Stands in for onnx's own, which rounds to float32 (onnx 1.23)."""

    op_domain = ""

    def _run(self, x: Array) -> tuple[Array]:
        """Erf-13."""
        return (_erf(x).astype(x.dtype),)


class Conv(OpRun):
    """Convolution as a matrix product over windows, group by group."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        auto_pad: str = "NOTSET",
        dilations: Sequence[int] | None = None,
        group: int = 1,
        kernel_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        """Conv-22."""
        kernel = w.shape[2:]
        strides, dilations = strides or [1] * len(kernel), dilations or [1] * len(kernel)
        around = _padding(x.shape[2:], kernel, strides, dilations, pads, auto_pad)
        y = _convolved(np.pad(x, [(0, 0), (0, 0), *around]), w, strides, dilations, group)
        return (y if b is None else y + b.reshape(1, -1, *[1] * len(kernel)),)


class ConvTranspose(OpRun):
    """Transposed convolution as a convolution of the input with zeros between its elements."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        w: Array,
        b: Array | None = None,
        auto_pad: str = "NOTSET",
        dilations: Sequence[int] | None = None,
        group: int = 1,
        kernel_shape: Sequence[int] | None = None,
        output_padding: Sequence[int] | None = None,
        output_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        """ConvTranspose-22; ``w`` is [channels, outputs a group, kernel…]."""
        rank, size = w.ndim - 2, x.shape[2:]
        beyond = [0] * rank
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        extra = output_padding or [0] * rank
        reach = [(k - 1) * d for k, d in zip(w.shape[2:], dilations, strict=True)]
        full = [(n - 1) * s + r + 1 + e for n, s, r, e in zip(size, strides, reach, extra, strict=True)]
        if output_shape or auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            wanted = output_shape or [n * s for n, s in zip(size, strides, strict=True)]
            total = [max(0, f - o) for f, o in zip(full, wanted, strict=True)]
            small, large = [t // 2 for t in total], [t - t // 2 for t in total]
            begin, end = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
            beyond = [max(0, o - f) for f, o in zip(full, wanted, strict=True)]
        else:
            flat = list(pads or [0] * 2 * rank)
            begin, end = flat[:rank], flat[rank:]
        spread = np.zeros((*x.shape[:2], *((n - 1) * s + 1 for n, s in zip(size, strides, strict=True))), x.dtype)
        spread[(slice(None), slice(None), *(slice(None, None, s) for s in strides))] = x
        spread = np.pad(spread, [(0, 0), (0, 0), *((r, r + e) for r, e in zip(reach, extra, strict=True))])
        flipped = np.flip(w, tuple(range(2, w.ndim)))
        grouped = flipped.reshape(group, w.shape[0] // group, *w.shape[1:]).swapaxes(1, 2)
        y = _convolved(spread, grouped.reshape(-1, *grouped.shape[2:]), [1] * rank, dilations, group)
        kept = (slice(p, n - q) for p, q, n in zip(begin, end, y.shape[2:], strict=True))
        y = np.pad(y[(slice(None), slice(None), *kept)], [(0, 0), (0, 0), *((0, more) for more in beyond)])
        return (y if b is None else y + b.reshape(1, -1, *[1] * rank),)


class AveragePool(OpRun):
    """Means over windows; padding counts where ``count_include_pad`` says so."""

    op_domain = ""

    def _run(
        self,
        x: Array,
        auto_pad: str = "NOTSET",
        ceil_mode: int = 0,
        count_include_pad: int = 0,
        dilations: Sequence[int] | None = None,
        kernel_shape: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        strides: Sequence[int] | None = None,
    ) -> tuple[Array]:
        """AveragePool-22."""
        kernel = list(kernel_shape or ())
        strides, dilations = strides or [1] * len(kernel), dilations or [1] * len(kernel)
        around = _padding(x.shape[2:], kernel, strides, dilations, pads, auto_pad)
        beyond = [0] * len(kernel)
        if ceil_mode and auto_pad == "NOTSET":
            beyond = [
                _beyond(n, p, q, (k - 1) * d + 1, s)
                for n, (p, q), k, d, s in zip(x.shape[2:], around, kernel, dilations, strides, strict=True)
            ]
        counted = np.ones((1, 1, *x.shape[2:]), x.dtype)
        counted = np.pad(counted, [(0, 0), (0, 0), *around], constant_values=1 if count_include_pad else 0)
        counted = np.pad(counted, [(0, 0), (0, 0), *((0, e) for e in beyond)])
        padded = np.pad(x, [(0, 0), (0, 0), *((p, q + e) for (p, q), e in zip(around, beyond, strict=True))])
        axes = tuple(range(-len(kernel), 0))
        sums = _windows(padded, kernel, strides, dilations).sum(axes)
        return (sums / _windows(counted, kernel, strides, dilations).sum(axes),)


def _beyond(length: int, begin: int, end: int, reach: int, stride: int) -> int:
    """Return how far the last window goes beyond the padding when lengths are rounded up.

    A window that would begin in the padding at the end is left out (AveragePool-22, ``ceil_mode``).
    """
    steps = -(-(length + begin + end - reach) // stride)
    if steps * stride >= length + begin:
        steps -= 1
    return max(0, steps * stride + reach - (length + begin + end))


def _padding(
    size: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    pads: Sequence[int] | None,
    auto_pad: str,
) -> list[tuple[int, int]]:
    """Return how many elements go before and behind each spatial axis."""
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        around = []
        for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
            total = max(0, (-(-n // s) - 1) * s + (k - 1) * d + 1 - n)
            less, more = total // 2, total - total // 2
            around.append((less, more) if auto_pad == "SAME_UPPER" else (more, less))
        return around
    if auto_pad == "VALID" or not pads:
        return [(0, 0)] * len(size)
    return list(zip(pads[: len(size)], pads[len(size) :], strict=True))


def _convolved(x: Array, w: Array, strides: Sequence[int], dilations: Sequence[int], group: int) -> Array:
    """Return the convolution of ``x``, padded already, [batch, outputs, …]."""
    windows = _windows(x, w.shape[2:], strides, dilations)  # [batch, channels, places…, kernel…]
    rank, inside, outside = w.ndim - 2, w.shape[1], w.shape[0] // group
    over = [1, *range(2 + rank, 2 + 2 * rank)]
    parts = []
    for number in range(group):
        taken = windows[:, number * inside : (number + 1) * inside]
        weights = w[number * outside : (number + 1) * outside]
        parts.append(np.moveaxis(np.tensordot(taken, weights, (over, range(1, 2 + rank))), -1, 1))
    return np.concatenate(parts, 1)


def _windows(x: Array, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]) -> Array:
    """Return views of the windows over the spatial axes: [batch, channels, places…, kernel…]."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    views = sliding_window_view(x, reach, tuple(range(2, x.ndim)))
    steps = (*(slice(None, None, s) for s in strides), *(slice(None, None, d) for d in dilations))
    return views[(slice(None), slice(None), *steps)]


OPERATORS: list[type[OpRun]] = [GatherElements]
"""What replaces onnx's own everywhere."""

FAST_OPERATORS: list[type[OpRun]] = [*OPERATORS, Erf, Conv, ConvTranspose, AveragePool]
"""What the float64 referee computes with: it judges values, not what the specification's code does."""
