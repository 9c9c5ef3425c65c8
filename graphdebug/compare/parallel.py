"""Judging on all cores: forked processes read the tensors where they lie and send their rows through pipes.

This process judges a share of its own: forking costs milliseconds for every gigabyte held, and a process that only
collects rows would still take a core from the others.

Threads would not do: calls into NumPy of some microseconds each hand the interpreter to and fro, so that two threads
take longer than one (measured; see benchmarks/README.md). A forked process shares every page of the tensors until it
writes, and it only reads them.

A child runs NumPy, msgspec and nothing of an engine: whatever locks an engine's threads held while the fork happened
are never asked for. It never gives a tensor back, either, since that may be an engine's to do.
"""

import gc
import heapq
import os
import selectors
import sys
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

import msgspec

from graphdebug.compare.records import Row

_WORTH_A_FORK = 4 << 20
"""Bytes of tensors that a process should have to look at; below, it is started in vain."""
_TENSOR_COST = 50_000
"""What a tensor costs whatever its size, in bytes that could be compared in the time."""
_MOST = 16
"""Processes; beyond, memory is the limit."""

_decoder = msgspec.msgpack.Decoder(tuple[int, Row])


def judge_all(jobs: Sequence[Callable[[], Row]], sizes: Sequence[int]) -> Iterator[Row]:
    """Yield what every job returns, in any order; ``sizes`` are the bytes that each has to look at."""
    costs = [_TENSOR_COST + size for size in sizes]
    count = min(_cores(), _MOST, sum(costs) // _WORTH_A_FORK) if sys.platform == "linux" else 1
    missing = set(range(len(jobs)))
    if count > 1:
        own, *others = _shares(costs, count)
        with closing(_forked(jobs, own, others)) as judged:
            for number, row in judged:
                missing.discard(number)
                yield row
    for number in sorted(missing):  # a child that died left its share; here, the reason comes to light
        yield jobs[number]()


def _forked(
    jobs: Sequence[Callable[[], Row]], own: Sequence[int], others: Sequence[Sequence[int]]
) -> Generator[tuple[int, Row], None, None]:
    """Judge the share ``own`` here and each other share in a child; yield job numbers and rows as they come."""
    children: list[int] = []
    with selectors.DefaultSelector() as pipes:
        try:
            for share in others:
                child, pipe = _child(jobs, share)
                children.append(child)
                pipes.register(pipe, selectors.EVENT_READ, bytearray())
            for number in own:
                yield number, jobs[number]()
                yield from _received(pipes, 0)  # or the children would wait with their pipes full
            while pipes.get_map():
                yield from _received(pipes, None)
        finally:
            for key in list(pipes.get_map().values()):
                os.close(key.fd)
            for child in children:
                os.waitpid(child, 0)  # a child whose pipe is closed ends by itself


def _received(pipes: selectors.BaseSelector, timeout: float | None) -> Iterator[tuple[int, Row]]:
    """Yield what has come through the pipes; wait up to ``timeout`` seconds for something (None: however long)."""
    for key, _ in pipes.select(timeout):
        received: bytearray = key.data
        data = os.read(key.fd, 1 << 20)
        received += data
        if not data:
            pipes.unregister(key.fd)
            os.close(key.fd)
        yield from map(_decoder.decode, _messages(received))


def _child(jobs: Sequence[Callable[[], Row]], share: Sequence[int]) -> tuple[int, int]:
    """Start a child that judges ``share``; return its process id and the pipe to read from."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: see the module's docstring
        child = os.fork()
    if child:
        os.close(writer)
        return child, reader
    status = 1
    try:
        os.close(reader)
        gc.disable()
        with os.fdopen(writer, "wb", buffering=1 << 16) as pipe:
            for number in share:
                message = msgspec.msgpack.encode((number, jobs[number]()))
                pipe.write(len(message).to_bytes(4, "little") + message)
        status = 0
    finally:
        os._exit(status)


def _messages(received: bytearray) -> Iterator[bytes]:
    """Take the whole messages off the front: four bytes of length, then as many bytes."""
    start = 0
    while len(received) - start >= 4:
        end = start + 4 + int.from_bytes(received[start : start + 4], "little")
        if end > len(received):
            break
        yield bytes(received[start + 4 : end])
        start = end
    del received[:start]


def _shares(costs: Sequence[int], count: int) -> list[list[int]]:
    """Deal jobs out so that every share costs about the same: the dearest first, always to the cheapest share."""
    heap: list[tuple[int, int]] = [(0, share) for share in range(count)]
    shares: list[list[int]] = [[] for _ in range(count)]
    for number in sorted(range(len(costs)), key=costs.__getitem__, reverse=True):
        total, share = heapq.heappop(heap)
        shares[share].append(number)
        heapq.heappush(heap, (total + costs[number], share))
    return [sorted(share) for share in shares]


def _cores() -> int:
    return len(os.sched_getaffinity(0))
