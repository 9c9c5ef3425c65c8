"""Targets: where a model shall run, written like a SPEC (``tensorrt:version=10.9,precision=fp16``)."""

import re
from dataclasses import dataclass
from functools import total_ordering

from graphdebug.runtime.spec import SpecError, parse_spec

PROVIDERS = ("cpu", "cuda", "tensorrt", "openvino")
PRECISIONS = ("fp32", "fp16", "bf16", "int8", "fp8")
KNOWN = {"onnxruntime": ("version", "provider"), "tensorrt": ("version", "precision")}
_TITLES = {"cpu": "CPU", "cuda": "CUDA", "tensorrt": "TensorRT", "openvino": "OpenVINO"}
_VERSION = re.compile(r"\d{1,4}(\.\d{1,4}){0,3}")
_OLDEST = {"onnxruntime": "1.16", "tensorrt": "8.5"}

OFFERED = (
    "onnxruntime",
    "onnxruntime:version=1.17",
    "onnxruntime:version=1.20",
    "onnxruntime:version=1.17,provider=cuda",
    "tensorrt:version=8.6",
    "tensorrt:version=10.9,precision=fp16",
    "tensorrt:version=10.15",
    "tensorrt:version=11.5",
)
"""What a form offers; any other SPEC can be typed."""


@total_ordering
@dataclass(frozen=True, slots=True)
class Release:
    """A release as its numbers, ``10.9`` being less than ``10.15``."""

    numbers: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> "Release":
        """Read ``10.9`` or ``8.6.1``."""
        return cls(tuple(int(part) for part in text.split(".")))

    def __lt__(self, other: "Release") -> bool:
        """Compare numbers, missing ones counting as 0."""
        length = max(len(self.numbers), len(other.numbers))
        return self._padded(length) < other._padded(length)

    def _padded(self, length: int) -> tuple[int, ...]:
        return self.numbers + (0,) * (length - len(self.numbers))

    @property
    def minor(self) -> "Release":
        """The first two numbers."""
        return Release((*self.numbers, 0)[:2])

    def __str__(self) -> str:
        """Return it as it is written."""
        return ".".join(map(str, self.numbers))


@dataclass(frozen=True, slots=True)
class Target:
    """Where a model shall run. ``here``: the engine of this machine, which can be asked."""

    spec: str
    engine: str
    release: Release
    provider: str = ""
    precision: str = ""
    here: bool = False

    @property
    def title(self) -> str:
        """What people call it: ``TensorRT 10.9, fp16``."""
        if self.engine == "tensorrt":
            return f"TensorRT {self.release}" + (f", {self.precision}" if self.precision else "")
        where = " (this machine)" if self.here else ""
        return f"ONNX Runtime {self.release}, {_TITLES[self.provider]}{where}"


def parse_target(text: str) -> Target:
    """Read a target.

    Raises:
        SpecError: it is none; one sentence says what is wrong with it.
    """
    spec = parse_spec(text)
    if spec.name not in KNOWN:
        raise SpecError(f"There is no target called {spec.name!r}; known are {', '.join(KNOWN)}.")
    for key, _ in spec.options:
        if key not in KNOWN[spec.name]:
            raise SpecError(f"Target {spec.name} has no option {key!r}; its options are {', '.join(KNOWN[spec.name])}.")
    version, provider, precision = spec.get("version"), spec.get("provider", "cpu").lower(), spec.get("precision")
    if version and not _VERSION.fullmatch(version):
        raise SpecError(f"{version!r} is no version: write numbers with dots, such as 10.9.")
    if spec.name == "onnxruntime" and provider not in PROVIDERS:
        raise SpecError(f"Nothing is known of execution provider {provider!r}; known are {', '.join(PROVIDERS)}.")
    if precision and precision not in PRECISIONS:
        raise SpecError(f"{precision!r} is no precision; known are {', '.join(PRECISIONS)}.")
    if spec.name == "tensorrt" and not version:
        raise SpecError("Say which TensorRT it is, such as tensorrt:version=10.9.")
    here = not version
    release = Release.of(version or _installed())
    if release < Release.of(_OLDEST[spec.name]):
        raise SpecError(f"Nothing is known of {spec.name} before {_OLDEST[spec.name]}.")
    return Target(str(spec), spec.name, release, provider if spec.name == "onnxruntime" else "", precision, here)


def _installed() -> str:
    import onnxruntime

    return ".".join(re.findall(r"\d+", onnxruntime.__version__)[:3])
