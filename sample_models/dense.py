"""A multi-layer perceptron with a symbolic batch."""

import numpy as np
import onnx

from sample_models.sample import Sample, checked, matrix, vector


def mlp() -> onnx.ModelProto:
    """16 → 32 → 32 → 10 with Relu between and Softmax at the end; the batch is symbolic."""
    generator = np.random.default_rng(5)
    weights = {}
    for name, rows, columns in (("fc1", 16, 32), ("fc2", 32, 32), ("fc3", 32, 10)):
        weights[f"{name}.weight"] = matrix(generator, rows, columns)
        weights[f"{name}.bias"] = vector(generator, columns)
    return checked(
        """
        <ir_version: 10, opset_import: ["" : 20]>
        mlp (float["batch", 16] features) => (float["batch", 10] probabilities) {
          ["/fc1/Gemm"] "/fc1/out" = Gemm(features, "fc1.weight", "fc1.bias")
          ["/act1/Relu"] "/act1/out" = Relu("/fc1/out")
          ["/fc2/Gemm"] "/fc2/out" = Gemm("/act1/out", "fc2.weight", "fc2.bias")
          ["/act2/Relu"] "/act2/out" = Relu("/fc2/out")
          ["/fc3/Gemm"] "/fc3/out" = Gemm("/act2/out", "fc3.weight", "fc3.bias")
          ["/softmax/Softmax"] probabilities = Softmax <axis = -1> ("/fc3/out")
        }""",
        weights,
    )


SAMPLES = (
    Sample(
        "mlp.onnx",
        "MLP with a dynamic batch",
        "A symbolic dimension: choose the batch once and every input that names it follows.",
        mlp,
    ),
)
