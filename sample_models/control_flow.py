"""Graphs inside nodes: If and Loop bodies that use outer tensors, and a function defined by the model itself."""

import numpy as np
import onnx

from sample_models.sample import Sample, checked, matrix, vector


def if_captures() -> onnx.ModelProto:
    """Scale when the mean is positive, else shift; both branches capture ``x`` and a tensor of the outer graph."""
    return checked(
        """
        <ir_version: 10, opset_import: ["" : 20]>
        if_captures (float["N"] x) => (float["N"] y) <float[1] zero = {0.0}> {
          ["mean"] mean = ReduceMean(x)
          ["is_positive"] is_positive = Greater(mean, zero)
          ["squeeze"] condition = Squeeze(is_positive)
          ["gain"] gain = Exp(mean)
          ["choose"] chosen = If (condition) <
            then_branch = scale () => (float["N"] scaled) {
              ["scale/mul"] scaled = Mul(x, gain)
            },
            else_branch = shift () => (float["N"] shifted) {
              ["shift/neg"] drop = Neg(gain)
              ["shift/add"] shifted = Add(x, drop)
            }
          >
          ["result"] y = Tanh(chosen)
        }"""
    )


def loop_newton() -> onnx.ModelProto:
    """Square roots by Newton's method, x ← (x + a / x) / 2: the body captures ``a`` and leaves when nothing moves."""
    return checked(
        """
        <ir_version: 10, opset_import: ["" : 20]>
        loop_newton (float["N"] a, int64 steps) => (float["N"] root, float["taken", "N"] history)
        <bool yes = {1}, float half = {0.5}, float close = {0.000001}, float one = {1.0}> {
          ["start"] start = Max(a, one)
          ["newton"] root, history = Loop (steps, yes, start) <
            body = newton_step (int64 i, bool going, float["N"] x) => (bool go_on, float["N"] better, float["N"] step) {
              ["step/quotient"] quotient = Div(a, x)
              ["step/sum"] sum = Add(x, quotient)
              ["step/half"] better = Mul(sum, half)
              ["step/move"] move = Sub(better, x)
              ["step/size"] size = Abs(move)
              ["step/largest"] largest = ReduceMax <keepdims = 0> (size)
              ["step/go_on"] go_on = Greater(largest, close)
              ["step/keep"] step = Identity(better)
            }
          >
        }"""
    )


def local_function() -> onnx.ModelProto:
    """A two-layer network whose activation is a function of the model itself, called twice with another ``beta``."""
    generator = np.random.default_rng(6)
    weights = {
        "fc1.weight": matrix(generator, 8, 16),
        "fc1.bias": vector(generator, 16),
        "fc2.weight": matrix(generator, 16, 4),
    }
    return checked(
        """
        <ir_version: 10, opset_import: ["" : 20, "sample.activations" : 1]>
        local_function (float["batch", 8] features) => (float["batch", 4] y) {
          ["/fc1/MatMul"] "/fc1/product" = MatMul(features, "fc1.weight")
          ["/fc1/Add"] "/fc1/out" = Add("/fc1/product", "fc1.bias")
          ["/act1/SoftGate"] "/act1/out" = sample.activations.SoftGate <beta = 1.0> ("/fc1/out")
          ["/fc2/MatMul"] "/fc2/out" = MatMul("/act1/out", "fc2.weight")
          ["/act2/SoftGate"] y = sample.activations.SoftGate <beta = 1.702> ("/fc2/out")
        }
        <domain: "sample.activations", opset_import: ["" : 20]>
        SoftGate <beta> (x) => (gated) {
          slope = Constant <value_float: float = @beta> ()
          scaled = Mul(x, slope)
          gate = Sigmoid(scaled)
          gated = Mul(x, gate)
        }""",
        weights,
    )


SAMPLES = (
    Sample(
        "if_captures.onnx",
        "If with captured tensors",
        "Two branches are graphs of their own and use tensors from outside: open them and come back.",
        if_captures,
    ),
    Sample(
        "loop_newton.onnx",
        "Loop with captured tensors",
        "Newton's method as a Loop: the body sees the outer tensor a, and every step is kept in history.",
        loop_newton,
    ),
    Sample(
        "local_function.onnx",
        "A function of the model's own",
        "An operator that the model defines itself: open the call to see the nodes inside.",
        local_function,
    ),
)
