"""How long a network in PyTorch takes: whole runs as `repeat.py` times them, and its modules by hooks."""

from __future__ import annotations

from time import perf_counter_ns
from typing import Any, Callable, Sequence

import torch

from graphdebug.foreign.repeat import together
from graphdebug.foreign.torch_values import flat

Run = Callable[[Sequence[Any]], Any]
"""Calls the network on tensors that lie on its device."""


def timed(run: Run, inputs: Sequence[Any], device: str, most: int, seconds: float, streams: int) -> dict[str, Any]:
    """Run on ``inputs``, which lie on the host; return nanoseconds of each run, as `runtime/timing.py` has `Times`.

    On a GPU the inputs are copied there and the outputs back in every run, in a stream of its own for each thread.
    """
    if not device.startswith("cuda"):
        found, wall = together([lambda: run(inputs)] * streams, most, seconds)
        return {"streams": found, "wall": wall, "phases": {}}
    calls = [_OnGpu(run, inputs, device) for _ in range(streams)]
    found, wall = together(calls, most, seconds)
    phases = {name: [each for call in calls for each in call.phases[name]] for name in calls[0].phases}
    return {"streams": found, "wall": wall, "phases": phases}


class _OnGpu:
    """A run from tensors on the host to tensors on the host, with events between its parts."""

    def __init__(self, run: Run, inputs: Sequence[Any], device: str) -> None:
        self._run, self._inputs, self._device = run, inputs, device
        cuda: Any = torch.cuda
        self._stream = cuda.Stream(device)
        self._events = [cuda.Event(enable_timing=True) for _ in range(4)]
        self.phases: dict[str, list[int]] = {"copy_in": [], "compute": [], "copy_out": [], "enqueue": []}

    def __call__(self) -> None:
        with torch.cuda.stream(self._stream):
            self._events[0].record()
            fed = [each.to(self._device) for each in self._inputs]
            self._events[1].record()
            start = perf_counter_ns()
            value = self._run(fed)
            self.phases["enqueue"].append(perf_counter_ns() - start)
            self._events[2].record()
            for each in flat(value):
                each.to("cpu")
            self._events[3].record()
        self._events[3].synchronize()
        for at, name in enumerate(("copy_in", "compute", "copy_out")):
            self.phases[name].append(round(self._events[at].elapsed_time(self._events[at + 1]) * 1e6))


def by_module(
    modules: Sequence[tuple[str, Any]], run: Callable[[], object], runs: int, device: str
) -> list[dict[str, Any]]:
    """Return ``name`` (the path), ``what`` (the class) and ``nanoseconds`` in each of ``runs`` runs of every module,
    all its calls together and without the modules that it calls, after one run that does not count."""
    wait: Callable[[], object] = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    told: list[dict[str, int]] = []
    open_: list[list[int]] = []  # of every module that runs: when it began, how long those took that it called

    def begins(module: Any, args: Any) -> None:
        wait()
        open_.append([perf_counter_ns(), 0])

    def ends(path: str) -> Callable[..., None]:
        def note(module: Any, args: Any, value: Any) -> None:
            wait()
            start, called = open_.pop()
            took = perf_counter_ns() - start
            told[-1][path] = told[-1].get(path, 0) + took - called
            if open_:
                open_[-1][1] += took

        return note

    handles = [module.register_forward_pre_hook(begins) for _, module in modules]
    handles += [module.register_forward_hook(ends(path)) for path, module in modules]
    try:
        for _ in range(1 + runs):
            told.append({})
            run()
    finally:
        for handle in handles:
            handle.remove()
    return [
        {"name": path, "what": type(module).__name__, "nanoseconds": [each.get(path, 0) for each in told[1:]]}
        for path, module in modules
        if any(path in each for each in told)
    ]
