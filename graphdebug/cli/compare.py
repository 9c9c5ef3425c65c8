"""``graphdebug compare``: run two sides on the same inputs and say where they part."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import click

from graphdebug.cli.console import (
    ALL_MATCH,
    NOTHING_COMPARED,
    SOME_DIFFER,
    CommandError,
    check_folder,
    job_folder,
    number,
    parse_pairs,
    plain,
    plural,
    print_table,
    reader_may_leave,
    run_job,
    write_text,
)
from graphdebug.compare.records import COMPARE_JOB, CompareRequest, CompareResult, Row, Side, Status, Tolerance
from graphdebug.model.records import ModelLocation
from graphdebug.runtime.requests import FeedSpec

_FIRST_SHOWN = 5
_WORST_SHOWN = 5
_EXIT_CODES = {"match": ALL_MATCH, "differ": SOME_DIFFER, "nothing compared": NOTHING_COMPARED}
_model = click.Path(exists=True, dir_okay=False, path_type=Path)
_target = click.Path(dir_okay=False, allow_dash=True)


@click.command(short_help="Run a model in two ways and find the first tensor that differs.")
@click.argument("model", type=_model)
@click.argument("model_b", type=_model, required=False)
@click.option("--reference", required=True, metavar="SPEC", help="The side that is taken to be right.")
@click.option("--candidate", required=True, metavar="SPEC", help="The side that is judged.")
@click.option(
    "--mode",
    type=click.Choice(["isolated", "deployed"]),
    default="isolated",
    show_default=True,
    help="isolated: expose every tensor, which changes fusion. deployed: tap what survives optimisation.",
)
@click.option(
    "--feeds", type=click.Path(exists=True, path_type=Path), help="Inputs: an .npz, or a test_data_set folder."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random inputs, where --feeds has none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="Length of a symbolic dimension (default 1).")
@click.option("--rtol", type=click.FloatRange(min=0), help="Relative tolerance of floats (default: by dtype).")
@click.option(
    "--atol", type=click.FloatRange(min=0), help="Tolerance of floats, times the tensor's RMS (default: by dtype)."
)
@click.option("--absolute", is_flag=True, help="--atol is absolute, as in numpy.allclose.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), help="Write one self-contained HTML file.")
@click.option("--json", "json_target", type=_target, help="Write the result as JSON; - for stdout.")
@click.option("--csv", "csv_target", type=_target, help="Write the tensors as CSV; - for stdout.")
def compare(
    model: Path,
    model_b: Path | None,
    reference: str,
    candidate: str,
    mode: str,
    feeds: Path | None,
    seed: int,
    dims: tuple[str, ...],
    rtol: float | None,
    atol: float | None,
    absolute: bool,
    report: Path | None,
    json_target: str | None,
    csv_target: str | None,
) -> int:
    """Run MODEL on two backends, or MODEL and MODEL_B, and find the first tensor that differs.

    SPEC is a backend with its options (onnxruntime:opt=disable, reference) or recorded tensors (file:path=out.npz).
    The exit code is 0 when everything compared is within tolerance, 1 when something differs, 2 when it could not run
    and 3 when nothing was compared.
    """
    if json_target == "-" and csv_target == "-":
        raise CommandError("--json - and --csv - cannot share stdout: give one of them a file.")
    request = CompareRequest(
        reference=Side(reference, ModelLocation(str(model.absolute()))),
        candidate=Side(candidate, ModelLocation(str((model_b or model).absolute()))),
        mode=mode,
        feeds=FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else ""),
        tolerances=_tolerances(rtol, atol, absolute),
    )
    check_folder(report, json_target, csv_target)
    with job_folder() as folder:
        result = run_job(COMPARE_JOB, request, folder, CompareResult)
    with reader_may_leave():
        _write_reports(result, report, json_target, csv_target)
        if "-" not in (json_target, csv_target):
            _print_result(result)
    return _EXIT_CODES[result.verdict.outcome]


def _tolerances(rtol: float | None, atol: float | None, absolute: bool) -> dict[str, Tolerance]:
    """Return the tolerances that differ from the defaults: those of all float dtypes when anything is asked for."""
    if rtol is None and atol is None:
        if absolute:
            raise CommandError("--absolute says how to read --atol: give --atol too.")
        return {}
    from graphdebug.compare.tolerance import ANY_FLOAT, DEFAULTS

    if rtol is not None and atol is not None:
        return {ANY_FLOAT: Tolerance(rtol, atol, absolute)}
    if absolute and atol is None:
        raise CommandError("--absolute says how to read --atol: give --atol too.")
    floats = {name: default for name, default in DEFAULTS.items() if not default.absolute}
    if rtol is not None:
        return {name: replace(default, rtol=rtol) for name, default in floats.items()}
    assert atol is not None
    return {name: replace(default, atol=atol, absolute=absolute) for name, default in floats.items()}


def _write_reports(result: CompareResult, report: Path | None, json_target: str | None, csv_target: str | None) -> None:
    """Write what was asked for; each format is imported only when it is."""
    if report is not None:
        from graphdebug.report.html import to_html
        from graphdebug.report.picture import draw

        write_text(str(report), to_html(result, draw(result)))
    if json_target is not None:
        from graphdebug.model.record_json import to_json

        write_text(json_target, to_json(result))
    if csv_target is not None:
        from graphdebug.report.csv import to_csv

        write_text(csv_target, to_csv(result))


def _print_result(result: CompareResult) -> None:
    """Print the verdict first, then the sides, the counts and the tensors worth looking at."""
    verdict = result.verdict
    color = {"match": "green", "differ": "red"}.get(verdict.outcome, "yellow")
    click.secho(plain(verdict.sentence), fg=color, bold=True)
    for name, side in (("reference", result.reference), ("candidate", result.candidate)):
        environment = ", ".join(f"{key} {value}" for key, value in side.items() if key != "spec")
        click.echo(plain(f"  {name}  {side['spec']}  ({environment})"))
    click.echo(_counts(result))
    shown = _worth_showing(result.rows)
    if shown:
        head = ("tensor", "op", "status", "max abs", "RMSE / RMS", "outside", "at")
        print_table([head, *(_cells(row) for row in shown)])


def _counts(result: CompareResult) -> str:
    """Return how many tensors match, differ and were not compared, with the reasons."""
    verdict = result.verdict
    text = f"  {verdict.matched} match, {verdict.differing} differ, {verdict.not_compared} not compared"
    reasons = Counter(row.reason for row in result.rows if row.status is Status.NOT_COMPARED)
    if reasons:
        text += f" ({', '.join(f'{reason} {count}' for reason, count in reasons.most_common(4))})"
    return plain(f"{text}; {plural(len(result.rows), 'tensor')} in {result.seconds:.1f} s.")


def _worth_showing(rows: tuple[Row, ...]) -> list[Row]:
    """Return the first differing tensors and the worst ones, in topological order; without any, the largest errors."""
    differing = [row for row in rows if row.status is Status.DIFFER]
    worst = sorted(differing or (row for row in rows if row.metrics is not None), key=_relative_error, reverse=True)
    chosen = {row.position: row for row in [*differing[:_FIRST_SHOWN], *worst[:_WORST_SHOWN]]}
    return [chosen[position] for position in sorted(chosen)]


def _relative_error(row: Row) -> float:
    """Return the RMS error over the reference's RMS; the plain RMS error when the reference is zero."""
    if row.metrics is None:
        return 0.0
    return row.metrics.rmse / (row.metrics.reference_rms or 1.0)


def _cells(row: Row) -> tuple[str, ...]:
    metrics = row.metrics
    if metrics is None:
        return row.name, row.op, row.status, "", "", "", row.reason
    outside = "" if row.share_outside is None else f"{row.share_outside:.2%}"
    at = str(list(metrics.worst_index))
    return row.name, row.op, row.status, number(metrics.max_abs), number(_relative_error(row)), outside, at
