"""ONNX Runtime with at most one model loaded: the seam between what is done with graphs, here, and who runs them.

`LocalEngine` (onnxruntime_local.py) is the ONNX Runtime of this process, `ForeignEngine` (onnxruntime_foreign.py) one
under another interpreter. Both make sessions by `graphdebug.foreign.onnxruntime_session`,
and so mean the same by an option.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from graphdebug.runtime.backend import Value
from graphdebug.runtime.onnxruntime_options import Configuration


@dataclass(frozen=True, slots=True)
class Files:
    """Where a session's files lie: the folder of external data; where to write the optimised model (larger weights go
    beside it); what the path of a profile begins with, which is then made."""

    weights: Path | None = None
    optimized: Path | None = None
    profile: Path | None = None

    def told(self) -> dict[str, str]:
        """Return them as text, absolute, as far as there are any."""
        named = {"weights": self.weights, "optimized": self.optimized, "profile": self.profile}
        return {name: str(path.absolute()) for name, path in named.items() if path is not None}


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an engine says of the model it loaded.

    ``provider`` is the full name of the execution provider that was asked for, ``providers`` all in order, ``accepted``
    what can be fed, ``outputs`` name, type as ONNX Runtime calls it and shape, ``tf32`` words (empty: no such thing),
    ``device`` where inputs and outputs of timed runs lie (empty: the host's memory), ``assigned`` execution provider,
    name and operator of each node, see `onnxruntime_session`.
    """

    version: str
    provider: str
    providers: tuple[str, ...]
    accepted: frozenset[str]
    outputs: tuple[tuple[str, str, tuple[int | str | None, ...]], ...]
    tf32: str
    device: str
    assigned: tuple[tuple[str, str, str], ...]

    @property
    def types(self) -> dict[str, str]:
        """The outputs' types as ONNX Runtime calls them."""
        return {name: kind for name, kind, _ in self.outputs}


class Engine(Protocol):
    """ONNX Runtime somewhere."""

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return package and version of what runs.

        Raises:
            BackendError: ONNX Runtime is not there.
        """
        ...

    def load(self, model: bytes, wanted: Configuration, files: Files) -> Loaded:
        """Create a session from a serialised model, in place of the one before.

        Raises:
            BackendError: ONNX Runtime refuses the model, or cannot start the execution provider.
        """
        ...

    def unreadable(self, type_name: str) -> str:
        """Return why values of a type, as ONNX Runtime calls it, cannot be fetched; empty: they can."""
        ...

    def run(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once on what can be fed, and return the named tensors.

        Raises:
            BackendError: ONNX Runtime fails.
        """
        ...

    def end_profile(self) -> Path:
        """Return the profile of the runs since the model was loaded."""
        ...

    def close(self) -> None:
        """Give back everything that was taken."""
        ...


def told(described: Mapping[str, Any]) -> Loaded:
    """Read what `onnxruntime_session.describe` told."""
    return msgspec.convert(described, Loaded)
