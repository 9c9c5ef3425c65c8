"""``graphdebug bench``: how fast backends run a model, measured in turns."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphdebug.cli.console import (
    COULD_NOT_RUN,
    CommandError,
    check_folder,
    job_folder,
    parse_pairs,
    plain,
    print_table,
    reader_may_leave,
    run_job,
    write_text,
)
from graphdebug.model.records import ModelLocation

if TYPE_CHECKING:
    from graphdebug.bench.records import BenchResult, Measurement, Ratio
    from graphdebug.runtime.latency_records import NodeTime

_HOTTEST = 10
_HEAD = ("backend", "shape", "streams", "runs", "median", "mean", "std", "min", "p90", "p95", "p99", "runs/s", "peak")


@click.command(short_help="Measure how fast backends run a model.")
@click.argument("model", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--backend", "backends", multiple=True, metavar="SPEC", help="What is measured; may be repeated [onnxruntime]."
)
@click.option(
    "--feeds", type=click.Path(exists=True, path_type=Path), help="Inputs: an .npz, or a test_data_set folder."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random inputs, where --feeds has none.")
@click.option("--dim", "dims", multiple=True, metavar="NAME=LENGTH", help="Length of a symbolic dimension (default 1).")
@click.option("--sweep", multiple=True, metavar="NAME=1,2,4", help="Lengths to measure one after the other.")
@click.option("--streams", default="1", show_default=True, metavar="N,…", help="Runs at the same time, in threads.")
@click.option("--own-sessions", is_flag=True, help="Each stream gets a session of its own, in place of a shared one.")
@click.option("--warmup", type=click.IntRange(0), default=5, show_default=True, help="Runs before those that count.")
@click.option("--iterations", type=click.IntRange(0), default=200, show_default=True, help="Runs; 0: by --seconds.")
@click.option(
    "--seconds", type=click.FloatRange(0), default=10.0, show_default=True, help="The longest for each; 0: no limit."
)
@click.option("--rounds", type=click.IntRange(1), default=20, show_default=True, help="Turns that each backend takes.")
@click.option(
    "--order",
    type=click.Choice(["abba", "random", "sequential"]),
    default="abba",
    show_default=True,
    help="How backends take turns.",
)
@click.option("--profile", is_flag=True, help="Also print the hottest nodes, of the first backend that tells.")
@click.option("--trace", type=click.Path(dir_okay=False, path_type=Path), help="Write that profile as a Chrome trace.")
@click.option("--csv", "csv_target", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead of a table.")
def bench(
    model: Path,
    backends: tuple[str, ...],
    feeds: Path | None,
    seed: int,
    dims: tuple[str, ...],
    sweep: tuple[str, ...],
    streams: str,
    own_sessions: bool,
    warmup: int,
    iterations: int,
    seconds: float,
    rounds: int,
    order: str,
    profile: bool,
    trace: Path | None,
    csv_target: Path | None,
    as_json: bool,
) -> int:
    """Measure how fast backends run MODEL: latency, throughput, memory, time to make it ready.

    Each backend runs in a process of its own, and they take turns, so that what drifts meanwhile hits all alike. The
    exit code is 0 when all were measured and 2 when one could not run; the others' figures are printed all the same.
    """
    from graphdebug.bench.records import BENCH_JOB, BenchRequest, BenchResult
    from graphdebug.runtime.requests import FeedSpec

    request = BenchRequest(
        model=ModelLocation(str(model.absolute())),
        backends=backends or ("onnxruntime",),
        feeds=FeedSpec(seed, parse_pairs("--dim", dims), dataset=str(feeds.absolute()) if feeds else ""),
        sweep=_sweep(sweep),
        streams=_counts("--streams", streams),
        own_sessions=own_sessions,
        warmup=warmup,
        iterations=iterations,
        seconds=seconds,
        rounds=rounds,
        order=order,
    )
    check_folder(csv_target, trace)
    with job_folder() as folder:
        result = run_job(BENCH_JOB, request, folder, BenchResult)
    with reader_may_leave():
        if csv_target is not None:
            from graphdebug.report.bench_csv import bench_csv

            write_text(str(csv_target), bench_csv(result))
        if as_json:
            from graphdebug.model.record_json import to_json

            write_text("-", to_json(result))
        else:
            _print_result(result)
        if profile or trace is not None:
            _profile(request.model, result, trace, quiet=as_json)
    return COULD_NOT_RUN if any(each.failure for each in result.measurements) else 0


def _sweep(texts: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    """Parse the ``name=1,2,4`` that were given."""
    found: dict[str, tuple[int, ...]] = {}
    for text in texts:
        name, equals, lengths = text.rpartition("=")
        if not equals or not name or name in found:
            raise CommandError(
                f"--sweep {text!r} is not NAME=LENGTHS, once for each name, such as --sweep batch=1,2,4."
            )
        found[name] = _counts(f"--sweep {name}=", lengths)
    return found


def _counts(option: str, text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise CommandError(f"{option} takes numbers with commas between, such as 1,2,4, and not {text!r}.")
    return tuple(dict.fromkeys(int(part) for part in parts))


def _print_result(result: "BenchResult") -> None:
    """Print the sides, a table of all that was measured, ratios and warnings."""
    for side in result.sides:
        environment = ", ".join(f"{key} {value}" for key, value in side.environment.items())
        ready = f"ready in {_time(side.prepare)}, " if side.prepare is not None else ""
        click.echo(plain(f"  {side.spec}  ({ready}{environment})" if environment else f"  {side.spec}"))
    print_table([_HEAD, *(_cells(result, each) for each in result.measurements if each.latency)])
    for each in result.measurements:
        if each.phases:
            parts = ", ".join(
                f"{name.replace('_', ' ')} {_time(spread.median)}" for name, spread in each.phases.items()
            )
            click.echo(plain(f"  {result.sides[each.backend].spec}{_at(each.dims, each.streams)}: of a run, {parts}"))
    for ratio in result.ratios:
        click.secho(plain(f"  {ratio_sentence(result, ratio)}"), bold=True)
    told = dict.fromkeys((result.sides[each.backend].spec, each.failure) for each in result.measurements)
    for spec, failure in told:
        if failure:
            click.secho(plain(f"  {spec} was not measured: {failure}"), fg="red")
    for warning in result.warnings:
        click.secho(plain(f"  Note: {warning}"), fg="yellow")


def _cells(result: "BenchResult", each: "Measurement") -> tuple[str, ...]:
    from graphdebug.model.units import size_text

    latency = each.latency
    assert latency is not None
    order = (latency.median, latency.mean, latency.std, latency.minimum, latency.p90, latency.p95, latency.p99)
    shape = " ".join(f"{name}={length}" for name, length in each.dims.items())
    rate = f"{each.throughput:.4g}" if each.throughput is not None else "–"
    peak = "–" if each.memory is None else size_text(each.memory)
    streams = str(each.streams)
    return result.sides[each.backend].spec, shape, streams, str(latency.count), *map(_time, order), rate, peak


def ratio_sentence(result: "BenchResult", ratio: "Ratio") -> str:
    """Say how much faster or slower a backend is than the first one, and how sure that is."""
    first, other = result.sides[0].spec, result.sides[ratio.backend].spec
    at = _at(ratio.dims, ratio.streams)
    sure = "" if ratio.low is None else f" (95 % between {ratio.low:.3g} and {ratio.high:.3g})"
    return f"{other} takes {ratio.ratio:.3g} times as long as {first}{sure}{at}."


def _at(dims: dict[str, int], streams: int) -> str:
    """Say at which shape and with how many streams, where that is not the usual."""
    at = "".join(f", {name}={length}" for name, length in dims.items())
    return at + (f", {streams} streams" if streams > 1 else "")


def _time(seconds: float | None) -> str:
    from graphdebug.view.coloring import seconds_text

    return "–" if seconds is None else seconds_text(seconds)


def _profile(model: ModelLocation, result: "BenchResult", trace: Path | None, *, quiet: bool) -> None:
    """Measure the nodes on the first side that tells of them; print the hottest and write the trace."""
    from graphdebug.model.document import open_model
    from graphdebug.runtime.latency_records import LATENCY_JOB, LIMITS, LatencyRequest, LatencyResult
    from graphdebug.runtime.registry import profiles
    from graphdebug.runtime.spec import parse_spec
    from graphdebug.runtime.trace import TRACE_FILE

    sides = [side.spec for side in result.sides if profiles(parse_spec(side.spec)) and not side.failure]
    if not sides:
        raise CommandError("None of these backends tells times of single nodes: add --backend onnxruntime.")
    with job_folder(beside=trace) as folder:
        request = LatencyRequest(model, sides[0], result.request.feeds)
        found = run_job(LATENCY_JOB, request, folder, LatencyResult, LIMITS)
        if trace is not None:
            (folder / TRACE_FILE).replace(trace.resolve())
    if quiet:
        return
    graphs = open_model(model).graphs
    times = [(time, graphs[path], node) for path, nodes in found.graphs.items() for node, time in nodes.items()]
    whole = sum(time.seconds for time in found.graphs.get("", {}).values()) or 1.0
    click.echo(plain(f"  The hottest nodes on {sides[0]}, of {_time(found.seconds)} a run (profiled):"))
    times.sort(key=lambda each: each[0].seconds, reverse=True)
    rows = [
        (_name(index.names[node], time), index.nodes[node].op_type, _time(time.seconds), f"{time.seconds / whole:.1%}")
        for time, index, node in times[:_HOTTEST]
    ]
    print_table([("node", "op", "time", "share"), *rows])


def _name(name: str, time: "NodeTime") -> str:
    return f"{name} and {len(time.shared)} more" if time.shared else name
