"""From a SPEC to what TensorRT is asked for, which depends on its version. Pure: nothing here needs TensorRT.

Up to version 10 a precision is a flag of the builder, and TensorRT takes each layer in what is fastest of all allowed.
From 11 on every network is strongly typed: a precision is what the ONNX file says, so the file is rewritten.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphdebug.model.records import ValueInfo
from graphdebug.runtime.backend import BackendError, BackendSpec

Version = tuple[int, int]
Range = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]
"""The smallest, the usual and the largest shape of an input."""

PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8", "fp8", "stored")
FIRST: Version = (8, 6)
_STRONGLY_TYPED: Version = (9, 1)
_UNFUSED: Version = (10, 12)
"""The first whose bindings have ``mark_unfused_tensors_as_debug_tensors``."""
_TYPED_ONLY = 11
_EXTERNAL_TACTICS = frozenset({"CUBLAS", "CUBLAS_LT", "CUDNN"})
_FLAGS = {"fp16": "FP16", "bf16": "BF16", "int8": "INT8", "fp8": "FP8"}
_ONNX_TYPES = {"fp16": "float16", "bf16": "bfloat16", "int8": "int8", "fp8": "float8e4m3fn"}
_NUMBER = re.compile(r"\d{1,9}")
_SHAPE = re.compile(r"(.+?):(\d+(?:x\d+)*)(?:\+|$)", re.DOTALL)
"""``input:1x3x224x224``; several are joined by +. Names may hold colons and plus signs."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a SPEC asks for, whatever the version. Sizes in bytes; None: TensorRT's default."""

    precision: str = "fp32"
    shapes: Mapping[str, Mapping[str, tuple[int, ...]]] = field(default_factory=dict)
    """``min``, ``shapes`` and ``max`` → input → shape, as far as they are given."""
    workspace: int | None = None
    level: int | None = None
    tactics: tuple[str, ...] | None = None
    calibration: str = ""
    batches: int = 8
    device: int = 0
    python: str = ""
    cache: str = ""
    timing_cache: str = ""
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a version of TensorRT is brought to do it: flags by its own names, or what the ONNX file becomes.

    ``rewrite``: the ONNX type that the model is rewritten to (empty: not at all). ``calibrate``: ranges are measured on
    inputs, by TensorRT or, for a rewritten model, before. ``type``: the ONNX type that layers must have in the end.
    """

    network: tuple[str, ...] = ()
    flags: Mapping[str, bool] = field(default_factory=dict)
    preview: Mapping[str, bool] = field(default_factory=dict)
    rewrite: str = ""
    calibrate: bool = False
    type: str = ""


def asked(spec: BackendSpec) -> Asked:
    """Read the options of ``spec``.

    Raises:
        BackendError: a number that is none, or shapes that are not ``input:1x3x224x224``.
    """
    workspace = _number(spec, "workspace")
    level = _number(spec, "level")
    if level is not None and level > 5:
        raise BackendError(f"Option level of tensorrt is a builder optimisation level from 0 to 5, not {level}.")
    tactics = spec.get("tactics")
    return Asked(
        precision=spec.get("precision", "fp32"),
        shapes={key: _shapes(spec, key) for key in ("min", "shapes", "max") if spec.get(key)},
        workspace=None if workspace is None else workspace << 20,
        level=level,
        tactics=tuple(name.upper() for name in tactics.split("+") if name) if tactics else None,
        calibration=spec.get("calibration"),
        batches=max(1, _number(spec, "batches") or 8),
        device=_number(spec, "device") or 0,
        python=spec.get("python"),
        cache=spec.get("cache"),
        timing_cache=spec.get("timing_cache"),
        engine=spec.get("engine"),
    )


def version_of(text: str) -> Version:
    """Return major and minor version of ``10.16.1.11``.

    Raises:
        BackendError: it is older than what is supported.
    """
    numbers = [int(part) for part in re.findall(r"\d+", text)[:2]]
    version = (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)
    if version < FIRST:
        raise BackendError(f"TensorRT {text} is too old: 8.6 is the oldest that works here.")
    return version


def plan(wanted: Asked, version: Version, stored: frozenset[str]) -> Plan:
    """Return how ``version`` is brought to what is ``wanted``, for a model that has values of the types ``stored``.

    A model that is quantized already (``stored`` has int8 or float8e4m3fn among what Q/DQ nodes make) is not quantized
    again.

    Raises:
        BackendError: this version cannot do it; says which can.
    """
    major, precision = version[0], wanted.precision
    network = ("EXPLICIT_BATCH",) if major < 10 else ()
    kind = _ONNX_TYPES.get(precision, "")
    quantized = kind in ("int8", "float8e4m3fn")
    if precision == "stored" and version < _STRONGLY_TYPED:
        raise BackendError(f"{_named(version)} chooses precisions itself: precision=stored needs TensorRT 10 or newer.")
    if kind and major < 10 and precision in ("bf16", "fp8"):
        raise BackendError(f"{_named(version)} has no {precision}: it takes TensorRT 10 or newer.")
    flags = {"TF32": precision == "tf32"}
    if major >= _TYPED_ONLY:
        rewrite = "" if kind in stored and quantized else kind
        return Plan(network, flags, {}, rewrite, bool(rewrite) and quantized, kind)
    if precision == "stored":
        return Plan((*network, "STRONGLY_TYPED"), flags)
    if kind:
        flags[_FLAGS[precision]] = True
    if precision == "fp8" and kind not in stored:  # its flag allows fp8; only Q/DQ nodes ask for it
        return Plan(network, flags, _preview(wanted, version), kind, True, kind)
    calibrate = precision == "int8" and kind not in stored
    return Plan(network, flags, _preview(wanted, version), "", calibrate, kind)


def check_deployed(version: Version) -> None:
    """Raise BackendError where tensors of an engine cannot be seen without changing how it is fused."""
    if version < _UNFUSED:
        raise BackendError(
            f"{_named(version)} cannot show tensors of an engine as it is deployed: that takes TensorRT 10.12 or "
            "newer, or mode isolated, where every tensor is an output."
        )


def profile(wanted: Asked, inputs: Sequence[ValueInfo]) -> dict[str, Range]:
    """Return the range of every input that has one in the SPEC, checked, and of those whose shape is fixed.

    What is left out of ``min``, ``shapes`` and ``max`` is that of its neighbour. Inputs that the result lacks have free
    dimensions and no range.

    Raises:
        BackendError: a range does not fit its input; names the input.
    """
    found: dict[str, Range] = {}
    for value in inputs:
        given = {key: shapes[value.name] for key, shapes in wanted.shapes.items() if value.name in shapes}
        shape = value.type.shape
        if given:
            usual = given.get("shapes") or given.get("max") or given["min"]
            least, most = given.get("min", usual), given.get("max", usual)
            found[value.name] = _checked(value, (least, usual, most))
        elif shape is not None and all(isinstance(length, int) for length in shape):
            fixed = tuple(length for length in shape if isinstance(length, int))
            found[value.name] = (fixed, fixed, fixed)
    return found


def unknown_inputs(wanted: Asked, inputs: Sequence[ValueInfo]) -> list[str]:
    """Return the inputs that ranges are given for and that are not there."""
    names = {value.name for value in inputs}
    return sorted({name for shapes in wanted.shapes.values() for name in shapes} - names)


def request(wanted: Asked, how: Plan, ranges: Mapping[str, Range], free: Sequence[str], debug: bool) -> dict[str, Any]:
    """Return what `foreign/tensorrt_build.py` builds by, without its files.

    ``free``: inputs with free dimensions; only these are in the profile.
    """
    profiles = [{name: [list(shape) for shape in ranges[name]] for name in free}] if free else []
    return {
        "network": list(how.network),
        "flags": dict(how.flags),
        "preview": dict(how.preview),
        "workspace": wanted.workspace,
        "level": wanted.level,
        "tactics": None if wanted.tactics is None else list(wanted.tactics),
        "profiles": profiles,
        "debug": debug,
    }


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as a SPEC has it: ``1x3x224x224``."""
    return "x".join(map(str, shape))


def _preview(wanted: Asked, version: Version) -> dict[str, bool]:
    """Leave cuBLAS and cuDNN out of TensorRT 8.6's own layers, too, where no tactics of theirs are asked for."""
    out = wanted.tactics is not None and not _EXTERNAL_TACTICS & set(wanted.tactics)
    return {"DISABLE_EXTERNAL_TACTIC_SOURCES_FOR_CORE_0805": True} if out and version[0] == 8 else {}


def _checked(value: ValueInfo, given: Range) -> Range:
    shape = value.type.shape
    for each in given:
        fits = shape is None or (
            len(shape) == len(each)
            and all(not isinstance(length, int) or length == own for length, own in zip(shape, each, strict=True))
        )
        if not fits:
            declared = "x".join(str(length) if length is not None else "?" for length in shape or ())
            raise BackendError(
                f"Input {value.name!r} is {declared or 'a single value'} in the model, which the shape "
                f"{shape_text(each)} in the SPEC does not fit."
            )
    least, usual, most = given
    ordered = len({len(each) for each in given}) == 1 and all(
        low <= middle <= high for low, middle, high in zip(least, usual, most, strict=True)
    )
    if not ordered:
        raise BackendError(
            f"The shapes of input {value.name!r} do not rise from min ({shape_text(least)}) over opt "
            f"({shape_text(usual)}) to max ({shape_text(most)})."
        )
    return given


def _shapes(spec: BackendSpec, key: str) -> dict[str, tuple[int, ...]]:
    text, at = spec.get(key), 0
    found: dict[str, tuple[int, ...]] = {}
    while at < len(text):
        match = _SHAPE.match(text, at)
        if match is None:
            raise BackendError(
                f"Option {key} of {spec.name} gives shapes of inputs, such as image:1x3x224x224+mask:1x128, "
                f"and {text[at:]!r} is none."
            )
        found[match[1]] = tuple(map(int, match[2].split("x")))
        at = match.end()
    return found


def _number(spec: BackendSpec, key: str) -> int | None:
    text = spec.get(key)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise BackendError(f"Option {key} of {spec.name} must be a whole number, not {text!r}.")
    return int(text)


def _named(version: Version) -> str:
    return f"TensorRT {version[0]}.{version[1]}"
