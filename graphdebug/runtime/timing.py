"""What a session may offer beside the protocol, so that it is measured without anything between clock and engine.

Every session can be measured: `infer` is timed when it offers nothing else. An engine in this process offers `Ready`,
one in another process or on a device that has clocks of its own offers `Timed`, which then takes precedence.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from graphdebug.runtime.backend import Value

PHASES = ("enqueue", "compute", "copy_in", "copy_out")
"""What may be told of a run beside its latency: handing work to the device, the device at work, copies to and from."""


@runtime_checkable
class Ready(Protocol):
    """A session in this process that can be called with as good as nothing around the engine."""

    def ready(self, feeds: Mapping[str, Value], fetch: Sequence[str]) -> Callable[[], object]:
        """Return what runs the engine once on ``feeds`` and has it make the tensors of ``fetch``, whenever called.

        Whatever can be done before is done: feeds are checked, converted and bound. Each call to ``ready`` gives
        something that may run in a thread of its own at the same time as the others.

        Raises:
            BackendError: as ``infer`` would.
        """
        ...


@dataclass(frozen=True, slots=True)
class Runs:
    """What to time: ``iterations`` runs in each of ``streams`` at the same time, or as many as end in ``seconds``.

    ``seconds`` 0: no limit. One run a stream is made in any case.
    """

    iterations: int
    seconds: float = 0.0
    streams: int = 1


@dataclass(frozen=True, slots=True)
class Times:
    """Nanoseconds of each run, a sequence a stream; ``wall`` from the first start to the last end.

    ``phases`` are nanoseconds of each run in what of `PHASES` the engine can tell apart, all streams joined.
    """

    streams: Sequence[Sequence[int]]
    wall: int
    phases: Mapping[str, Sequence[int]] = field(default_factory=dict)


@runtime_checkable
class Timed(Protocol):
    """A session that times itself: where it runs, by `graphdebug.foreign.repeat`, and on the device's own clock."""

    def time_runs(self, feeds: Mapping[str, Value], fetch: Sequence[str], runs: Runs) -> Times:
        """Run on ``feeds`` as often as ``runs`` says.

        Raises:
            BackendError: as ``infer`` would, and where so many streams cannot run at the same time.
        """
        ...


@dataclass(frozen=True, slots=True)
class LayerTime:
    """A layer of what an engine made of the model: a kernel, a module.

    ``nodes`` are the names (as `GraphIndex.names` has them) of the main graph's nodes that it was made of, none for one
    that the engine added. ``seconds`` are its time in each run, without that of layers that it calls.
    """

    name: str
    op: str
    nodes: tuple[str, ...]
    seconds: tuple[float, ...]


@runtime_checkable
class Profiled(Protocol):
    """A session that tells the times of its layers."""

    def profile_runs(self, feeds: Mapping[str, Value], runs: int) -> Sequence[LayerTime]:
        """Run ``runs`` times on ``feeds``, and before once to warm up; return the layers in the order in which they
        ran. Watching slows the session, for good.

        Raises:
            BackendError: as ``infer`` would.
        """
        ...
