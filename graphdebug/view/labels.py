"""What is written on boxes and edges: op category, short names, types, and how wide that is."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import onnx

from graphdebug.model.records import Dim, ValueType

CATEGORIES = (
    "convolution",
    "matmul",
    "normalization",
    "activation",
    "pooling",
    "elementwise",
    "reduction",
    "shape",
    "indexing",
    "quantization",
    "control",
    "recurrent",
    "constant",
    "function",
    "custom",
    "other",
)
_OPS = {
    "convolution": "Conv ConvTranspose ConvInteger QLinearConv DeformConv Col2Im CausalConvWithState",
    "matmul": "MatMul Gemm Einsum MatMulInteger QLinearMatMul Attention Det LinearAttention",
    "normalization": "BatchNormalization InstanceNormalization LayerNormalization GroupNormalization LRN "
    "LpNormalization MeanVarianceNormalization RMSNormalization Dropout",
    "activation": "Relu LeakyRelu PRelu Elu Selu Celu Gelu Sigmoid HardSigmoid HardSwish Swish Mish Tanh Softmax "
    "LogSoftmax Hardmax Softplus Softsign Shrink ThresholdedRelu Clip SwiGLU",
    "pooling": "MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool GlobalLpPool MaxUnpool MaxRoiPool RoiAlign",
    "elementwise": "Add Sub Mul Div Pow Sqrt Exp Log Erf Abs Neg Reciprocal Floor Ceil Round Sign Sin Cos Tan Asin "
    "Acos Atan Sinh Cosh Asinh Acosh Atanh Min Max Mean Sum Mod And Or Not Xor Equal Greater Less GreaterOrEqual "
    "LessOrEqual Where BitShift BitwiseAnd BitwiseOr BitwiseNot BitwiseXor IsNaN IsInf RotaryEmbedding",
    "reduction": "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp "
    "ReduceSumSquare ArgMax ArgMin CumSum CumProd TopK NonZero Unique",
    "shape": "Reshape Transpose Flatten Squeeze Unsqueeze Expand Tile Concat Split Shape Size Pad Resize Upsample "
    "DepthToSpace SpaceToDepth Cast CastLike BitCast Identity Range ReverseSequence CenterCropPad GridSample "
    "AffineGrid",
    "indexing": "Gather GatherElements GatherND Scatter ScatterElements ScatterND Slice OneHot Compress Trilu EyeLike "
    "TensorScatter NonMaxSuppression",
    "quantization": "QuantizeLinear DequantizeLinear DynamicQuantizeLinear",
    "control": "If Loop Scan SequenceMap Optional OptionalGetElement OptionalHasElement SequenceConstruct "
    "SequenceEmpty SequenceAt SequenceInsert SequenceErase SequenceLength SplitToSequence ConcatFromSequence",
    "recurrent": "LSTM GRU RNN",
    "constant": "Constant ConstantOfShape RandomNormal RandomNormalLike RandomUniform RandomUniformLike Bernoulli "
    "Multinomial",
}
_CATEGORY = {op: CATEGORIES.index(name) for name, ops in _OPS.items() for op in ops.split()}

LONGEST_LABEL = 28


def category(node: onnx.NodeProto, *, calls_function: bool) -> int:
    """Return the op category of a node, an index into ``CATEGORIES``."""
    if calls_function:
        return CATEGORIES.index("function")
    if node.domain not in ("", "ai.onnx"):
        return CATEGORIES.index("custom")
    return _CATEGORY.get(node.op_type, CATEGORIES.index("other"))


_TELLING = frozenset(
    map(CATEGORIES.index, ("convolution", "matmul", "recurrent", "quantization", "pooling", "normalization"))
)
_PLAIN = frozenset(map(CATEGORIES.index, ("shape", "indexing", "constant")))


def telling_ops(nodes: Sequence[onnx.NodeProto], most: int) -> str:
    """Return the ops, at most ``most``, that tell most about some nodes: ``Conv×3 Relu×3 Add``."""
    counts = Counter(node.op_type for node in nodes)
    kinds = {node.op_type: category(node, calls_function=False) for node in reversed(nodes)}

    def rank(op: str) -> tuple[int, int]:
        return (0 if kinds[op] in _TELLING else 2 if kinds[op] in _PLAIN else 1), -counts[op]

    shown = sorted(counts, key=rank)[:most]
    return " ".join(f"{shortened(op)}×{counts[op]}" if counts[op] > 1 else shortened(op) for op in shown)


def shortened(text: str, length: int = LONGEST_LABEL) -> str:
    """Return ``text`` on one line without control characters, cut to ``length`` with an ellipsis inside."""
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(letter)[0] in "CZ" else letter for letter in text[: 4 * length])
    text = text.strip()
    if len(text) <= length:
        return text
    tail = (length - 1) * 3 // 5  # numbers that tell blocks apart stand at the end
    return f"{text[: length - 1 - tail]}…{text[-tail:]}" if tail else "…"[:length]


def short_name(name: str) -> str:
    """Return the last part of a node's or value's name, cut where it is long."""
    return shortened(name.rstrip("/").rpartition("/")[2])


def text_width(text: str, pixels: float) -> float:
    """Return the approximate width of ``text`` where an average Latin letter is ``pixels`` wide."""
    if text.isascii():
        return len(text) * pixels
    return sum(1.8 if unicodedata.east_asian_width(letter) in "WF" else 1.0 for letter in text) * pixels


def type_label(value: ValueType | None) -> str:
    """Return ``float 1×64×56×56``; symbolic names are kept, unknown dimensions are ``?``."""
    if value is None:
        return ""
    kind = "" if value.kind in ("tensor", "unknown") else value.kind.replace("_", " ")
    shape = "" if value.shape is None else "×".join(map(_dim, value.shape)) or "scalar"
    return shortened(" ".join(part for part in (kind, value.dtype, shape) if part), 40)


def _dim(dim: Dim) -> str:
    return "?" if dim is None else str(dim)
