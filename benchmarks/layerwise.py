"""Layer-wise comparison of ONNX Runtime without and with optimisation, every tensor: graphdebug beside others.

* *graphdebug*: ``python -m graphdebug compare``, all metrics, the verdict and the JSON report, worker process included;
* *floor*: ``benchmarks/floor.py``, two sessions and one number a tensor, everything held in memory;
* *Polygraphy*: two ``polygraphy run`` as its documentation does it (the second loads what the first saved).

Wall time is from start to end of the commands; memory is the largest resident set of any process in the tree
(``RUSAGE_CHILDREN``, each command under an interpreter of its own). Rounds are taken in turn, so that drift hits all
alike, and the median is printed.

Usage: python benchmarks/layerwise.py MODEL.onnx … [--polygraphy PATH] [--repeat 3] [--floor PATH]
`--polygraphy` is the command of an installed Polygraphy; without it that column is left out.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

_MEASURE = """
import json, resource, subprocess, sys, time
commands, log = json.loads(sys.argv[1]), open(sys.argv[2], "wb")
started = time.perf_counter()
codes = [subprocess.run(command, stdout=log, stderr=log).returncode for command in commands]
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, codes]))
"""


@dataclass(frozen=True)
class Figures:
    """One measured run: seconds of wall and processor time, MiB of peak resident memory, exit codes."""

    wall: float
    cpu: float
    peak: float
    codes: list[int]


def measure(commands: list[list[str]], log: Path) -> Figures:
    """Run commands one after the other in an interpreter of their own, which asks the kernel what they took."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "1"}
    call = [sys.executable, "-c", _MEASURE, json.dumps(commands), str(log)]
    done = subprocess.run(call, stdout=subprocess.PIPE, check=True, env=environment)
    return Figures(*json.loads(done.stdout))


def commands_of(tool: str, model: Path, folder: Path, options: argparse.Namespace) -> list[list[str]]:
    """Return what a tool is asked to do."""
    if tool == "graphdebug":
        sides = ["--reference", "onnxruntime:opt=disable", "--candidate", "onnxruntime:opt=all"]
        return [[sys.executable, "-m", "graphdebug", "compare", str(model), *sides, "--json", str(folder / "r.json")]]
    if tool == "floor":
        return [[sys.executable, str(options.floor), str(model)]]
    run = [str(options.polygraphy), "run", str(model), "--onnxrt", "--onnx-outputs", "*"]
    inputs, outputs = str(folder / "inputs.json"), str(folder / "outputs.json")
    return [
        [*run, "--graph-optimization-level", "ORT_DISABLE_ALL", "--save-inputs", inputs, "--save-outputs", outputs],
        [*run, "--graph-optimization-level", "ORT_ENABLE_ALL", "--load-inputs", inputs, "--load-outputs", outputs],
    ]


def median(runs: list[Figures], field: str) -> float:
    """Return the median of one figure."""
    return statistics.median(getattr(run, field) for run in runs)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--floor", type=Path, default=ROOT / "benchmarks" / "floor.py")
    parser.add_argument("--polygraphy", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    tools = ["graphdebug", "floor", *(["polygraphy"] if options.polygraphy else [])]
    heads = [f"{tool} {figure}" for figure in ("wall s", "CPU s", "peak MiB") for tool in tools]
    print("|", " | ".join(["model", *heads, "wall ÷ floor", "peak ÷ floor"]), "|")
    print("|---" * (len(heads) + 3) + "|")
    for model in options.models:
        taken: dict[str, list[Figures]] = {tool: [] for tool in tools}
        for turn in range(options.repeat):
            for tool in tools if turn == 0 else tools[:2]:  # Polygraphy takes long: one turn
                folder = Path(tempfile.mkdtemp(prefix="layerwise-"))
                figures = measure(commands_of(tool, model, folder, options), folder / "log")
                if tool != "polygraphy" and figures.codes != [0]:  # Polygraphy fails healthy models by its defaults
                    sys.exit(f"{tool} failed on {model}:\n{(folder / 'log').read_text(errors='replace')[-2000:]}")
                taken[tool].append(figures)
                shutil.rmtree(folder)
        cells = [f"{median(taken[tool], field):.4g}" for field in ("wall", "cpu", "peak") for tool in tools]
        ours, floor = taken["graphdebug"], taken["floor"]
        ratios = [f"{median(ours, field) / median(floor, field):.2f}" for field in ("wall", "peak")]
        print("|", " | ".join([model.stem, *cells, *ratios]), "|", flush=True)


if __name__ == "__main__":
    main()
