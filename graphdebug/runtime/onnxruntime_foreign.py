"""ONNX Runtime under another interpreter as an engine: one for CUDA or OpenVINO beside the one that is here."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import graphdebug.foreign
from graphdebug.runtime.backend import BackendError, Value
from graphdebug.runtime.events import Progress, silent
from graphdebug.runtime.foreign import ForeignProcess, receive, send
from graphdebug.runtime.onnxruntime_engine import Files, Loaded, told
from graphdebug.runtime.onnxruntime_options import Configuration
from graphdebug.runtime.timing import Runs, Times

ENGINE = "ONNX Runtime"
_SCRIPT = Path(graphdebug.foreign.__file__).with_name("onnxruntime_worker.py")


class ForeignEngine:
    """ONNX Runtime in a process of another interpreter. Tensors of numbers go over as they are, and nothing else."""

    def __init__(self, python: str, progress: Progress = silent) -> None:
        """Start it.

        Raises:
            BackendError: there is no such interpreter, or it has no ONNX Runtime.
        """
        self._progress = progress
        self._bound: tuple[Mapping[str, Value], tuple[str, ...], int] | None = None
        self._process = ForeignProcess(_SCRIPT, python, engine=ENGINE)
        self._folder = tempfile.TemporaryDirectory(prefix="onnxruntime-", ignore_cleanup_errors=True)
        try:
            self._here = self._process.call("probe")
        except BackendError as error:
            self.close()
            said = str(error).rstrip(".")
            raise BackendError(f"{said}: python= must name an interpreter that has onnxruntime and numpy.") from error
        self._portable = frozenset(self._here["portable"])

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Return those of ONNX Runtime, numpy and Python."""
        return tuple(self._here["versions"].items())

    def load(self, model: bytes, wanted: Configuration, files: Files) -> Loaded:
        """Create a session; see the protocol."""
        self._bound = None
        path = Path(self._folder.name) / "model.onnx"
        path.write_bytes(model)
        described = self._call("load", model=str(path), how=asdict(wanted), files=files.told())
        path.unlink()
        return told(described)

    def unreadable(self, type_name: str) -> str:
        """See the protocol."""
        return "" if type_name in self._portable else f"{type_name} cannot be brought over from another interpreter"

    def run(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> dict[str, Value]:
        """Run once; see the protocol."""
        to = str(Path(self._folder.name) / "fetched.bin")
        return dict(receive(self._call("run", given=self._given(feeds), to=to, fetch=list(fetch))))

    def time_runs(self, feeds: Mapping[str, Value], fetch: Sequence[str], runs: Runs) -> Times:
        """Time runs there, on inputs that were brought over before (`graphdebug.runtime.timing.Timed`)."""
        wanted = tuple(fetch)
        if self._bound is None or self._bound[0] is not feeds or self._bound[1:] != (wanted, runs.streams):
            self._call("bind", given=self._given(feeds), fetch=wanted, streams=runs.streams)
            self._bound = feeds, wanted, runs.streams
        taken = self._call("time", iterations=runs.iterations, seconds=runs.seconds)
        return Times(taken["streams"], taken["wall"])

    def end_profile(self) -> Path:
        """See the protocol."""
        return Path(self._call("profile"))

    def close(self) -> None:
        """End the process and remove its files."""
        self._process.close()
        self._folder.cleanup()

    def _given(self, feeds: Mapping[str, Value]) -> dict[str, Any]:
        return send(Path(self._folder.name), feeds, ENGINE)

    def _call(self, do: str, **arguments: Any) -> Any:
        return self._process.call(do, self._progress, **arguments)
