"""Element types as Triton calls them: KServe's (``FP32``), and those of a model's configuration (``TYPE_FP32``).

Source: https://docs.nvidia.com/deeplearning/triton-inference-server, model configuration, datatypes.
"""

from collections.abc import Mapping

KSERVE_TYPES: Mapping[str, str] = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
}
"""By NumPy's name (ml_dtypes' for bfloat16); text is ``BYTES``."""

_OTHERWISE = {"float32": "float", "float64": "double"}

ONNX_TYPES: Mapping[str, str] = {
    **{theirs: _OTHERWISE.get(name, name) for name, theirs in KSERVE_TYPES.items()},
    "BYTES": "string",
}
"""KServe's name → ONNX's."""

CONFIG_TYPES: Mapping[str, str] = {
    onnx: "TYPE_STRING" if kserve == "BYTES" else f"TYPE_{kserve}" for kserve, onnx in ONNX_TYPES.items()
}
"""ONNX's name → that of a model's configuration. What is missing (float8, 4-bit integers, complex) cannot be served."""
