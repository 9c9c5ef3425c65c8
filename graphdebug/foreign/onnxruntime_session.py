"""Sessions of ONNX Runtime as they are asked for, in whatever interpreter and version: ours uses it as well.

How a session is wanted comes as the fields of `runtime.onnxruntime_options.Configuration`. What a version of ONNX
Runtime has (levels, execution providers, ways to tell) is looked up here, in the interpreter that runs it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import onnxruntime as ort

from graphdebug.foreign.talk import Refused

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
WAYS = {
    CUDA: "onnxruntime-gpu",
    TENSORRT: "onnxruntime-gpu tensorrt",
    "NvTensorRTRTXExecutionProvider": "onnxruntime-trt-rtx",
    "DmlExecutionProvider": "onnxruntime-directml",
    "OpenVINOExecutionProvider": "onnxruntime-openvino",
    "MIGraphXExecutionProvider": "onnxruntime-migraphx",
    "QNNExecutionProvider": "onnxruntime-qnn",
}
"""Execution provider → the packages that bring it."""
DEVICES = {CUDA: "cuda", TENSORRT: "cuda"}
"""Execution provider → the device, as I/O binding calls it, in whose memory it wants inputs and leaves outputs."""

_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
_ERRORS_ONLY = 3
_RECORD = "session.record_ep_graph_assignment_info"
_KEPT_INLINE = 1024
"""Bytes: smaller initializers stay in the optimised model's file, larger ones go beside it."""
_WEIGHTS = "weights.bin"
_PREFIX = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
_SOURCE_PLACE = re.compile(r"/onnxruntime_src/\S+:\d+ (?:[^()]*\([^()]*\)(?: const)?(?: \[with [^\]]*\])? )?")
_OPENVINO_PLACES = re.compile(r"/onnxruntime/\S+:\d+ .*(?=\[OpenVINO-EP\])")

_COMPILED = "contains compiled nodes"

_registered: dict[str, str] = {}
"""Libraries of execution providers that this process has loaded: a name can be given once only."""


def create(model: bytes, how: Mapping[str, Any], files: Mapping[str, str]) -> ort.InferenceSession:
    """Create a session from a serialised model.

    ``files`` may say ``weights`` (the folder of external data), ``optimized`` (where to write the optimised model) and
    ``profile`` (what the name of a profile begins with, which is then made).

    Raises:
        Refused: a library cannot be loaded, the execution provider cannot be used, or the model is refused.
    """
    _load_provider_library(how)
    provider = find_provider(how["provider"])
    options = _session_options(how)
    _set_files(options, files)
    for path in how["libraries"]:
        _load_operators(options, path)
    given = {"providers": _providers(provider, how)}
    devices = _devices(provider)
    if provider not in ort.get_available_providers():
        options.add_provider_for_devices(_picked(devices, how["device"]), _provider_options(provider, how))
        given = {}
    try:
        session = ort.InferenceSession(
            model, options, disabled_optimizers=list(how["disabled"]) or None, enable_fallback=False, **given
        )
    except MemoryError:
        raise
    except Exception as error:
        if files.get("optimized") and _COMPILED in str(error):
            raise Refused(
                f"{provider} compiles parts of the graph, which ONNX Runtime cannot save then: tensors can be tapped "
                "isolated, not as deployed."
            ) from error
        raise Refused(f"ONNX Runtime cannot load the model: {sentence(error)}") from error
    if provider not in session.get_providers():  # it falls back to the CPU without an error
        raise Refused(missing_provider(provider))
    return session


def describe(session: ort.InferenceSession, how: Mapping[str, Any]) -> dict[str, Any]:
    """Return what there is to know of a session, as the fields of `runtime.onnxruntime_engine.Loaded`."""
    provider = find_provider(how["provider"])
    overridable = session.get_overridable_initializers()
    return {
        "version": ort.__version__,
        "provider": provider,
        "providers": list(session.get_providers()),
        "accepted": [value.name for value in (*session.get_inputs(), *overridable)],
        "outputs": [[value.name, value.type, list(value.shape or [])] for value in session.get_outputs()],
        "tf32": _tf32(provider, session.get_provider_options().get(provider, {})),
        "device": DEVICES.get(provider, ""),
        "assigned": _assigned(session),
    }


def sentence(error: Exception) -> str:
    """Return ONNX Runtime's error without prefix, source file and stack, as the second half of a sentence."""
    said = _OPENVINO_PLACES.sub("", _SOURCE_PLACE.sub("", _PREFIX.sub("", str(error).strip())))
    lines = said.splitlines()
    text = lines[0].strip() if lines else type(error).__name__
    if text.endswith(":") and len(lines) > 1:
        text = f"{text} {lines[1].strip()}"
    # "… for the following indices" goes on: one line an index, with the length it has and the one it should have.
    text = "; ".join([text, *(line.strip() for line in lines[1:] if line.lstrip().startswith("index:"))])
    return f"{text[:600].rstrip('.')}."


def missing_provider(provider: str) -> str:
    """Return the sentence for an execution provider that cannot be used here, with the way to get it."""
    way = WAYS.get(provider)
    hint = (
        f"`pip install {way}` in an environment that python= names"
        if way
        else "install a build of ONNX Runtime that includes it"
    )
    return f"ONNX Runtime {ort.__version__} cannot use {provider} here: {hint}."


def find_provider(short: str) -> str:
    """Return the full name for ``cuda`` or ``CUDAExecutionProvider``, in any case, if it can be used here.

    Raises:
        Refused: ONNX Runtime does not know it, or this build does not have it.
    """
    wanted = _short(short)
    usable = [*ort.get_available_providers(), *(device.ep_name for device in _devices())]
    for name in usable:
        if _short(name) == wanted:
            return str(name)
    for name in ort.get_all_providers():
        if _short(name) == wanted:
            raise Refused(missing_provider(name))
    known = ", ".join(sorted({_short(name) for name in (*usable, *ort.get_all_providers())}))
    raise Refused(f"ONNX Runtime has no execution provider called {short!r}; known are {known}.")


def _short(name: str) -> str:
    lower = name.lower()
    return lower[: -len("executionprovider")] if lower.endswith("executionprovider") else lower


def _session_options(how: Mapping[str, Any]) -> ort.SessionOptions:
    level = getattr(ort.GraphOptimizationLevel, _LEVELS[how["level"]], None)
    if level is None:
        raise Refused(f"ONNX Runtime {ort.__version__} has no optimisation level {how['level']!r}: choose another.")
    options = ort.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.graph_optimization_level = level
    options.intra_op_num_threads = how["threads"]
    options.inter_op_num_threads = how["inter_threads"]
    options.execution_mode = ort.ExecutionMode.ORT_PARALLEL if how["parallel"] else ort.ExecutionMode.ORT_SEQUENTIAL
    if how["deterministic"]:
        options.use_deterministic_compute = True
    options.enable_cpu_mem_arena = how["arena"]
    options.enable_mem_pattern = how["mem_pattern"]
    for key, value in {_RECORD: "1", **dict(how["entries"])}.items():
        options.add_session_config_entry(key, value)
    return options


def _set_files(options: ort.SessionOptions, files: Mapping[str, str]) -> None:
    if files.get("weights"):
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", files["weights"])
    if files.get("optimized"):
        options.optimized_model_filepath = files["optimized"]
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", _WEIGHTS)
        least = "session.optimized_model_external_initializers_min_size_in_bytes"
        options.add_session_config_entry(least, str(_KEPT_INLINE))
    if files.get("profile"):
        options.enable_profiling = True
        options.profile_file_prefix = files["profile"]


def _load_operators(options: ort.SessionOptions, path: str) -> None:
    try:
        options.register_custom_ops_library(path)
    except Exception as error:
        raise Refused(f"ONNX Runtime cannot load the library of operators {path}: {sentence(error)}") from error


def _load_provider_library(how: Mapping[str, Any]) -> None:
    """Load the library of an execution provider under its name, once."""
    if not how["provider_library"]:
        return
    name, path = how["provider_library"]
    if _registered.get(name) == path:
        return
    register = getattr(ort, "register_execution_provider_library", None)
    if register is None:
        raise Refused(f"ONNX Runtime {ort.__version__} takes no libraries of execution providers: 1.23 and later do.")
    try:
        register(name, path)
    except Exception as error:
        raise Refused(f"ONNX Runtime cannot load the execution provider {path}: {sentence(error)}") from error
    _registered[name] = path


def _devices(provider: str = "") -> list[Any]:
    """Return what libraries of execution providers offer: devices of ``provider`` (empty: of all)."""
    if not _registered:
        return []
    return [device for device in ort.get_ep_devices() if provider in ("", device.ep_name)]


def _picked(devices: Sequence[Any], number: int) -> list[Any]:
    if number >= len(devices):
        raise Refused(f"{devices[0].ep_name} has {len(devices)} devices here, and none of number {number}.")
    return [devices[number]]


def _providers(provider: str, how: Mapping[str, Any]) -> list[Any]:
    """Return the provider list for a session: the chosen one, and the CPU for nodes that it does not take."""
    options = _provider_options(provider, how)
    if how["device"]:
        options.setdefault("device_id", str(how["device"]))
    return [(provider, options), *([] if provider == CPU else [CPU])]


def _provider_options(provider: str, how: Mapping[str, Any]) -> dict[str, str]:
    options = dict(how["provider_options"])
    if how["tf32"]:
        if provider != CUDA:
            raise Refused(
                "tf32= is for the execution provider cuda; with TensorRT, the environment variable "
                "NVIDIA_TF32_OVERRIDE=0 switches TF32 off."
            )
        options["use_tf32"] = how["tf32"]
    return options


def _tf32(provider: str, options: Mapping[str, str]) -> str:
    """Say whether float32 may be computed in TF32; nothing where there is no such thing."""
    if provider not in DEVICES:
        return ""
    if os.environ.get("NVIDIA_TF32_OVERRIDE") == "0":
        return "off, by NVIDIA_TF32_OVERRIDE"
    if provider == TENSORRT:  # it sets TensorRT's flag and has no option of its own
        return "on, as TensorRT builds it here"
    return "off" if options.get("use_tf32") == "0" else "on"


def _assigned(session: ort.InferenceSession) -> list[list[str]]:
    """Return execution provider, name and operator of every node, as they were when the graph was divided.

    That is after the first optimisations, which keep the names of nodes, and before those that fuse most; empty where
    this ONNX Runtime does not tell.
    """
    try:
        graphs = session.get_provider_graph_assignment_info()
    except Exception:  # older than 1.24, or told not to record it
        return []
    return [[graph.ep_name, node.name, node.op_type] for graph in graphs for node in graph.get_nodes()]
