"""Models of one or two nodes, whose results can be worked out by hand."""

import onnx

from sample_models.sample import Sample, checked


def line() -> onnx.ModelProto:
    """y = a * x + b with a = 2 and b = 1."""
    return checked("""
        <ir_version: 10, opset_import: ["" : 20]>
        line (float["N"] x) => (float["N"] y) <float a = {2.0}, float b = {1.0}> {
          ["multiply"] ax = Mul(a, x)
          ["add"] y = Add(ax, b)
        }""")


def asinh() -> onnx.ModelProto:
    """y = asinh(x), beside the textbook formula log(x + sqrt(x * x + 1)), which cancels for large negative x."""
    return checked("""
        <ir_version: 10, opset_import: ["" : 20]>
        inverse_hyperbolic_sine (float["N"] x) => (float["N"] direct, float["N"] by_formula) <float one = {1.0}> {
          ["asinh"] direct = Asinh(x)
          ["formula/square"] square = Mul(x, x)
          ["formula/plus_one"] radicand = Add(square, one)
          ["formula/root"] root = Sqrt(radicand)
          ["formula/sum"] sum = Add(x, root)
          ["formula/log"] by_formula = Log(sum)
        }""")


SAMPLES = (
    Sample(
        "line.onnx",
        "a·x + b",
        "Two nodes: the smallest graph to click through, with numbers you can check by hand.",
        line,
    ),
    Sample(
        "asinh.onnx",
        "Asinh",
        "One operator beside its textbook formula: feed −1000 and see which of the two loses all its digits.",
        asinh,
    ),
)
