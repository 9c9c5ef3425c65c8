"""Default tolerances by dtype, and which one a pair of tensors gets.

`torch.testing` allows one operator a relative 1.3e-6 (float32), 1e-3 (float16), 1.6e-2 (bfloat16), 1e-7 (float64). A
whole network, summed in two orders, adds such errors up: tensors of healthy ResNet-50, BERT, Swin, U-Net and a 64-layer
Llama, run with and without optimisation, part by up to 4e-5 of their root mean square in float32 (measured:
``benchmarks/layerwise.py``), so the limit is set at 3e-4, relative to the size of the tensor (`Tolerance.atol`) and of
the element (`Tolerance.rtol`). The other floats get about as many of their own rounding steps as a chain of operators
uses up: ten for float16 and bfloat16, five and fewer for what has two or three bits of mantissa.
"""

from collections.abc import Mapping

from graphdebug.compare.records import Tolerance

ANY_FLOAT = "*"
"""As a key of overrides: all floating and complex dtypes that have no override of their own."""

_EXACT = Tolerance(0.0, 0.0, absolute=True)
_ONE_STEP = Tolerance(0.0, 1.0, absolute=True)

DEFAULTS: Mapping[str, Tolerance] = {
    "double": Tolerance(1e-9, 1e-9),
    "complex128": Tolerance(1e-9, 1e-9),
    "float": Tolerance(3e-4, 3e-4),
    "complex64": Tolerance(3e-4, 3e-4),
    "float16": Tolerance(1e-2, 1e-2),
    "bfloat16": Tolerance(8e-2, 8e-2),
    "float8e3m4": Tolerance(0.3, 0.3),
    "float8e4m3fn": Tolerance(0.6, 0.6),
    "float8e4m3fnuz": Tolerance(0.6, 0.6),
    "float8e5m2": Tolerance(1.2, 1.2),
    "float8e5m2fnuz": Tolerance(1.2, 1.2),
    "float8e8m0": Tolerance(1.0, 0.0),
    "float4e2m1": Tolerance(1.0, 1.0),
    "int8": _ONE_STEP,
    "uint8": _ONE_STEP,
    "int4": _ONE_STEP,
    "uint4": _ONE_STEP,
    "int2": _ONE_STEP,
    "uint2": _ONE_STEP,
}
"""By ONNX dtype, the coarsest of its kind last. Small integers are quantised values: rounding to the other side
is one step and no fault. Everything that is not listed (other integers, booleans, strings) must be equal."""

_FLOATS = tuple(name for name in DEFAULTS if "float" in name or "double" in name or "complex" in name)


def tolerance_for(reference: str, candidate: str, overrides: Mapping[str, Tolerance]) -> Tolerance:
    """Return the tolerance for two tensors of these ONNX dtypes: that of the coarser one.

    Args:
        reference: the reference's element type in lower case (``float``, ``int64``…).
        candidate: the candidate's.
        overrides: tolerances by dtype (or `ANY_FLOAT`) that replace the defaults.
    """
    coarser = _coarser(reference, candidate)
    if coarser in overrides:
        return overrides[coarser]
    if coarser in _FLOATS and ANY_FLOAT in overrides:
        return overrides[ANY_FLOAT]
    return DEFAULTS.get(coarser, _EXACT)


def _coarser(reference: str, candidate: str) -> str:
    """Of two floats the one that comes later in `DEFAULTS`; of a float and something else the float."""
    floats = [name for name in (reference, candidate) if name in _FLOATS]
    if floats:
        return max(floats, key=_FLOATS.index)
    small = [name for name in (reference, candidate) if name in DEFAULTS]
    return small[0] if small else reference
