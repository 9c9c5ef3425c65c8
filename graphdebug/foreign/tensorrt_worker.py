"""TensorRT in an interpreter that has it: what `runtime/tensorrt_backend.py` asks for. Numpy and tensorrt, no more.

probe    what is here
support  which parts of a model TensorRT takes
build    an engine file from a model
load     an engine file, made ready; what goes in and out
infer    run the loaded engine once
time     run it repeatedly, with times on the host and the device
profile  run it with times by layer
inspect  its layers, as JSON
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphdebug.foreign.cuda_driver import Driver
from graphdebug.foreign.talk import Refused, Tell, Tensor, read_tensors, serve, write_tensors

_held: dict[str, Any] = {}
"""The one driver, log and engine of this process."""


def _tensorrt() -> Any:
    """Import TensorRT.

    Raises:
        Refused: this interpreter does not have it.
    """
    try:
        import tensorrt
    except (ImportError, OSError) as error:
        raise Refused(
            f"{sys.executable} has no TensorRT ({error}): install it there with `pip install tensorrt`, or name an "
            "interpreter that has it with python=."
        ) from None
    return tensorrt


def _driver(device: int) -> Driver:
    if "driver" not in _held:
        _held["driver"] = Driver(device)
    driver: Driver = _held["driver"]
    return driver


def _log(trt: Any) -> Any:
    from graphdebug.foreign.tensorrt_build import Log

    if "log" not in _held:
        _held["log"] = Log()
        trt.init_libnvinfer_plugins(_held["log"], "")
    return _held["log"]


def probe(tell: Tell, device: int) -> dict[str, Any]:
    """Return the versions of TensorRT, numpy and Python, and what the GPU is.

    TensorRT is imported first and the GPU asked before TensorRT touches it: without a driver it ends the process.
    """
    trt = _tensorrt()
    versions = {"tensorrt": trt.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}
    return {**versions, **_driver(device).describe()}


def support(tell: Tell, device: int, request: Mapping[str, Any]) -> dict[str, Any]:
    """See `tensorrt_build.support`."""
    trt = _tensorrt()
    _driver(device)
    from graphdebug.foreign.tensorrt_build import support as asked

    tell(None, "TensorRT looks at the model")
    return asked(_log(trt), request)


def build(tell: Tell, device: int, request: Mapping[str, Any]) -> dict[str, Any]:
    """See `tensorrt_build.build`."""
    trt = _tensorrt()
    driver = _driver(device)
    from graphdebug.foreign.tensorrt_build import build as made

    return made(_log(trt), driver, request, tell)


def load(tell: Tell, device: int, path: str, listen: bool) -> dict[str, Any]:
    """Make an engine ready in place of the one before; return what `Engine.describe` does."""
    trt = _tensorrt()
    driver = _driver(device)
    from graphdebug.foreign.tensorrt_engine import Engine

    tell(None, "TensorRT loads the engine")
    _held.pop("engine", None)
    engine = Engine(_log(trt), driver, path)
    if listen:
        engine.listen()
    _held["engine"] = engine
    return engine.describe()


def infer(tell: Tell, given: Mapping[str, Any], to: str, fetch: list[str] | None) -> dict[str, Any]:
    """Run once and write the tensors of ``fetch`` (None: all) that came."""
    found: dict[str, Tensor] = _held["engine"].infer(_read(given))
    wanted = [(name, tensor) for name, tensor in found.items() if fetch is None or name in fetch]
    return {"path": to, "tensors": write_tensors(to, wanted)}


def time(tell: Tell, given: Mapping[str, Any] | None, iterations: int, seconds: float, streams: int) -> dict[str, Any]:
    """See `Engine.time`."""
    taken: dict[str, Any] = _held["engine"].time(_repeated(given), iterations, seconds, streams)
    return taken


def profile(tell: Tell, given: Mapping[str, Any] | None, runs: int) -> Any:
    """See `Engine.profile`."""
    return _held["engine"].profile(_repeated(given), runs)


def _read(given: Mapping[str, Any]) -> dict[str, Tensor]:
    return read_tensors(given["path"], given["tensors"])


def _repeated(given: Mapping[str, Any] | None) -> dict[str, Tensor]:
    """Return what is run on again and again; ``given`` None: what it was last."""
    if given is not None:
        _held["repeated"] = _read(given)
        os.unlink(given["path"])  # noqa: PTH108
    repeated: dict[str, Tensor] = _held["repeated"]
    return repeated


def inspect(tell: Tell) -> Any:
    """See `Engine.layers`."""
    return _held["engine"].layers()


if __name__ == "__main__":
    serve(
        {
            "probe": probe,
            "support": support,
            "build": build,
            "load": load,
            "infer": infer,
            "time": time,
            "profile": profile,
            "inspect": inspect,
        }
    )
