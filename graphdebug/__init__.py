"""graphdebug: see, tap, run and compare ONNX graphs, and find the node that introduces the error."""

__version__ = "0.1.0"
