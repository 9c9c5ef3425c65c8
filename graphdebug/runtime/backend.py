"""The contract of everything that can run a model.

A backend is looked up by name in a SPEC (``onnxruntime:provider=cpu,opt=all``), probed honestly, and prepared for
one model in one mode. What it prepares is a session: fetch tensors by name, as often as memory asks for, then close.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from graphdebug.model.document import Model
from graphdebug.model.records import ValueInfo, ValueType

Value = Any
"""What a backend takes and gives: a numpy array, a list (sequence), a dict (map) or None (empty optional)."""


class Mode(StrEnum):
    """How tensors are exposed.

    ``PLAIN``: only the model's own outputs, as anyone would run it. ``ISOLATED``: every tensor an output, which
    changes fusion. ``DEPLOYED``: the engine optimises first, then what survives is tapped.
    """

    PLAIN = "plain"
    ISOLATED = "isolated"
    DEPLOYED = "deployed"


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A parsed SPEC: ``name`` and its options, in the order they were written."""

    name: str
    options: tuple[tuple[str, str], ...] = ()

    def get(self, key: str, default: str = "") -> str:
        """Return option ``key`` or ``default``."""
        return dict(self.options).get(key, default)

    def __str__(self) -> str:
        """Return the SPEC as a user would write it."""
        tail = ",".join(f"{key}={value}" for key, value in self.options)
        return f"{self.name}:{tail}" if tail else self.name


@dataclass(frozen=True, slots=True)
class Availability:
    """Whether a backend runs on this machine; ``reason`` is one sentence with the way to get it when it does not."""

    available: bool
    reason: str = ""
    versions: tuple[tuple[str, str], ...] = ()


class Session(Protocol):
    """A model made ready on one backend."""

    inputs: Sequence[ValueInfo]
    """What must be fed, in the model's order."""
    tensors: Sequence[str]
    """Every name that ``infer`` can fetch, in topological order (the model's outputs included)."""
    outputs: Sequence[str]
    """The model's own outputs, a subset of ``tensors``."""
    untapped: Mapping[str, str]
    """Tensors of the model that cannot be fetched here, with the reason in a few words (``fused away``)."""
    types: Mapping[str, ValueType]
    """Types of ``tensors`` as far as the engine knows them before it runs; dimensions it does not know are names."""
    environment: Mapping[str, str]
    """What really ran: versions, providers, optimisation level, threads…"""

    def infer(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once and return the named tensors."""
        ...

    def close(self) -> None:
        """Give back everything that was taken."""
        ...


def files_of(session: Session) -> Mapping[str, Path]:
    """Return what a session leaves for the user besides tensors, such as an engine's layers: file name → file.

    The files go with the session.
    """
    files: Mapping[str, Path] = getattr(session, "files", {})
    return files


class Backend(Protocol):
    """A way to run models."""

    spec: BackendSpec

    def probe(self) -> Availability:
        """Say whether this configuration runs on this machine, by trying it."""
        ...

    def prepare(self, model: Model, mode: Mode, taps: Sequence[str] | None = None) -> Session:
        """Make ``model`` ready. ``taps`` are main-graph tensor names to expose (None: all; ignored in PLAIN).

        Raises:
            BackendError: one sentence that names what the backend refused and why.
        """
        ...


def is_eager(runner: Backend) -> bool:
    """Say whether a backend taps and holds only what is fetched, and fuses nothing.

    No model is cut up for it, and a session with taps runs untapped when only outputs are fetched.
    """
    return bool(getattr(runner, "eager", False))


class BackendError(Exception):
    """A backend could not do what was asked; the message is one sentence for the user."""
