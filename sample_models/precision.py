"""Low precision: an int8 network written with Q/DQ pairs, and a float16 one that overflows."""

import numpy as np
import onnx

from sample_models.sample import Array, Sample, checked, convolution_weights, matrix, vector


def quantized(values: Array) -> tuple[Array, Array]:
    """Symmetric int8 quantisation per output channel (axis 0): (int8 values, float32 scales of shape [channels])."""
    scale = np.abs(values).reshape(len(values), -1).max(axis=1) / 127
    steps = values / scale.reshape(-1, *[1] * (values.ndim - 1))
    return np.rint(steps).astype(np.int8), scale.astype(np.float32)


def quantize_dequantize() -> onnx.ModelProto:
    """Two int8 convolutions in Q/DQ form: weights per channel, activations per tensor, as exporters write them."""
    generator = np.random.default_rng(7)
    weights: dict[str, Array] = {
        "image_scale": np.array(0.03, np.float32),
        "hidden_scale": np.array(0.05, np.float32),
        "signed_zero": np.array(0, np.int8),
        "conv1.bias": vector(generator, 8),
        "conv2.bias": vector(generator, 4),
    }
    for name, outputs, inputs in (("conv1", 8, 3), ("conv2", 4, 8)):
        values, scales = quantized(convolution_weights(generator, outputs, inputs))
        weights |= {f"{name}.weight": values, f"{name}.scale": scales, f"{name}.zero": np.zeros(outputs, np.int8)}
    conv = "Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"
    return checked(
        f"""
        <ir_version: 10, opset_import: ["" : 20]>
        quantize_dequantize (float["batch", 3, 16, 16] image) => (float["batch", 4, 16, 16] y) {{
          ["/image/quantize"] "/image/int8" = QuantizeLinear(image, image_scale, signed_zero)
          ["/image/dequantize"] "/image/float" = DequantizeLinear("/image/int8", image_scale, signed_zero)
          ["/conv1/weight"] "/conv1/weight_float" = DequantizeLinear <axis = 0>
            ("conv1.weight", "conv1.scale", "conv1.zero")
          ["/conv1/conv"] "/conv1/out" = {conv} ("/image/float", "/conv1/weight_float", "conv1.bias")
          ["/relu"] "/relu/out" = Relu("/conv1/out")
          ["/hidden/quantize"] "/hidden/int8" = QuantizeLinear("/relu/out", hidden_scale, signed_zero)
          ["/hidden/dequantize"] "/hidden/float" = DequantizeLinear("/hidden/int8", hidden_scale, signed_zero)
          ["/conv2/weight"] "/conv2/weight_float" = DequantizeLinear <axis = 0>
            ("conv2.weight", "conv2.scale", "conv2.zero")
          ["/conv2/conv"] y = {conv} ("/hidden/float", "/conv2/weight_float", "conv2.bias")
        }}""",
        weights,
    )


def float16_overflow() -> onnx.ModelProto:
    """One attention head in float16 that forgot to scale its queries: the scores pass 65504, the softmax turns NaN.

    ONNX Runtime's CPU kernels compute in float32 between float16 tensors that nobody looks at, which would hide the
    fault; the scores are therefore an output of the model.
    """
    generator = np.random.default_rng(8)
    size = 32
    weights = {
        "query.weight": (120 * matrix(generator, size, size)).astype(np.float16),
        "key.weight": (120 * matrix(generator, size, size)).astype(np.float16),
        "value.weight": matrix(generator, size, size).astype(np.float16),
        "head_axis": np.array([0], np.int64),
    }
    return checked(
        f"""
        <ir_version: 10, opset_import: ["" : 20]>
        float16_overflow (float16["tokens", {size}] hidden)
        => (float16["tokens", {size}] y, float16[1, "tokens", "tokens"] scores) {{
          ["/query/MatMul"] "/query/out" = MatMul(hidden, "query.weight")
          ["/key/MatMul"] "/key/out" = MatMul(hidden, "key.weight")
          ["/value/MatMul"] "/value/out" = MatMul(hidden, "value.weight")
          ["/attention/Transpose"] "/attention/keys" = Transpose <perm = [1, 0]> ("/key/out")
          ["/attention/scores/MatMul"] "/attention/products" = MatMul("/query/out", "/attention/keys")
          ["/attention/scores/Unsqueeze"] scores = Unsqueeze("/attention/products", head_axis)
          ["/attention/Softmax"] "/attention/weights" = Softmax <axis = -1> (scores)
          ["/attention/Squeeze"] "/attention/head" = Squeeze("/attention/weights", head_axis)
          ["/attention/MatMul"] "/attention/out" = MatMul("/attention/head", "/value/out")
          ["/residual/Add"] y = Add(hidden, "/attention/out")
        }}""",
        weights,
    )


SAMPLES = (
    Sample(
        "quantize_dequantize.onnx",
        "Int8 by Q/DQ pairs",
        "Quantisation is in the graph: compare it tensor by tensor, and see int8 tensors and their scales.",
        quantize_dequantize,
    ),
    Sample(
        "float16_overflow.onnx",
        "A float16 overflow",
        "Ordinary inputs, NaN outputs: run all tensors and find the first Inf, upstream of the first NaN.",
        float16_overflow,
    ),
)
