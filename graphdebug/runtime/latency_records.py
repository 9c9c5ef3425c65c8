"""What is asked of a measurement of nodes, and what it tells; the job itself is in `latency.py`."""

from dataclasses import dataclass, field

from graphdebug.model.records import ModelLocation
from graphdebug.runtime.events import Limits
from graphdebug.runtime.requests import FeedSpec

LATENCY_JOB = "graphdebug.runtime.latency:latency_job"
LIMITS = Limits(seconds=1800.0, output=4_000_000_000)


@dataclass(frozen=True, slots=True)
class LatencyRequest:
    """Measure ``model`` as ``backend`` (a SPEC) runs it: one run to warm up, then ``repetitions`` more."""

    model: ModelLocation
    backend: str = "onnxruntime"
    feeds: FeedSpec = field(default_factory=FeedSpec)
    repetitions: int = 10


@dataclass(frozen=True, slots=True)
class NodeTime:
    """A node's time in seconds in one run of the model, the median of all; the ``provider`` that ran it (``CPU``).

    ``shared`` are other nodes of the same graph whose work that time includes, as far as the engine tells.
    """

    seconds: float
    provider: str
    shared: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AddedTime:
    """Nodes of one ``op`` that the engine added: how many, and their seconds in one run together."""

    op: str
    nodes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """Times by graph path and node index; nodes that optimisation fused away or folded, and those not run, have none.

    A node that calls another graph (If, Loop) includes the time of what it calls. ``seconds`` is one run of the model,
    the median of ``repetitions``; ``level`` ONNX Runtime's optimisation level, empty for other engines.
    """

    graphs: dict[str, dict[int, NodeTime]]
    added: tuple[AddedTime, ...]
    seconds: float
    repetitions: int
    level: str
    environment: dict[str, str]

    @property
    def how(self) -> str:
        """What was measured, in a few words."""
        return f"optimisation {self.level}" if self.level else self.environment.get("backend", "")
