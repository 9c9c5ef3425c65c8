"""Values of stored tensors, read one tensor at a time; large ones stay in the file until they are touched."""

import mmap
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from graphdebug.model.document import Model
from graphdebug.model.external import is_external, locate
from graphdebug.model.records import InitializerInfo
from graphdebug.model.value_types import dtype_name, element_bits, shown, sparse_type, stored_bytes, tensor_type

Array = npt.NDArray[Any]


class TensorError(ValueError):
    """A tensor's values contradict its type or shape; the message is one sentence."""


def read_tensor(model: Model, tensor: onnx.TensorProto) -> Array:
    """Return the values of a tensor stored in ``model``.

    External and left-in-the-file values come as a read-only memory map: a slice reads only what it covers. (Elements
    narrower than a byte are unpacked, which reads them all.) Element types that numpy lacks are ml_dtypes'; strings
    come as an object array of ``str``. The array has the tensor's shape, always.

    Raises:
        TensorError: values and shape or type do not fit.
        ExternalDataError: the file is missing, too short or not ours to read.
        OSError: it cannot be read.
    """
    if tensor.data_type == onnx.TensorProto.STRING:
        return _strings(tensor)
    dtype = _numpy_dtype(tensor)
    needed = stored_bytes(tensor)
    if needed is None:
        raise TensorError(f"{_whose(tensor)} has a negative dimension: {list(tensor.dims)}.")
    shape = tuple(tensor.dims)
    if is_external(tensor):
        payload = locate(model.path, tensor, model.values)
        empty = np.empty(0, np.uint8)
        raw: Array = np.memmap(payload.path, np.uint8, "r", payload.offset, (needed,)) if needed else empty
    elif tensor.HasField("raw_data"):
        raw = np.frombuffer(tensor.raw_data, np.uint8)
        if raw.size != needed:
            raise TensorError(f"{_whose(tensor)} holds {raw.size:,} bytes, but its shape and type need {needed:,}.")
    else:
        return _typed(tensor)
    if (element_bits(tensor.data_type) or 8) < 8:
        packed = onnx.TensorProto(dims=tensor.dims, data_type=tensor.data_type, raw_data=raw.tobytes())
        return np.asarray(numpy_helper.to_array(packed))
    try:
        return raw.view(dtype.newbyteorder("<")).reshape(shape)
    except ValueError:  # an empty tensor whose other dimensions overflow
        raise TensorError(f"{_whose(tensor)} has dimensions too large for any array: {list(shape)}.") from None


def initializer_info(model: Model, graph: str, name: str) -> InitializerInfo:
    """Return what can be said of an initializer without reading it; KeyError when ``graph`` has none of that name."""
    index = model.graphs[graph]
    if name in index.sparse:
        sparse = index.sparse[name]
        size = payload_bytes(sparse.values) + payload_bytes(sparse.indices)
        return InitializerInfo(graph, name, sparse_type(sparse), size)
    tensor = index.initializers[name]
    return InitializerInfo(graph, name, tensor_type(tensor), payload_bytes(tensor))


def payload_bytes(tensor: onnx.TensorProto) -> int:
    """Return the size of a tensor's values, without reading them; for strings, their UTF-8 bytes."""
    if tensor.data_type == onnx.TensorProto.STRING:
        return sum(map(len, tensor.string_data))
    return stored_bytes(tensor) or 0


def release(array: Array) -> None:
    """Give back the memory of a mapped tensor's pages (a hint); harmless for arrays that are not mapped."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap):
        base.madvise(mmap.MADV_DONTNEED)


def _numpy_dtype(tensor: onnx.TensorProto) -> np.dtype[Any]:
    if not dtype_name(tensor.data_type):
        raise TensorError(f"{_whose(tensor)} has element type {tensor.data_type}, which ONNX does not know.")
    return np.dtype(helper.tensor_dtype_to_np_dtype(tensor.data_type))


def _typed(tensor: onnx.TensorProto) -> Array:
    """Read values from ``float_data`` and its kin."""
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        raise TensorError(f"{_whose(tensor)} does not hold what its shape and type need: {error}.") from None


def _strings(tensor: onnx.TensorProto) -> Array:
    values = np.array([text.decode(errors="replace") for text in tensor.string_data], dtype=object)
    try:
        return values.reshape(tuple(tensor.dims))
    except ValueError:
        raise TensorError(
            f"{_whose(tensor)} holds {values.size:,} strings, which do not make up the shape {list(tensor.dims)}."
        ) from None


def _whose(tensor: onnx.TensorProto) -> str:
    return f"Tensor {shown(tensor.name)}" if tensor.name else "A stored tensor"
