"""What a sample is, and how one is written: the graph in ONNX's text syntax, the weights as seeded numpy arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import numpy_helper, parser

Array = np.ndarray


@dataclass(frozen=True)
class Sample:
    """A sample model: the ``file`` it is written to, a ``title``, one line on what to learn, and its maker."""

    file: str
    title: str
    lesson: str
    make: Callable[[], onnx.ModelProto]


def from_text(text: str, weights: Mapping[str, Array] | None = None) -> onnx.ModelProto:
    """Parse a model in ONNX text syntax and add ``weights`` to its main graph as initializers."""
    model = parser.parse_model(text)
    model.producer_name = "graphdebug samples"
    for name, values in (weights or {}).items():
        model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
    return model


def checked(text: str, weights: Mapping[str, Array] | None = None) -> onnx.ModelProto:
    """Like ``from_text``; raises onnx.checker.ValidationError when the model is not valid."""
    model = from_text(text, weights)
    onnx.checker.check_model(model, full_check=True)
    return model


def convolution_weights(generator: np.random.Generator, out_channels: int, in_channels: int, kernel: int = 3) -> Array:
    """He-initialised float32 weights, shape [out_channels, in_channels, kernel, kernel]."""
    deviation = np.sqrt(2 / (in_channels * kernel * kernel))
    return generator.normal(0, deviation, (out_channels, in_channels, kernel, kernel)).astype(np.float32)


def matrix(generator: np.random.Generator, rows: int, columns: int) -> Array:
    """He-initialised float32 weights, shape [rows, columns], for ``x @ w``."""
    return generator.normal(0, np.sqrt(2 / rows), (rows, columns)).astype(np.float32)


def vector(generator: np.random.Generator, size: int, mean: float = 0.0, deviation: float = 0.1) -> Array:
    """Normal float32 values, shape [size]."""
    return generator.normal(mean, deviation, size).astype(np.float32)
