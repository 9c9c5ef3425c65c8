"""The few facts of a result that lists show, so that no page reads whole results to draw a table."""

from pathlib import Path

import msgspec

from graphdebug.bench.records import Measurement, Ratio, Side
from graphdebug.compare.records import Verdict
from graphdebug.runtime.engine_records import EngineResult
from graphdebug.view.coloring import seconds_text

Summary = dict[str, str | int | float | bool | None]


class _Anything(msgspec.Struct):
    """A row that is only counted."""


class _Run(msgspec.Struct):
    rows: list[_Anything]
    untapped: dict[str, str]
    first_nonfinite: str | None
    seconds: float


class _Measurement(msgspec.Struct):
    graphs: dict[str, dict[str, _Anything]]
    seconds: float
    level: str


class _Benchmark(msgspec.Struct):
    sides: list[Side]
    measurements: list[Measurement]
    ratios: list[Ratio]
    seconds: float


class _Comparison(msgspec.Struct):
    verdict: Verdict
    seconds: float


class _Manifest(msgspec.Struct):
    parts: list[_Anything]


class _Split(msgspec.Struct):
    manifest: _Manifest
    proven: bool | None
    seconds: float


class _Difference(msgspec.Struct):
    same: bool


class _Boundary(msgspec.Struct):
    inputs: list[_Anything]
    outputs: list[_Anything]
    differences: list[_Difference]
    seconds: float


def summarise(kind: str, folder: Path) -> Summary:
    """Return what lists show of the result in ``folder``; nothing for kinds without a result."""
    if kind == "run":
        run = msgspec.json.decode((folder / "result.json").read_bytes(), type=_Run)
        return {
            "tensors": len(run.rows),
            "untapped": len(run.untapped),
            "first_nonfinite": run.first_nonfinite,
            "seconds": run.seconds,
        }
    if kind == "compare":
        comparison = msgspec.json.decode((folder / "result.json").read_bytes(), type=_Comparison)
        verdict = comparison.verdict
        return {
            "outcome": verdict.outcome,
            "sentence": verdict.sentence,
            "first": verdict.first,
            "matched": verdict.matched,
            "differing": verdict.differing,
            "not_compared": verdict.not_compared,
            "seconds": comparison.seconds,
        }
    if kind == "measure":
        measured = msgspec.json.decode((folder / "result.json").read_bytes(), type=_Measurement)
        return {
            "seconds": measured.seconds,
            "level": measured.level,
            "nodes": sum(len(nodes) for nodes in measured.graphs.values()),
        }
    if kind == "bench":
        return _bench(msgspec.json.decode((folder / "result.json").read_bytes(), type=_Benchmark))
    if kind == "engine":
        return _engine(msgspec.json.decode((folder / "result.json").read_bytes(), type=EngineResult))
    if kind == "split":
        split = msgspec.json.decode((folder / "result.json").read_bytes(), type=_Split)
        return {"parts": len(split.manifest.parts), "proven": split.proven, "seconds": split.seconds}
    if kind == "boundary":
        boundary = msgspec.json.decode((folder / "result.json").read_bytes(), type=_Boundary)
        return {
            "inputs": len(boundary.inputs),
            "outputs": len(boundary.outputs),
            "same": all(each.same for each in boundary.differences),
            "seconds": boundary.seconds,
        }
    return {}


def _engine(result: EngineResult) -> Summary:
    """Return what TensorRT takes, and what was built."""
    lacking = sum(len(part.nodes) for part in result.support.subgraphs if not part.supported)
    text = f"TensorRT {result.support.version} takes all of it" if not lacking else f"{lacking:,} nodes are not taken"
    built = result.environment.get("engine", "")
    return {"sentence": f"{text}; {built}" if built else text, "supported": result.support.supported}


def _bench(result: _Benchmark) -> Summary:
    """Return the medians of the first shape, and how the second backend stands to the first."""
    told = [each for each in result.measurements if each.latency and each.dims == result.measurements[0].dims]
    medians = {result.sides[each.backend].spec: each.latency.median for each in told if each.latency}
    text = ", ".join(f"{spec} {seconds_text(median)}" for spec, median in medians.items())
    if result.ratios and result.ratios[0].low is not None:
        first = result.ratios[0]
        text += f"; ratio {first.ratio:.3g} (95 % between {first.low:.3g} and {first.high:.3g})"
    failed = len({each.backend for each in result.measurements if each.failure})
    return {"sentence": text, "failed": failed, "seconds": result.seconds}
