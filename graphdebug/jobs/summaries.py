"""The few facts of a result that lists show, so that no page reads whole results to draw a table."""

from pathlib import Path

import msgspec

from graphdebug.compare.records import Verdict

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
