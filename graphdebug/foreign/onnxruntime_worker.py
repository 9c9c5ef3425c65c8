"""ONNX Runtime in an interpreter that has it: what `runtime/onnxruntime_foreign.py` asks for. Numpy and onnxruntime.

probe    what is here
load     a session of a model, in place of the one before; with it, the optimised model or a profile can be written
run      run it once
bind     feeds for many runs
time     run on what was bound, with the times
profile  end the profile; where it lies
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from graphdebug.foreign.repeat import together
from graphdebug.foreign.talk import Refused, Tell, read_tensors, serve, write_tensors

_held: dict[str, Any] = {}
"""The session and how it runs, what was bound, and the threads of streams."""


def _sessions() -> Any:
    """Import what needs ONNX Runtime.

    Raises:
        Refused: this interpreter does not have it.
    """
    try:
        from graphdebug.foreign import onnxruntime_session
    except (ImportError, OSError) as error:
        raise Refused(f"ONNX Runtime is not there ({error}): install it with `pip install onnxruntime`.") from None
    return onnxruntime_session


def probe(tell: Tell) -> dict[str, Any]:
    """Say what is here: versions, and the types of tensors that can be brought over."""
    version = _sessions().ort.__version__
    from graphdebug.foreign.onnxruntime_values import PORTABLE

    versions = {"onnxruntime": version, "numpy": np.__version__, "python": platform.python_version()}
    return {"versions": versions, "portable": sorted(PORTABLE)}


def load(tell: Tell, model: str, how: Mapping[str, Any], files: Mapping[str, str]) -> dict[str, Any]:
    """Create a session of the model file; see `onnxruntime_session.create` and `describe`."""
    sessions = _sessions()
    _held.clear()
    if files.get("weights"):
        os.chdir(files["weights"])  # where versions before 1.21 look for weights
    tell(None, "ONNX Runtime loads the model")
    session = sessions.create(Path(model).read_bytes(), how, files)
    described: dict[str, Any] = sessions.describe(session, how)
    _held.update(session=session, device=described["device"], number=how["device"])
    return described


def run(tell: Tell, given: Mapping[str, Any], to: str, fetch: Sequence[str]) -> dict[str, Any]:
    """Run once and write the tensors of ``fetch``."""
    from graphdebug.foreign.onnxruntime_values import run as ran

    feeds = _feeds(given)
    tell(None, "ONNX Runtime runs the model")
    try:
        found = ran(_held["session"], feeds, fetch)
    except Exception as error:
        raise _failed(error) from error
    return {"path": to, "tensors": write_tensors(to, zip(fetch, found))}


def bind(tell: Tell, given: Mapping[str, Any], fetch: Sequence[str], streams: int) -> None:
    """Have feeds ready for so many streams, in the device's memory where there is one."""
    from graphdebug.foreign.onnxruntime_values import bound

    try:
        feeds, session = _feeds(given), _held["session"]
        calls = [bound(session, feeds, fetch, _held["device"], _held["number"]) for _ in range(streams)]
    except Refused:
        raise
    except Exception as error:
        raise _failed(error) from error
    _held.update(calls=calls, pool=ThreadPoolExecutor(streams))


def time(tell: Tell, iterations: int, seconds: float) -> dict[str, Any]:
    """Return the nanoseconds of each run, by stream, and from the first start to the last end."""
    calls = _held["calls"]
    try:
        streams, wall = together(calls, iterations, seconds, _held["pool"])
    except Exception as error:
        raise _failed(error) from error
    return {"streams": streams, "wall": wall}


def profile(tell: Tell) -> str:
    """End the profile and return its path."""
    path: str = _held["session"].end_profiling()
    return path


def _feeds(given: Mapping[str, Any]) -> dict[str, Any]:
    from graphdebug.foreign.onnxruntime_values import to_ort_value

    tensors = read_tensors(given["path"], given["tensors"])
    Path(given["path"]).unlink()
    return {name: to_ort_value(name, tensor) for name, tensor in tensors.items()}


def _failed(error: Exception) -> Refused:
    return Refused(f"ONNX Runtime failed while running the model: {_sessions().sentence(error)}")


if __name__ == "__main__":
    serve({"probe": probe, "load": load, "run": run, "bind": bind, "time": time, "profile": profile})
