"""What matters about a node beyond its op, in a few letters: ``3×3/2 64→128`` for a convolution."""

import math
from collections.abc import Callable
from typing import Any

import onnx

from graphdebug.model.document import Model
from graphdebug.model.index import GraphIndex
from graphdebug.model.records import ValueType
from graphdebug.model.tensors import TensorError, read_tensor
from graphdebug.model.value_types import dtype_name
from graphdebug.view.contents import constant_owner
from graphdebug.view.labels import shortened, type_label

LONGEST_CHIPS = 36
MOST_SHOWN = 8
"""Elements of a constant that chips write out."""
MOST_WEIGHTS = 255


class Chips:
    """Writes the chips of one graph's nodes. Reads only small constants that lie in the file's structure itself."""

    def __init__(self, model: Model, index: GraphIndex) -> None:
        """Look at nothing yet."""
        self.model = model
        self._index = index
        self._types = model.types[index.path]

    def of(self, node: onnx.NodeProto) -> str:
        """Return what matters about a node beyond its op; ``""`` when nothing does."""
        write = _WRITERS.get(node.op_type) if node.domain in ("", "ai.onnx") else None
        if write is None:
            return ""
        attributes = {attribute.name: attribute for attribute in node.attribute}
        return shortened(write(self, node, attributes), LONGEST_CHIPS)

    def tensor(self, node: onnx.NodeProto, slot: int) -> onnx.TensorProto | None:
        """Return the constant tensor at an input, if it is one."""
        if slot >= len(node.input) or not node.input[slot]:
            return None
        name = node.input[slot]
        index = constant_owner(self.model, self._index.path, name)
        while index is not None:
            if name in index.initializers:
                tensor: onnx.TensorProto = index.initializers[name]
                return tensor
            if name not in index.producer:
                return None
            producer = index.nodes[index.producer[name]]
            if not producer.input:
                return _constant_tensor(producer)
            name = producer.input[0]
        return None

    def weights(self, node: onnx.NodeProto) -> int:
        """Count the inputs that are constants too large for chips: weights, which are not drawn on their own."""
        tensors = (self.tensor(node, slot) for slot in range(min(len(node.input), MOST_WEIGHTS)))
        return sum(tensor is not None and math.prod(tensor.dims) > MOST_SHOWN for tensor in tensors)

    def dims(self, node: onnx.NodeProto, slot: int) -> tuple[int, ...]:
        """Return the shape of the constant at an input; empty when it is none."""
        tensor = self.tensor(node, slot)
        return tuple(tensor.dims) if tensor is not None else ()

    def values(self, node: onnx.NodeProto, slot: int) -> list[Any] | None:
        """Return the elements, at most MOST_SHOWN, of a small constant at an input; None when it is none."""
        tensor = self.tensor(node, slot)
        return None if tensor is None else small_values(self.model, tensor)

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of any value whose dimensions are all known and which is no scalar, else nothing."""
        value = self._types.get(name)
        dims = value.shape if value is not None and value.shape else ()
        known = tuple(dim for dim in dims if isinstance(dim, int))
        return known if len(known) == len(dims) else ()

    def scalar(self, node: onnx.NodeProto, slot: int) -> str:
        """Return the only element of a constant at an input as text; ``""`` when it is none."""
        values = self.values(node, slot)
        return number(values[0]) if values is not None and len(values) == 1 else ""


def small_values(model: Model, tensor: onnx.TensorProto) -> list[Any] | None:
    """Return the elements of a tensor stored inline that has at most MOST_SHOWN; None for any other."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or not 0 <= math.prod(tensor.dims) <= MOST_SHOWN:
        return None
    try:
        values: list[Any] = read_tensor(model, tensor).reshape(-1).tolist()
    except (TensorError, ValueError, TypeError, OSError):
        return None
    return values


def number(value: Any) -> str:
    """Return a number as people write it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return "max" if value >= 2**63 - 1 else "min" if value <= 1 - 2**63 else str(value).replace("-", "−")
    return f"{value:.4g}".replace("-", "−")


def _constant_tensor(node: onnx.NodeProto) -> onnx.TensorProto | None:
    """Return the value of a ``Constant`` node as a tensor."""
    for attribute in node.attribute:
        match attribute.name:
            case "value":
                tensor: onnx.TensorProto = attribute.t
                return tensor
            case "value_float":
                return onnx.TensorProto(data_type=onnx.TensorProto.FLOAT, float_data=[attribute.f])
            case "value_int":
                return onnx.TensorProto(data_type=onnx.TensorProto.INT64, int64_data=[attribute.i])
            case "value_floats":
                floats = list(attribute.floats)
                return onnx.TensorProto(dims=[len(floats)], data_type=onnx.TensorProto.FLOAT, float_data=floats)
            case "value_ints":
                ints = list(attribute.ints)
                return onnx.TensorProto(dims=[len(ints)], data_type=onnx.TensorProto.INT64, int64_data=ints)
            case "value_string":
                return onnx.TensorProto(data_type=onnx.TensorProto.STRING, string_data=[attribute.s])
    return None


Attributes = dict[str, onnx.AttributeProto]
Writer = Callable[[Chips, onnx.NodeProto, Attributes], str]


def _ints(attributes: Attributes, name: str) -> list[int]:
    return list(attributes[name].ints[:8]) if name in attributes else []


def _window(attributes: Attributes, kernel: list[int]) -> str:
    """Return ``3×3/2`` and dilation and groups where they are not 1."""
    text = "×".join(map(str, kernel))
    strides = _ints(attributes, "strides")
    if any(stride != 1 for stride in strides):
        text += "/" + (str(strides[0]) if len(set(strides)) == 1 else "×".join(map(str, strides)))
    dilations = _ints(attributes, "dilations")
    if any(dilation != 1 for dilation in dilations):
        text += f" d{dilations[0]}"
    return text


def _conv(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    transposed, slot = node.op_type == "ConvTranspose", 3 if node.op_type == "QLinearConv" else 1
    weight = chips.dims(node, slot)
    kernel = list(weight[2:]) or _ints(attributes, "kernel_shape")
    parts = [_window(attributes, kernel)]
    group = attributes["group"].i if "group" in attributes else 1
    if len(weight) >= 2:
        first, second = weight[0], weight[1] * group
        parts.append(f"{first}→{second}" if transposed else f"{second}→{first}")
    if group != 1:
        parts.append(f"g{group}")
    return " ".join(part for part in parts if part)


def _matmul(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    weight = chips.dims(node, 3 if node.op_type == "QLinearMatMul" else 1)
    if not weight and len(node.input) > 1:  # a weight that is transposed or cast on its way has two dimensions
        weight = chips.shape(node.input[1])
        weight = weight if len(weight) == 2 else ()
    if len(weight) < 2:
        return ""
    rows, columns = weight[-2:]
    if "transB" in attributes and attributes["transB"].i:
        rows, columns = columns, rows
    return f"{rows}→{columns}"


def _pool(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    return _window(attributes, _ints(attributes, "kernel_shape"))


def _transpose(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    return ",".join(map(str, _ints(attributes, "perm")))


def _reshape(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    shape = chips.values(node, 1) or _ints(attributes, "shape")
    if not shape and node.output:  # computed on the way: what came of it
        shape = list(chips.shape(node.output[0]))
    return "→ " + "×".join(map(number, shape)) if shape else ""


def _axis(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    parts = [f"axis {number(attributes['axis'].i)}"] if "axis" in attributes else []
    if node.op_type == "Split" and (sizes := chips.values(node, 1) or _ints(attributes, "split")):
        parts.append(",".join(map(number, sizes)))
    if node.op_type == "TopK" and (count := chips.scalar(node, 1)):
        parts.insert(0, f"k {count}")
    if node.op_type == "Gather" and (index := chips.scalar(node, 1)):
        parts.append(f"[{index}]")
    if node.op_type == "Gather" and len(table := chips.dims(node, 0)) == 2:
        parts.append("×".join(map(str, table)))
    return " ".join(parts)


def _axes(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    axes = chips.values(node, 1) or _ints(attributes, "axes")
    return f"axes {','.join(map(number, axes))}" if len(axes) > 1 else f"axis {number(axes[0])}" if axes else ""


def _cast(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    return f"→ {dtype_name(attributes['to'].i) or '?'}" if "to" in attributes else ""


def _clip(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    low = chips.scalar(node, 1) or (number(attributes["min"].f) if "min" in attributes else "")
    high = chips.scalar(node, 2) or (number(attributes["max"].f) if "max" in attributes else "")
    return f"{low or '−∞'} … {high or '∞'}" if low or high else ""


def _slice(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    starts = chips.values(node, 1) or _ints(attributes, "starts")
    ends = chips.values(node, 2) or _ints(attributes, "ends")
    axes = chips.values(node, 3) or _ints(attributes, "axes")
    steps = chips.values(node, 4) or [1] * len(starts)
    if not starts or len(starts) != len(ends) or len(steps) != len(starts):
        return ""
    ranges = []
    for start, end, step in zip(starts, ends, steps, strict=True):
        text = f"{number(start)}:{'' if number(end) == 'max' else number(end)}"
        ranges.append(text if step == 1 else f"{text}:{number(step)}")
    return f"[{', '.join(ranges)}]" + (f" axis {','.join(map(number, axes))}" if axes else "")


def _resize(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    mode = attributes["mode"].s.decode(errors="replace") if "mode" in attributes else "nearest"
    scales = chips.values(node, 2 if node.op_type == "Resize" else 1)
    sizes = chips.values(node, 3)
    if sizes:
        return f"{mode} → {'×'.join(map(number, sizes))}"
    return f"{mode} ×{','.join(map(number, scales))}" if scales else mode


def _scalar(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    sign = {"Add": "+", "Sub": "−", "Mul": "×", "Div": "÷", "Pow": "^"}.get(node.op_type, "")
    if right := chips.scalar(node, 1):
        return f"{sign} {right}".strip()
    left = chips.scalar(node, 0)
    return f"{left} {sign}".strip() if left else ""


def _constant(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    tensor = _constant_tensor(node)
    if tensor is None:
        return ""
    values = small_values(chips.model, tensor)
    if values is not None and len(values) == 1:
        return number(values[0])
    return type_label(ValueType(dtype_name(tensor.data_type), tuple(tensor.dims)))


def _alpha(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    return f"α {number(attributes['alpha'].f)}" if "alpha" in attributes else ""


def _hidden(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    return f"hidden {attributes['hidden_size'].i}" if "hidden_size" in attributes else ""


def _normalization(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    scale = "×".join(map(str, chips.dims(node, 1)))
    groups = f"{attributes['num_groups'].i} groups" if "num_groups" in attributes else ""
    return " of ".join(part for part in (groups, scale) if part)


def _attention(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    heads = [attributes[name].i for name in ("q_num_heads", "kv_num_heads", "num_heads") if name in attributes]
    parts = [f"{'/'.join(map(str, dict.fromkeys(heads)))} heads"] if heads else []
    if "is_causal" in attributes and attributes["is_causal"].i:
        parts.append("causal")
    return " ".join(parts)


def _quantization(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    if scale := chips.scalar(node, 1):
        return f"scale {scale}"
    axis = attributes["axis"].i if "axis" in attributes else 1
    return f"axis {number(axis)}" if chips.dims(node, 1) else ""


def _pad(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    mode = attributes["mode"].s.decode(errors="replace") if "mode" in attributes else "constant"
    pads = ",".join(map(number, chips.values(node, 1) or _ints(attributes, "pads")))
    return " ".join(part for part in ("" if mode == "constant" else mode, pads) if part)


def _tile(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
    repeats = chips.values(node, 1)
    return f"×{','.join(map(number, repeats))}" if repeats else ""


def _written(name: str, sign: str = "") -> Writer:
    """Return a writer of one attribute, a number or a text, with a sign before it."""

    def write(chips: Chips, node: onnx.NodeProto, attributes: Attributes) -> str:
        if name not in attributes:
            return ""
        value = attributes[name].s.decode(errors="replace") if attributes[name].s else str(attributes[name].i)
        return f"{sign}{value}"

    return write


_WRITERS_BY_OPS: list[tuple[Writer, str]] = [
    (_conv, "Conv ConvTranspose ConvInteger QLinearConv"),
    (_matmul, "MatMul Gemm MatMulInteger QLinearMatMul"),
    (_pool, "MaxPool AveragePool LpPool"),
    (_axis, "Concat Softmax LogSoftmax Gather GatherElements Split ArgMax ArgMin Flatten TopK OneHot"),
    (_axes, "Squeeze Unsqueeze ReduceMean ReduceSum ReduceMax ReduceMin ReduceL2 ReduceProd"),
    (_scalar, "Add Sub Mul Div Pow"),
    (_alpha, "LeakyRelu Elu"),
    (_hidden, "LSTM GRU RNN"),
    (_reshape, "Reshape Expand"),
    (_resize, "Resize Upsample"),
    (_transpose, "Transpose"),
    (_cast, "Cast"),
    (_clip, "Clip"),
    (_slice, "Slice"),
    (_constant, "Constant ConstantOfShape"),
    (_normalization, "BatchNormalization LayerNormalization InstanceNormalization GroupNormalization RMSNormalization"),
    (_attention, "Attention RotaryEmbedding"),
    (_quantization, "QuantizeLinear DequantizeLinear"),
    (_pad, "Pad"),
    (_tile, "Tile"),
    (_written("equation"), "Einsum"),
    (_written("blocksize", "×"), "DepthToSpace SpaceToDepth"),
    (_written("mode"), "GridSample"),
    (_written("size", "size "), "LRN"),
]
_WRITERS: dict[str, Writer] = {op: writer for writer, ops in _WRITERS_BY_OPS for op in ops.split()}
