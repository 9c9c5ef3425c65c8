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
    """

    key: str
    help: str
    values: tuple[str, ...] = ()
    default: str = ""
    runs_code: bool = False
    reaches: bool = False


@dataclass(frozen=True, slots=True)
class BackendInfo:
    """A backend. Options in the order in which a form should ask; ``free_options`` are prefixes of keys passed on."""

    name: str
    title: str
    description: str
    options: tuple[OptionInfo, ...]
    free_options: tuple[str, ...] = ()


_ON_OFF = ("0", "1")

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
            ),
            ("session.", "optimization.", "mlas.", "ep."),
        ),
    ),
    "reference": (
        "graphdebug.runtime.reference_backend:ReferenceBackend",
        BackendInfo(
            "reference",
            "ONNX reference, float64 referee",
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
    options = {option.key: option for option in _BACKENDS[spec.name][1].options}
    return next((key for key, value in spec.options if value and key in options and options[key].runs_code), "")


def reaches_out(spec: BackendSpec) -> str:
    """Return the first option of ``spec`` that is an address of another machine; empty: none is."""
    addresses = {option.key for option in _BACKENDS[spec.name][1].options if option.reaches}
    return next((key for key, value in spec.options if key in addresses and value and not is_this_machine(value)), "")


def _check(spec: BackendSpec, info: BackendInfo) -> None:
    known = {option.key: option for option in info.options}
    for key, value in spec.options:
        option = known.get(key)
        if option is None:
            if key.startswith(info.free_options or ("\0",)):
                continue
            has = f"its options are {', '.join(known)}" if known else "it has none"
            raise SpecError(f"Backend {spec.name} has no option {key!r}; {has}.")
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
