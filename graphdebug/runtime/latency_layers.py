"""Times by layer, of a session that tells them, put at the nodes of the model that the layers were made of."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from graphdebug.model.document import Model
from graphdebug.model.macs import macs
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.model.shapes import infer_types
from graphdebug.runtime.backend import Backend, BackendError, Mode, Value
from graphdebug.runtime.events import Progress
from graphdebug.runtime.latency_records import AddedTime, LatencyResult, NodeTime
from graphdebug.runtime.timing import LayerTime, Profiled
from graphdebug.runtime.trace import TRACE_FILE, write_spans


def layer_latencies(
    runner: Backend, title: str, model: Model, feeds: Mapping[str, Value], runs: int, folder: Path, progress: Progress
) -> LatencyResult:
    """Measure the layers of what ``runner`` (called ``title``) makes of ``model``, and leave a trace in ``folder``.

    A layer's time is put at the one of its nodes that multiplies most, for there the work is.

    Raises:
        BackendError: the engine does not tell times of layers, or fails.
    """
    progress(None, f"preparing {runner.spec}")
    with closing(runner.prepare(model, Mode.PLAIN)) as session:
        if not isinstance(session, Profiled):
            raise BackendError(f"{title} does not tell times of layers.")
        progress(None, f"{runs} runs, with times of layers")
        layers = list(session.profile_runs(feeds, runs))
        environment = dict(session.environment)
    places = _places(model, layers)
    write_spans(folder / TRACE_FILE, _events(model, layers, places, title, runs))
    whole = [sum(layer.seconds[run] for layer in layers) for run in range(runs)]
    graphs, added = _at_nodes(layers, places, title)
    return LatencyResult(graphs, added, statistics.median(whole), runs, "", environment)


def _places(model: Model, layers: Sequence[LayerTime]) -> list[tuple[int, ...]]:
    """Return each layer's nodes, the one that its time is put at first; none for a layer that the engine added."""
    numbers = {name: node for node, name in enumerate(model.graphs[MAIN_GRAPH].names)}
    work = _work(model)
    found = []
    for layer in layers:
        nodes = [numbers[name] for name in dict.fromkeys(layer.nodes) if name in numbers]
        most = max(nodes, key=lambda node: work.get(node, 0), default=None)  # of equals the first
        found.append(() if most is None else (most, *(node for node in nodes if node != most)))
    return found


def _work(model: Model) -> dict[int, int]:
    """Return the multiply-accumulates of nodes, symbolic dimensions counted as 1, where shapes are known."""
    index, types = model.graphs[MAIN_GRAPH], model.with_types(infer_types(model)).types[MAIN_GRAPH]
    ones = {dim for kind in types.values() for dim in kind.shape or () if isinstance(dim, str)}
    return {node: macs(proto, types, ones) or 0 for node, proto in enumerate(index.nodes)}


def _at_nodes(
    layers: Sequence[LayerTime], places: Sequence[tuple[int, ...]], title: str
) -> tuple[dict[str, dict[int, NodeTime]], tuple[AddedTime, ...]]:
    times: dict[int, NodeTime] = {}
    added: dict[str, list[float]] = {}
    for layer, place in zip(layers, places, strict=True):
        seconds = statistics.median(layer.seconds)
        if place:
            first, *others = place
            before = times.get(first, NodeTime(0.0, title))
            shared = tuple(dict.fromkeys((*before.shared, *others)))
            times[first] = NodeTime(before.seconds + seconds, title, shared)
        else:
            added.setdefault(layer.op or "layer", []).append(seconds)
    told = tuple(AddedTime(op, len(each), sum(each)) for op, each in sorted(added.items()))
    return {MAIN_GRAPH: times}, told


def _events(
    model: Model, layers: Sequence[LayerTime], places: Sequence[tuple[int, ...]], title: str, runs: int
) -> Iterator[dict[str, object]]:
    """Yield runs and layers as events of a trace, one after the other: when each began, engines do not tell."""
    index, begin = model.graphs[MAIN_GRAPH], 0.0
    for run in range(runs):
        at = begin
        for layer, place in zip(layers, places, strict=True):
            seconds = layer.seconds[run]
            where = {"graph": MAIN_GRAPH, "node": place[0]} if place else {}
            said = {"op_name": index.nodes[place[0]].op_type if place else layer.op, "provider": title, **where}
            yield _event("Node", layer.name, at, seconds, {**said, "run": run + 1})
            at += seconds
        yield _event("Session", "model_run", begin, at - begin, {"run": run + 1})
        begin = at


def _event(category: str, name: str, start: float, seconds: float, said: Mapping[str, object]) -> dict[str, object]:
    place = {"ph": "X", "pid": 0, "tid": 0, "ts": start * 1e6, "dur": seconds * 1e6}
    return {"cat": category, "name": name, **place, "args": dict(said)}
