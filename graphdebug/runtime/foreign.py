"""An engine in another interpreter: the end that starts it, asks it and reads what it answers.

The other end is a script of `graphdebug/foreign`, which needs little more than numpy. It stays in the process group of
the job that started it, so that cancelling the job ends it too, and it ends by itself when its standard input does.
"""

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

import ml_dtypes
import numpy as np

import graphdebug
from graphdebug.foreign.talk import Tensor, read_tensors, write_tensors
from graphdebug.runtime.backend import BackendError, Value
from graphdebug.runtime.child import environment as environment_of_ours
from graphdebug.runtime.events import Progress, silent

_PACKAGE = Path(graphdebug.__file__).parent
_BOOT = (
    "import runpy, sys, types; sys.path.remove(''); package = types.ModuleType('graphdebug'); "
    "package.__path__ = [sys.argv.pop(1)]; sys.modules['graphdebug'] = package; sys.argv.pop(0); "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)
"""Makes `graphdebug` importable and nothing else of our environment, whose packages another interpreter cannot load."""
_PRINTED = 4000
_BY_BITS = {8: "uint8", 16: "uint16"}


class ForeignProcess:
    """A script running under an interpreter of the user's choice.

    Args:
        script: a file of `graphdebug/foreign`, or one that talks as they do; or the name of a module of ours that does,
            which has all of graphdebug and so runs under our own interpreter only.
        python: the interpreter; empty: the one that runs this.
        engine: what it is called in sentences, such as ``TensorRT``.
        environment: variables that are set for it.
    """

    def __init__(
        self, script: Path | str, python: str = "", *, engine: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it.

        Raises:
            BackendError: there is no such interpreter.
        """
        self._engine = engine
        self._python = python or sys.executable
        self._last = ""
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  closed in close()
        reader, writer = os.pipe()
        try:
            self._process = subprocess.Popen(
                [self._python, *_program(script), str(writer)],
                stdin=subprocess.PIPE,
                stdout=self._printed,
                stderr=subprocess.STDOUT,
                pass_fds=(writer,),
                env={**(_inherited() if isinstance(script, Path) else environment_of_ours()), **(environment or {})},
            )
        except OSError as error:
            os.close(reader)
            self._printed.close()
            reason = error.strerror or str(error)
            raise BackendError(f"{self._python} cannot be started to run {engine}: {reason}.") from error
        finally:
            os.close(writer)
        self._input = cast("IO[bytes]", self._process.stdin)
        self._answers = os.fdopen(reader, "rb")

    def call(self, do: str, progress: Progress = silent, **arguments: object) -> Any:
        """Have ``do`` done and return its result.

        Raises:
            BackendError: the engine refused, failed or its process ended; one sentence.
        """
        self._last = ""
        with contextlib.suppress(BrokenPipeError):  # its end says more
            self._input.write(json.dumps({"do": do, "with": arguments}).encode() + b"\n")
            self._input.flush()
        for line in self._answers:
            answer = json.loads(line)
            if "progress" in answer:
                fraction, self._last = answer["progress"]
                progress(fraction, self._last)
            elif "result" in answer:
                return answer["result"]
            elif "refused" in answer:
                raise BackendError(answer["refused"])
            else:
                raise BackendError(f"{self._engine} failed: {answer['failed']}")
        raise BackendError(self._end())

    def close(self) -> None:
        """End it, however busy it is."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self._answers, self._printed):
            with contextlib.suppress(OSError):
                pipe.close()

    def printed(self) -> str:
        """Return the end of what it printed so far."""
        size = os.fstat(self._printed.fileno()).st_size
        start = max(0, size - _PRINTED)
        return os.pread(self._printed.fileno(), _PRINTED, start).decode(errors="replace").strip()

    def _end(self) -> str:
        """Say how a process ended that gave no answer."""
        code = self._process.wait()
        at = f" while it was at “{self._last}”" if self._last else ""
        lines = self.printed().splitlines()
        last = f" The last it printed: {lines[-1][:300]}" if lines else ""
        if code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
            return f"The process that ran {self._engine} was ended by {name}{at}.{last}"
        command = shlex.quote(self._python)
        return f"The process that ran {self._engine} under {command} stopped{at} (exit status {code}).{last}"


def send(folder: Path, values: Mapping[str, Value], engine: str) -> dict[str, Any]:
    """Write tensors for another interpreter to read; return where they lie, an argument of a call.

    Raises:
        BackendError: a value is no tensor of numbers.
    """
    tensors = {name: _portable(name, value, engine) for name, value in values.items()}
    path = _fresh(folder)
    return {"path": path, "tensors": write_tensors(path, tensors.items())}


def receive(given: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Read the tensors that another interpreter wrote, and remove their file."""
    path = Path(given["path"])
    try:
        tensors = read_tensors(str(path), cast("Sequence[Mapping[str, Any]]", given["tensors"]))
    finally:
        path.unlink(missing_ok=True)
    return {name: _ours(tensor) for name, tensor in tensors.items()}


def _portable(name: str, value: Value, engine: str) -> Tensor:
    if not isinstance(value, np.ndarray | np.generic):
        raise BackendError(f"{engine} takes tensors only, and {name!r} is none.")
    array = np.asarray(value)
    if array.dtype.isbuiltin == 1 and array.dtype.kind in "biufc":  # float8_e5m2 is of kind f as well
        return Tensor(array.dtype.name, array)
    bits = array.dtype.itemsize * 8
    if array.dtype.isbuiltin == 1 or not hasattr(ml_dtypes, array.dtype.name) or bits not in _BY_BITS:
        raise BackendError(f"{engine} takes tensors of numbers only, and {name!r} is of {array.dtype.name}.")
    return Tensor(array.dtype.name, array.view(_BY_BITS[bits]))


def _ours(tensor: Tensor) -> np.ndarray[Any, Any]:
    dtype = getattr(ml_dtypes, tensor.dtype, None)
    return tensor.array if dtype is None else tensor.array.view(dtype)


def _fresh(folder: Path) -> str:
    """Return the path of a new file in ``folder``."""
    handle, path = tempfile.mkstemp(prefix="tensors-", suffix=".bin", dir=folder)
    os.close(handle)
    return path


def _program(script: Path | str) -> list[str]:
    """Return the arguments that have an interpreter run ``script``."""
    return ["-c", _BOOT, str(_PACKAGE), str(script)] if isinstance(script, Path) else ["-P", "-m", script]


def _inherited() -> dict[str, str]:
    """Return our environment variables without those that would lead another interpreter into ours."""
    ours = ("PYTHONPATH", "PYTHONHOME", "PYTHONSAFEPATH", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if name not in ours}
