"""Rules about stored values: dimensions, data against dimensions, external data."""

import math
from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import helper

from graphdebug.model.document import Model
from graphdebug.model.external import ExternalDataError, Payload, is_external, locate, reference
from graphdebug.model.records import Finding, Severity
from graphdebug.model.value_types import dtype_name, element_bits, shown, stored_bytes
from graphdebug.model.walk import StoredTensor, stored_tensors

_LARGEST = (1 << 63) - 1
_FIELDS = (
    "raw_data",
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "string_data",
)
_SHARED_TOO_OFTEN = 4
_SHARED_BYTES = 64 << 20


def tensor_findings(model: Model) -> Iterator[Finding]:
    """Check every stored tensor, and whether external ranges overlap. Reads no values."""
    payloads: list[tuple[StoredTensor, Payload]] = []
    for stored in stored_tensors(model.proto):
        problem = list(tensor_finding(model, stored))
        yield from problem
        if not problem and is_external(stored.tensor):
            payloads.append((stored, locate(model.path, stored.tensor, model.values)))
    yield from _overlaps(payloads)


def tensor_finding(model: Model, stored: StoredTensor) -> Iterator[Finding]:
    """Check one stored tensor: at most one finding."""
    problem = _dimensions(stored.tensor) or _amount(model, stored.tensor)
    if problem:
        code, sentence = problem
        yield Finding(Severity.ERROR, code, sentence, stored.graph, stored.node, stored.tensor.name or None)


def _dimensions(tensor: onnx.TensorProto) -> tuple[str, str] | None:
    """Return the code and sentence of what is wrong with type and dimensions."""
    if not dtype_name(tensor.data_type):
        return "bad-tensor", f"{_whose(tensor)} has element type {tensor.data_type}, which ONNX does not know."
    dims = list(tensor.dims)
    fields = [name for name in _FIELDS if len(getattr(tensor, name))] + ["external data"] * is_external(tensor)
    if len(fields) > 1:
        return "bad-tensor", f"{_whose(tensor)} holds values in more than one way: {', '.join(fields)}."
    if any(dim < 0 for dim in dims):
        return "negative-dimension", f"{_whose(tensor)} has a negative dimension: {_short(dims)}."
    if math.prod(dim or 1 for dim in dims) > _LARGEST or (stored_bytes(tensor) or 0) > _LARGEST:
        return "dims-overflow", f"{_whose(tensor)} has dimensions no machine can hold: {_short(dims)}."
    return None


def _amount(model: Model, tensor: onnx.TensorProto) -> tuple[str, str] | None:
    """Return the code and sentence when the data are not as long as type and dimensions want."""
    needed = stored_bytes(tensor)
    if is_external(tensor):
        try:
            payload = locate(model.path, tensor, model.values)
            length = reference(tensor).length
        except ExternalDataError as error:
            if error.code == "external-data-too-short" and _is_own(model, tensor):
                held = reference(tensor).length or 0
                return "dims-mismatch", f"{_whose(tensor)} holds {held:,} bytes, but {_wants(tensor)}."
            return error.code, str(error)
        except OSError as error:
            return "external-data-missing", f"The external values of {_whose(tensor)} cannot be read: {error.strerror}."
        if length is not None and length != payload.length:
            return "dims-mismatch", f"{_whose(tensor)} holds {length:,} bytes, but {_wants(tensor)}."
        return None
    if tensor.HasField("raw_data"):
        if needed is not None and len(tensor.raw_data) != needed:
            return "dims-mismatch", f"{_whose(tensor)} holds {len(tensor.raw_data):,} bytes, but {_wants(tensor)}."
        return None
    held, wanted = len(getattr(tensor, helper.tensor_dtype_to_field(tensor.data_type))), _typed_length(tensor)
    if held != wanted:
        return (
            "dims-mismatch",
            f"{_whose(tensor)} holds {held:,} values, but its shape {_short(tensor.dims)} wants {wanted:,}.",
        )
    return None


def _overlaps(payloads: list[tuple[StoredTensor, Payload]]) -> Iterator[Finding]:
    """Tied weights share a range; a range shared so often that a small file becomes a huge model is an attack."""
    by_file: dict[Path, list[tuple[int, int, StoredTensor]]] = {}
    for stored, payload in payloads:
        by_file.setdefault(payload.path, []).append((payload.offset, payload.offset + payload.length, stored))
    for path, ranges in by_file.items():
        ranges.sort(key=lambda entry: entry[:2])
        covered, end, before = 0, 0, (0, 0)
        crossing: StoredTensor | None = None
        for start, stop, stored in ranges:
            if start < end and (start, stop) != before and stop > start:
                crossing = crossing or stored
            covered += max(0, stop - max(start, end))
            end, before = max(end, stop), (start, stop)
        total = sum(stop - start for start, stop, _ in ranges)
        if total > _SHARED_TOO_OFTEN * covered and total - covered > _SHARED_BYTES:
            sentence = f"{len(ranges):,} tensors use the same {covered:,} bytes of {shown(path.name)} over and over: "
            sentence += f"loaded, the model would take {total:,} bytes."
            yield Finding(Severity.ERROR, "external-data-overlap", sentence, tensor=ranges[0][2].tensor.name)
        elif crossing:
            sentence = f"The values of {_whose(crossing.tensor)} overlap those of another tensor in {shown(path.name)}."
            place = (crossing.graph, crossing.node, crossing.tensor.name)
            yield Finding(Severity.WARNING, "external-data-overlap", sentence, *place)


def _typed_length(tensor: onnx.TensorProto) -> int:
    """Return how many entries ``float_data`` and its kin must have (onnx.proto, TensorProto)."""
    elements: int = math.prod(tensor.dims)
    if tensor.data_type in (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128):
        return 2 * elements
    bits = element_bits(tensor.data_type)
    return (elements * bits + 7) // 8 if bits in (2, 4) else elements


def _is_own(model: Model, tensor: onnx.TensorProto) -> bool:
    return reference(tensor).location == model.path.name


def _wants(tensor: onnx.TensorProto) -> str:
    return f"{dtype_name(tensor.data_type)} {_short(tensor.dims)} needs {stored_bytes(tensor) or 0:,}"


def _short(dims: list[int]) -> str:
    shape = list(dims)
    return str(shape) if len(shape) <= 8 else f"[{', '.join(map(str, shape[:8]))}, …]"


def _whose(tensor: onnx.TensorProto) -> str:
    return f"Tensor {shown(tensor.name)}" if tensor.name else "A constant"
