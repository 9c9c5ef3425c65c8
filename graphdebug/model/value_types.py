"""Types of values: from ONNX's protobuf to plain records."""

from collections.abc import Iterable

import onnx

from graphdebug.model.records import Dim, ValueType


def dtype_name(data_type: int) -> str:
    """Return ONNX's element type in lower case (``float``, ``int64``…); ``""`` when undefined or unknown."""
    return _DTYPE_NAMES.get(data_type, "")


def dtype_number(name: str) -> int:
    """Return the number of the element type called ``name``; 0 (undefined) when there is none."""
    return _DTYPE_NUMBERS.get(name, 0)


def value_type(proto: onnx.TypeProto) -> ValueType:
    """Return the type that ``proto`` states. Containers carry the element type and shape of what they hold."""
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


def tensor_type(tensor: onnx.TensorProto) -> ValueType:
    """Return the type of a stored tensor."""
    return ValueType(dtype_name(tensor.data_type), tuple(tensor.dims))


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
