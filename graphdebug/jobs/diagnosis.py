"""What this installation is made of and which backends run on this machine.

Backends are probed in a worker: a provider's native library that crashes takes the worker along, not the server.
"""

import os
import platform
import tempfile
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from graphdebug.model.units import size_text
from graphdebug.runtime.events import Limits, Progress, WorkerError
from graphdebug.runtime.process import start
from graphdebug.workspace.entries import Usage

_PACKAGES = (
    "graphdebug",
    "streamlit",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "onnxscript",
    "tensorrt",
    "numpy",
    "pandas",
    "plotly",
    "msgspec",
    "sqlalchemy",
    "starlette",
)
_PROBE_SECONDS = 60
_OTHERS = ("reference", "reference:dtype=float64", "torch:convert=1", "tensorrt", "triton:model=any")
"""What is tried beside ONNX Runtime's providers; PyTorch with what needs no code of the user's."""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """Probe every backend and, for ONNX Runtime, the execution providers that were compiled in or can be got."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One configuration: whether it runs here, and if not why and what to do about it."""

    spec: str
    available: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """All configurations that were tried."""

    probes: tuple[Probe, ...]


def probe_job(request: ProbeRequest, folder: Path, progress: Progress) -> ProbeResult:
    """Try every configuration; runs in a worker."""
    import onnxruntime

    from graphdebug.foreign.onnxruntime_session import CPU, WAYS
    from graphdebug.runtime.registry import backend

    there = sorted(onnxruntime.get_available_providers(), key=lambda name: name != CPU)
    short = [name.removesuffix("ExecutionProvider").lower() for name in dict.fromkeys([*there, *WAYS])]
    specs = [*(f"onnxruntime:provider={name}" for name in short), *_OTHERS]
    probes = []
    for position, spec in enumerate(specs):
        progress(position / len(specs), f"Trying {spec}")
        try:
            answer = backend(spec).probe()
            probes.append(Probe(spec, answer.available, answer.reason))
        except ValueError as error:  # a provider this version has no name for
            probes.append(Probe(spec, False, str(error)))
    return ProbeResult(tuple(probes))


def probe() -> tuple[Probe, ...]:
    """Probe all backends in a worker; takes a second or two. A worker that crashes is itself the answer."""
    with tempfile.TemporaryDirectory(prefix="graphdebug-") as folder:
        call = f"{__name__}:{probe_job.__name__}"
        with start(call, ProbeRequest(), Path(folder), Limits(seconds=_PROBE_SECONDS)) as worker:
            try:
                return worker.result(ProbeResult).probes
            except WorkerError as error:
                return (Probe("all backends", False, error.failure.message),)


def versions() -> list[tuple[str, str]]:
    """Return the platform and the versions of the packages that matter; absent ones are left out."""
    found = [("Python", platform.python_version()), ("platform", platform.platform())]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found


def machine() -> list[tuple[str, str]]:
    """Return what workers have to share and what each may take at most."""
    limits = Limits()
    memory = psutil.virtual_memory()
    return [
        ("processor cores", str(os.cpu_count())),
        ("memory", f"{size_text(memory.total)}, {size_text(memory.available)} free"),
        ("memory of one worker", size_text(limits.memory)),
        ("time of one worker", f"{limits.seconds / 60:.0f} min"),
        ("one file of a worker", size_text(limits.output)),
    ]


def report(usage: Usage, probes: tuple[Probe, ...]) -> str:
    """Return everything as text for a bug report. It names no model and no user: the home folder becomes ``~``."""
    root = str(usage.root).replace(str(Path.home()), "~", 1)
    sections = {
        "versions": versions(),
        "machine": machine(),
        "backends": [(one.spec, "yes" if one.available else f"no: {one.reason}") for one in probes],
        "workspace": [(key, str(value)) for key, value in asdict(usage).items() if key != "root"] + [("root", root)],
    }
    return "\n".join(
        f"{title}\n" + "\n".join(f"  {key}: {value}" for key, value in rows) for title, rows in sections.items()
    )
