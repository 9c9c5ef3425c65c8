"""ONNX Runtime as a backend: plain, with every tensor exposed, or optimised first and tapped where it survived.

Weights are never loaded here: the session gets the model without them, and ONNX Runtime reads them from the model's
own file (external data references, see ``model/wire.py``).
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session, Value
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.onnxruntime_options import CPU, Configuration, configuration, missing_provider, sentence
from graphdebug.runtime.onnxruntime_values import (
    from_ort_value,
    is_raw,
    is_readable,
    to_feed,
    to_ort_value,
    type_of_argument,
)
from graphdebug.runtime.taps import chosen, expose, model_inputs, named

_OPTIMIZED, _WEIGHTS = "optimized.onnx", "weights.bin"
_KEPT_INLINE = 1024
"""Bytes: smaller initializers stay in the optimised model's file, larger ones go beside it."""


class OnnxRuntimeBackend:
    """ONNX Runtime. Its options are listed in ``registry.backends()``; keys with a dot are session config keys."""

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC; nothing is checked before ``probe`` or ``prepare``."""
        self.spec = spec

    def probe(self) -> Availability:
        """Run a model of one node with this configuration."""
        versions = (("onnxruntime", str(ort.__version__)),)
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            [helper.make_node("Add", ["x", "x"], ["y"])],
            "probe",
            [value("x", TensorProto.FLOAT, [1])],
            [value("y", TensorProto.FLOAT, [1])],
        )
        proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)])
        try:
            wanted = configuration(self.spec)
            session = create_session(proto.SerializeToString(), wanted, wanted.session_options(wanted.level))
            session.run(["y"], {"x": np.ones(1, np.float32)})
        except BackendError as error:
            return Availability(False, str(error), versions)
        except Exception as error:
            return Availability(False, f"ONNX Runtime cannot run here: {sentence(error)}", versions)
        return Availability(True, versions=versions)

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Make ``model`` ready in ``mode``; see the protocol."""
        wanted = configuration(self.spec)
        if mode is Mode.DEPLOYED:
            return _deployed(model, wanted, chosen(model, taps))
        outputs = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
        names = chosen(model, taps) if mode is Mode.ISOLATED else outputs
        proto = named(model)
        if mode is Mode.ISOLATED:
            proto = expose(proto, names)
        options = wanted.session_options(wanted.level)
        session = create_session(serialize(proto), wanted, options, model.path.parent)
        return OnnxRuntimeSession(session, model, names, {}, environment_of(session, model, wanted, mode))


class OnnxRuntimeSession:
    """A model made ready on ONNX Runtime."""

    def __init__(
        self,
        session: ort.InferenceSession,
        model: Model,
        names: Sequence[str],
        untapped: Mapping[str, str],
        environment: Mapping[str, str],
        folder: "tempfile.TemporaryDirectory[str] | None" = None,
    ) -> None:
        """Offer those of ``names`` that can be read; ``folder`` holds temporary files and is removed at the end."""
        self._session: ort.InferenceSession | None = session
        self._types = {output.name: output.type for output in session.get_outputs()}
        self._folder = folder
        unreadable = [name for name in names if not is_readable(self._types[name])]
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        self._accepted = {value.name for value in (*session.get_inputs(), *session.get_overridable_initializers())}
        self.tensors: Sequence[str] = [name for name in names if is_readable(self._types[name])]
        self.outputs: Sequence[str] = [name for name in model.graphs[MAIN_GRAPH].outputs if name in set(self.tensors)]
        self.untapped: Mapping[str, str] = {
            **untapped,
            **{name: f"{self._types[name]} cannot be read from ONNX Runtime" for name in unreadable},
        }
        self.types: Mapping[str, ValueType] = {
            output.name: type_of_argument(output.type, output.shape) for output in session.get_outputs()
        }
        self.environment: Mapping[str, str] = environment

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once and return the named tensors; feeds that the model does not take are left out."""
        session, given = self._checked(feeds, fetch)
        if not fetch:
            return {}
        try:
            return self._run(session, given, list(dict.fromkeys(fetch)))
        except MemoryError:
            raise
        except Exception as error:
            raise _failed(error) from error

    def ready(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> Callable[[], object]:
        """Return what runs the session once, inputs and outputs bound beforehand (`graphdebug.runtime.timing.Ready`).

        Inputs lie in the host's memory: where a provider has memory of its own, copying them is part of each run.
        """
        session, given = self._checked(feeds, fetch)
        names = list(dict.fromkeys(fetch))
        tensors = all(isinstance(value, np.ndarray | ort.OrtValue) for value in given.values())
        if not tensors or not all(self._types[name].startswith("tensor(") for name in names):
            return partial(session.run, names, given)  # sequences and maps cannot be bound
        try:
            values = {name: to_ort_value(value) for name, value in given.items()}
            binding = session.io_binding()
            for name, value in values.items():
                binding.bind_ortvalue_input(name, value)
            for name in names:
                binding.bind_output(name)
        except Exception as error:
            raise _failed(error) from error
        call = partial(session.run_with_iobinding, binding)
        call.feeds = values  # type: ignore[attr-defined]  # the binding refers to them and does not keep them alive
        return call

    def _checked(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> tuple[ort.InferenceSession, dict[str, Any]]:
        """Return the session and the feeds as it takes them."""
        session = self._session
        if session is None:
            raise BackendError("This ONNX Runtime session has been closed.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {missing[0]!r} of the model is not fed.")
        unknown = [name for name in fetch if name not in self._types]
        if unknown:
            raise BackendError(f"ONNX Runtime cannot fetch {unknown[0]!r} from this session.")
        try:
            return session, {name: to_feed(value) for name, value in feeds.items() if name in self._accepted}
        except MemoryError:
            raise
        except Exception as error:
            raise _failed(error) from error

    def close(self) -> None:
        """Free the session and its temporary files."""
        self._session = None
        if self._folder is not None:
            self._folder.cleanup()

    def _run(self, session: ort.InferenceSession, feeds: dict[str, Any], fetch: list[str]) -> dict[str, Value]:
        """Fetch through NumPy where it knows the types, else from memory; containers then need a second run."""
        if not any(is_raw(self._types[name]) for name in fetch):
            return dict(zip(fetch, session.run(fetch, feeds), strict=True))
        tensors = [name for name in fetch if self._types[name].startswith("tensor(")]
        containers = [name for name in fetch if not self._types[name].startswith("tensor(")]
        given = {name: to_ort_value(value) for name, value in feeds.items()}
        values = session.run_with_ort_values(tensors, given)
        fetched: dict[str, Value] = {name: from_ort_value(value) for name, value in zip(tensors, values, strict=True)}
        if containers:
            fetched.update(zip(containers, session.run(containers, feeds), strict=True))
        return fetched


def _failed(error: Exception) -> BackendError:
    return BackendError(f"ONNX Runtime failed while running the model: {sentence(error)}")


def _deployed(model: Model, wanted: Configuration, names: Sequence[str]) -> OnnxRuntimeSession:
    """Let ONNX Runtime optimise the model and save it, then run the saved one unoptimised with its tensors exposed."""
    temporary = tempfile.TemporaryDirectory(prefix="optimized-", ignore_cleanup_errors=True)
    folder = Path(temporary.name)
    try:
        save_optimized(model, wanted, folder / _OPTIMIZED)
        optimized = onnx.load(folder / _OPTIMIZED, load_external_data=False)
        computed = {name for node in optimized.graph.node for name in node.output}
        constants = {tensor.name for tensor in optimized.graph.initializer}
        outputs = set(model.graphs[MAIN_GRAPH].outputs)
        surviving = [name for name in names if name in computed or name in outputs]
        gone = {
            name: "folded into a constant" if name in constants else "fused away"
            for name in names
            if name not in computed and name not in outputs
        }
        exposed = serialize(expose(optimized, surviving))
        session = create_session(exposed, wanted, wanted.session_options("disable"), folder)
        environment = environment_of(session, model, wanted, Mode.DEPLOYED)
        environment["nodes after optimisation"] = str(len(optimized.graph.node))
        return OnnxRuntimeSession(session, model, surviving, gone, environment, temporary)
    except BaseException:
        temporary.cleanup()
        raise


def save_optimized(model: Model, wanted: Configuration, path: Path) -> None:
    """Let ONNX Runtime optimise ``model`` and write what it would run to ``path``, larger weights beside it.

    Raises:
        BackendError: ONNX Runtime refuses the model.
    """
    options = wanted.session_options(wanted.level)
    options.optimized_model_filepath = str(path)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", _WEIGHTS)
    minimum = "session.optimized_model_external_initializers_min_size_in_bytes"
    options.add_session_config_entry(minimum, str(_KEPT_INLINE))
    create_session(serialize(named(model)), wanted, options, model.path.parent)


def create_session(
    data: bytes, wanted: Configuration, options: ort.SessionOptions, weights: Path | None = None
) -> ort.InferenceSession:
    """Create a session from a serialised model whose external data lies in folder ``weights``.

    Raises:
        BackendError: ONNX Runtime refuses the model, or cannot start the execution provider.
    """
    if weights is not None:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", str(weights.absolute())
        )
    try:
        session = ort.InferenceSession(
            data,
            options,
            providers=wanted.providers(),
            disabled_optimizers=list(wanted.disabled) or None,
            enable_fallback=False,
        )
    except MemoryError:
        raise
    except Exception as error:
        raise BackendError(f"ONNX Runtime cannot load the model: {sentence(error)}") from error
    if wanted.provider not in session.get_providers():  # it falls back to the CPU without an error
        raise BackendError(missing_provider(wanted.provider))
    return session


def serialize(proto: onnx.ModelProto) -> bytes:
    """Serialise a model without its weights.

    Raises:
        BackendError: even so it is larger than protobuf can write.
    """
    try:
        data: bytes = proto.SerializeToString()
    except ValueError as error:
        raise BackendError(f"The model without its weights is too large for ONNX Runtime: {error}.") from error
    return data


def environment_of(session: ort.InferenceSession, model: Model, wanted: Configuration, mode: Mode) -> dict[str, str]:
    """Say what really runs."""
    environment = {
        "backend": f"ONNX Runtime {ort.__version__}",
        "providers": ", ".join(session.get_providers()),
        "optimisation": wanted.level,
        "mode": str(mode),
        "threads": str(wanted.threads) if wanted.threads else "one per core",
        "waiting threads": "spin" if wanted.spins else "sleep",
    }
    if wanted.disabled:
        environment["disabled optimisers"] = ", ".join(wanted.disabled)
    environment.update(wanted.entries)
    half = any(kind.dtype == "float16" for kind in model.types[MAIN_GRAPH].values())
    if half and wanted.provider == CPU:
        environment["note"] = "The CPU kernels compute many float16 operators in float32."
    return environment
