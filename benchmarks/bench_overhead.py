"""What our benchmark's loop adds to a bare session: the same ONNX Runtime session, called by a plain loop that only
counts, and by ours, in blocks that take turns (ours, bare, bare, ours …). Printed is how much longer ours takes a run.

*bare* is `session.run_with_iobinding(binding)` in a `for`; *bare run* is `session.run(names, feeds)`, which hands over
inputs and outputs each time. Time is the processor time of the thread, the only one there is: what else runs on the
machine does not count. The ratio is that of the medians of blocks, with a 95 % interval by a bootstrap of pairs of
neighbouring blocks.

Usage: python benchmarks/bench_overhead.py MODEL.onnx … [--blocks 1000] [--seconds 0.005]
"""

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from time import thread_time_ns

import numpy as np

from graphdebug.bench.spread import ratio
from graphdebug.foreign.repeat import repeat
from graphdebug.model.document import open_model
from graphdebug.runtime.backend import Mode
from graphdebug.runtime.feeds import make_feeds, suggest
from graphdebug.runtime.registry import backend
from graphdebug.runtime.requests import FeedSpec
from graphdebug.runtime.taps import model_inputs


def bare(call: Callable[[], object], runs: int) -> None:
    """The loop that one would write."""
    for _ in range(runs):
        call()


def per_run(loop: Callable[[], object], runs: int) -> float:
    """Return the seconds of a run of a loop of ``runs``."""
    start = thread_time_ns()
    loop()
    return (thread_time_ns() - start) / runs / 1e9


def measured(path: Path, blocks: int, seconds: float) -> tuple[str, ...]:
    """Return a line of the table."""
    model = open_model(path)
    session = backend("onnxruntime:threads=1").prepare(model, Mode.PLAIN)
    feeds = make_feeds(model_inputs(model), FeedSpec(), suggest(model))
    names = list(session.outputs)
    ours = session.ready(feeds, names)
    inner = session._session
    plain = lambda: inner.run(names, feeds)  # noqa: E731
    bare(ours, 20)
    bare(plain, 20)
    runs = max(1, round(seconds / per_run(lambda: bare(ours, 20), 20)))
    loops = {
        "ours": lambda: repeat(ours, runs),
        "bare": lambda: bare(ours, runs),
        "bare run": lambda: bare(plain, runs),
    }
    taken: dict[str, list[float]] = {name: [] for name in loops}
    gc.disable()
    for block in range(blocks):
        for name in loops if block % 2 else reversed(loops):
            taken[name].append(per_run(loops[name], runs))
    gc.enable()
    columns = {name: [np.asarray([time]) for time in times] for name, times in taken.items()}
    found = []
    for name in ("bare", "bare run"):
        middle, low, high = ratio(columns["ours"], columns[name])
        found.append(f"{middle - 1:+.2%} ({low - 1:+.2%} … {high - 1:+.2%})")
    return path.stem, f"{np.median(taken['bare']) * 1e6:.1f} µs", str(runs), *found


def main() -> None:
    """Measure every model that is named."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--blocks", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=0.005, help="of a block")
    asked = parser.parse_args()
    print("| model | bare, a run | runs a block | ours over bare | ours over bare run |\n|---|---|---|---|---|")
    for path in asked.models:
        print("|", " | ".join(measured(path, asked.blocks, asked.seconds)), "|", flush=True)


if __name__ == "__main__":
    main()
