"""Types of values: from ONNX's protobuf to plain records."""

import math
from collections.abc import Iterable
from functools import lru_cache

import onnx

from graphdebug.model.records import Dim, ValueType

_KEPT = 1 << 14
"""Different types that are kept as they were read."""


def dtype_name(data_type: int) -> str:
    """Return ONNX's element type in lower case (``float``, ``int64``…); ``""`` when undefined or unknown."""
    return _DTYPE_NAMES.get(data_type, "")


def dtype_number(name: str) -> int:
    """Return the number of the element type called ``name``; 0 (undefined) when there is none."""
    return _DTYPE_NUMBERS.get(name, 0)


def value_type(proto: onnx.TypeProto) -> ValueType:
    """Return the type that ``proto`` states. Containers carry the element type and shape of what they hold."""
    return _value_type(proto.SerializeToString())


@lru_cache(maxsize=_KEPT)
def _value_type(data: bytes) -> ValueType:
    """Read a type by its bytes: a model has thousands of values of the same few types, and reading one takes long."""
    proto = onnx.TypeProto.FromString(data)
    case = proto.WhichOneof("value")
    if case == "tensor_type":
        return _tensor_type(proto.tensor_type, "tensor")
    if case == "sparse_tensor_type":
        return _tensor_type(proto.sparse_tensor_type, "sparse_tensor")
    if case in ("sequence_type", "optional_type"):
        inner = value_type(getattr(proto, case).elem_type)
        return ValueType(inner.dtype, inner.shape, case.removesuffix("_type"))
    if case == "map_type":
        inner = value_type(proto.map_type.value_type)
        return ValueType(inner.dtype, inner.shape, "map")
    return ValueType(kind="unknown")


def is_known(known: ValueType | None) -> bool:
    """Say whether enough is known of a type to declare a value of it: the element type, or what holds the values."""
    return known is not None and (bool(known.dtype) or known.kind not in ("tensor", "sparse_tensor", "unknown"))


def suits_port(known: ValueType | None) -> bool:
    """Say whether enough is known of a type for an input or output of a model: of tensors, the rank too.

    Source: ``check_value_info`` of onnx's checker.
    """
    return is_known(known) and known is not None and (known.shape is not None or "tensor" not in known.kind)


def tensor_type(tensor: onnx.TensorProto) -> ValueType:
    """Return the type of a stored tensor."""
    return ValueType(dtype_name(tensor.data_type), tuple(tensor.dims))


def stored_bytes(tensor: onnx.TensorProto) -> int | None:
    """Return how many bytes the values take as ``raw_data``; None for strings, unknown types and negative dims.

    Elements narrower than a byte are packed without gaps, the last byte filled up (onnx.proto, TensorProto.raw_data).
    """
    bits = _BITS.get(tensor.data_type)
    if bits is None or any(dim < 0 for dim in tensor.dims):
        return None
    elements: int = math.prod(tensor.dims)
    return (elements * bits + 7) // 8


def element_bits(data_type: int) -> int | None:
    """Return the width of one element in bits; None for strings and unknown types."""
    return _BITS.get(data_type)


def shown(name: str) -> str:
    """Return a name from a file as messages show it: quoted, on one line, printable, at most 80 characters."""
    text = name if len(name) <= 80 else name[:77] + "…"
    return "'" + "".join(char if char.isprintable() else "�" for char in text) + "'"


def sparse_type(sparse: onnx.SparseTensorProto) -> ValueType:
    """Return the type of a sparse initializer."""
    return ValueType(dtype_name(sparse.values.data_type), tuple(sparse.dims), "sparse_tensor")


def declared_types(graph: onnx.GraphProto | onnx.FunctionProto) -> dict[str, ValueType]:
    """Return the types that a graph states itself: of inputs, outputs, ``value_info`` and initializers."""
    types: dict[str, ValueType] = {}
    infos: Iterable[onnx.ValueInfoProto] = graph.value_info
    if isinstance(graph, onnx.GraphProto):
        types = {tensor.name: tensor_type(tensor) for tensor in graph.initializer}
        types |= {sparse.values.name: sparse_type(sparse) for sparse in graph.sparse_initializer}
        infos = (*graph.value_info, *graph.output, *graph.input)
    for info in infos:
        if info.HasField("type") and info.name not in types:
            types[info.name] = value_type(info.type)
    return types


def declared_type(graph: onnx.GraphProto | onnx.FunctionProto, name: str) -> ValueType | None:
    """Return the type that a graph states of one value, None when it states none."""
    infos: tuple[Iterable[onnx.ValueInfoProto], ...] = (graph.value_info,)
    if isinstance(graph, onnx.GraphProto):
        for tensor in graph.initializer:
            if tensor.name == name:
                return tensor_type(tensor)
        for sparse in graph.sparse_initializer:
            if sparse.values.name == name:
                return sparse_type(sparse)
        infos = (graph.value_info, graph.output, graph.input)
    found = (info for each in infos for info in each if info.name == name and info.HasField("type"))
    return next((value_type(info.type) for info in found), None)


def _tensor_type(proto: onnx.TypeProto.Tensor | onnx.TypeProto.SparseTensor, kind: str) -> ValueType:
    shape = tuple(_dim(dim) for dim in proto.shape.dim) if proto.HasField("shape") else None
    return ValueType(dtype_name(proto.elem_type), shape, kind)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    case = dim.WhichOneof("value")
    if case == "dim_value":
        return int(dim.dim_value)
    return (dim.dim_param or None) if case == "dim_param" else None


_DTYPE_NAMES: dict[int, str] = {number: name.lower() for name, number in onnx.TensorProto.DataType.items() if number}
_DTYPE_NUMBERS: dict[str, int] = {name: number for number, name in _DTYPE_NAMES.items()}

_BITS = {
    dtype_number(name): bits
    for bits, names in {
        2: "int2 uint2",
        4: "int4 uint4 float4e2m1",
        6: "float6e2m3 float6e3m2",
        8: "int8 uint8 bool float8e4m3fn float8e4m3fnuz float8e5m2 float8e5m2fnuz float8e8m0",
        16: "int16 uint16 float16 bfloat16",
        32: "int32 uint32 float",
        64: "int64 uint64 double complex64",
        128: "complex128",
    }.items()
    for name in names.split()
}
