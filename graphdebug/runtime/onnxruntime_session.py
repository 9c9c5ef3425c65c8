"""A model made ready on ONNX Runtime, wherever that runs."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import BackendError, Mode, Value
from graphdebug.runtime.onnxruntime_engine import Engine, Loaded
from graphdebug.runtime.onnxruntime_foreign import ForeignEngine
from graphdebug.runtime.onnxruntime_local import LocalEngine
from graphdebug.runtime.onnxruntime_options import CPU, Configuration
from graphdebug.runtime.onnxruntime_values import type_of_argument
from graphdebug.runtime.providers import Providers
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.timing import Runs, Times


@dataclass(frozen=True, slots=True)
class Tapped:
    """What of a model is exposed: tensors by name, those that cannot be with the reason, and which execution provider
    has which node."""

    names: Sequence[str]
    untapped: Mapping[str, str]
    providers: Providers


class OnnxRuntimeSession:
    """A model made ready. It owns its engine, and closes it."""

    def __init__(
        self,
        engine: Engine,
        loaded: Loaded,
        model: Model,
        tapped: Tapped,
        environment: Mapping[str, str],
        folder: "tempfile.TemporaryDirectory[str] | None" = None,
    ) -> None:
        """Offer what of ``tapped`` can be read; ``folder`` holds temporary files and is removed at the end."""
        self._engine: Engine | None = engine
        self._types = loaded.types
        self._accepted = loaded.accepted
        self._folder = folder
        unreadable = {name: engine.unreadable(self._types[name]) for name in tapped.names}
        self.inputs: Sequence[ValueInfo] = model_inputs(model)
        self.tensors: Sequence[str] = [name for name in tapped.names if not unreadable[name]]
        self.outputs: Sequence[str] = [name for name in model.graphs[MAIN_GRAPH].outputs if name in set(self.tensors)]
        self.untapped: Mapping[str, str] = {**tapped.untapped, **{name: why for name, why in unreadable.items() if why}}
        self.types: Mapping[str, ValueType] = {
            name: type_of_argument(kind, shape) for name, kind, shape in loaded.outputs
        }
        self.environment: Mapping[str, str] = environment
        self.providers: Providers = tapped.providers

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once and return the named tensors; feeds that the model does not take are left out."""
        engine, given = self._checked(feeds, fetch)
        return engine.run(given, list(dict.fromkeys(fetch))) if fetch else {}

    def close(self) -> None:
        """Free the session and its temporary files."""
        if self._engine is not None:
            self._engine.close()
        self._engine = None
        if self._folder is not None:
            self._folder.cleanup()

    def _checked(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> tuple[Engine, dict[str, Value]]:
        """Return the engine and those feeds that it takes."""
        if self._engine is None:
            raise BackendError("This ONNX Runtime session has been closed.")
        missing = [value.name for value in self.inputs if value.name not in feeds]
        if missing:
            raise BackendError(f"Input {missing[0]!r} of the model is not fed.")
        unknown = [name for name in fetch if name not in self._types]
        if unknown:
            raise BackendError(f"ONNX Runtime cannot fetch {unknown[0]!r} from this session.")
        return self._engine, {name: value for name, value in feeds.items() if name in self._accepted}


class _LocalSession(OnnxRuntimeSession):
    """One of this process: it can be called with nothing around."""

    def ready(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> Callable[[], object]:
        """See `graphdebug.runtime.timing.Ready`."""
        engine, given = self._checked(feeds, fetch)
        assert isinstance(engine, LocalEngine)
        return engine.ready(given, list(dict.fromkeys(fetch)))


class _ForeignSession(OnnxRuntimeSession):
    """One of another interpreter: it times itself there."""

    _given: "tuple[Mapping[str, Value], dict[str, Value]] | None" = None

    def time_runs(self, feeds: Mapping[str, Value], fetch: Sequence[str], runs: Runs) -> Times:
        """See `graphdebug.runtime.timing.Timed`."""
        engine, given = self._checked(feeds, fetch)
        assert isinstance(engine, ForeignEngine)
        if self._given is None or self._given[0] is not feeds:
            self._given = feeds, given
        return engine.time_runs(self._given[1], list(dict.fromkeys(fetch)), runs)


def session_of(
    engine: Engine,
    loaded: Loaded,
    model: Model,
    tapped: Tapped,
    environment: Mapping[str, str],
    folder: "tempfile.TemporaryDirectory[str] | None" = None,
) -> OnnxRuntimeSession:
    """Return the session of what ``engine`` loaded, which is measured in the way that the engine can be."""
    kind = _ForeignSession if isinstance(engine, ForeignEngine) else _LocalSession
    return kind(engine, loaded, model, tapped, environment, folder)


def environment_of(engine: Engine, loaded: Loaded, model: Model, wanted: Configuration, mode: Mode) -> dict[str, str]:
    """Say what really runs."""
    environment = {
        "backend": f"ONNX Runtime {loaded.version}",
        "providers": ", ".join(loaded.providers),
        "optimisation": wanted.level,
        "mode": str(mode),
        "threads": str(wanted.threads) if wanted.threads else "one per core",
        "waiting threads": "spin" if wanted.spins else "sleep",
    }
    if isinstance(engine, ForeignEngine):
        environment.update((name, version) for name, version in engine.versions() if name != "onnxruntime")
    if wanted.disabled:
        environment["disabled optimisers"] = ", ".join(wanted.disabled)
    if loaded.tf32:
        environment["TF32"] = loaded.tf32
    if loaded.device:
        environment["timed runs"] = f"inputs and outputs stay on {loaded.device}: copies are not part of them"
    if wanted.libraries:
        environment["operators from"] = ", ".join(wanted.libraries)
    if wanted.provider_library:
        environment["execution provider from"] = wanted.provider_library[1]
    environment.update(wanted.written)
    environment.update({f"provider.{key}": value for key, value in wanted.provider_options})
    half = any(kind.dtype == "float16" for kind in model.types[MAIN_GRAPH].values())
    if half and loaded.provider == CPU:
        environment["note"] = "The CPU kernels compute many float16 operators in float32."
    return environment
