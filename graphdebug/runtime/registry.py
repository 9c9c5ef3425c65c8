"""Every backend there is, with its options: what a SPEC may say and what forms offer.

Nothing heavy is imported until a backend is asked for.
"""

import importlib
from dataclasses import dataclass

from graphdebug.runtime.addresses import is_this_machine
from graphdebug.runtime.backend import Backend, BackendSpec
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.spec import SpecError, parse_spec
from graphdebug.runtime.trust import code_allowed


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """An option of a SPEC. ``values`` are all it may be (empty: free text), ``default`` when left out.

    ``runs_code``: setting it runs code that the user names, which a server must have been started to allow.
    ``reaches``: it is an address to reach; a server must have been started to allow any but this machine's own.
    ``refused``: further values that somebody may well ask for, each with a sentence that says what to do instead.
    """

    key: str
    help: str
    values: tuple[str, ...] = ()
    default: str = ""
    runs_code: bool = False
    reaches: bool = False
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """A backend. Options in the order in which a form should ask; ``free_options`` are prefixes of keys passed on.

    ``free_code`` are more of these: what they are passed on to may load a library or write a file that a value names.
    ``needs``: options of which one must be set. ``profiles``: it tells times of nodes or layers.
    """

    name: str
    title: str
    description: str
    options: tuple[OptionInfo, ...]
    free_options: tuple[str, ...] = ()
    free_code: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    profiles: bool = False


_ON_OFF = ("0", "1")
_LESS_THAN_A_BYTE = (
    "TensorRT computes in {} only where the model itself has its weights in blocks of {} with Q/DQ nodes, which is not "
    "made here: quantize the model before (NVIDIA's modelopt does) and run it with precision=stored."
)

_BACKENDS: dict[str, tuple[str, BackendInfo]] = {
    "onnxruntime": (
        "graphdebug.runtime.onnxruntime_backend:OnnxRuntimeBackend",
        BackendInfo(
            "onnxruntime",
            "ONNX Runtime",
            "The model as ONNX Runtime runs it, on the execution provider and optimisation level of your choice.",
            (
                OptionInfo("provider", "Execution provider: cpu, cuda, tensorrt, openvino…", (), "cpu"),
                OptionInfo(
                    "opt",
                    "How far the graph is optimised before it runs.",
                    ("disable", "basic", "extended", "layout", "all"),
                    "all",
                ),
                OptionInfo("disable", "Optimisers to leave out, joined by +, such as GeluFusion+ConstantFolding."),
                OptionInfo("threads", "Threads inside an operator; 0: one for each processor core.", (), "0"),
                OptionInfo("inter_threads", "Threads across operators when execution is parallel.", (), "0"),
                OptionInfo("execution", "One operator at a time or several.", ("sequential", "parallel"), "sequential"),
                OptionInfo("deterministic", "Prefer deterministic kernels.", _ON_OFF, "0"),
                OptionInfo("arena", "Allocate from a memory arena.", _ON_OFF, "1"),
                OptionInfo("mem_pattern", "Plan memory ahead for fixed shapes.", _ON_OFF, "1"),
                OptionInfo("device", "Device number, for providers that have several.", (), "0"),
                OptionInfo(
                    "tf32", "Whether CUDA may compute float32 in TF32; left out: as ONNX Runtime does.", ("", "0", "1")
                ),
                OptionInfo("python", "An interpreter that has another ONNX Runtime, and numpy.", runs_code=True),
                OptionInfo("library", "Libraries of custom operators, joined by +.", runs_code=True),
                OptionInfo(
                    "ep_library", "Library of an execution provider, as NAME=PATH; provider= picks it.", runs_code=True
                ),
            ),
            ("session.", "optimization.", "mlas."),
            ("ep.", "provider."),
            profiles=True,
        ),
    ),
    "torch": (
        "graphdebug.runtime.torch_backend:TorchBackend",
        BackendInfo(
            "torch",
            "PyTorch",
            "The network that the model was exported from, as PyTorch runs it: what is known of its modules and "
            "operations to stand for tensors of the model.",
            (
                OptionInfo("module", "What makes the network, as package.module:factory.", runs_code=True),
                OptionInfo("path", "The folder in which that package lies.", runs_code=True),
                OptionInfo("checkpoint", "Its weights: a .safetensors file, or a state_dict in a .pt or .pth file."),
                OptionInfo("args", "What the factory is called with, as JSON: a list, or an object of names."),
                OptionInfo("strict", "Refuse a checkpoint that lacks weights.", _ON_OFF, "1"),
                OptionInfo("script", "Instead of a module: a TorchScript file.", runs_code=True),
                OptionInfo("program", "Instead of a module: an exported program, a .pt2 file.", runs_code=True),
                OptionInfo("convert", "Instead of a module: this very model, converted by onnx2pytorch.", _ON_OFF, "0"),
                OptionInfo("python", "The interpreter that has PyTorch and the network's packages.", runs_code=True),
                OptionInfo("device", "Where it runs.", ("cpu", "cuda"), "cpu"),
                OptionInfo(
                    "dtype",
                    "Precision of weights and inputs.",
                    ("float32", "float16", "bfloat16", "float64"),
                    "float32",
                ),
                OptionInfo("autocast", "Precision of autocast.", ("off", "float16", "bfloat16"), "off"),
                OptionInfo("mode", "eval() or train().", ("eval", "train"), "eval"),
                OptionInfo("tf32", "Let CUDA compute float32 in TF32.", _ON_OFF, "0"),
                OptionInfo("deterministic", "Use deterministic algorithms only.", _ON_OFF, "0"),
                OptionInfo("threads", "Threads inside an operator; 0: as many as PyTorch takes.", (), "0"),
                OptionInfo("example", "An .npz of inputs for the first run, when made-up ones will not do."),
            ),
            needs=("module", "script", "program", "convert"),
            profiles=True,
        ),
    ),
    "tensorrt": (
        "graphdebug.runtime.tensorrt_backend:TensorRtBackend",
        BackendInfo(
            "tensorrt",
            "TensorRT",
            "The model as an NVIDIA TensorRT engine, 8.6 to 11, built here or found among those built before.",
            (
                OptionInfo(
                    "precision",
                    "What layers may compute in; “stored”: as the file says. What came of it is read back.",
                    ("fp32", "tf32", "fp16", "bf16", "int8", "fp8", "stored"),
                    "fp32",
                    refused=tuple((kind, _LESS_THAN_A_BYTE.format(kind, kind)) for kind in ("int4", "fp4")),
                ),
                OptionInfo("shapes", "Usual shapes of inputs, such as image:1x3x224x224+mask:1x128."),
                OptionInfo("min", "Smallest shapes of inputs; left out: the usual ones."),
                OptionInfo("max", "Largest shapes of inputs; left out: the usual ones."),
                OptionInfo("workspace", "MiB of GPU memory that tactics may use; left out: all."),
                OptionInfo("level", "How hard TensorRT searches for fast tactics.", ("", *"012345")),
                OptionInfo("tactics", "Tactic sources, joined by +, such as edge_mask_convolutions+jit_convolutions."),
                OptionInfo(
                    "calibration", "Inputs that int8 and fp8 ranges are measured on: an .npz, or a folder of data sets."
                ),
                OptionInfo("batches", "How many inputs are made up to calibrate on without recorded ones.", (), "8"),
                OptionInfo("device", "Number of the GPU.", (), "0"),
                OptionInfo("python", "An interpreter that has TensorRT and numpy.", runs_code=True),
                OptionInfo("engine", "An engine file to run instead of building one.", runs_code=True),
                OptionInfo("cache", "Folder of built engines.", runs_code=True),
                OptionInfo("timing_cache", "File of measured tactics.", runs_code=True),
            ),
            profiles=True,
        ),
    ),
    "reference": (
        "graphdebug.runtime.reference_backend:ReferenceBackend",
        BackendInfo(
            "reference",
            "ONNX reference",
            "The operators as the ONNX specification words them, in NumPy: slow, unoptimised, the yardstick. In "
            "float64: a referee that says which of two engines is nearer the truth.",
            (
                OptionInfo("dtype", "Run the model as it is, or all of it in float64.", ("model", "float64"), "model"),
                OptionInfo(
                    "engine",
                    "In float64: ONNX Runtime where it has double kernels, or the evaluator alone.",
                    ("onnxruntime", "evaluator"),
                    "onnxruntime",
                ),
            ),
        ),
    ),
    "triton": (
        "graphdebug.runtime.triton_backend:TritonBackend",
        BackendInfo(
            "triton",
            "Triton server",
            "A model that a running Triton Inference Server serves: only its outputs can be had.",
            (
                OptionInfo("url", "The server's address, host:port.", (), "", reaches=True),
                OptionInfo("model", "The model's name on the server."),
                OptionInfo("version", "The model's version; empty: what the server chooses."),
                OptionInfo("protocol", "How the server is spoken to.", ("http", "grpc"), "http"),
                OptionInfo("timeout", "Seconds to wait for an answer.", (), "60"),
            ),
        ),
    ),
    "file": (
        "graphdebug.runtime.file_backend:FileBackend",
        BackendInfo(
            "file",
            "Recorded tensors",
            "Tensors that were recorded before: an .npz (such as a run's tensors.npz), a folder of .npy files, ONNX "
            "test data or Polygraphy's JSON.",
            (
                OptionInfo("path", "The file or the folder."),
                OptionInfo("runner", "Of Polygraphy's results: which runner's; the first when empty."),
                OptionInfo("iteration", "Which iteration or test_data_set, counted from 0.", (), "0"),
            ),
        ),
    ),
}


def backends() -> tuple[BackendInfo, ...]:
    """Return every known backend."""
    return tuple(info for _, info in _BACKENDS.values())


def backend(spec: BackendSpec | str, progress: Progress = silent) -> Backend:
    """Return the backend that ``spec`` names, its options checked against those it has.

    ``progress`` is told of what takes long, such as building an engine.

    Raises:
        SpecError: unknown backend, unknown option, a value that the option cannot have, or one that runs code where
            that is not allowed.
    """
    if isinstance(spec, str):
        spec = parse_spec(spec)
    if spec.name not in _BACKENDS:
        raise SpecError(f"There is no backend called {spec.name!r}; known are {', '.join(_BACKENDS)}.")
    place, info = _BACKENDS[spec.name]
    _check(spec, info)
    module, _, factory = place.partition(":")
    made: Backend = getattr(importlib.import_module(module), factory)(spec, progress)
    return made


def runs_code(spec: BackendSpec) -> str:
    """Return the first option of ``spec`` that runs code of the user's choice; empty: none does."""
    info = _BACKENDS[spec.name][1]
    keys = {option.key for option in info.options if option.runs_code}
    free = info.free_code or ("\0",)
    return next((key for key, value in spec.options if value and (key in keys or key.startswith(free))), "")


def profiles(spec: BackendSpec) -> bool:
    """Say whether the backend of ``spec`` tells times of nodes or layers."""
    return spec.name in _BACKENDS and _BACKENDS[spec.name][1].profiles


def incomplete(spec: BackendSpec) -> str:
    """Return what ``spec`` still has to say before it can run, as a sentence; empty: nothing."""
    info = _BACKENDS[spec.name][1]
    if not info.needs or any(spec.get(key) not in ("", "0") for key in info.needs):
        return ""
    return f"{info.title} needs to know what to run: {', '.join(info.needs[:-1])} or {info.needs[-1]}."


def reaches_out(spec: BackendSpec) -> str:
    """Return the first option of ``spec`` that is an address of another machine; empty: none is."""
    addresses = {option.key for option in _BACKENDS[spec.name][1].options if option.reaches}
    return next((key for key, value in spec.options if key in addresses and value and not is_this_machine(value)), "")


def _check(spec: BackendSpec, info: BackendInfo) -> None:
    known = {option.key: option for option in info.options}
    for key, value in spec.options:
        option = known.get(key)
        if option is None:
            if key.startswith((*info.free_options, *info.free_code, "\0")):
                continue
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise SpecError(f"Backend {spec.name} has no option {key!r}; {has}.")
        if why := dict(option.refused).get(value):
            raise SpecError(why)
        if option.values and value not in option.values:
            raise SpecError(
                f"Option {key} of {spec.name} cannot be {value!r}; it is one of {', '.join(option.values)}."
            )
    code = runs_code(spec)
    if code and not code_allowed():
        raise SpecError(
            f"Option {code} of {spec.name} runs code on the machine of this server, which was not started to allow it: "
            "start it with `graphdebug serve --allow-code`."
        )
    address = reaches_out(spec)
    if address and not code_allowed():
        raise SpecError(
            f"Option {address} of {spec.name} names another machine than this server, which was not started to reach "
            "any: start it with `graphdebug serve --allow-code`."
        )
