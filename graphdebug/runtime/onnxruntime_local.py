"""The ONNX Runtime of this process as an engine."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from graphdebug.foreign import onnxruntime_session
from graphdebug.foreign.onnxruntime_values import bound
from graphdebug.foreign.talk import Refused
from graphdebug.runtime import onnxruntime_values as values
from graphdebug.runtime.backend import BackendError, Value
from graphdebug.runtime.onnxruntime_engine import Files, Loaded, told
from graphdebug.runtime.onnxruntime_options import Configuration


class LocalEngine:
    """The ONNX Runtime of this process."""

    def __init__(self) -> None:
        """Load nothing."""
        self._session: Any = None
        self._loaded: Loaded | None = None
        self._device = 0

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return ONNX Runtime's."""
        return (("onnxruntime", str(onnxruntime.__version__)),)

    def load(self, model: bytes, wanted: Configuration, files: Files) -> Loaded:
        """Create a session; see the protocol."""
        how = asdict(wanted)
        self._session = None
        with _sentences():
            self._session = onnxruntime_session.create(model, how, files.told())
        self._loaded = told(onnxruntime_session.describe(self._session, how))
        self._device = wanted.device
        return self._loaded

    def unreadable(self, type_name: str) -> str:
        """See the protocol."""
        return "" if values.is_readable(type_name) else f"{type_name} cannot be read from ONNX Runtime"

    def run(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Fetch through NumPy where it knows the types, else from memory; containers then need a second run."""
        session, types = self._session, self._types
        with _sentences():
            given = {name: values.to_feed(value) for name, value in feeds.items()}
            if not any(values.is_raw(types[name]) for name in fetch):
                return dict(zip(fetch, session.run(list(fetch), given), strict=True))
            tensors = [name for name in fetch if types[name].startswith("tensor(")]
            containers = [name for name in fetch if not types[name].startswith("tensor(")]
            held = {name: values.to_ort_value(value) for name, value in given.items()}
            found = session.run_with_ort_values(tensors, held)
            fetched: dict[str, Value] = {
                name: values.from_ort_value(value) for name, value in zip(tensors, found, strict=True)
            }
            if containers:
                fetched.update(zip(containers, session.run(containers, given), strict=True))
            return fetched

    def ready(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> Callable[[], object]:
        """Return what runs the session once, everything bound beforehand (`graphdebug.runtime.timing.Ready`)."""
        session, types = self._session, self._types
        assert self._loaded is not None
        with _sentences():
            given = {name: values.to_feed(value) for name, value in feeds.items()}
            tensors = all(isinstance(value, np.ndarray | onnxruntime.OrtValue) for value in given.values())
            if not tensors or not all(types[name].startswith("tensor(") for name in fetch):
                return partial(session.run, list(fetch), given)  # sequences and maps cannot be bound
            held = {name: values.to_ort_value(value) for name, value in given.items()}
            return bound(session, held, fetch, self._loaded.device, self._device)

    def end_profile(self) -> Path:
        """See the protocol."""
        return Path(self._session.end_profiling())

    def close(self) -> None:
        """Free the session."""
        self._session = None

    @property
    def _types(self) -> dict[str, str]:
        assert self._loaded is not None
        return self._loaded.types


@contextmanager
def _sentences() -> Iterator[None]:
    """Raise as a BackendError what ONNX Runtime says, and what `onnxruntime_session` refused as it is."""
    try:
        yield
    except MemoryError:
        raise
    except Refused as error:
        raise BackendError(str(error)) from error
    except Exception as error:
        raise BackendError(
            f"ONNX Runtime failed while running the model: {onnxruntime_session.sentence(error)}"
        ) from error
