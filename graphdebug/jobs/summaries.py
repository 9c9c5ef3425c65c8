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
    return {}
