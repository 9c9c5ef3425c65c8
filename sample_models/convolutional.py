"""Convolutional networks: resizing by a runtime input, a branch that joins again, batch normalisation."""

import numpy as np
import onnx

from sample_models.sample import Sample, checked, convolution_weights, vector


def resize_conv_add() -> onnx.ModelProto:
    """Resize by the ``scales`` input, then a convolution and an added offset."""
    generator = np.random.default_rng(1)
    weights = {
        "conv.weight": convolution_weights(generator, 4, 3),
        "conv.bias": vector(generator, 4),
        "offset": vector(generator, 4).reshape(1, 4, 1, 1),
    }
    return checked(
        """
        <ir_version: 10, opset_import: ["" : 20]>
        resize_conv_add (float[1, 3, "height", "width"] image, float[4] scales) => (float[1, 4, "out_h", "out_w"] y) {
          ["resize"] resized = Resize <mode = "linear"> (image, , scales)
          ["conv"] features = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (resized, "conv.weight", "conv.bias")
          ["add"] y = Add(features, offset)
        }""",
        weights,
    )


def branching_blocks() -> onnx.ModelProto:
    """Four Conv+Relu blocks; a branch leaves after the first and joins by Add before the fourth."""
    generator = np.random.default_rng(2)
    weights = {}
    for name, inputs in (("block1", 3), ("block2", 8), ("block3", 8), ("shortcut", 8), ("block4", 8)):
        weights[f"{name}.weight"] = convolution_weights(generator, 8, inputs, 1 if name == "shortcut" else 3)
        weights[f"{name}.bias"] = vector(generator, 8)
    conv = "Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"
    return checked(
        f"""
        <ir_version: 10, opset_import: ["" : 20]>
        branching_blocks (float["batch", 3, 24, 24] image) => (float["batch", 8, 24, 24] y) {{
          ["/block1/conv"] "/block1/conv_out" = {conv} (image, "block1.weight", "block1.bias")
          ["/block1/relu"] "/block1/out" = Relu("/block1/conv_out")
          ["/block2/conv"] "/block2/conv_out" = {conv} ("/block1/out", "block2.weight", "block2.bias")
          ["/block2/relu"] "/block2/out" = Relu("/block2/conv_out")
          ["/block3/conv"] "/block3/conv_out" = {conv} ("/block2/out", "block3.weight", "block3.bias")
          ["/block3/relu"] "/block3/out" = Relu("/block3/conv_out")
          ["/shortcut/conv"] "/shortcut/out" = Conv <kernel_shape = [1, 1]>
            ("/block1/out", "shortcut.weight", "shortcut.bias")
          ["/join/add"] "/join/out" = Add("/block3/out", "/shortcut/out")
          ["/block4/conv"] "/block4/conv_out" = {conv} ("/join/out", "block4.weight", "block4.bias")
          ["/block4/relu"] y = Relu("/block4/conv_out")
        }}""",
        weights,
    )


def conv_bn_leakyrelu() -> onnx.ModelProto:
    """Convolution, batch normalisation and LeakyRelu, twice: what engines fuse into one kernel."""
    generator = np.random.default_rng(3)
    weights = {}
    for name, outputs, inputs in (("stem", 8, 3), ("body", 16, 8)):
        weights[f"{name}.conv.weight"] = convolution_weights(generator, outputs, inputs)
        weights[f"{name}.bn.weight"] = vector(generator, outputs, mean=1.0)
        weights[f"{name}.bn.bias"] = vector(generator, outputs)
        weights[f"{name}.bn.mean"] = vector(generator, outputs, deviation=0.3)
        weights[f"{name}.bn.var"] = np.abs(vector(generator, outputs, mean=1.0))

    def block(name: str, source: str, result: str) -> str:
        return f"""
          ["/{name}/conv/Conv"] "/{name}/conv/out" = Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1], strides = [2, 2]>
            ({source}, "{name}.conv.weight")
          ["/{name}/bn/BatchNormalization"] "/{name}/bn/out" = BatchNormalization <epsilon = 0.00001>
            ("/{name}/conv/out", "{name}.bn.weight", "{name}.bn.bias", "{name}.bn.mean", "{name}.bn.var")
          ["/{name}/act/LeakyRelu"] {result} = LeakyRelu <alpha = 0.1> ("/{name}/bn/out")"""

    return checked(
        f"""
        <ir_version: 10, opset_import: ["" : 20]>
        conv_bn_leakyrelu (float["batch", 3, 32, 32] image) => (float["batch", 16, 8, 8] y) {{
          {block("stem", "image", '"/stem/act/out"')}
          {block("body", '"/stem/act/out"', "y")}
        }}""",
        weights,
    )


def super_resolution() -> onnx.ModelProto:
    """Enlarge an image by the ``factor`` input: an interpolated base plus a learned correction."""
    generator = np.random.default_rng(4)
    weights = {
        "head.weight": convolution_weights(generator, 12, 3),
        "head.bias": vector(generator, 12),
        "body.weight": convolution_weights(generator, 12, 12),
        "body.bias": vector(generator, 12),
        "tail.weight": 0.1 * convolution_weights(generator, 3, 12),
        "tail.bias": vector(generator, 3, deviation=0.01),
        "batch_and_channels": np.ones(2, np.float32),
        "spatial": np.array([2], np.int64),
    }
    conv = "Conv <kernel_shape = [3, 3], pads = [1, 1, 1, 1]>"
    return checked(
        f"""
        <ir_version: 10, opset_import: ["" : 20]>
        super_resolution (float[1, 3, "height", "width"] image, int64 factor)
        => (float[1, 3, "out_h", "out_w"] enlarged) {{
          ["/scales/cast"] "/scales/factor" = Cast <to = 1> (factor)
          ["/scales/expand"] "/scales/pair" = Expand("/scales/factor", spatial)
          ["/scales/concat"] "/scales/scales" = Concat <axis = 0> (batch_and_channels, "/scales/pair")
          ["/base/resize"] "/base/out" = Resize <mode = "cubic"> (image, , "/scales/scales")
          ["/detail/head/conv"] "/detail/head/conv_out" = {conv} (image, "head.weight", "head.bias")
          ["/detail/head/relu"] "/detail/head/out" = Relu("/detail/head/conv_out")
          ["/detail/body/conv"] "/detail/body/conv_out" = {conv} ("/detail/head/out", "body.weight", "body.bias")
          ["/detail/body/relu"] "/detail/body/out" = Relu("/detail/body/conv_out")
          ["/detail/resize"] "/detail/resized" = Resize <mode = "nearest"> ("/detail/body/out", , "/scales/scales")
          ["/detail/tail/conv"] "/detail/out" = {conv} ("/detail/resized", "tail.weight", "tail.bias")
          ["/join/add"] enlarged = Add("/base/out", "/detail/out")
        }}""",
        weights,
    )


SAMPLES = (
    Sample(
        "resize_conv_add.onnx",
        "Resize → Conv → Add",
        "The output's size depends on values fed at run time (scales): shape inference stops, a run tells.",
        resize_conv_add,
    ),
    Sample(
        "branching_blocks.onnx",
        "Four blocks and a shortcut",
        "A branch leaves and joins again by Add: a cut between the blocks must take both ways into account.",
        branching_blocks,
    ),
    Sample(
        "conv_bn_leakyrelu.onnx",
        "Conv + BatchNorm + LeakyRelu",
        "What engines fuse into one kernel: compare “as deployed” and see which tensors are gone.",
        conv_bn_leakyrelu,
    ),
    Sample(
        "super_resolution.onnx",
        "Super-resolution by a factor input",
        "A scalar input decides the output's size: try factor 2, 3 and 4 on the same picture.",
        super_resolution,
    ),
)
