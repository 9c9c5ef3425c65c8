"""The middle fifth of a model as a model, from file to file: graphdebug beside what else can do that.

The fifth is that of the nodes in the file's order; what enters and leaves it are the inputs and outputs that every tool
is given. Each tool works in a process of its own, in turn; seconds are from opening the file to having written the
other one, imports left out; memory is the process's largest resident set. *Sound*: what onnx's checker says of the
result. *Metadata*: how many entries the nodes of the result still have.

Usage: python benchmarks/extraction.py MODEL.onnx … [--polygraphy PYTHON] [--repeat 3]
`--polygraphy` is an interpreter that has Polygraphy; without it that tool is left out.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import onnx


def graphdebug(source: str, target: str, inputs: list[str], outputs: list[str]) -> float:
    """Extract by graphdebug's operation; return when it began."""
    from graphdebug.edit.extraction import ExtractPart
    from graphdebug.edit.operation import edited
    from graphdebug.model.document import open_model
    from graphdebug.model.save import save

    began = time.perf_counter()
    operation = ExtractPart(inputs=tuple(inputs), outputs=tuple(outputs))
    save(edited(open_model(source), operation).model, Path(target))
    return began


def onnx_utils(source: str, target: str, inputs: list[str], outputs: list[str]) -> float:
    """Extract by onnx itself; return when it began."""
    import onnx.utils

    began = time.perf_counter()
    onnx.utils.extract_model(source, target, inputs, outputs, check_model=False)
    return began


def onnx_ir(source: str, target: str, inputs: list[str], outputs: list[str]) -> float:
    """Extract by onnx-ir; return when it began."""
    import onnx_ir as ir

    began = time.perf_counter()
    model = ir.load(source)
    model.graph = ir.convenience.extract(model.graph, inputs, outputs)
    ir.save(model, target)
    return began


def graphsurgeon(source: str, target: str, inputs: list[str], outputs: list[str]) -> float:
    """Extract by onnx-graphsurgeon as its documentation does; return when it began."""
    import onnx_graphsurgeon as gs

    began = time.perf_counter()
    graph = gs.import_onnx(onnx.load(source))
    tensors = graph.tensors()
    graph.inputs, graph.outputs = [tensors[name] for name in inputs], [tensors[name] for name in outputs]
    for tensor in graph.inputs:
        tensor.inputs.clear()
    graph.cleanup()
    onnx.save(gs.export_onnx(graph), target)
    return began


def polygraphy(source: str, target: str, inputs: list[str], outputs: list[str]) -> float:
    """Extract by `polygraphy surgeon extract`; return when it began."""
    from polygraphy.tools import main as surgeon  # type: ignore[import-not-found]

    ends = ["--inputs", *(f"{name}:auto:auto" for name in inputs), "--outputs", *(f"{name}:auto" for name in outputs)]
    sys.argv = ["polygraphy", "surgeon", "extract", source, *ends, "-o", target]
    began = time.perf_counter()
    code = surgeon()
    if code:
        raise SystemExit(f"polygraphy: exit {code}")
    return began


TOOLS = {
    "graphdebug": graphdebug,
    "onnx.utils": onnx_utils,
    "onnx-ir": onnx_ir,
    "graphsurgeon": graphsurgeon,
    "polygraphy": polygraphy,
}


def middle_fifth(path: Path) -> tuple[list[str], list[str]]:
    """Return the values that enter and leave the nodes in the middle."""
    from graphdebug.model.document import open_model
    from graphdebug.view.selection import border

    index = open_model(path).graphs[""]
    count = len(index.nodes)
    around = border(index, range(count * 2 // 5, count * 3 // 5))
    return list(around.entering), [name for name in around.leaving if index.is_used(name)]


def measured(tool: str, python: str, arguments: list[object]) -> list[float] | str:
    """Extract once in a process of its own; return seconds and MiB, or how it failed."""
    # A shell in between: a process begins with the peak of the one that started it.
    call = ["sh", "-c", '"$@"; exit $?', "sh", python, __file__, "--one", json.dumps([tool, *arguments])]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(call, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1][:100]
    figures: list[float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def judged(path: Path) -> tuple[str, str, str]:
    """Return how many nodes a result has, whether it is sound, and how many entries of metadata are left."""
    graph = onnx.load(path, load_external_data=False).graph
    try:
        onnx.checker.check_model(str(path))
        sound = "yes"
    except Exception as error:
        sound = f"no: {str(error).splitlines()[0][:60]}"
    return f"{len(graph.node):,}", sound, f"{sum(len(node.metadata_props) for node in graph.node):,}"


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--polygraphy", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        tool, *arguments = json.loads(options.one)
        began = TOOLS[tool](*arguments)
        seconds = time.perf_counter() - began
        print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
        return
    tools = [tool for tool in TOOLS if tool != "polygraphy" or options.polygraphy]
    pythons = {tool: str(options.polygraphy) if tool == "polygraphy" else sys.executable for tool in tools}
    print(
        "| model | tool | s | ÷ graphdebug | peak MiB | nodes | sound | metadata |\n|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "part.onnx"
        for model in options.models:
            inputs, outputs = middle_fifth(model)
            taken: dict[str, list[list[float] | str]] = {tool: [] for tool in tools}
            results = {}
            for _ in range(options.repeat):
                for tool in tools:
                    target.unlink(missing_ok=True)
                    taken[tool].append(measured(tool, pythons[tool], [str(model), str(target), inputs, outputs]))
                    if tool not in results and target.exists():
                        results[tool] = judged(target)
            report(model.stem, taken, results)


def report(model: str, taken: dict[str, list[list[float] | str]], results: dict[str, tuple[str, str, str]]) -> None:
    """Print the rows of one model."""
    first = 0.0
    for tool, runs in taken.items():
        figures = [run for run in runs if not isinstance(run, str)]
        if not figures:
            print(f"| {model} | {tool} | failed: {runs[0]} | | | | | |", flush=True)
            continue
        seconds, peak = (statistics.median(each) for each in zip(*figures, strict=True))
        first = first or seconds
        cells = [f"{seconds:.2f}", f"{seconds / first:.1f}", f"{peak:,.0f}", *results[tool]]
        print("|", " | ".join([model, tool, *cells]), "|", flush=True)


if __name__ == "__main__":
    main()
