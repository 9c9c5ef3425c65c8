"""What to know before believing figures, in sentences."""

from collections.abc import Iterator, Sequence

from graphdebug.bench.records import BenchRequest, Machine, Measurement, Side

_HELD_BACK = 0.01
"""Share of the time for which the container's limit may hold threads back before it is said."""
_BUSY = 0.5
"""Load for each usable processor beyond which the machine was not idle."""
_FEW = 20


def cautions(
    request: BenchRequest, machine: Machine, sides: Sequence[Side], measurements: Sequence[Measurement]
) -> tuple[str, ...]:
    """Return the sentences, the gravest first."""
    return (
        *_threads(request, machine, sides),
        *_throttling(machine, measurements),
        *_load(machine),
        *_samples(measurements),
    )


def _threads(request: BenchRequest, machine: Machine, sides: Sequence[Side]) -> Iterator[str]:
    """Threads that want more processors than may be used wait for each other, or are held back by the kernel."""
    room = max(1, round(machine.usable))
    streams = max(request.streams)
    for side in sides:
        if side.threads is None or side.failure:
            continue
        shares = streams if request.own_sessions else 1
        wanted = max(side.threads * shares, streams)
        if wanted <= room:
            continue
        what = f"{side.threads} threads" if shares == 1 else f"{streams} streams of {side.threads} threads each"
        what = what if wanted > streams or shares > 1 else f"{streams} streams"
        yield f"{side.spec} works with {what} where {_room(machine)}: {_remedy(side, room, streams)}."


def _room(machine: Machine) -> str:
    count = f"{machine.usable:.3g} processor{'' if machine.usable == 1 else 's'}"
    if machine.quota is not None and machine.quota <= machine.usable:
        return f"this container's limit allows {count} of {machine.processors}"
    if machine.affinity < machine.processors:
        return f"this process may use {count} of {machine.processors}"
    return f"there {'is' if machine.usable == 1 else 'are'} {count}"


def _remedy(side: Side, room: int, streams: int) -> str:
    if streams > room:
        return f"measure at most {room} at a time, for more only wait for each other"
    fitting = max(1, room // streams)
    if side.spec.partition(":")[0] == "onnxruntime":
        return f"set threads={fitting}"
    return f"have it use {fitting}"


def _throttling(machine: Machine, measurements: Sequence[Measurement]) -> Iterator[str]:
    measured = sum(block.wall for each in measurements for block in each.blocks)
    if machine.throttled is not None and machine.throttled > _HELD_BACK * measured:
        yield (
            f"The container's limit held threads back for {machine.throttled:.2g} s meanwhile: these figures tell "
            "of the limit as much as of the backends."
        )


def _load(machine: Machine) -> Iterator[str]:
    if machine.load is not None and machine.load > _BUSY * machine.usable:
        yield (
            f"The machine was busy before (load {machine.load:.2g} on {machine.usable:.3g} processors): ratios "
            "suffer least, for backends took turns, but times may be longer than on an idle one."
        )


def _samples(measurements: Sequence[Measurement]) -> Iterator[str]:
    fewest = min((each.latency.count for each in measurements if each.latency), default=_FEW)
    if fewest < _FEW:
        yield f"With {fewest} runs, the 95th and 99th percentiles say little: allow more iterations or seconds."
