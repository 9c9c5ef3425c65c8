"""What ran when: ONNX Runtime's profile passed on as a Chrome trace, with our names in it, and read back to be drawn.

The format is that of trace events (https://ui.perfetto.dev and chrome://tracing open it): ``X`` events with ``ts`` and
``dur`` in microseconds. To what ONNX Runtime says of an event is added which ``run`` it belongs to and, where it is
known, the ``graph`` (path) and ``node`` (index) of the model.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from graphdebug.model.document import Model
from graphdebug.runtime.backend import BackendError

TRACE_FILE = "trace.json"
KERNEL = "_kernel_time"
_NODE, _SESSION, _RUN = "Node", "Session", "model_run"
_NANOSECOND = 1e-3
"""In microseconds: sums of times that follow each other are no more exact than that."""
_HEAD = b'{"displayTimeUnit": "ms", "traceEvents": [\n'
_LEFT_OUT = "thread_scheduling_stats"
"""As long as everything else together, and only in place of a profiler of threads."""


@dataclass(frozen=True, slots=True)
class Span:
    """A node at work, in seconds since its run began. ``depth`` counts the nodes around it that called its graph.

    ``graph`` and ``node`` say where it is in the model, None for one that the engine added.
    """

    name: str
    op: str
    provider: str
    thread: int
    start: float
    seconds: float
    depth: int
    graph: str | None
    node: int | None


def decoded(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the events of a profile, one a line. What is no JSON is left out: names can be anything."""
    for line in lines:
        try:
            event = msgspec.json.decode(line.strip().rstrip(b","), type=dict[str, Any])
        except msgspec.DecodeError:
            continue
        yield event


def write_trace(lines: Iterable[bytes], path: Path, model: Model, places: Mapping[str, tuple[str, int]]) -> None:
    """Write the events of a profile to ``path``; ``places`` says which node stands behind a name of the profile."""
    run, separator = 0, b""
    with path.open("wb") as file:
        file.write(_HEAD)
        for event in decoded(lines):
            arguments = event.get("args")
            arguments = dict(arguments) if isinstance(arguments, dict) else {}
            arguments.pop(_LEFT_OUT, None)
            name = str(event.get("name", "")).removesuffix(KERNEL)
            place = places.get(name) if event.get("cat") == _NODE else None
            if place is not None:
                graph = model.graphs[place[0]]
                name = f"{graph.names[place[1]]} ({arguments.get('op_name', '')})"
                arguments |= {"graph": place[0], "node": place[1]}
            written = {**event, "name": name, "args": {**arguments, "run": run}}
            file.write(separator + msgspec.json.encode(written))
            separator = b",\n"
            run += event.get("cat") == _SESSION and event.get("name") == _RUN
        file.write(b"\n]}\n")


def write_spans(path: Path, events: Iterable[Mapping[str, object]]) -> None:
    """Write events that have our names and ``run`` already, runs from 1 on; see `spans`."""
    with path.open("wb") as file:
        file.write(_HEAD)
        for number, event in enumerate(events):
            file.write((b",\n" if number else b"") + msgspec.json.encode(event))
        file.write(b"\n]}\n")


def spans(path: Path) -> tuple[Span, ...]:
    """Return the nodes of the run that took the median time, the first one (which warms up) left out, by their start.

    Raises:
        BackendError: there is no such file, or none of ours.
    """
    try:
        events = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])["traceEvents"]
        runs = sorted(
            (float(event["dur"]), int(event["args"]["run"]), float(event["ts"]))
            for event in events
            if (event["cat"], event["name"]) == (_SESSION, _RUN) and event["args"]["run"]
        )
        _, median, start = runs[len(runs) // 2]
        mine = [event for event in events if event["cat"] == _NODE and event["args"]["run"] == median]
        mine.sort(key=lambda event: (event["tid"], event["ts"], -event["dur"]))
        return tuple(_nested(mine, start))
    except (OSError, msgspec.MsgspecError, LookupError, TypeError, ValueError) as error:
        raise BackendError("The profile of this measurement is not there: measure again.") from error


def _nested(events: Iterable[dict[str, Any]], start: float) -> Iterator[Span]:
    """Yield spans by thread and start; those that end within another one are below it."""
    open_until: list[float] = []
    thread = None
    for event in events:
        begin, length = float(event["ts"]), float(event["dur"])
        if event["tid"] != thread:
            thread, open_until = event["tid"], []
        while open_until and begin >= open_until[-1] - _NANOSECOND:
            open_until.pop()
        said = event["args"]
        yield Span(
            name=str(event["name"]),
            op=str(said.get("op_name", "")),
            provider=str(said.get("provider", "")).removesuffix("ExecutionProvider"),
            thread=int(event["tid"]),
            start=(begin - start) / 1e6,
            seconds=length / 1e6,
            depth=len(open_until),
            graph=said.get("graph"),
            node=said.get("node"),
        )
        open_until.append(begin + length)
