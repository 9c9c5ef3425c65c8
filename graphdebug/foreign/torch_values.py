"""Values between numpy and PyTorch, and what a network gives out as a flat list of tensors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from graphdebug.foreign.talk import Refused, Tensor

_BITS = {1: (torch.int8, "uint8"), 2: (torch.int16, "uint16")}
"""By bytes of an element: what PyTorch takes bits for that numpy has no number for, and numpy's type of them."""


def to_torch(name: str, tensor: Tensor, device: str, dtype: torch.dtype) -> torch.Tensor:
    """Return a tensor on ``device``; floating numbers become ``dtype``.

    Raises:
        Refused: this PyTorch has no such element type.
    """
    kind = getattr(torch, tensor.dtype, None)
    array = np.ascontiguousarray(tensor.array).reshape(tensor.array.shape)  # a scalar stays one
    try:
        if isinstance(kind, torch.dtype) and array.dtype.name != tensor.dtype:
            bits, _ = _BITS[array.dtype.itemsize]
            made = torch.from_numpy(array.view(f"int{8 * array.dtype.itemsize}")).to(bits).view(kind)
        else:
            made = torch.from_numpy(array)
    except (TypeError, KeyError, RuntimeError):
        raise Refused(f"Input {name!r} is {tensor.dtype}, which PyTorch {torch.__version__} does not take.") from None
    return made.to(device, dtype if made.dtype.is_floating_point else made.dtype)


def from_torch(value: torch.Tensor) -> Tensor:
    """Return a copy of a tensor that numpy can hold, by the bits where numpy has no such numbers."""
    value = value.detach()
    if value.layout is not torch.strided:
        value = value.to_dense()
    if value.is_quantized:
        value = value.dequantize()
    value = value.to("cpu", copy=True).resolve_conj().resolve_neg()
    name = dtype_name(value.dtype)
    try:
        return Tensor(name, value.numpy())
    except TypeError:
        bits, stored = _BITS[value.element_size()]
        return Tensor(name, value.contiguous().view(bits).numpy().view(stored))


def dtype_name(dtype: torch.dtype) -> str:
    """Return an element type's name: ``float32``."""
    return str(dtype).rpartition(".")[2]


def flat(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors of what a module gave, in the order in which an exporter writes them as outputs."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from flat(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from flat(each)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from flat(getattr(value, field.name))


def types_of(value: Any) -> list[list[Any]]:
    """Return the element type and shape of each tensor in what a module gave."""
    return [[dtype_name(each.dtype), list(each.shape)] for each in flat(value)]
