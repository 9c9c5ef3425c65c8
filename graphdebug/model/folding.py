"""Working out small constants, so that shape inference can go on where a shape is computed.

Exporters compute shapes with nodes (Shape → Gather → Concat → Reshape…). onnx's inference follows the simplest of these
chains and gives up at the others, and with it on everything behind. Here, nodes of a few harmless operators whose
inputs are small and known are replaced by what they give.
"""

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from graphdebug.model.records import ValueType

Array = npt.NDArray[Any]
Attributes = Mapping[str, Any]

LARGEST = 1024
"""Elements of the largest constant that is worked out."""

LARGEST_SUM = 1 << 22
"""Elements of all constants of a graph together; what comes after is not worked out."""


def fold(graph: onnx.GraphProto, types: Mapping[str, ValueType], known: dict[str, Array]) -> int:
    """Replace nodes whose results can be worked out by Constant nodes, in place; return how many were.

    ``types`` are the types known so far by value name (for Shape); ``known`` collects values by name from call to call.
    """
    for tensor in graph.initializer:
        if tensor.name not in known and (value := stored(tensor)) is not None:
            known[tensor.name] = value
    folded = 0
    total = sum(value.size for value in known.values())
    for node in graph.node:
        if len(node.output) != 1 or node.output[0] in known or node.domain not in ("", "ai.onnx"):
            continue
        result = evaluate(node, known, types) if total < LARGEST_SUM else None
        if result is None:
            continue
        total += result.size
        known[node.output[0]] = result
        if node.op_type != "Constant":
            folded += 1
            node.op_type = "Constant"
            node.ClearField("input")
            node.ClearField("attribute")
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(result)))
    return folded


def evaluate(node: onnx.NodeProto, known: Mapping[str, Array], types: Mapping[str, ValueType]) -> Array | None:
    """Return what ``node`` gives; None when its operator or an input is not known here, or the result is too large."""
    operator = _OPERATORS.get(node.op_type)
    if operator is None and node.op_type not in ("Shape", "Size"):
        return None
    try:
        attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
        if operator is None:
            return _of_shape(node, attributes, types)
        if any(name and name not in known for name in node.input):
            return None
        inputs = [known[name] if name else None for name in node.input]
        if sum(value.size for value in inputs if value is not None) > 8 * LARGEST:
            return None
        with np.errstate(all="ignore"):
            result = operator(attributes, *inputs)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, ZeroDivisionError, AttributeError):
        return None  # wrong in one of many ways: the findings say so
    return result if result is not None and result.size <= LARGEST else None


def stored(tensor: onnx.TensorProto) -> Array | None:
    """Return the values of a small tensor that lies in the protobuf."""
    if any(dim < 0 for dim in tensor.dims) or math.prod(tensor.dims) > LARGEST:
        return None
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.data_type not in _DTYPES:
        return None
    try:
        return np.asarray(numpy_helper.to_array(tensor))
    except ValueError:
        return None


def _of_shape(node: onnx.NodeProto, attributes: Attributes, types: Mapping[str, ValueType]) -> Array | None:
    shape = types[node.input[0]].shape
    if shape is None:
        return None
    if node.op_type == "Shape":
        shape = shape[attributes.get("start", 0) : attributes.get("end")]
    dims = [dim for dim in shape if isinstance(dim, int) and dim >= 0]
    if len(dims) != len(shape):
        return None
    return np.array(dims if node.op_type == "Shape" else math.prod(dims), np.int64)


def _constant(attributes: Attributes) -> Array | None:
    ((name, value),) = attributes.items()
    if name == "value":
        return stored(value)
    return np.array(value, {"i": np.int64, "f": np.float32}[name.removeprefix("value_")[0]])


def _cast(attributes: Attributes, x: Array) -> Array:
    if attributes["to"] not in _DTYPES:
        raise ValueError("not a type that shapes are computed in")
    return x.astype(_DTYPES[attributes["to"]])


def _axes(attributes: Attributes, axes: Array | None) -> tuple[int, ...] | None:
    """Axes were an attribute before opset 13 and are an input since."""
    given = axes.tolist() if axes is not None else attributes.get("axes")
    return None if given is None else tuple(given)


def _unsqueeze(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.expand_dims(x, _axes(attributes, axes) or ())


def _squeeze(attributes: Attributes, x: Array, axes: Array | None = None) -> Array:
    return np.squeeze(x, _axes(attributes, axes))


def _slice(
    attributes: Attributes, x: Array, starts: Array, ends: Array, axes: Array | None = None, steps: Array | None = None
) -> Array:
    where = range(len(starts)) if axes is None else axes.tolist()
    strides = [1] * len(starts) if steps is None else steps.tolist()
    index = [slice(None)] * x.ndim
    for axis, start, end, stride in zip(where, starts.tolist(), ends.tolist(), strides, strict=True):
        length = x.shape[axis]
        index[axis] = slice(start, None if stride < 0 and end < -length else end, stride)
    return x[tuple(index)]


def _gather(attributes: Attributes, x: Array, indices: Array) -> Array:
    taken: Array = np.take(x, indices, axis=attributes.get("axis", 0))
    return taken


def _divide(attributes: Attributes, a: Array, b: Array) -> Array:
    """Integers are divided towards zero."""
    if a.dtype.kind not in "iu":
        return np.divide(a, b)
    if not np.all(b):
        raise ZeroDivisionError
    quotient: Array = np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b))
    return quotient.astype(a.dtype)


def _filled(attributes: Attributes, shape: Array) -> Array:
    value = numpy_helper.to_array(attributes["value"]) if "value" in attributes else np.zeros(1, np.float32)
    return np.full(_small(shape), value.reshape(-1)[0], value.dtype)


def _expand(attributes: Attributes, x: Array, shape: Array) -> Array:
    return np.broadcast_to(x, np.broadcast_shapes(x.shape, _small(shape)))


def _reshape(attributes: Attributes, x: Array, shape: Array) -> Array:
    kept = 0 if attributes.get("allowzero", 0) else x.ndim
    dims = [x.shape[axis] if dim == 0 and axis < kept else dim for axis, dim in enumerate(shape.tolist())]
    return x.reshape(dims)


def _range(attributes: Attributes, start: Array, limit: Array, delta: Array) -> Array:
    length = max(math.ceil((limit.item() - start.item()) / delta.item()), 0)
    if length > LARGEST:
        raise ValueError("too large")
    values: Array = start.item() + np.arange(length) * delta.item()
    return values.astype(start.dtype)


def _small(shape: Array) -> tuple[int, ...]:
    """Return a shape whose elements are few enough to be made."""
    dims = tuple(shape.tolist())
    if math.prod(dims) > LARGEST or any(dim < 0 for dim in dims):
        raise ValueError("too large")
    return dims


def _elementwise(function: Callable[..., Any]) -> Callable[..., Array]:
    """Small inputs broadcast to at most the square of their size, which `evaluate` then refuses."""
    return lambda attributes, *inputs: np.asarray(function(*inputs))


_DTYPES: dict[int, npt.DTypeLike] = {
    onnx.TensorProto.BOOL: np.bool_,
    onnx.TensorProto.INT32: np.int32,
    onnx.TensorProto.INT64: np.int64,
    onnx.TensorProto.FLOAT: np.float32,
    onnx.TensorProto.DOUBLE: np.float64,
}
"""What shapes are computed in."""

_OPERATORS: dict[str, Callable[..., Array | None]] = {
    "Constant": _constant,
    "Identity": lambda attributes, x: x,
    "Cast": _cast,
    "Concat": lambda attributes, *inputs: np.concatenate(inputs, attributes["axis"]),
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Gather": _gather,
    "Range": _range,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Transpose": lambda attributes, x: np.transpose(x, attributes.get("perm")),
    "Unsqueeze": _unsqueeze,
    "Div": _divide,
    "Abs": _elementwise(np.abs),
    "Add": _elementwise(np.add),
    "And": _elementwise(np.logical_and),
    "Ceil": _elementwise(np.ceil),
    "Equal": _elementwise(np.equal),
    "Floor": _elementwise(np.floor),
    "Greater": _elementwise(np.greater),
    "GreaterOrEqual": _elementwise(np.greater_equal),
    "Less": _elementwise(np.less),
    "LessOrEqual": _elementwise(np.less_equal),
    "Max": _elementwise(lambda *inputs: reduce(np.maximum, inputs)),
    "Min": _elementwise(lambda *inputs: reduce(np.minimum, inputs)),
    "Mod": lambda attributes, a, b: np.fmod(a, b) if attributes.get("fmod", 0) else np.mod(a, b),
    "Mul": _elementwise(np.multiply),
    "Neg": _elementwise(np.negative),
    "Not": _elementwise(np.logical_not),
    "Or": _elementwise(np.logical_or),
    "Sub": _elementwise(np.subtract),
    "Where": _elementwise(np.where),
}
