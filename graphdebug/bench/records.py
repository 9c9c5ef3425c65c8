"""Requests and results of benchmarks: plain records. Times are in seconds, memory in bytes."""

from dataclasses import dataclass, field

from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec

BENCH_JOB = "graphdebug.bench.engine:bench_job"
VERSION = 1
"""Of `BenchResult` as JSON; see docs/benchmarking.md."""
ORDERS = ("abba", "random", "sequential")
"""In turns there and back; in turns, each in an order of its own; one backend after the other."""


@dataclass(frozen=True, slots=True)
class BenchRequest:
    """Measure ``model`` on ``backends`` (SPECs), the first of which the others are held against.

    Measured is every combination of the lengths in ``sweep`` (of symbolic dimensions, by name) with every number of
    ``streams``. Each backend makes ``warmup`` runs, then ``iterations`` runs a stream, or as many as end in ``seconds``
    (0: no limit), in so many ``rounds``. Streams share one session, unless they shall have ``own_sessions``.
    """

    model: ModelLocation
    backends: tuple[str, ...] = ("onnxruntime",)
    feeds: FeedSpec = field(default_factory=FeedSpec)
    sweep: dict[str, tuple[int, ...]] = field(default_factory=dict)
    streams: tuple[int, ...] = (1,)
    own_sessions: bool = False
    warmup: int = 5
    iterations: int = 200
    seconds: float = 10.0
    rounds: int = 20
    order: str = "abba"


@dataclass(frozen=True, slots=True)
class Spread:
    """Statistics of ``count`` times in seconds.

    Percentiles are interpolated linearly between the two nearest times (NumPy's ``linear``, type 7 of Hyndman and Fan,
    *Sample Quantiles in Statistical Packages*, 1996). ``std`` is that of a sample (n − 1), None for a single one.
    """

    count: int
    minimum: float
    mean: float
    median: float
    std: float | None
    p90: float
    p95: float
    p99: float
    maximum: float


@dataclass(frozen=True, slots=True)
class Block:
    """What one backend did at one turn, ``start`` seconds after the measurement's first.

    ``latencies`` are its times in the order in which they were taken, stream after stream; at most a few hundred of
    them, evenly picked from ``count``.
    """

    start: float
    wall: float
    count: int
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One backend (its place in the request) at one shape with so many streams.

    ``latency`` is the host's: from handing in the inputs to having the outputs. ``phases`` holds the spread of what
    else the engine told (``enqueue``, ``compute``, ``copy_in``, ``copy_out``). ``throughput`` is runs a second, of all
    streams together; ``first`` the seconds of the very first run; ``memory`` the peak of its process meanwhile.
    ``failure`` is one sentence where there is nothing to tell.
    """

    backend: int
    dims: dict[str, int]
    streams: int
    latency: Spread | None = None
    throughput: float | None = None
    phases: dict[str, Spread] = field(default_factory=dict)
    first: float | None = None
    memory: int | None = None
    blocks: tuple[Block, ...] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median latency of ``backend`` over that of the first one, at one shape with so many streams.

    ``low`` and ``high`` bound it with 95 % confidence: a bootstrap over the rounds, in which both took their turn.
    They are None where there are too few rounds to tell.
    """

    backend: int
    dims: dict[str, int]
    streams: int
    ratio: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Side:
    """One backend: what really ran, how long it took to make ready, what its process holds.

    ``prepare`` is building and loading, ``memory_before`` and ``memory_prepared`` the resident memory before and after.
    ``threads`` is how many the engine works with, itself included, None where it cannot be told. ``failure``: see
    `Measurement`.
    """

    spec: str
    environment: dict[str, str] = field(default_factory=dict)
    prepare: float | None = None
    memory_before: int | None = None
    memory_prepared: int | None = None
    threads: int | None = None
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there was to run on. ``usable`` is how many processors this process may keep busy at most.

    That is the least of those there are, those it may run on (``affinity``) and what the container's limit (``quota``)
    allows. ``load`` is the load average of the minute before. ``throttled`` is for how many seconds the limit held
    threads back meanwhile, None where nothing tells.
    """

    processor: str
    processors: int
    cores: int | None
    affinity: int
    quota: float | None
    usable: float
    load: float | None
    throttled: float | None = None


@dataclass(frozen=True, slots=True)
class BenchResult:
    """Everything that was measured, in the order of shapes, streams, backends; and what to know before believing it."""

    version: int
    request: BenchRequest
    sides: tuple[Side, ...]
    measurements: tuple[Measurement, ...]
    ratios: tuple[Ratio, ...]
    machine: Machine
    warnings: tuple[str, ...]
    seconds: float
