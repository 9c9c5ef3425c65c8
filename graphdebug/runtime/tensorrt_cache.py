"""Engines that were built before, by what they were built from: building one can take minutes."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

_SUFFIX = ".engine"
LIMIT = 20_000_000_000
"""Bytes of engines that are kept; those that were not used for longest go."""


def cache_folder(named: str) -> Path:
    """Return the folder of built engines: the one that is ``named``, else the workspace's, else the user's cache."""
    home = os.environ.get("GRAPHDEBUG_HOME")
    base = Path(home) / "cache" if home else platformdirs.user_cache_path("graphdebug")
    folder = Path(named).absolute() if named else base / "tensorrt"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def key(*parts: Mapping[str, Any] | str) -> str:
    """Return the name of what was made from ``parts``: model, options, GPU and version."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def digest(batches: Sequence[Mapping[str, Any]]) -> str:
    """Return a SHA-256 over recorded inputs."""
    found = hashlib.sha256()
    for batch in batches:
        for name, value in batch.items():
            array = np.ascontiguousarray(value)
            found.update(f"{name} {array.dtype} {array.shape}".encode())
            found.update(array.tobytes())
    return found.hexdigest()


def find(folder: Path, name: str) -> Path | None:
    """Return the engine called ``name``, marked as just used."""
    path = place(folder, name)
    if not path.is_file():
        return None
    os.utime(path)
    return path


def place(folder: Path, name: str) -> Path:
    """Return where the engine called ``name`` goes."""
    return folder / f"{name}{_SUFFIX}"


def timings(identity: Mapping[str, str]) -> str:
    """Return the name of the file with what a version measured on a GPU while building: later builds are faster."""
    return f"timings-{key(identity)[:16]}.bin"


def prune(folder: Path, limit: int = LIMIT) -> None:
    """Remove engines that were not used for longest until the others take at most ``limit`` bytes."""
    engines = sorted(((each.stat().st_mtime, each) for each in folder.glob(f"*{_SUFFIX}")), reverse=True)
    total = 0
    for _, path in engines:
        total += path.stat().st_size
        if total > limit:
            path.unlink(missing_ok=True)
