"""The job that measures how long an engine takes for each node: here ONNX Runtime, others in `latency_layers.py`.

What ran when is left as a Chrome trace (``trace.py``) in the job's folder.

ONNX Runtime's profiler tells of the nodes that are left after optimisation, by their names. So the model it is given
has names of ours (``gd0_12_``: graph 0, node 12), which survive most rewriting; a node that it makes itself is known by
the tensor that it makes. What then is still unknown (reorderings, casts) was added by ONNX Runtime and is told apart.
"""

import re
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import onnx

from graphdebug.model.document import Model, open_model
from graphdebug.model.index import GraphIndex
from graphdebug.model.refs import MAIN_GRAPH
from graphdebug.runtime.backend import BackendError, BackendSpec, Mode
from graphdebug.runtime.events import Progress
from graphdebug.runtime.feeds import check_dims, make_feeds, suggest
from graphdebug.runtime.latency_layers import layer_latencies
from graphdebug.runtime.latency_records import AddedTime, LatencyRequest, LatencyResult, NodeTime
from graphdebug.runtime.onnxruntime_backend import open_engine, serialize
from graphdebug.runtime.onnxruntime_engine import Engine, Files
from graphdebug.runtime.onnxruntime_options import configuration
from graphdebug.runtime.onnxruntime_session import OnnxRuntimeSession, Tapped, environment_of, session_of
from graphdebug.runtime.providers import short_name
from graphdebug.runtime.registry import backend, backends, profiles
from graphdebug.runtime.taps import model_inputs
from graphdebug.runtime.trace import KERNEL, TRACE_FILE, write_trace

_OPTIMIZED = "optimized.onnx"
_MARK = re.compile(r"gd(\d{1,9})_(\d{1,9})_")
_BLOCKED = "_nchwc"
"""What the transformer to blocked layouts appends to the name of a tensor for the node that makes it."""

_ADDED = frozenset(["ReorderInput", "ReorderOutput", "MemcpyFromHost", "MemcpyToHost"])
"""They may make a tensor of the model, but only move what a node of the model worked out."""
_FUSED = 4
"""Nodes that a fused node goes back at most, and as many beside each other: Conv, Add, Clip, Mul."""


def latency_job(request: LatencyRequest, folder: Path, progress: Progress) -> LatencyResult:
    """Measure a model; a job function.

    Raises:
        NotAModel, BackendError, FeedError, SpecError: one sentence each.
    """
    progress(None, "opening the model")
    runner = backend(request.backend, progress)  # its options are checked there
    spec = runner.spec
    if not profiles(spec):
        *told, last = (info.title for info in backends() if info.profiles)
        raise BackendError(f"Times of single nodes can be measured on {', '.join(told)} or {last} only.")
    model = open_model(request.model)
    inputs = model_inputs(model)
    check_dims(request.feeds, inputs)
    feeds = make_feeds(inputs, request.feeds, suggest(model))
    if spec.name != "onnxruntime":
        title = next(info.title for info in backends() if info.name == spec.name)
        return layer_latencies(runner, title, model, feeds, request.repetitions, folder, progress)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=folder, ignore_cleanup_errors=True) as scratch:
        progress(None, f"preparing {spec}")
        engine = open_engine(spec, progress)
        with closing(engine), closing(_profiled(engine, model, spec, Path(scratch))) as run:
            if not run.outputs:
                raise BackendError("The model has no output that ONNX Runtime can give back, so it cannot be run.")
            for number in range(request.repetitions + 1):
                progress(number / (request.repetitions + 1), f"run {number} of {request.repetitions}")
                run.infer(feeds, run.outputs)
            progress(None, "reading the profile")
            profile = engine.end_profile()
        makers = _makers(Path(scratch) / _OPTIMIZED)
        with profile.open("rb") as lines:
            runs, nodes = _read(lines)
        if len(runs) < 2:
            raise BackendError(
                "One run makes more events than ONNX Runtime's profiler can hold: measure a part of the model."
            )
        places = _places(model, nodes, makers)
        with profile.open("rb") as lines:
            write_trace(lines, folder / TRACE_FILE, model, places)
    return _result(runs, nodes, places, configuration(spec).level, dict(run.environment))


def _profiled(engine: Engine, model: Model, spec: BackendSpec, scratch: Path) -> OnnxRuntimeSession:
    wanted = configuration(spec)
    data, files = serialize(_marked(model)), Files(model.path.parent, scratch / _OPTIMIZED, scratch / "profile")
    try:
        loaded = engine.load(data, wanted, files)
    except BackendError:  # a provider that compiles the graph: it cannot be saved, but profiled
        loaded = engine.load(data, wanted, replace(files, optimized=None))
    tapped = Tapped(list(dict.fromkeys(model.graphs[MAIN_GRAPH].outputs)), {}, {})
    return session_of(engine, loaded, model, tapped, environment_of(engine, loaded, model, wanted, Mode.PLAIN))


def _marked(model: Model) -> onnx.ModelProto:
    """Return a copy in which every node is called after its place."""
    proto = onnx.ModelProto()
    proto.CopyFrom(model.proto)
    for number, index in enumerate(Model(proto, model.path).graphs.values()):
        for position, node in enumerate(index.nodes):
            node.name = f"gd{number}_{position}_"
    return proto


def _makers(optimized: Path) -> Mapping[str, Sequence[str]]:
    """Return what each node of the optimised main graph makes, by the node's name; nothing where it is not known."""
    if not optimized.is_file():
        return {}
    proto = onnx.load(optimized, load_external_data=False)
    return {node.name: list(node.output) for node in proto.graph.node}


class _Arguments(msgspec.Struct):
    op_name: str = ""
    provider: str = ""


class _Event(msgspec.Struct):
    """An event of the profile: in ``dur`` microseconds."""

    cat: str
    name: str
    dur: float
    args: _Arguments = msgspec.field(default_factory=_Arguments)


@dataclass(slots=True)
class _Node:
    """A node of the optimised graph: its seconds in each run, the first one not yet left out."""

    op: str
    provider: str
    seconds: dict[int, float] = field(default_factory=lambda: defaultdict(float))

    def median(self, runs: int) -> float:
        return statistics.median(self.seconds.get(run, 0.0) for run in range(1, runs))


def _events(lines: Iterator[bytes]) -> Iterator[_Event]:
    """Yield the events, one a line; those with names that are no JSON are left out: a file can be full of them."""
    for line in lines:
        try:
            yield msgspec.json.decode(line.strip().rstrip(b","), type=_Event)
        except msgspec.DecodeError:
            continue


def _read(lines: Iterator[bytes]) -> tuple[list[float], dict[str, _Node]]:
    """Return the seconds of each whole run, and the nodes by name. A run's event follows those of its nodes."""
    runs: list[float] = []
    nodes: dict[str, _Node] = {}
    for event in _events(lines):
        if event.cat == "Session" and event.name == "model_run":
            runs.append(event.dur / 1e6)
        elif event.cat == "Node" and event.name.endswith(KERNEL):
            name = event.name.removesuffix(KERNEL)
            node = nodes.setdefault(name, _Node(event.args.op_name, event.args.provider))
            node.seconds[len(runs)] += event.dur / 1e6
    return runs, nodes


def _result(
    runs: Sequence[float],
    nodes: Mapping[str, _Node],
    places: Mapping[str, tuple[str, int]],
    level: str,
    environment: dict[str, str],
) -> LatencyResult:
    graphs: dict[str, dict[int, NodeTime]] = {}
    added: dict[str, list[float]] = {}
    for name, node in nodes.items():
        seconds = node.median(len(runs))
        if name not in places:
            added.setdefault(node.op, []).append(seconds)
            continue
        graph, position = places[name]
        times = graphs.setdefault(graph, {})
        before = times[position].seconds if position in times else 0.0
        times[position] = NodeTime(before + seconds, short_name(node.provider))
    return LatencyResult(
        graphs,
        tuple(AddedTime(op, len(each), sum(each)) for op, each in sorted(added.items())),
        statistics.median(runs[1:]),
        len(runs) - 1,
        level,
        environment,
    )


def _places(
    model: Model, nodes: Mapping[str, _Node], makers: Mapping[str, Sequence[str]]
) -> Mapping[str, tuple[str, int]]:
    """Return graph and index of the node that each node of the optimised graph stands for, where there is one."""
    index, paths = model.graphs[MAIN_GRAPH], list(model.graphs)
    places: dict[str, tuple[str, int]] = {}
    ends: dict[str, int] = {}
    for name, node in nodes.items():
        mark = _MARK.search(name)
        if mark and int(mark[1]) < len(paths) and int(mark[2]) < len(model.graphs[paths[int(mark[1])]].nodes):
            places[name] = paths[int(mark[1])], int(mark[2])
            continue
        if node.op in _ADDED:
            continue
        made = [name.removesuffix(_BLOCKED), *makers.get(name, ())]
        end = next((index.producer[each] for each in made if each in index.producer), None)
        if end is not None and index.nodes[end].op_type == node.op:
            places[name] = MAIN_GRAPH, end
        elif end is not None:
            ends[name] = end
    taken = {node for graph, node in places.values() if graph == MAIN_GRAPH}
    for name, end in ends.items():
        place = _fused_into(index, end, nodes[name].op, taken)
        taken.add(place)
        places[name] = MAIN_GRAPH, place
    return places


def _fused_into(index: GraphIndex, end: int, op: str, taken: Collection[int]) -> int:
    """Return the node that gave a fused node its work: the nearest above ``end`` of the same ``op``, else ``end``.

    A convolution that took in what follows it makes what the last of them made.
    """
    level = [end]
    for _ in range(_FUSED):
        inputs = [name for node in level for name in index.nodes[node].input if name in index.producer]
        level = list(dict.fromkeys(index.producer[name] for name in inputs))[:_FUSED]
        for node in level:
            if index.nodes[node].op_type == op and node not in taken:
                return node
    return end
