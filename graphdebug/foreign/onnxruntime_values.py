"""Tensors on their way in and out of ONNX Runtime where there is nothing but numpy; and what binds them beforehand."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import onnxruntime as ort

from graphdebug.foreign.talk import Refused, Tensor

_BITS = {
    "bfloat16": (16, "tensor(bfloat16)", np.uint16),
    "float8_e4m3fn": (17, "tensor(float8e4m3fn)", np.uint8),
    "float8_e4m3fnuz": (18, "tensor(float8e4m3fnuz)", np.uint8),
    "float8_e5m2": (19, "tensor(float8e5m2)", np.uint8),
    "float8_e5m2fnuz": (20, "tensor(float8e5m2fnuz)", np.uint8),
    "float8_e8m0fnu": (24, "tensor(float8e8m0)", np.uint8),
}
"""Element types that numpy lacks: name → ONNX's number, ONNX Runtime's name, and what holds the bits."""
_OF_TYPE = {kind: (name, dtype) for name, (_, kind, dtype) in _BITS.items()}
PORTABLE = frozenset(
    [
        *_OF_TYPE,
        *(f"tensor({name})" for name in ("float", "double", "float16", "bool")),
        *(f"tensor({sign}int{bits})" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    ]
)
"""ONNX Runtime's names of the types that can go from one interpreter to another."""


def to_ort_value(name: str, tensor: Tensor) -> ort.OrtValue:
    """Return a tensor as ONNX Runtime takes it, in the host's memory.

    Raises:
        Refused: this version cannot be given such a type.
    """
    array = np.ascontiguousarray(tensor.array).reshape(tensor.array.shape)  # a scalar stays one
    if tensor.dtype not in _BITS:
        return ort.OrtValue.ortvalue_from_numpy(array)
    make = getattr(ort.OrtValue, "ortvalue_from_numpy_with_onnx_type", None)
    if make is None:
        raise Refused(f"Input {name!r} is {tensor.dtype}, which ONNX Runtime {ort.__version__} does not take from us.")
    return make(array, _BITS[tensor.dtype][0])


def from_ort_value(value: ort.OrtValue) -> Tensor:
    """Return a copy of a tensor in the host's memory."""
    raw = _OF_TYPE.get(value.data_type())
    if raw is None:
        array = np.array(value.numpy())
        return Tensor(array.dtype.name, array)
    name, dtype = raw
    shape = tuple(value.shape())
    count = math.prod(shape)
    data = ctypes.string_at(value.data_ptr(), count * np.dtype(dtype).itemsize) if count else b""
    return Tensor(name, np.frombuffer(data, dtype).reshape(shape))


def run(session: ort.InferenceSession, feeds: Mapping[str, ort.OrtValue], fetch: Sequence[str]) -> list[Tensor]:
    """Run once and return the named tensors."""
    return [from_ort_value(value) for value in session.run_with_ort_values(list(fetch), dict(feeds))]


def bound(
    session: ort.InferenceSession,
    feeds: Mapping[str, ort.OrtValue],
    fetch: Iterable[str],
    device: str = "",
    number: int = 0,
) -> Callable[[], object]:
    """Return what runs the session with inputs and outputs bound beforehand.

    On a ``device`` (``cuda``) the inputs are copied there now and the outputs stay there: no run has to copy them.
    Inputs of types that numpy lacks stay in the host's memory.
    """
    binding = session.io_binding()
    values = {name: _moved(value, device, number) if device else value for name, value in feeds.items()}
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    for name in fetch:
        binding.bind_output(name, device or "cpu", number)
    if device:
        binding.synchronize_inputs()
    call: Any = partial(_run_and_wait, session, binding) if device else partial(session.run_with_iobinding, binding)
    call.feeds = values  # the binding refers to them and does not keep them alive
    made: Callable[[], object] = call
    return made


def _moved(value: ort.OrtValue, device: str, number: int) -> ort.OrtValue:
    if value.data_type() in _OF_TYPE:
        return value
    return ort.OrtValue.ortvalue_from_numpy(value.numpy(), device, number)


def _run_and_wait(session: ort.InferenceSession, binding: ort.IOBinding) -> None:
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
