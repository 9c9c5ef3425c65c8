"""From a SPEC to ONNX Runtime's session options and execution providers, and its errors put into sentences."""

import re
from dataclasses import dataclass

import onnxruntime as ort

from graphdebug.runtime.backend import BackendError, BackendSpec

CPU = "CPUExecutionProvider"
LEVELS = {
    "disable": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "layout": ort.GraphOptimizationLevel.ORT_ENABLE_LAYOUT,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
_ERRORS_ONLY = 3
_WAYS = {
    "CUDAExecutionProvider": "pip install onnxruntime-gpu",
    "TensorrtExecutionProvider": "pip install onnxruntime-gpu tensorrt",
    "NvTensorRTRTXExecutionProvider": "pip install onnxruntime-trt-rtx",
    "DmlExecutionProvider": "pip install onnxruntime-directml",
    "OpenVINOExecutionProvider": "pip install onnxruntime-openvino",
    "MIGraphXExecutionProvider": "pip install onnxruntime-rocm",
    "QNNExecutionProvider": "pip install onnxruntime-qnn",
}
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE_PLACE = re.compile(r"/onnxruntime_src/\S+:\d+ (?:[^()]*\([^()]*\)(?: const)?(?: \[with [^\]]*\])? )?")
_SPINNING = "session.intra_op.allow_spinning"
_DEFAULTS = {_SPINNING: "0"}
"""Threads that wait for work leave the cores to whatever runs beside: no session here runs often enough to gain."""
_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a SPEC asks of a session, validated. ``provider`` is the full name of an execution provider."""

    provider: str
    level: str
    disabled: tuple[str, ...]
    threads: int
    inter_threads: int
    parallel: bool
    deterministic: bool
    arena: bool
    mem_pattern: bool
    device: int
    entries: tuple[tuple[str, str], ...]

    @property
    def spins(self) -> bool:
        """Whether threads that wait for work keep their processor busy."""
        return {**_DEFAULTS, **dict(self.entries)}[_SPINNING] != "0"

    def providers(self) -> list[str | tuple[str, dict[str, str]]]:
        """Return the provider list for a session: the chosen one, and the CPU for nodes that it does not take."""
        if self.provider == CPU:
            return [CPU]
        chosen = (self.provider, {"device_id": str(self.device)}) if self.device else self.provider
        return [chosen, CPU]

    def session_options(self, level: str) -> ort.SessionOptions:
        """Return fresh session options at optimisation level ``level``."""
        options = ort.SessionOptions()
        options.log_severity_level = _ERRORS_ONLY
        options.graph_optimization_level = LEVELS[level]
        options.intra_op_num_threads = self.threads
        options.inter_op_num_threads = self.inter_threads
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL if self.parallel else ort.ExecutionMode.ORT_SEQUENTIAL
        options.use_deterministic_compute = self.deterministic
        options.enable_cpu_mem_arena = self.arena
        options.enable_mem_pattern = self.mem_pattern
        for key, value in {**_DEFAULTS, **dict(self.entries)}.items():
            options.add_session_config_entry(key, value)
        return options


def configuration(spec: BackendSpec) -> Configuration:
    """Read the options of ``spec``.

    Raises:
        BackendError: a number that is none, or an execution provider that is not there.
    """
    return Configuration(
        provider=_provider(spec.get("provider", "cpu")),
        level=spec.get("opt", "all"),
        disabled=tuple(name for name in spec.get("disable").split("+") if name),
        threads=_number(spec, "threads"),
        inter_threads=_number(spec, "inter_threads"),
        parallel=spec.get("execution") == "parallel",
        deterministic=spec.get("deterministic", "0") == "1",
        arena=spec.get("arena", "1") == "1",
        mem_pattern=spec.get("mem_pattern", "1") == "1",
        device=_number(spec, "device"),
        entries=tuple((key, value) for key, value in spec.options if "." in key),
    )


def sentence(error: Exception) -> str:
    """Return ONNX Runtime's error without prefix, source file and stack, as the second half of a sentence."""
    lines = _SOURCE_PLACE.sub("", _PREFIX.sub("", str(error).strip())).splitlines()
    text = lines[0].strip() if lines else type(error).__name__
    # "… for the following indices" goes on: one line an index, with the length it has and the one it should have.
    text = "; ".join([text, *(line.strip() for line in lines[1:] if line.lstrip().startswith("index:"))])
    return f"{text[:600].rstrip('.')}."


def missing_provider(provider: str) -> str:
    """Return the sentence for an execution provider that cannot be used here, with the way to get it."""
    way = _WAYS.get(provider)
    hint = f"get it with `{way}`" if way else "install a build of ONNX Runtime that includes it"
    return f"ONNX Runtime {ort.__version__} cannot use {provider} on this machine; {hint}."


def _provider(short: str) -> str:
    """Return the full name for ``cuda`` or ``CUDAExecutionProvider``, in any case, if this build has it."""
    wanted = short.lower().removesuffix("executionprovider")
    for name in ort.get_all_providers():
        if name.lower().removesuffix("executionprovider") == wanted:
            if name not in ort.get_available_providers():
                raise BackendError(missing_provider(name))
            return str(name)
    known = ", ".join(name.removesuffix("ExecutionProvider").lower() for name in ort.get_all_providers())
    raise BackendError(f"ONNX Runtime has no execution provider called {short!r}; known are {known}.")


def _number(spec: BackendSpec, key: str) -> int:
    text = spec.get(key, "0")
    if not _NUMBER.fullmatch(text):
        raise BackendError(f"Option {key} of {spec.name} must be a whole number, not {text!r}.")
    return int(text)
