"""Recorded tensors as a backend: what another program, or an earlier run, computed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo, ValueType
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import Availability, BackendError, BackendSpec, Mode, Session, Value
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.recorded import Recorded, open_recorded
from graphdebug.runtime.store import StoreError
from graphdebug.runtime.taps import chosen


class FileBackend:
    """Reads ``path``: an ``.npz`` (such as a run's ``tensors.npz``), a folder of ``.npy``, one ``.npy``, a folder of
    ONNX test data, or a ``.json`` of Polygraphy's (or its folder with one for each iteration).
    """

    def __init__(self, spec: BackendSpec, progress: Progress = silent) -> None:
        """Keep the SPEC."""
        self.spec = spec

    def probe(self) -> Availability:
        """Say whether the file is there and is an archive."""
        try:
            _open(self.spec)
        except BackendError as error:
            return Availability(False, str(error))
        return Availability(True)

    def prepare(self, model: Model | None, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Offer the recorded tensors that ``model`` computes, in its order; all of them when there is no model."""
        return FileSession(_open(self.spec, model), self.spec, model, mode, taps)


class FileSession:
    """Recorded tensors; nothing is fed and nothing runs."""

    def __init__(
        self, reader: Recorded, spec: BackendSpec, model: Model | None, mode: Mode, taps: Sequence[str] | None
    ) -> None:
        """Match the archive's names with the model's."""
        self._reader = reader
        outputs = [*reader.names] if model is None else list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs))
        if model is None:
            wanted = reader.names if taps is None else [name for name in reader.names if name in set(taps)]
        else:
            wanted = outputs if mode is Mode.PLAIN else chosen(model, taps)
        self.inputs: Sequence[ValueInfo] = ()
        self.tensors: Sequence[str] = [name for name in wanted if name in reader]
        self.outputs: Sequence[str] = [name for name in outputs if name in set(self.tensors)]
        self.untapped: Mapping[str, str] = {name: "not recorded" for name in wanted if name not in reader}
        self.types: Mapping[str, ValueType] = {}
        said = {key: spec.get(key) for key in ("runner", "iteration") if spec.get(key)}
        self.environment: Mapping[str, str] = {"backend": "recorded tensors", "path": spec.get("path"), **said}

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Read the named tensors; feeds are of no consequence."""
        try:
            return {name: self._reader.read(name) for name in fetch}
        except KeyError as error:
            raise BackendError(f"No tensor called {error.args[0]!r} was recorded.") from None
        except (StoreError, OSError) as error:
            raise BackendError(f"A recorded tensor cannot be read: {error}") from error

    def close(self) -> None:
        """Nothing is held."""


def _open(spec: BackendSpec, model: Model | None = None) -> Recorded:
    path, iteration = spec.get("path"), spec.get("iteration", "0")
    if not path:
        raise BackendError("Recorded tensors need a file: write file:path=out.npz.")
    if not iteration.isdecimal() or len(iteration) > 9:
        raise BackendError(f"Option iteration of file must be a whole number, not {iteration!r}.")
    try:
        return open_recorded(Path(path), model, spec.get("runner"), int(iteration))
    except OSError as error:
        raise BackendError(f"The recorded tensors {path} cannot be read: {error.strerror or error}.") from error
    except StoreError as error:
        raise BackendError(f"The recorded tensors cannot be read: {error}") from error
