"""ONNX Runtime as a backend: plain, with every tensor exposed, or optimised first and tapped where it survived.

Weights are never loaded here: the session gets the model without them, and ONNX Runtime reads them from the model's
own file (external data references, see ``model/wire.py``). What is done with graphs is done here, whichever engine
(onnxruntime_engine.py) runs them.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from graphdebug.model.document import Model
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.onnxruntime_engine import Engine, Files, Loaded
from graphdebug.runtime.onnxruntime_foreign import ForeignEngine
from graphdebug.runtime.onnxruntime_local import LocalEngine
from graphdebug.runtime.onnxruntime_options import Configuration, configuration
from graphdebug.runtime.onnxruntime_session import OnnxRuntimeSession, Tapped, environment_of, session_of
from graphdebug.runtime.providers import providers_of_nodes
from graphdebug.runtime.taps import chosen, expose, named

_OPTIMIZED = "optimized.onnx"


class OnnxRuntimeBackend:
    """ONNX Runtime. Its options are listed in ``registry.backends()``; keys with a dot are session config keys."""

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC; nothing is checked before ``probe`` or ``prepare``."""
        self.spec = spec
        self._progress = progress

    def probe(self) -> Availability:
        """Run a model of one node with this configuration."""
        versions: tuple[tuple[str, str], ...] = ()
        try:
            wanted = configuration(self.spec)
            engine = open_engine(self.spec, self._progress)
            try:
                versions = engine.versions()
                engine.load(_one_node(), wanted, Files())
                engine.run({"x": np.ones(1, np.float32)}, ["y"])
            finally:
                engine.close()
        except BackendError as error:
            return Availability(False, str(error), versions)
        return Availability(True, versions=versions)

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Make ``model`` ready in ``mode``; see the protocol."""
        wanted = configuration(self.spec)
        outputs = list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
        names = outputs if mode is Mode.PLAIN else chosen(model, taps)
        engine = open_engine(self.spec, self._progress)
        try:
            if mode is Mode.DEPLOYED:
                return _deployed(engine, model, wanted, names)
            proto = named(model)
            if mode is Mode.ISOLATED:
                proto = expose(proto, names)
            loaded = engine.load(serialize(proto), wanted, Files(weights=model.path.parent))
            tapped = Tapped(names, {}, providers_of_nodes(model, loaded.assigned))
            return session_of(engine, loaded, model, tapped, environment_of(engine, loaded, model, wanted, mode))
        except BaseException:
            engine.close()
            raise


def open_engine(spec: BackendSpec, progress: Progress = silent) -> Engine:
    """Return the ONNX Runtime that ``spec`` asks for: that of another interpreter where it names one.

    Raises:
        BackendError: there is no such interpreter, or it has no ONNX Runtime.
    """
    python = spec.get("python")
    return ForeignEngine(python, progress) if python else LocalEngine()


def save_optimized(engine: Engine, model: Model, wanted: Configuration, path: Path) -> Loaded:
    """Let ONNX Runtime optimise ``model`` and write what it would run to ``path``, larger weights beside it.

    Raises:
        BackendError: ONNX Runtime refuses the model.
    """
    return engine.load(serialize(named(model)), wanted, Files(weights=model.path.parent, optimized=path))


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


def _deployed(engine: Engine, model: Model, wanted: Configuration, names: Sequence[str]) -> OnnxRuntimeSession:
    """Let ONNX Runtime optimise the model and save it, then run the saved one unoptimised with its tensors exposed."""
    temporary = tempfile.TemporaryDirectory(prefix="optimized-", ignore_cleanup_errors=True)
    folder = Path(temporary.name)
    try:
        assigned = save_optimized(engine, model, wanted, folder / _OPTIMIZED).assigned
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
        loaded = engine.load(exposed, wanted.at("disable"), Files(weights=folder))
        environment = environment_of(engine, loaded, model, wanted, Mode.DEPLOYED)
        environment["nodes after optimisation"] = str(len(optimized.graph.node))
        tapped = Tapped(surviving, gone, providers_of_nodes(model, assigned))
        return session_of(engine, loaded, model, tapped, environment, temporary)
    except BaseException:
        temporary.cleanup()
        raise


def _one_node() -> bytes:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "probe",
        [value("x", TensorProto.FLOAT, [1])],
        [value("y", TensorProto.FLOAT, [1])],
    )
    return serialize(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 13)]))
