"""From a SPEC to how a session of ONNX Runtime is wanted. What a version of it has is looked up where it runs."""

import re
from dataclasses import dataclass, replace

from graphdebug.runtime.backend import BackendError, BackendSpec

CPU = "CPUExecutionProvider"
_PROVIDER_OPTION = "provider."
_SPINNING = "session.intra_op.allow_spinning"
_DEFAULTS = {_SPINNING: "0"}
"""Threads that wait for work leave the cores to whatever runs beside: no session here runs often enough to gain."""
_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a session is wanted, as far as that can be checked without ONNX Runtime.

    ``provider`` is an execution provider as the user calls it, ``entries`` are session config entries, ``libraries``
    paths of custom operators, ``provider_library`` name and path of an execution provider (or nothing), ``tf32`` 0, 1
    or empty: as ONNX Runtime has it.
    """

    provider: str
    level: str
    disabled: tuple[str, ...]
    threads: int
    inter_threads: int
    parallel: bool
    deterministic: bool
    arena: bool
    mem_pattern: bool
    device: int
    entries: tuple[tuple[str, str], ...]
    provider_options: tuple[tuple[str, str], ...]
    libraries: tuple[str, ...]
    provider_library: tuple[str, ...]
    tf32: str

    @property
    def spins(self) -> bool:
        """Whether threads that wait for work keep their processor busy."""
        return dict(self.entries)[_SPINNING] != "0"

    @property
    def written(self) -> dict[str, str]:
        """Session config entries that are not there by default."""
        return {key: value for key, value in self.entries if _DEFAULTS.get(key) != value}

    def at(self, level: str) -> "Configuration":
        """Return the same at another optimisation level."""
        return replace(self, level=level)


def configuration(spec: BackendSpec) -> Configuration:
    """Read the options of ``spec``.

    Raises:
        BackendError: a number that is none, or a library without a name.
    """
    dotted = [(key, value) for key, value in spec.options if "." in key]
    entries = {key: value for key, value in dotted if not key.startswith(_PROVIDER_OPTION)}
    return Configuration(
        provider=spec.get("provider", "cpu"),
        level=spec.get("opt", "all"),
        disabled=_several(spec, "disable"),
        threads=_number(spec, "threads"),
        inter_threads=_number(spec, "inter_threads"),
        parallel=spec.get("execution") == "parallel",
        deterministic=spec.get("deterministic", "0") == "1",
        arena=spec.get("arena", "1") == "1",
        mem_pattern=spec.get("mem_pattern", "1") == "1",
        device=_number(spec, "device"),
        entries=tuple({**_DEFAULTS, **entries}.items()),
        provider_options=tuple(
            (key.removeprefix(_PROVIDER_OPTION), value) for key, value in dotted if key.startswith(_PROVIDER_OPTION)
        ),
        libraries=_several(spec, "library"),
        provider_library=_library(spec.get("ep_library")),
        tf32=spec.get("tf32"),
    )


def _several(spec: BackendSpec, key: str) -> tuple[str, ...]:
    return tuple(part for part in spec.get(key).split("+") if part)


def _library(text: str) -> tuple[str, ...]:
    if not text:
        return ()
    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise BackendError(f"ep_library={text} must name a library as NAME=PATH, such as ep_library=my_ep=/libs/ep.so.")
    return name, path


def _number(spec: BackendSpec, key: str) -> int:
    text = spec.get(key, "0")
    if not _NUMBER.fullmatch(text):
        raise BackendError(f"Option {key} of {spec.name} must be a whole number, not {text!r}.")
    return int(text)
